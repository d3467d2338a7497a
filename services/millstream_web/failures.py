"""What went wrong in a call, as JSON and as a status of HTTP: ``{"error": {"code": ...}}``."""

from __future__ import annotations

import math
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream.core.errors import InvalidArgument, MillstreamError, NotFound, Unavailable

log = structlog.get_logger(__name__)

STATUS = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 409,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}
LOG_IN = "Log in at /session, or send a token: Authorization: Bearer <token>."


class Problem(MillstreamError):
    """An error of the web service itself, with its code and perhaps a status of its own."""

    def __init__(
        self,
        code: str,
        reason: str,
        message: str,
        status: int = 0,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s


def of_call(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """The error of a call with its details, as the body of an answer has it under ``error``."""
    found: dict[str, Any] = {
        "code": error.code().name,
        "reason": "",
        "message": error.details() or "",
    }
    for detail in _details(error):
        info, request, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if detail.Unpack(info):
            found["reason"] = info.reason
            found["metadata"] = dict(info.metadata)
        elif detail.Unpack(request):
            found["fieldViolations"] = [
                {"field": each.field, "description": each.description}
                for each in request.field_violations
            ]
        elif detail.Unpack(retry):
            found["retryAfterS"] = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    if found["code"] == "UNAVAILABLE" and not found["reason"]:
        # gRPC's own words name addresses, and mean no more than this.
        found["message"] = "The api does not answer."
        found["retryAfterS"] = 1.0
    return found


def of_error(error: MillstreamError) -> dict[str, Any]:
    """An error that never got as far as the API."""
    found: dict[str, Any] = {
        "code": _code(error),
        "reason": error.reason,
        "message": str(error),
    }
    field = getattr(error, "field", "")
    if field:
        found["fieldViolations"] = [{"field": field, "description": str(error)}]
    if isinstance(error, Problem) and error.retry_after_s is not None:
        found["retryAfterS"] = error.retry_after_s
    return found


def answer(error: dict[str, Any], status: int = 0) -> Response:
    """The answer that says it."""
    status = status or STATUS.get(error["code"], 500)
    headers = {}
    if "retryAfterS" in error:
        headers["Retry-After"] = str(max(math.ceil(error["retryAfterS"]), 1))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": error}, status_code=status, headers=headers)


async def not_found(request: Request) -> Response:
    """For a path of the API that is none."""
    return answer(of_error(NotFound(f"There is nothing at {request.url.path[:200]}.")))


class Failures:
    """Around all routes: what they raise is said as JSON, and never more of our own mistakes than
    that there was one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            response = _said(error, str(scope.get("path", "")))
            if has_begun:
                raise
            await response(scope, receive, send)


def _said(error: Exception, path: str) -> Response:
    if isinstance(error, grpc.aio.AioRpcError):
        return answer(of_call(error))
    if isinstance(error, MillstreamError):
        return answer(of_error(error), getattr(error, "status", 0))
    log.error("request_failed", path=path[:200], exc_info=error)
    return answer(
        {
            "code": "INTERNAL",
            "reason": "INTERNAL",
            "message": "Millstream failed on this request; the log of its web service says more.",
        }
    )


def _details(error: grpc.aio.AioRpcError) -> list[Any]:
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
    except (DecodeError, ValueError):  # whoever sent these, it was not an api
        return []
    return list(status.details) if status else []


def _code(error: MillstreamError) -> str:
    match error:
        case Problem():
            return error.code
        case NotFound():
            return "NOT_FOUND"
        case InvalidArgument():
            return "INVALID_ARGUMENT"
        case Unavailable():
            return "UNAVAILABLE"
    return "INTERNAL"
