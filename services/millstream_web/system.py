"""What the api says about itself and the installation."""

from __future__ import annotations

from typing import Any

import grpc

from millstream.core.errors import Unavailable
from millstream.rpc.v1 import system_pb2, system_pb2_grpc
from millstream_web.callers import Metadata

TIMEOUT_S = 2.0
# HealthCheckResponse: status SERVING.
_SERVING = b"\x08\x01"


class System:
    """Asks over a channel that somebody else opens and closes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        # The health of an api is told to everybody; its messages have no need of their package.
        self._check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        self._stub: Any = system_pb2_grpc.SystemServiceStub(channel)  # type: ignore[no-untyped-call]

    async def check(self) -> None:
        """Does the api serve? Raises :class:`Unavailable`."""
        try:
            answer = await self._check(b"", timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"The api does not answer: {error.code().name}.") from error
        if answer != _SERVING:
            raise Unavailable("The api does not serve.")

    async def status(self, metadata: Metadata) -> system_pb2.GetStatusResponse:
        """The state of the installation. Raises :class:`grpc.aio.AioRpcError`."""
        request = system_pb2.GetStatusRequest()
        answer = await self._stub.GetStatus(request, timeout=TIMEOUT_S, metadata=metadata)
        assert isinstance(answer, system_pb2.GetStatusResponse)
        return answer
