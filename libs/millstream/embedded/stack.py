"""Which processes make up Millstream on one machine, and what each is told."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from millstream.adapters.nats_accounts import Role
from millstream.adapters.settings import read_settings
from millstream.core.errors import MillstreamError
from millstream.embedded import serverfile
from millstream.embedded.nats import nats_spec, nats_url
from millstream.embedded.ports import LOOPBACK, PortClaims
from millstream.embedded.postgres import database_url, postgres_spec
from millstream.embedded.privatefile import make_private_dir, write_private
from millstream.embedded.spec import ProcessSpec, StopStep

DEFAULT_GRPC_PORT = 27800
DEFAULT_HTTP_PORT = 27880
KEY_FILE = "secret.key"
ADMIN_TOKEN_FILE = "admin.token"  # noqa: S105 - a name
SESSION_KEY_FILE = "session.key"
# The process of `up --dags`.
DAGS = "dags"
DAGS_STATE = "dag-folder.json"
# What a worker may need after its grace, and all the others together.
AFTER_GRACE_S = 6.0
OTHERS_STOP_S = 60.0
MOST_INBOX_BYTES = 1024**3
MOST_STREAM_BYTES = 4 * 1024**3
# What `up` decides itself, and what a service that has no business with it must not inherit.
DECIDED = (
    *("NATS_URL", "DATABASE_URL", "BLOB_URL", "STATE_DIR", "INSTANCE", "GRPC_HOST", "GRPC_PORT"),
    *("HTTP_HOST", "HTTP_PORT", "API_ADDRESS", "SLOTS", "READY_FD", "PARENT_PID"),
    *("SECRET_KEY", "SECRET_KEY_FILE", "ADMIN_TOKEN", "ADMIN_TOKEN_FILE"),
    *("SESSION_KEY", "SESSION_KEY_FILE"),
    *("API_TOKEN", "API_TOKEN_FILE", "API_CA_FILE", "API_CERT_FILE", "API_KEY_FILE"),
    *("GRPC_TLS_CERT", "GRPC_TLS_KEY", "GRPC_TLS_CLIENT_CA"),
    "API_PROCESS",
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked for. A port of 0: the default one, or another if that is taken. ``dags``:
    a folder whose DAGs are kept submitted."""

    data_dir: Path
    grpc_port: int = 0
    http_port: int = 0
    workers: int = 1
    slots: int = 0
    dags: Path | None = None


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and where it will listen. ``stop_s``: how long a stop may take. ``notes``:
    sentences to show, such as other ports."""

    specs: tuple[ProcessSpec, ...]
    nats_url: str
    database_url: str
    blob_url: str
    grpc_port: int
    http_port: int
    stop_s: float
    notes: tuple[str, ...] = ()


class Servers(msgspec.Struct, frozen=True):
    """URLs of NATS, for an operator, and of Postgres, and the servers to run: none where a setting
    names one. ``nats_of`` is the URL for a process of a role and a name."""

    nats: str
    database: str
    specs: tuple[ProcessSpec, ...]
    nats_of: Callable[[Role, str], str]


def servers(
    data_dir: Path,
    claims: PortClaims,
    environ: Mapping[str, str] = os.environ,
    workers: Sequence[str] = (),
) -> Servers:
    """NATS, with a user for each of the workers, and Postgres."""
    keys = serverfile.settle(data_dir, claims)
    specs = []
    given = environ.get("MILLSTREAM_NATS_URL", "")
    if not given:
        apis = read_settings(environ).api_processes
        specs.append(nats_spec(data_dir, keys, workers, apis))
    database = environ.get("MILLSTREAM_DATABASE_URL", "")
    if not database:
        database = database_url(keys)
        specs.append(postgres_spec(data_dir, keys))

    def nats_of(role: Role, name: str) -> str:
        return given or nats_url(keys, role, name)

    return Servers(given or nats_url(keys), database, tuple(specs), nats_of)


def build_stack(
    options: Options, claims: PortClaims, environ: Mapping[str, str] = os.environ
) -> Stack:
    """Chooses ports and lists every process. Raises :class:`PortTaken` for a port by number."""
    if options.workers < 0 or options.slots < 0:
        raise MillstreamError("--workers and --slots must not be negative.")
    data_dir = options.data_dir
    notes: list[str] = []

    def port(wanted: int, default: int, option: str) -> int:
        if wanted:
            return claims.take(wanted, option)
        chosen = claims.choose(default)
        if chosen != default:
            notes.append(f"Port {default} ({option}) is in use: taking {chosen}.")
        return chosen

    grpc_port = port(options.grpc_port, DEFAULT_GRPC_PORT, "--grpc-port")
    http_port = port(options.http_port, DEFAULT_HTTP_PORT, "--http-port")
    workers = [f"worker-{number}" for number in range(1, options.workers + 1)]
    found = servers(data_dir, claims, environ, workers)
    blob_url = environ.get("MILLSTREAM_BLOB_URL") or str(make_private_dir(data_dir / "blobs"))
    base = {
        name: text
        for name, text in environ.items()
        if name not in {f"MILLSTREAM_{decided}" for decided in DECIDED}
    }
    blobs = {"BLOB_URL": blob_url}
    store = blobs | {"DATABASE_URL": found.database}
    api = {"GRPC_HOST": LOOPBACK, "GRPC_PORT": str(grpc_port)}
    web = {"HTTP_HOST": LOOPBACK, "HTTP_PORT": str(http_port)}
    api_address = {"API_ADDRESS": f"{LOOPBACK}:{grpc_port}"}
    scheduler = store | stream_sizes(shutil.disk_usage(data_dir).free, environ)
    secret = secret_key(data_dir, environ)
    admin = admin_token(data_dir, environ)
    token = {f"API_{name.removeprefix('ADMIN_')}": text for name, text in admin.items()}
    slots = {"SLOTS": str(options.slots)} if options.slots else {}
    wanted: list[tuple[str, Role | Literal["web"], int, dict[str, str]]] = [
        ("scheduler", "scheduler", 1, scheduler),
        ("projector", "projector", 1, store),
        *_apis(store | api | secret | admin, read_settings(environ).api_processes),
        ("web", "web", 3, web | api_address | session_key(data_dir, environ)),
    ]
    patience_s = read_settings(environ).drain_grace_s + AFTER_GRACE_S
    wanted += [(name, "worker", 2, blobs | slots | secret) for name in workers]
    specs = list(found.specs)
    for name, role, stage, settings in wanted:
        instance = name if "-" in name else f"{name}-1"
        state_dir = make_private_dir(data_dir / "state" / name)
        settings = settings | {"INSTANCE": instance, "STATE_DIR": str(state_dir)}
        if role != "web":
            settings["NATS_URL"] = found.nats_of(role, instance)
        specs.append(
            ProcessSpec(
                name=name,
                # -P: a file of the current directory must not hide a module of ours.
                argv=(sys.executable, "-P", "-m", f"millstream_{role}"),
                env=base | {f"MILLSTREAM_{key}": text for key, text in settings.items()},
                stage=stage,
                stop_steps=(StopStep(15, patience_s if role == "worker" else 10.0),),
            )
        )
    if options.dags is not None:
        env = base | {f"MILLSTREAM_{name}": text for name, text in token.items()}
        specs.append(dags_spec(options.dags, f"{LOOPBACK}:{grpc_port}", env, data_dir))
    return Stack(
        specs=tuple(specs),
        nats_url=found.nats,
        database_url=found.database,
        blob_url=blob_url,
        grpc_port=grpc_port,
        http_port=http_port,
        stop_s=patience_s + OTHERS_STOP_S,
        notes=tuple(notes),
    )


def _apis(
    settings: dict[str, str], count: int
) -> list[tuple[str, Literal["api"], int, dict[str, str]]]:
    """The processes of the api, which share a port where they are several."""
    found: list[tuple[str, Literal["api"], int, dict[str, str]]] = []
    for number in range(1, count + 1):
        name = "api" if number == 1 else f"api-{number}"
        own = {"API_PROCESSES": str(count), "API_PROCESS": str(number)}
        found.append((name, "api", 3, settings | own))
    return found


def dags_spec(folder: Path, address: str, env: Mapping[str, str], data_dir: Path) -> ProcessSpec:
    """The process that submits what changes in a folder: an ordinary client of the api. Raises
    :class:`MillstreamError` for what is no folder."""
    if not folder.is_dir():
        raise MillstreamError(f"--dags {folder} is no folder.")
    command = (sys.executable, "-P", "-m", "millstream.cli", "dags", "sync")
    return ProcessSpec(
        name=DAGS,
        argv=(
            *(*command, str(folder.resolve()), "--address", address),
            *("--state", str((data_dir / DAGS_STATE).absolute())),
        ),
        env=env,
        stage=3,
        stop_steps=(StopStep(15, 10.0),),
    )


def secret_key(data_dir: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The settings that give the key for variables and connections: those that are there, or a
    file of the data directory, made if it is missing."""
    return _kept(data_dir, "SECRET_KEY", KEY_FILE, environ)


def admin_token(data_dir: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The same for the token of the first administrator, where people must log in."""
    if environ.get("MILLSTREAM_AUTH", "local") == "local":
        return {}
    return _kept(data_dir, "ADMIN_TOKEN", ADMIN_TOKEN_FILE, environ)


def session_key(data_dir: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The same for the key that seals logins, where people must log in."""
    if environ.get("MILLSTREAM_AUTH", "local") == "local":
        return {}
    return _kept(data_dir, "SESSION_KEY", SESSION_KEY_FILE, environ)


def _kept(data_dir: Path, setting: str, name: str, environ: Mapping[str, str]) -> dict[str, str]:
    given = {
        each: environ[f"MILLSTREAM_{each}"]
        for each in (setting, f"{setting}_FILE")
        if environ.get(f"MILLSTREAM_{each}")
    }
    if given:
        return given
    file = make_private_dir(data_dir) / name
    if not file.exists():
        write_private(file, base64.urlsafe_b64encode(os.urandom(32)) + b"\n")
    return {f"{setting}_FILE": str(file.absolute())}


def stream_sizes(free_bytes: int, environ: Mapping[str, str]) -> dict[str, str]:
    """How large the streams may grow, so that they leave most of a small disk free. A setting that
    is there wins; NATS of somebody else has a disk of its own."""
    if environ.get("MILLSTREAM_NATS_URL"):
        return {}
    sizes = {
        "INBOX_MAX_BYTES": min(MOST_INBOX_BYTES, free_bytes // 20),
        "STREAM_MAX_BYTES": min(MOST_STREAM_BYTES, free_bytes // 5),
    }
    return {name: str(size) for name, size in sizes.items() if f"MILLSTREAM_{name}" not in environ}
