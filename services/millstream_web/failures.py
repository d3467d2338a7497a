"""What went wrong in a call, as JSON and as a status of HTTP."""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from starlette.responses import JSONResponse

from millstream.core.errors import MillstreamError

STATUS = {
    "CANCELLED": 499,
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
}


def of_call(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """The error of a call with its details, as the body of an answer has it under ``error``."""
    found: dict[str, Any] = {
        "code": error.code().name,
        "reason": "",
        "message": error.details() or "",
    }
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    for detail in status.details if status else ():
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
    return found


def of_request(error: MillstreamError, code: str = "INVALID_ARGUMENT") -> dict[str, Any]:
    """An error that never got as far as the API."""
    return {"code": code, "reason": error.reason, "message": str(error)}


def answer(error: dict[str, Any]) -> JSONResponse:
    """The answer that says it."""
    return JSONResponse({"error": error}, status_code=STATUS.get(error["code"], 500))
