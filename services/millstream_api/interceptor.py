"""Around every call: who is it and may they, can its request be read, is there a place for it; our
errors become statuses, anything else INTERNAL without a traceback."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

import grpc
import structlog
from google.protobuf.message import DecodeError

from millstream.adapters import telemetry
from millstream.core.errors import InvalidArgument, MillstreamError, Unavailable
from millstream_api.admission import REQUEST_S, Admission
from millstream_api.contents import calling
from millstream_api.errors import to_status
from millstream_api.gate import Gate, Stream
from millstream_api.identity import NOBODY_LOGS_IN, Caller

log = structlog.get_logger(__name__)

OUR_METHODS = "/millstream."
# Load balancers have no token.
HEALTH_METHODS = "/grpc.health."
LONGEST_CALL_S = 60.0
# Of health and reflection; how many of their streams there may be at a time.
MOST_FOREIGN_STREAMS = 200

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
# At run time gRPC's classes take no parameters.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class _Request(NamedTuple):
    """A request as it came; ``message`` is None if it is none of this method."""

    message: Any
    size: int


Requests: TypeAlias = AsyncIterator[_Request]
Call: TypeAlias = Callable[[Requests, Context], Awaitable[Any]]


class _Ended(InvalidArgument):
    """No further message comes."""


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of our own services; of health and reflection it only bounds how many
    streams there are."""

    def __init__(
        self,
        admission: Admission | None = None,
        request_s: float = REQUEST_S,
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate or Gate()
        self._admission = admission or Admission()
        self._foreign = Admission(most_streams=MOST_FOREIGN_STREAMS)
        self._request_s = request_s
        # gRPC asks for a method's handler at every call, and gives the same one each time.
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        method = str(handler_call_details.method)
        known, wrapped = self._wrapped.get(method, (None, None))
        if wrapped is None or known is not handler:
            wrapped = self._wrap(method, handler)
            self._wrapped[method] = handler, wrapped
        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        if not method.startswith(OUR_METHODS):
            is_open = method.startswith(HEALTH_METHODS)
            return _bounded(method, handler, self._foreign, None if is_open else self._gate)
        serializers: Any = {
            "request_deserializer": _reader(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        # Every request is read here and not by gRPC, which would wait for it for ever and keep a
        # place for the call meanwhile. On the wire there is no difference.
        if handler.response_streaming:
            streaming: Any = self._guard_stream(method, handler.unary_stream)
            return grpc.stream_stream_rpc_method_handler(streaming, **serializers)
        if handler.request_streaming:
            uploading: Any = self._guard_upload(method, handler.stream_unary)
            return grpc.stream_unary_rpc_method_handler(uploading, **serializers)
        unary: Any = self._guard(method, handler.unary_unary)
        return grpc.stream_unary_rpc_method_handler(unary, **serializers)

    def _guard(self, method: str, call: Any) -> Call:
        async def guarded(requests: Requests, context: Context) -> Any:
            try:
                caller = await self._gate.identify(context)
                request = await self._next(aiter(requests))
                self._gate.allow(caller, method, request.message)
                with (
                    self._admission.call(request.size, _who(caller, context)),
                    telemetry.span(method, _traceparent(context)),
                    calling(method, request.message),
                ):
                    return await _in_time(call(request.message, context))
            except Exception as error:
                await _fail(method, context, error)

        return guarded

    def _guard_upload(self, method: str, call: Any) -> Call:
        async def messages(requests: Requests) -> AsyncIterator[Any]:
            upcoming = aiter(requests)
            while True:
                try:
                    yield (await self._next(upcoming)).message
                except _Ended:
                    return

        async def guarded(requests: Requests, context: Context) -> Any:
            try:
                # What an upload is about, nobody can say before it is whole.
                caller = await self._gate.identify(context)
                self._gate.allow(caller, method, None)
                who = _who(caller, context)
                with self._admission.call(0, who), telemetry.span(method, _traceparent(context)):
                    return await _in_time(call(messages(requests), context))
            except Exception as error:
                await _fail(method, context, error)

        return guarded

    def _guard_stream(self, method: str, call: Any) -> Callable[..., AsyncIterator[Any]]:
        async def guarded(requests: Requests, context: Context) -> AsyncIterator[Any]:
            stream: Stream | None = None
            try:
                caller = await self._gate.identify(context)
                request = await self._next(aiter(requests))
                self._gate.allow(caller, method, request.message)
                with (
                    self._admission.stream(_who(caller, context)),
                    self._gate.stream(caller, method, request.message) as stream,
                ):
                    async with aclosing(call(request.message, context)) as answers:
                        while await stream.has_next(answers):
                            yield stream.answer
                        stream.check()
            except asyncio.CancelledError:
                if stream is None or stream.ended is None:
                    raise
                stream.task.uncancel()
                await _fail(method, context, stream.ended)
            except Exception as error:
                await _fail(method, context, error)

        return guarded

    async def _next(self, requests: Requests) -> _Request:
        """The next message. Raises :class:`InvalidArgument` if it does not come in time, or is none
        of this method."""
        try:
            async with asyncio.timeout(self._request_s):
                request = await anext(requests)
        except StopAsyncIteration:
            raise _Ended("The call ended without a request.") from None
        except TimeoutError:
            raise InvalidArgument(
                f"Nothing of the request came for {self._request_s:g} s; send it again."
            ) from None
        if request.message is None:
            raise InvalidArgument("The request is no message of this method, or nested too deeply.")
        return request


def _who(caller: Caller, context: Context) -> str:
    """With whom a caller shares places: their own calls, or those of their connection where nobody
    logs in."""
    return str(context.peer()) if caller is NOBODY_LOGS_IN else caller.name


async def _in_time(call: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(LONGEST_CALL_S):
            return await call
    except TimeoutError as error:
        raise Unavailable(f"The call took longer than {LONGEST_CALL_S:g} s.") from error


def _reader(deserialize: Any) -> Callable[[bytes], _Request]:
    """gRPC answers a request that cannot be read with INTERNAL and writes a traceback to the log;
    so reading never fails, and who reads it says what is wrong."""

    def read(data: bytes) -> _Request:
        try:
            return _Request(deserialize(data), len(data))
        except (DecodeError, RecursionError, ValueError):
            return _Request(None, len(data))

    return read


def _bounded(
    method: str, handler: Handler, admission: Admission, gate: Gate | None = None
) -> Handler:
    """A stream that is not ours, if there is a place for it. ``gate``: for those who are known."""
    if not handler.response_streaming:
        return handler
    call: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream

    async def generated(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            if gate is not None:
                await gate.identify(context)
            with admission.stream():
                async for answer in call(request, context):
                    yield answer
        except MillstreamError as error:
            await _fail(method, context, error)

    async def written(request: Any, context: Context) -> None:
        try:
            if gate is not None:
                await gate.identify(context)
            with admission.stream():
                await call(request, context)
        except MillstreamError as error:
            await _fail(method, context, error)

    make: Any = (
        grpc.stream_stream_rpc_method_handler
        if handler.request_streaming
        else grpc.unary_stream_rpc_method_handler
    )
    bounded: Handler = make(
        generated if inspect.isasyncgenfunction(call) else written,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return bounded


def _traceparent(context: Context) -> str:
    """The caller's trace context, which gRPC clients send as metadata."""
    for name, value in context.invocation_metadata() or ():
        if name == telemetry.TRACEPARENT and isinstance(value, str):
            return value
    return ""


async def _fail(method: str, context: Context, error: Exception) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, MillstreamError):
        log.error("call_failed", method=method, exc_info=error)
        error = MillstreamError("Millstream failed on this call; its log says more.")
    code, text, status = to_status(error)
    if code is grpc.StatusCode.INTERNAL:
        log.error("call_internal", method=method, reason=error.reason, error=str(error))
    trailer = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, text, trailer)
