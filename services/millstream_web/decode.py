"""JSON, or the query of a GET, as a message of the API. All of it is somebody else's text: whatever
it holds, it becomes a message or an :class:`InvalidArgument` that says what is wrong where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from millstream.core.errors import InvalidArgument

# The api takes 32 levels within a value; what is around them needs some.
DEEPEST = 64
MOST_QUERY_FIELDS = 1000
_PLACE = re.compile(r'at "?\w+\.([\w.\[\]]*[\w\]])"?\.?$')
_STEP = re.compile(r"Failed to parse (\w+) field")
_TEXT = (
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
)


class BadField(InvalidArgument):
    """A field that is not as it must be."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def from_body(kind: type[Message], body: bytes) -> Message:
    """The message that a body says as JSON; an empty one says nothing."""
    return from_json(kind, decode(body) if body.strip() else {})


def decode(body: bytes) -> Any:
    """A body that is JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"The body is no JSON: {error}") from None


def from_json(kind: type[Message], value: object) -> Message:
    """The message that a JSON value says."""
    if not isinstance(value, dict):
        raise InvalidArgument("The body is no JSON object.")
    try:
        return ParseDict(value, kind(), max_recursion_depth=DEEPEST)
    except (ParseError, ValueError, TypeError, AttributeError, OverflowError) as error:
        text = str(error)[:500]
        raise BadField(f"The request is no {kind.DESCRIPTOR.name}: {text}", _place(text)) from None
    except RecursionError:
        raise InvalidArgument(f"The body has more than {DEEPEST} levels.") from None


def from_query(kind: type[Message], items: Iterable[tuple[str, str]]) -> Message:
    """The message that a query says: ``dagId=etl&states=RUN_STATE_FAILED``, a repeated field as
    often as it has values, a field of a message within as ``spec.dagId=etl``."""
    made: dict[str, Any] = {}
    descriptor: Any = kind.DESCRIPTOR
    for count, (path, text) in enumerate(items, 1):
        if count > MOST_QUERY_FIELDS:
            raise InvalidArgument(f"The query has more than {MOST_QUERY_FIELDS} fields.")
        _put(made, descriptor, path, text)
    return from_json(kind, made)


def _put(made: dict[str, Any], descriptor: Descriptor, path: str, text: str) -> None:
    names = path.split(".")
    if len(names) > DEEPEST:
        raise InvalidArgument(f"A field of the query has more than {DEEPEST} levels.")
    for index, name in enumerate(names):
        field = _find(descriptor, name)
        inner = field.message_type if field is not None else None
        is_last = index == len(names) - 1
        if field is None or (not is_last and (inner is None or inner.full_name in _TEXT)):
            raise BadField(f"{descriptor.name} has no field {path[:100]!r}.", path[:100])
        if is_last:
            _add(made, field, text)
            return
        made = made.setdefault(field.json_name, {})
        assert inner is not None
        if inner.GetOptions().map_entry:
            made[".".join(names[index + 1 :])] = text
            return
        if field.is_repeated or not isinstance(made, dict):
            raise BadField(f"{path[:100]!r} cannot be said in a query.", path[:100])
        descriptor = inner


def _add(made: dict[str, Any], field: FieldDescriptor, text: str) -> None:
    value: object = text
    if field.type == FieldDescriptor.TYPE_BOOL:
        if text not in ("true", "false"):
            raise BadField(f"{field.json_name} is {text[:60]!r}; say true or false.", field.name)
        value = text == "true"
    elif field.message_type is not None and field.message_type.full_name not in _TEXT:
        raise BadField(f"{field.json_name} is an object; send the request as JSON.", field.name)
    if not field.is_repeated:
        if field.json_name in made:
            raise BadField(f"{field.json_name} is there twice, and takes one value.", field.name)
        made[field.json_name] = value
        return
    made.setdefault(field.json_name, []).append(value)


def _find(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    """By the name that JSON has, or by that of the proto."""
    return _by_json_name(descriptor).get(name) or descriptor.fields_by_name.get(name)


def _by_json_name(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    return {field.json_name: field for field in descriptor.fields}


def _place(text: str) -> str:
    found = _PLACE.search(text)
    return found[1] if found else ".".join(_STEP.findall(text))
