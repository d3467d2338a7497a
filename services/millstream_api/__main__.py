"""The api process: what is made of what, and in which order it starts and ends."""

from __future__ import annotations

import asyncio
from functools import partial

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus
from millstream.adapters.event_log import EventLog
from millstream.adapters.event_search import EventSearch
from millstream.adapters.read_pool import ReadPool
from millstream.adapters.secret_box import SecretBox
from millstream.adapters.secret_table import SecretTable
from millstream.adapters.service import Service, run_service, run_until_stopped
from millstream.adapters.settings import Settings, secret_text
from millstream.adapters.subjects import heartbeat_subject, import_errors_subject, projected_subject
from millstream_api.access import AccessService
from millstream_api.assets import AssetService
from millstream_api.authentication import Authenticator, Local, Required
from millstream_api.backfills import BackfillService
from millstream_api.commands import Commands
from millstream_api.connections import ConnectionService
from millstream_api.dags import DagService
from millstream_api.directory import Directory
from millstream_api.events import EventService
from millstream_api.explain import ExplainService
from millstream_api.exposure import check_exposure, tls_credentials
from millstream_api.family import run_family
from millstream_api.gate import Gate
from millstream_api.health import Probes
from millstream_api.heartbeats import Workers
from millstream_api.history import HistoryService
from millstream_api.hub import Hub
from millstream_api.human_input import HumanInputService
from millstream_api.import_errors import ImportErrors, ImportErrorService
from millstream_api.logs import LogService
from millstream_api.pools import PoolService
from millstream_api.progress import Progress, ask_projector
from millstream_api.rate import Rate
from millstream_api.runs import RunService
from millstream_api.secrets import SecretService
from millstream_api.server import Server
from millstream_api.snapshot import Snapshots
from millstream_api.system import SystemService
from millstream_api.tokens import TokenCheck
from millstream_api.variables import VariableService
from millstream_api.workers import WorkerService


async def main(service: Service) -> None:
    if service.settings.api_processes > 1 and not service.settings.api_process:
        await run_family(service)
    else:
        await serve(service)


async def serve(service: Service) -> None:
    settings = service.settings
    bus = await _connect(service)
    if bus is None:
        return
    pool = ReadPool(settings.database_url, name=f"millstream-api-{settings.instance}")
    event_log = EventLog(pool, settings.shard)
    progress = Progress(partial(ask_projector, bus, settings.shard))
    workers, import_errors = Workers(), ImportErrors()
    snapshots = Snapshots(pool, progress, settings.shard)
    secrets, box = SecretTable(pool, settings.shard), SecretBox.from_settings(settings)
    commands = Commands(bus, settings.shard, settings.instance, box.macs(), event_log)
    hub = Hub(bus, event_log, settings.shard)
    blobs = FsspecBlobs(settings.blob_url, settings.blob_options)
    timeout_s = settings.receipt_timeout_s
    directory = Directory(bus, event_log, settings.shard)
    gate = Gate(
        _authenticator(settings, directory, secrets),
        Rate(settings.rate_limit if settings.auth == "required" else 0, settings.rate_burst),
    )
    server = Server(
        DagService(
            commands,
            snapshots,
            blobs,
            timeout_s,
            are_new_paused=settings.dags_are_paused_at_creation,
            max_map_length=settings.max_map_length,
        ),
        RunService(commands, snapshots, pool, hub, event_log, blobs, timeout_s),
        ExplainService(bus, event_log, snapshots, settings.shard),
        EventService(hub, event_log, EventSearch(pool, settings.shard), settings.shard),
        VariableService(commands, snapshots, secrets, box, timeout_s),
        ConnectionService(commands, snapshots, secrets, box, timeout_s),
        AssetService(commands, snapshots, timeout_s),
        HumanInputService(commands, snapshots, timeout_s),
        ImportErrorService(bus, import_errors, snapshots),
        LogService(bus, blobs, pool, snapshots, hub, settings.shard),
        PoolService(commands, snapshots, timeout_s),
        BackfillService(commands, snapshots, timeout_s),
        SystemService(
            bus,
            event_log,
            snapshots,
            workers,
            Probes(
                *(bus, pool, event_log, snapshots, blobs, hub, workers),
                settings.shard,
                settings.instance,
            ),
        ),
        WorkerService(snapshots, workers),
        HistoryService(commands, event_log, pool, snapshots, settings.shard, timeout_s),
        AccessService(commands, snapshots, directory, timeout_s),
        SecretService(commands, snapshots, secrets, box, timeout_s),
        gate=gate,
        shares_port=settings.api_processes > 1,
    )
    try:
        await commands.start()
        blobs.check()
        await bus.listen(projected_subject(settings.shard), progress.on_message)
        await bus.listen(heartbeat_subject("*"), workers.on_message)
        await bus.listen(import_errors_subject(), import_errors.on_message)
        await snapshots.start()
        loops = [hub.run(), bus.wait_closed()]
        if settings.auth == "required":
            await directory.start()
            loops += [directory.run(), gate.run(directory.changed)]
        tls = tls_credentials(settings)
        await server.start(settings.grpc_host, settings.grpc_port, tls)
        service.ready()
        try:
            await run_until_stopped(service, *loops)
        finally:
            await server.leave()
            hub.stop()
            await server.stop()
    finally:
        await pool.close()
        await bus.close()


def _authenticator(settings: Settings, directory: Directory, secrets: SecretTable) -> Authenticator:
    if settings.auth == "local":
        return Local()
    provider = None
    if settings.oidc_issuer:
        from millstream_api.oidc import Oidc

        provider = Oidc(settings)
    admin = secret_text(settings, "admin_token")
    return Required(directory, TokenCheck(secrets), admin, provider)


async def _connect(service: Service) -> Bus | None:
    """The bus, or None if the process was stopped while NATS was away."""
    settings = service.settings
    connecting = asyncio.create_task(Bus.connect(settings.nats_url, f"api-{settings.instance}"))
    stopping = asyncio.create_task(service.stopping.wait())
    await asyncio.wait([connecting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if connecting.done():
        return connecting.result()
    connecting.cancel()
    return None


def _check(settings: Settings) -> None:
    """Raises :class:`InvalidSettings`."""
    check_exposure(settings)
    if settings.oidc_issuer:
        from millstream_api.oidc import check_oidc

        check_oidc(settings)


if __name__ == "__main__":
    run_service("api", main, needs=("nats_url", "database_url", "blob_url"), check=_check)
