"""What every call has in common: its namespace, its request id, and how long it may take."""

from __future__ import annotations

import uuid
from typing import Any

from millstream.core.validate import check_id
from millstream_api.errors import FieldProblem
from millstream_api.interceptor import LONGEST_CALL_S, Context

DEFAULT_NAMESPACE = "default"
LONGEST_REQUEST_ID = 200
# Left over of a caller's deadline for the answer itself.
ANSWER_S = 0.2


def namespace_of(request_namespace: str) -> str:
    """Empty is the default namespace. Raises :class:`FieldProblem`."""
    namespace = request_namespace or DEFAULT_NAMESPACE
    problems = check_id("namespace", namespace)
    if problems:
        raise FieldProblem("namespace", f"{problems[0]}.")
    return namespace


def request_id_of(request_id: str) -> str:
    """The caller's own, or a new one."""
    if not request_id:
        return uuid.uuid4().hex
    if len(request_id) > LONGEST_REQUEST_ID or not request_id.isprintable():
        raise FieldProblem(
            "request_id",
            f"request_id must be 1 to {LONGEST_REQUEST_ID} printable characters.",
        )
    return request_id


def seconds_left(context: Context, most: float = LONGEST_CALL_S) -> float:
    """Until the caller's deadline, or ``most``."""
    remaining: float | None = context.time_remaining()
    if remaining is None:
        return most
    return max(min(remaining - ANSWER_S, most), 0.05)


def position_of(request: Any) -> int:
    """The ``min_position`` of a read. Raises :class:`FieldProblem`."""
    position = int(request.min_position)
    if position < 0:
        raise FieldProblem("min_position", f"min_position is {position}; it must be 0 or more.")
    return position


def need(field: str, value: str) -> str:
    """Raises :class:`FieldProblem` if a field is empty or cannot be looked up."""
    if not value:
        raise FieldProblem(field, f"{field} is empty.")
    return look_up(field, value)


def look_up(field: str, value: str) -> str:
    """Raises :class:`FieldProblem` for text that Postgres cannot hold."""
    if "\0" in value:
        raise FieldProblem(field, f"{field} contains a NUL character.")
    return value
