"""A request of each method that is well-formed and about nothing that exists."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

NAMES = (
    *("dag_id", "run_id", "task_id", "key", "name", "conn_id", "backfill_id", "worker_id"),
    *("user", "username", "role", "token_id", "other_run_id"),
)
DATE_S = 1_767_225_600  # 2026
# Of the one method that needs them: a week of it.
NEEDED = {"CountRuns": {"logical_from": DATE_S, "logical_until": DATE_S + 7 * 86400}}


def plain_request(method: MethodDescriptor, **given: Any) -> Any:
    """Ids that nothing has, dates of this year, nothing else but what is ``given``."""
    request = GetMessageClass(method.input_type)()
    for field in method.input_type.fields:
        if field.is_repeated or field.containing_oneof is not None:
            continue
        if field.name in NAMES and field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            setattr(request, field.name, "nothing_has_this_name")
        elif field.name.endswith("_date") and field.message_type is not None:
            getattr(request, field.name).seconds = DATE_S
        elif field.name == "version":
            setattr(request, field.name, 1)
    for name, seconds in NEEDED.get(method.name, {}).items():
        getattr(request, name).seconds = seconds
    for name, value in given.items():
        setattr(request, name, value)
    return request
