"""One table from our errors to gRPC statuses, and the details that go with each."""

from __future__ import annotations

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from millstream.core.errors import (
    REQUEST_ID_REUSED,
    InvalidArgument,
    InvalidDag,
    MillstreamError,
    NotFound,
    Refused,
    Unavailable,
)

DOMAIN = "millstream"
RETRY_AFTER_S = 1
# What goes into the trailers of an answer must fit in the caller's metadata limit.
MOST_PROBLEMS = 40
MOST_TEXT = 1500

Code = grpc.StatusCode

BY_REASON: dict[str, Code] = {
    "INVALID_DAG": Code.INVALID_ARGUMENT,
    "INVALID_RUN_ID": Code.INVALID_ARGUMENT,
    "INVALID_ARGUMENT": Code.INVALID_ARGUMENT,
    "TOO_LARGE": Code.INVALID_ARGUMENT,
    "DAG_NOT_FOUND": Code.NOT_FOUND,
    "RUN_NOT_FOUND": Code.NOT_FOUND,
    "TASK_NOT_FOUND": Code.NOT_FOUND,
    "ASSET_NOT_FOUND": Code.NOT_FOUND,
    "POOL_NOT_FOUND": Code.NOT_FOUND,
    "BACKFILL_NOT_FOUND": Code.NOT_FOUND,
    "NOT_FOUND": Code.NOT_FOUND,
    "RUN_EXISTS": Code.ALREADY_EXISTS,
    "BACKFILL_EXISTS": Code.ALREADY_EXISTS,
    "INVALID_ID": Code.INVALID_ARGUMENT,
    "MALFORMED": Code.INVALID_ARGUMENT,
    "INVALID_ANSWER": Code.INVALID_ARGUMENT,
    "VARIABLE_NOT_FOUND": Code.NOT_FOUND,
    "CONNECTION_NOT_FOUND": Code.NOT_FOUND,
    "CONNECTION_EXISTS": Code.ALREADY_EXISTS,
    "NO_SECRET_KEY": Code.FAILED_PRECONDITION,
    "CANNOT_UNSEAL": Code.FAILED_PRECONDITION,
    REQUEST_ID_REUSED: Code.INVALID_ARGUMENT,
    "UNAUTHENTICATED": Code.UNAUTHENTICATED,
    "PERMISSION_DENIED": Code.PERMISSION_DENIED,
    "USER_NOT_FOUND": Code.NOT_FOUND,
    "USER_EXISTS": Code.ALREADY_EXISTS,
    "ROLE_NOT_FOUND": Code.NOT_FOUND,
    "TOKEN_NOT_FOUND": Code.NOT_FOUND,
    "TOKEN_EXISTS": Code.ALREADY_EXISTS,
    "OVERLOADED": Code.RESOURCE_EXHAUSTED,
    "RATE_LIMITED": Code.RESOURCE_EXHAUSTED,
    "UNAVAILABLE": Code.UNAVAILABLE,
    "BEHIND": Code.UNAVAILABLE,
    "INTERNAL": Code.INTERNAL,
}
_BY_TYPE: tuple[tuple[type[MillstreamError], Code], ...] = (
    (InvalidDag, Code.INVALID_ARGUMENT),
    (InvalidArgument, Code.INVALID_ARGUMENT),
    (NotFound, Code.NOT_FOUND),
    (Unavailable, Code.UNAVAILABLE),
    (Refused, Code.FAILED_PRECONDITION),
)


class FieldProblem(InvalidArgument):
    """One field of a request that cannot be used; ``field`` is its path."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


def status_code(error: MillstreamError) -> Code:
    code = BY_REASON.get(error.reason)
    if code is not None:
        return code
    for kind, kind_code in _BY_TYPE:
        if isinstance(error, kind):
            return kind_code
    return Code.INTERNAL


def to_status(error: MillstreamError) -> tuple[Code, str, status_pb2.Status]:
    """The code, the text and the rich status (for the trailer grpc-status-details-bin)."""
    code = status_code(error)
    text = _shorten(str(error))
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    details: list[Message] = [info]
    if isinstance(error, InvalidDag):
        info.metadata["dag_id"] = error.dag_id[:250]
        details.append(_bad_request([("spec", problem) for problem in error.problems]))
    elif isinstance(error, FieldProblem):
        details.append(_bad_request([(error.field, str(error))]))
    elif error.reason == REQUEST_ID_REUSED:
        details.append(_bad_request([("request_id", text)]))
    if code in (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED):
        details.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S)))
    number: int = code.value[0]
    status = status_pb2.Status(code=number, message=text, details=[_packed(d) for d in details])
    return code, text, status


def _bad_request(violations: list[tuple[str, str]]) -> error_details_pb2.BadRequest:
    shown = violations[:MOST_PROBLEMS]
    if len(violations) > MOST_PROBLEMS:
        shown.append((violations[-1][0], f"and {len(violations) - MOST_PROBLEMS} more problems"))
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, description=text[:200])
            for field, text in shown
        ]
    )


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed


def _shorten(text: str) -> str:
    clean = text.encode("utf-8", "backslashreplace").decode()
    return clean if len(clean) <= MOST_TEXT else f"{clean[: MOST_TEXT - 3]}..."
