"""Settings: one frozen Struct, read once at the edge of a process and passed down whole.

A value comes from the environment (``MILLSTREAM_<NAME>``), or from the file that
``MILLSTREAM_CONFIG`` names (TOML, the same names in lower case), or is the default; the environment
wins.
"""

from __future__ import annotations

import os
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from millstream.adapters.server_urls import nats_servers, postgres_urls
from millstream.core.errors import MillstreamError
from millstream.core.lanes import ASYNC, check_resources
from millstream.core.validate import MAX_MAP_LENGTH

PREFIX = "MILLSTREAM_"
_COUNTS = ("resources", "queue_slots")
_LISTS = ("queues", "xcom_classes", "oidc_algorithms", "http_hosts", "http_proxies")
_OBJECTS = ("blob_options",)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


class InvalidSettings(MillstreamError):
    """A setting that is missing or cannot be used; the text names it and says what is allowed."""

    reason = "INVALID_SETTINGS"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every service's settings. Times are in seconds, sizes in bytes.

    ``nats_url`` may carry credentials, and name several servers of a cluster with commas;
    ``database_url`` may name several hosts, of which the primary is used. ``stream_replicas``: on
    how many servers of a NATS cluster each stream is kept. ``blob_url`` is an fsspec URL or a
    directory, and ``blob_options`` are the options of its fsspec file system, as a JSON object;
    ``state_dir``
    is where a worker keeps its spool and its bundle cache. ``instance`` names this process on the
    bus. ``slots``: how many attempts a worker runs at a time (0: one a CPU), and ``queue_slots``
    how many of a queue's at most ("gpu=1,etl=4"). ``resources``: what it offers to the tasks that
    ask for some ("gpu=2,license=1"); cpu and memory, in MB, are the machine's unless they are
    named. ``async_capacity``: how many async tasks it runs at a time, and
    ``trigger_capacity`` how many triggers of deferred tasks.
    ``max_map_length``: over how many elements a task or a group may be mapped.
    ``log_max_bytes``: so much of what an attempt prints is kept, and the last 64 KiB.
    ``lease_s``: without a heartbeat for so long, a worker's attempts are lost.
    ``kill_grace_s``: how long a task that is stopped may clean up before it is killed.
    ``drain_grace_s``: for how long a worker that is told to stop lets its tasks run on.
    ``child_max_tasks``: how many attempts a process of a worker runs before another one takes its
    place, and ``child_max_memory_mb`` how much memory it may hold after one (0: never).
    ``secret_key``: keys that encrypt variables and connections, the one in use first.
    ``dags_are_paused_at_creation``: whether a new DAG with a schedule begins paused, unless it
    says itself (of the api). ``xcom_classes`` are modules whose classes values may name, ``*`` for
    any part of a name; ``xcom_pickle`` lets tasks hand on any Python object (of workers).
    ``bundle_cache_mb`` and ``environment_cache_mb``: how much a worker keeps of bundles and of
    virtual environments, in MiB, 0 for any amount. ``bundle_environments``: whether a bundle that
    names packages runs in an environment made for it; if not, in that of the worker.
    ``auth``: "local", where nobody logs in and the api listens on the loopback interface alone, or
    "required". ``admin_token`` may all, and is how the first user is made; ``admin_token_file``: a
    file with it. ``grpc_tls_cert`` and ``grpc_tls_key`` are PEM files of the api, and
    ``grpc_tls_client_ca`` the CA whose certificates clients must show; ``grpc_plaintext``: listen
    off the loopback interface without TLS, since something else encrypts. ``rate_limit``: how many
    calls a second one principal may make (0: any number), and ``rate_burst`` how many at once.
    ``oidc_issuer``: the provider whose tokens are taken, for ``oidc_audience``, signed with one of
    ``oidc_algorithms``; its keys are at ``oidc_jwks_url`` or where its discovery says;
    ``oidc_user_claim`` and ``oidc_groups_claim`` say who somebody is. ``api_token`` (or a file with
    it), ``api_ca_file``, ``api_cert_file`` and ``api_key_file`` are what a client of the api shows:
    the command line, and but for the token the web service, which asks in nobody's name but its
    users'.
    ``http_hosts``: the names under which the web service answers besides those of this machine
    ("*": any); ``http_proxies``: addresses of proxies whose word on who asked, and how, is taken.
    ``session_key`` (or a file with it): keys that seal the cookies of people who logged in, the one
    in use first; without it they log in again when the service starts. ``session_s``: how long a
    login lasts.
    ``api_processes``: how many processes of the api share its port; ``api_process`` is the number
    of one of them, 0 for the process that starts them.
    ``failpoints``: for tests only, see ``millstream.adapters.failpoints``.
    """

    nats_url: str = ""
    database_url: str = ""
    blob_url: str = ""
    blob_options: dict[str, Any] = {}
    state_dir: str = ".millstream"
    instance: str = ""
    shard: int = 0
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 27800
    api_processes: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    api_process: int = 0
    http_host: str = "127.0.0.1"
    http_port: int = 27880
    http_hosts: tuple[str, ...] = ()
    http_proxies: tuple[str, ...] = ()
    session_key: str = ""
    session_key_file: str = ""
    session_s: Annotated[float, msgspec.Meta(gt=0)] = 43_200.0
    api_address: str = ""
    queues: tuple[str, ...] = ("default",)
    slots: int = 0
    queue_slots: dict[str, int] = {}
    resources: dict[str, int] = {}
    async_capacity: int = 1000
    trigger_capacity: int = 10_000
    lease_s: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    kill_grace_s: float = 10.0
    drain_grace_s: Annotated[float, msgspec.Meta(ge=0)] = 25.0
    child_max_tasks: int = 10_000
    child_max_memory_mb: int = 2048
    max_map_length: int = MAX_MAP_LENGTH
    event_retention_s: float = 7 * 86400.0
    stream_replicas: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    stream_max_bytes: int = 4 * 1024**3
    inbox_max_bytes: int = 1024**3
    receipt_timeout_s: float = 10.0
    secret_key: str = ""
    secret_key_file: str = ""
    dags_are_paused_at_creation: bool = True
    log_max_bytes: int = 16 * 1024**2
    xcom_max_bytes: int = 1024**3
    xcom_classes: tuple[str, ...] = ()
    xcom_pickle: bool = False
    bundle_cache_mb: int = 2048
    environment_cache_mb: int = 20_480
    bundle_environments: bool = True
    log_level: str = "INFO"
    log_format: str = ""
    ready_fd: int = -1
    auth: Literal["local", "required"] = "local"
    admin_token: str = ""
    admin_token_file: str = ""
    grpc_tls_cert: str = ""
    grpc_tls_key: str = ""
    grpc_tls_client_ca: str = ""
    grpc_plaintext: bool = False
    rate_limit: Annotated[float, msgspec.Meta(ge=0)] = 500.0
    rate_burst: Annotated[int, msgspec.Meta(ge=1)] = 1000
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks_url: str = ""
    oidc_algorithms: tuple[str, ...] = ("RS256", "ES256")
    oidc_user_claim: str = "sub"
    oidc_groups_claim: str = "groups"
    api_token: str = ""
    api_token_file: str = ""
    api_ca_file: str = ""
    api_cert_file: str = ""
    api_key_file: str = ""
    failpoints: str = ""

    def require(self, *names: str) -> Settings:
        """Itself, if the named settings are set. Raises :class:`InvalidSettings`."""
        for name in names:
            if not getattr(self, name):
                raise InvalidSettings(
                    f"{PREFIX}{name.upper()} is not set. Set it in the environment, or run "
                    f"everything on "
                    f"this machine with: millstream up"
                )
        return self


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process. Raises :class:`InvalidSettings` and
    :class:`InvalidServers`."""
    values: dict[str, object] = {}
    config = environ.get(f"{PREFIX}CONFIG")
    if config:
        try:
            values |= tomllib.loads(Path(config).read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InvalidSettings(f"{PREFIX}CONFIG={config!r} cannot be read: {error}") from error
    for field in msgspec.structs.fields(Settings):
        text = environ.get(f"{PREFIX}{field.name.upper()}")
        if text is not None:
            values[field.name] = _parsed(field.name, text)
    values.setdefault(
        "instance", re.sub(r"[^A-Za-z0-9_-]", "-", f"{socket.gethostname()[:60]}-{os.getpid()}")
    )
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSettings(
            f"A setting is wrong: {error}. Settings are {PREFIX}<NAME>."
        ) from error
    for name in (settings.instance, *settings.queues):
        check_name(name)
    _check_counts(settings)
    if settings.nats_url:
        nats_servers(settings.nats_url)
    if settings.database_url:
        postgres_urls(settings.database_url)
    return settings


def secret_text(settings: Settings, name: str) -> str:
    """A setting that may also be in a file that ``<name>_file`` names. Raises
    :class:`InvalidSettings`."""
    text, file = getattr(settings, name), getattr(settings, f"{name}_file")
    if text or not file:
        return str(text).strip()
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InvalidSettings(
            f"{PREFIX}{name.upper()}_FILE={file!r} cannot be read: {why}."
        ) from None


def _parsed(name: str, text: str) -> object:
    if name in _LISTS:
        return [part for part in text.split(",") if part]
    if name in _OBJECTS:
        return _object(name, text)
    if name not in _COUNTS:
        return text
    counts = {}
    for part in text.replace(" ", "").split(","):
        key, _, count = part.partition("=")
        if part and not (key and count.isdecimal()):
            raise InvalidSettings(
                f"{PREFIX}{name.upper()}={text!r}: {part!r} is no name with a count; write it like "
                f"gpu=2,license=1"
            )
        if part:
            counts[key] = int(count)
    return counts


def _object(name: str, text: str) -> object:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:  # without the text, which may hold a secret
        raise InvalidSettings(f"{PREFIX}{name.upper()} is no JSON object: {error}") from None


def check_name(name: str) -> None:
    """Raises :class:`InvalidSettings` for what cannot name an instance or a queue."""
    if not _NAME.fullmatch(name):
        raise InvalidSettings(
            f"{name!r} cannot name an instance or a queue: use 1 to 100 letters, digits, '_' and "
            f"'-'."
        )


def _check_counts(settings: Settings) -> None:
    """``gpu=0`` is allowed: the worker offers none."""
    positive = {name: count for name, count in settings.resources.items() if count}
    problems = check_resources(positive)
    problems += [
        f"queue_slots gives the queue {queue!r} {count} slots; it must be 1 or more"
        for queue, count in settings.queue_slots.items()
        if count < 1
    ]
    problems += [
        f"queue_slots names the queue {queue!r}, which is not among the queues "
        f"{', '.join(settings.queues)}"
        for queue in settings.queue_slots
        if queue not in settings.queues
    ]
    if ASYNC in settings.resources:
        problems.append(f"resources names {ASYNC!r}, for which there is {PREFIX}ASYNC_CAPACITY")
    if problems:
        raise InvalidSettings(f"A setting is wrong: {problems[0]}.")
