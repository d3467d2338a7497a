"""The gRPC server: limits, health, reflection, a graceful end."""

from __future__ import annotations

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from millstream.core.errors import MillstreamError
from millstream.rpc.v1 import (
    dags_pb2,
    dags_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
    system_pb2,
    system_pb2_grpc,
)
from millstream_api.dags import DagService
from millstream_api.events import EventService
from millstream_api.interceptor import ErrorInterceptor
from millstream_api.runs import RunService
from millstream_api.system import SystemService

log = structlog.get_logger(__name__)

MESSAGE_BYTES = 4 * 1024 * 1024
GRACE_S = 5.0
OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
)
MOST_CALLS = 2000
SERVICES = tuple(
    str(module.DESCRIPTOR.services_by_name[name].full_name)
    for module, name in (
        (dags_pb2, "DagService"),
        (runs_pb2, "RunService"),
        (events_pb2, "EventService"),
        (system_pb2, "SystemService"),
    )
)


class Server:
    """Serves the four services on one port."""

    def __init__(
        self, dags: DagService, runs: RunService, events: EventService, system: SystemService
    ) -> None:
        self._server = grpc.aio.server(
            interceptors=[ErrorInterceptor()],
            options=OPTIONS,
            maximum_concurrent_rpcs=MOST_CALLS,
        )
        self._health = HealthServicer()
        dags_pb2_grpc.add_DagServiceServicer_to_server(dags, self._server)  # type: ignore[no-untyped-call]
        runs_pb2_grpc.add_RunServiceServicer_to_server(runs, self._server)  # type: ignore[no-untyped-call]
        events_pb2_grpc.add_EventServiceServicer_to_server(events, self._server)  # type: ignore[no-untyped-call]
        system_pb2_grpc.add_SystemServiceServicer_to_server(system, self._server)  # type: ignore[no-untyped-call]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*SERVICES, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    async def start(self, host: str, port: int) -> int:
        """Returns the port. Raises :class:`MillstreamError` if the address cannot be had."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise MillstreamError(
                f"The api cannot listen on {address}: the port is taken or the address is not of "
                f"this machine. Set MILLSTREAM_GRPC_PORT to another port."
            ) from error
        await self._server.start()
        await self._say(is_serving=True)
        log.info("listening", host=host, port=bound)
        return bound

    async def leave(self) -> None:
        """Tell load balancers to send no more; calls are still answered."""
        await self._say(is_serving=False)

    async def stop(self) -> None:
        """Let the calls end, then end them."""
        await self._server.stop(GRACE_S)

    async def _say(self, *, is_serving: bool) -> None:
        answers = health_pb2.HealthCheckResponse
        for name in ("", *SERVICES):
            await self._health.set(name, answers.SERVING if is_serving else answers.NOT_SERVING)
