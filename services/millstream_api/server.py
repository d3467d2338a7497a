"""The gRPC server: limits, health, reflection, a graceful end."""

from __future__ import annotations

import logging
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from millstream.adapters.open_files import most_connections
from millstream.core.errors import MillstreamError
from millstream.rpc.v1 import (
    access_pb2,
    access_pb2_grpc,
    assets_pb2,
    assets_pb2_grpc,
    backfills_pb2,
    backfills_pb2_grpc,
    connections_pb2,
    connections_pb2_grpc,
    dags_pb2,
    dags_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    explain_pb2,
    explain_pb2_grpc,
    history_pb2,
    history_pb2_grpc,
    human_input_pb2,
    human_input_pb2_grpc,
    import_errors_pb2,
    import_errors_pb2_grpc,
    logs_pb2,
    logs_pb2_grpc,
    pools_pb2,
    pools_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
    secrets_pb2,
    secrets_pb2_grpc,
    system_pb2,
    system_pb2_grpc,
    variables_pb2,
    variables_pb2_grpc,
    workers_pb2,
    workers_pb2_grpc,
)
from millstream_api.admission import MOST_CONNECTIONS, MOST_RPCS, OWN_FILES
from millstream_api.gate import Gate
from millstream_api.interceptor import ErrorInterceptor

log = structlog.get_logger(__name__)

MESSAGE_BYTES = 4 * 1024 * 1024
GRACE_S = 5.0
GRPC_LOGGER = "grpc._cython.cygrpc"
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    # Above the first a call is refused now and then, above the second always.
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.absolute_max_metadata_size", 32 * 1024),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # Who connects and says nothing, who says nothing more, and who stays for long, so that load
    # balancers may spread their callers anew. A call may end within the grace; a stream that goes
    # on is cut, and our client opens it again where it was.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 10 * 60_000),
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 5 * 60_000),
)
# The generated modules and the service in each.
_KINDS: tuple[tuple[Any, Any, str], ...] = (
    (dags_pb2, dags_pb2_grpc, "DagService"),
    (runs_pb2, runs_pb2_grpc, "RunService"),
    (events_pb2, events_pb2_grpc, "EventService"),
    (explain_pb2, explain_pb2_grpc, "ExplainService"),
    (variables_pb2, variables_pb2_grpc, "VariableService"),
    (connections_pb2, connections_pb2_grpc, "ConnectionService"),
    (assets_pb2, assets_pb2_grpc, "AssetService"),
    (human_input_pb2, human_input_pb2_grpc, "HumanInputService"),
    (import_errors_pb2, import_errors_pb2_grpc, "ImportErrorService"),
    (logs_pb2, logs_pb2_grpc, "LogService"),
    (pools_pb2, pools_pb2_grpc, "PoolService"),
    (backfills_pb2, backfills_pb2_grpc, "BackfillService"),
    (system_pb2, system_pb2_grpc, "SystemService"),
    (history_pb2, history_pb2_grpc, "HistoryService"),
    (workers_pb2, workers_pb2_grpc, "WorkerService"),
    (access_pb2, access_pb2_grpc, "AccessService"),
    (secrets_pb2, secrets_pb2_grpc, "SecretService"),
)
SERVICES = tuple(
    str(module.DESCRIPTOR.services_by_name[name].full_name) for module, _, name in _KINDS
)


class GoneCallers(logging.Filter):
    """Of a caller that went away while it was answered gRPC writes as of an error, with traceback,
    if it hears of the failed answer before it hears of the caller."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("ExecuteBatchError raised in core")


GONE_CALLERS = GoneCallers()


class Server:
    """Serves one servicer of each kind on one port, which it may share with other processes."""

    def __init__(
        self, *services: object, gate: Gate | None = None, shares_port: bool = False
    ) -> None:
        self._server = grpc.aio.server(
            interceptors=[ErrorInterceptor(gate=gate)],
            options=(
                *OPTIONS,
                ("grpc.so_reuseport", int(shares_port)),
                (
                    "grpc.max_allowed_incoming_connections",
                    most_connections(MOST_CONNECTIONS, OWN_FILES),
                ),
            ),
            maximum_concurrent_rpcs=MOST_RPCS,
        )
        logging.getLogger(GRPC_LOGGER).addFilter(GONE_CALLERS)
        self._health = HealthServicer()
        for _, module, name in _KINDS:
            kind = getattr(module, f"{name}Servicer")
            (service,) = (one for one in services if isinstance(one, kind))
            getattr(module, f"add_{name}Servicer_to_server")(service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*SERVICES, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    async def start(self, host: str, port: int, tls: grpc.ServerCredentials | None = None) -> int:
        """Returns the port. Raises :class:`MillstreamError` if the address cannot be had."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = (
                self._server.add_insecure_port(address)
                if tls is None
                else self._server.add_secure_port(address, tls)
            )
        except RuntimeError as error:
            raise MillstreamError(
                f"The api cannot listen on {address}: the port is taken or the address is not of "
                f"this machine. Set MILLSTREAM_GRPC_PORT to another port."
            ) from error
        await self._server.start()
        await self._say(is_serving=True)
        log.info("listening", host=host, port=bound, tls=tls is not None)
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
