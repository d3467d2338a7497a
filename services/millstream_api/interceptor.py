"""Around every call: our errors become statuses, anything else INTERNAL without a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import grpc
import structlog

from millstream.adapters import telemetry
from millstream.core.errors import MillstreamError, Unavailable
from millstream_api.errors import to_status

log = structlog.get_logger(__name__)

OUR_METHODS = "/millstream."
LONGEST_CALL_S = 60.0

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
# At run time gRPC's classes take no parameters.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of our own services; health and reflection stay as they are."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or not method.startswith(OUR_METHODS):
            return handler
        serializers = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            streaming: Any = _guard_stream(method, handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(streaming, **serializers)
        if handler.request_streaming:
            uploading: Any = _guard(method, handler.stream_unary)
            return grpc.stream_unary_rpc_method_handler(uploading, **serializers)
        unary: Any = _guard(method, handler.unary_unary)
        return grpc.unary_unary_rpc_method_handler(unary, **serializers)


def _guard(method: str, call: Any) -> Callable[[Any, Context], Awaitable[Any]]:
    async def guarded(request: Any, context: Context) -> Any:
        try:
            with telemetry.span(method, _traceparent(context)):
                async with asyncio.timeout(LONGEST_CALL_S):
                    return await call(request, context)
        except TimeoutError:
            error = Unavailable(f"The call took longer than {LONGEST_CALL_S:g} s.")
            await _fail(method, context, error)
        except Exception as error:
            await _fail(method, context, error)

    return guarded


def _guard_stream(method: str, call: Any) -> Callable[[Any, Context], AsyncIterator[Any]]:
    async def guarded(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            async for answer in call(request, context):
                yield answer
        except Exception as error:
            await _fail(method, context, error)

    return guarded


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
