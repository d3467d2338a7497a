"""SystemService: how far everything is, and who works."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from millstream.adapters.bus import Bus
from millstream.adapters.event_log import EventLog
from millstream.core.errors import Unavailable
from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import system_pb2, system_pb2_grpc
from millstream.version import __version__
from millstream_api.callers import position_of
from millstream_api.health import Probes
from millstream_api.heartbeats import Heard, Workers
from millstream_api.interceptor import Context
from millstream_api.overview import Overview, add_workers
from millstream_api.snapshot import Snapshots


class SystemService(system_pb2_grpc.SystemServiceServicer):
    def __init__(
        self,
        bus: Bus,
        event_log: EventLog,
        snapshots: Snapshots,
        workers: Workers,
        probes: Probes,
    ) -> None:
        self._bus = bus
        self._log = event_log
        self._snapshots = snapshots
        self._workers = workers
        self._probes = probes

    async def GetStatus(  # noqa: N802 - gRPC's name
        self, request: system_pb2.GetStatusRequest, context: Context
    ) -> system_pb2.GetStatusResponse:
        head = await self._log.head()
        try:
            async with self._snapshots.read(request, context) as rows:
                projected = await self._snapshots.position_in(rows)
        except Unavailable:
            if request.min_position:
                raise
            projected = 0  # there are no read tables yet
        return system_pb2.GetStatusResponse(
            version=__version__,
            log_position=head.position,
            epoch=head.epoch,
            projected_position=projected,
            workers=[_worker(heard) for heard in self._workers.alive(time.monotonic())],
            nats_is_connected=self._bus.is_connected,
        )

    async def GetHealth(  # noqa: N802
        self, request: system_pb2.GetHealthRequest, context: Context
    ) -> system_pb2.GetHealthResponse:
        if position_of(request):
            async with self._snapshots.read(request, context):
                pass
        components, log_position, projected = await self._probes.ask()
        return system_pb2.GetHealthResponse(
            state=max(component.state for component in components),
            components=components,
            version=__version__,
            log_position=log_position,
            projected_position=projected,
        )

    async def GetOverview(  # noqa: N802
        self, request: system_pb2.GetOverviewRequest, context: Context
    ) -> system_pb2.GetOverviewResponse:
        asked = Overview.of(request, datetime.now(UTC))
        async with self._snapshots.read(request, context) as rows:
            answer = await asked.read(rows)
        add_workers(answer, self._workers.alive(time.monotonic()))
        return answer


def _worker(heard: Heard) -> system_pb2.WorkerStatus:
    heartbeat = heard.heartbeat
    return system_pb2.WorkerStatus(
        worker_id=heartbeat.worker,
        queues=heartbeat.queues,
        slots=heartbeat.slots,
        resources=heartbeat.resources,
        busy=len(heartbeat.attempts),
        last_heartbeat=timestamp_from(heard.at),
    )
