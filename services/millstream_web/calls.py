"""The methods of the API over HTTP: ``POST /api/v1/RunService/ListRuns`` with JSON.

What only reads can be asked with GET as well, its fields in the query. A stream comes as JSON
lines, or as server-sent events where ``text/event-stream`` is accepted. An upload takes raw bytes.
Each call is made with what its caller shows, and never with anything of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.core.errors import MillstreamError, NotFound
from millstream_web.bodies import Bodies, pieces
from millstream_web.callers import Callers, Metadata
from millstream_web.decode import from_body, from_query
from millstream_web.encode import to_bytes
from millstream_web.failures import Problem
from millstream_web.live import EVENT_STREAM, StreamAnswer, Streams, gone, resume
from millstream_web.methods import Method, methods

CALL_S = 60.0
# Of an upload, in one message.
CHUNK = 256 << 10
_ALLOWED = ("GET", "POST")


class Calls:
    """Passes calls on over a channel that somebody else opens and closes."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        callers: Callers,
        streams: Streams | None = None,
        bodies: Bodies | None = None,
    ) -> None:
        self._channel = channel
        self._callers = callers
        self._streams = Streams() if streams is None else streams
        self._bodies = Bodies() if bodies is None else bodies
        self._methods = methods()

    def routes(self) -> list[Route]:
        # Without `methods`: what is not allowed gets an answer of ours.
        return [Route("/api/v1/{service}/{method}", _Any(self.call))]

    async def call(self, request: Request) -> Response:
        """One call, as it came over HTTP. Raises :class:`MillstreamError` and gRPC's errors."""
        method = self._find(request)
        metadata = await self._callers.metadata(request)
        if method.takes_stream:
            return await self._upload(method, request, metadata)
        with self._bodies.hold() as body:
            if request.method == "GET":
                message = from_query(method.request, request.query_params.multi_items())
            else:
                message = from_body(method.request, await body.whole(request))
            if method.gives_stream:
                return await self._stream(method, message, request, metadata)
            call = method.on(self._channel)(message, timeout=CALL_S, metadata=metadata)
            answer = await _while_there(call, request) if method.is_read else await call
        return _json(answer)

    def _find(self, request: Request) -> Method:
        names = (request.path_params["service"], request.path_params["method"])
        method = self._methods.get(names)
        if method is None:
            raise NotFound(f"There is no method {'/'.join(names)[:200]}.")
        if request.method not in _ALLOWED or (request.method == "GET" and not method.is_read):
            raise Problem(
                "INVALID_ARGUMENT",
                "METHOD_NOT_ALLOWED",
                f"{'/'.join(names)} is called with {'GET or ' if method.is_read else ''}POST.",
                status=405,
            )
        return method

    async def _upload(self, method: Method, request: Request, metadata: Metadata) -> Response:
        broken: list[MillstreamError] = []

        async def chunks() -> AsyncIterator[Message]:
            try:
                async for data in pieces(request):
                    for start in range(0, len(data), CHUNK):
                        yield method.request(chunk=data[start : start + CHUNK])
            except MillstreamError as error:  # gRPC would only say that there was one
                broken.append(error)
                call.cancel()

        call: Any = method.on(self._channel)(chunks(), timeout=CALL_S, metadata=metadata)
        try:
            return _json(await call)
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            if broken:
                raise broken[0] from None
            raise

    async def _stream(
        self, method: Method, message: Message, request: Request, metadata: Metadata
    ) -> Response:
        is_live = EVENT_STREAM in request.headers.get("accept", "")
        if is_live:
            resume(message, request.headers.get("last-event-id", ""))
        self._streams.check()
        stream = await self._streams.open(method.on(self._channel)(message, metadata=metadata))
        return StreamAnswer(stream, self._streams, is_live=is_live)


class _Any:
    """An endpoint for all methods; Starlette takes a function to mean GET."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)


async def _while_there(call: Any, request: Request) -> Message:
    """The answer, as long as somebody waits for it."""
    leaving = asyncio.create_task(gone(request.receive))
    answering = asyncio.ensure_future(_answer(call))
    try:
        await asyncio.wait([leaving, answering], return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            return answering.result()
        raise Problem("CANCELLED", "CLIENT_LEFT", "The client left.")
    finally:
        for task in (leaving, answering):
            task.cancel()
        with contextlib.suppress(Exception):
            call.cancel()


async def _answer(call: Any) -> Message:
    answer: Message = await call
    return answer


def _json(answer: Message) -> Response:
    return Response(to_bytes(answer), media_type="application/json")
