"""``millstream api``, ``scheduler``, ``projector``, ``worker``, ``web``: one service.

The command becomes the service (exec): signals and exit codes are its own.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

NatsUrl = Annotated[str | None, typer.Option(help="NATS, with credentials.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="Postgres, with credentials.")]
BlobUrl = Annotated[str | None, typer.Option(help="Blob store: an fsspec URL or a directory.")]
Instance = Annotated[str | None, typer.Option(help="The name of this process on the bus.")]
Shard = Annotated[int | None, typer.Option(min=0, help="Which shard.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (api, scheduler, projector, worker, web):
        app.command(rich_help_panel="One service")(command)


def api(
    nats_url: NatsUrl = None,
    database_url: DatabaseUrl = None,
    blob_url: BlobUrl = None,
    grpc_host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    instance: Instance = None,
) -> None:
    """Serve gRPC."""
    _become("api", ("nats_url", "database_url"), locals())


def scheduler(
    nats_url: NatsUrl = None,
    database_url: DatabaseUrl = None,
    shard: Shard = None,
    lease_s: Annotated[float | None, typer.Option(help="Seconds without a heartbeat.")] = None,
    instance: Instance = None,
) -> None:
    """Decide and commit; a second one is a hot standby."""
    _become("scheduler", ("nats_url", "database_url"), locals())


def projector(
    nats_url: NatsUrl = None,
    database_url: DatabaseUrl = None,
    blob_url: BlobUrl = None,
    shard: Shard = None,
    instance: Instance = None,
) -> None:
    """Fold the events into the read tables."""
    _become("projector", ("nats_url", "database_url"), locals())


def worker(
    nats_url: NatsUrl = None,
    blob_url: BlobUrl = None,
    queues: Annotated[str | None, typer.Option(help="Queues to serve: a,b,c")] = None,
    slots: Annotated[int | None, typer.Option(min=0, help="Tasks at once; 0: by CPUs.")] = None,
    queue_slots: Annotated[
        str | None, typer.Option(help="Of a queue's tasks at most so many at once: gpu=1,etl=4")
    ] = None,
    resources: Annotated[
        str | None, typer.Option(help="What it offers to tasks: gpu=2,license=1")
    ] = None,
    state_dir: Annotated[str | None, typer.Option(help="Its spool and its cache.")] = None,
    instance: Instance = None,
) -> None:
    """Run tasks."""
    _become("worker", ("nats_url", "blob_url"), locals())


def web(
    api_address: Annotated[str | None, typer.Option(help="The api, as host:port.")] = None,
    http_host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    http_port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    instance: Instance = None,
) -> None:
    """Serve the web page."""
    _become("web", ("api_address",), locals())


def _become(service: str, needed: tuple[str, ...], options: dict[str, object]) -> None:
    """Replaces this process. Raises :class:`InvalidSettings` that names what is missing."""
    from millstream.adapters.settings import PREFIX, read_settings

    given = {
        f"{PREFIX}{name.upper()}": str(value)
        for name, value in options.items()
        if value is not None
    }
    environ = dict(os.environ) | given
    read_settings(environ).require(*needed)
    argv = [sys.executable, "-P", "-m", f"millstream_{service}"]
    os.execve(sys.executable, argv, environ)  # noqa: S606 - the command becomes the service
