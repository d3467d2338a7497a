"""What the api says about the installation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from millstream.core.errors import Unavailable
from millstream.rpc.v1 import system_pb2, system_pb2_grpc

TIMEOUT_S = 2.0


class System:
    """Asks ``SystemService`` over a channel that somebody else opens and closes."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self._metadata = tuple(metadata)
        self._stub: Any = system_pb2_grpc.SystemServiceStub(channel)  # type: ignore[no-untyped-call]

    async def status(self) -> system_pb2.GetStatusResponse:
        """The state of the installation. Raises :class:`Unavailable`."""
        request = system_pb2.GetStatusRequest()
        try:
            answer = await self._stub.GetStatus(request, timeout=TIMEOUT_S, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"The api does not answer: {error.code().name}.") from error
        assert isinstance(answer, system_pb2.GetStatusResponse)
        return answer
