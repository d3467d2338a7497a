"""From a gRPC status back to our errors, so that no caller ever sees gRPC's own."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from millstream.core.errors import (
    InvalidArgument,
    InvalidDag,
    MillstreamError,
    NotFound,
    Refused,
    Unavailable,
)

_DETAILS = "grpc-status-details-bin"
Code = grpc.StatusCode
# In gRPC's own words; its other refusals of this code mean that too much is under way.
TOO_LARGE = "larger than max"
# What grpc.aio says of an upload that the api refused while it was being sent; the refusal is lost.
CUT_OFF = "Internal error from Core"
LONGEST_RETRY_AFTER_S = 60.0


class WaitTimeout(MillstreamError, TimeoutError):
    """What was waited for did not happen in the given time; it may still happen."""

    reason = "TIMEOUT"


class RunFailed(MillstreamError):
    """The run whose result was asked for failed."""

    reason = "RUN_FAILED"


class Overloaded(Unavailable):
    """The api has more to do than it can carry and did nothing; ``retry_after_s``: how long it asks
    to be left alone."""

    reason = "OVERLOADED"
    retry_after_s = 1.0


class NotAuthenticated(MillstreamError):
    """The api does not know who calls: there is no token, or it is not valid any more."""

    reason = "UNAUTHENTICATED"


class NotPermitted(MillstreamError):
    """The api knows who calls, and they may not do this."""

    reason = "PERMISSION_DENIED"


class NotReached(Unavailable):
    """Nobody answers at the address of the api."""

    reason = "NOT_REACHED"


def from_grpc(error: grpc.RpcError, address: str) -> MillstreamError:
    """The error that a failed call means."""
    code: Code = error.code()
    text: str = error.details() or code.name
    info, violations, retry_after_s = _details(error)
    reason = info.reason if info is not None else ""
    if info is not None and reason == "INVALID_DAG" and violations:
        return InvalidDag(info.metadata["dag_id"], violations)
    match code:
        case Code.UNAVAILABLE if info is not None:
            return _with_reason(Unavailable(text), reason)
        case Code.UNAVAILABLE:
            return NotReached(
                f"No Millstream api answers at {address}. Start everything on this machine with "
                f"`millstream up`, or name another api with MILLSTREAM_API_ADDRESS. ({text})"
            )
        case Code.RESOURCE_EXHAUSTED if info is None and TOO_LARGE in text:
            return InvalidArgument(f"A message is too large: {text}")
        case Code.RESOURCE_EXHAUSTED:
            overloaded = Overloaded(text)
            overloaded.retry_after_s = retry_after_s or Overloaded.retry_after_s
            return _with_reason(overloaded, reason)
        case Code.DEADLINE_EXCEEDED | Code.CANCELLED:
            return _with_reason(Unavailable(_sentence(code, text, address)), reason)
        case Code.INVALID_ARGUMENT | Code.OUT_OF_RANGE:
            return _with_reason(InvalidArgument(text), reason)
        case Code.NOT_FOUND:
            return _with_reason(NotFound(text), reason)
        case Code.ALREADY_EXISTS | Code.FAILED_PRECONDITION | Code.ABORTED:
            return Refused(reason or code.name, text)
        case Code.UNAUTHENTICATED:
            return NotAuthenticated(f"{text} (MILLSTREAM_API_TOKEN)")
        case Code.PERMISSION_DENIED:
            return NotPermitted(text)
        case Code.INTERNAL if text == CUT_OFF:
            return Unavailable(f"The api at {address} ended the call before it had the request.")
        case Code.UNIMPLEMENTED:
            return MillstreamError(f"The api at {address} does not know this call: it is older.")
        case _:
            return _with_reason(MillstreamError(text), reason)


def _sentence(code: Code, text: str, address: str) -> str:
    if code is Code.DEADLINE_EXCEEDED:
        return f"The Millstream api at {address} did not answer in time."
    return text


def _with_reason(error: MillstreamError, reason: str) -> MillstreamError:
    if reason:
        error.reason = reason
    return error


def _details(
    error: grpc.RpcError,
) -> tuple[error_details_pb2.ErrorInfo | None, list[str], float]:
    info = None
    violations: list[str] = []
    retry_after_s = 0.0
    trailers: Any = error.trailing_metadata() or ()
    for key, value in trailers:
        if key != _DETAILS:
            continue
        try:
            details = status_pb2.Status.FromString(value).details
        except (DecodeError, TypeError):
            continue
        for detail in details:
            found, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            retry = error_details_pb2.RetryInfo()
            if detail.Unpack(found):
                info = found
            elif detail.Unpack(request):
                violations += [violation.description for violation in request.field_violations]
            elif detail.Unpack(retry):
                delay = retry.retry_delay
                retry_after_s = min(delay.seconds + delay.nanos / 1e9, LONGEST_RETRY_AFTER_S)
    return info, violations, retry_after_s
