"""Messages of the API as JSON, in the mapping that protobuf itself defines.

What has to be done for a type of message is found out once, and kept as a closure: three times as
fast as ``json_format``, which asks the descriptors for every field of every message. Fields without
presence are always there. No message is refused: what JSON cannot say (a NaN within a value, an
instant outside of the calendar) is its name as text, or null.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.internal.type_checkers import ToShortestFloat
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

Convert = Callable[[Any], Any]

_F = FieldDescriptor
_LONG = (_F.CPPTYPE_INT64, _F.CPPTYPE_UINT64)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_DURATION_S = 315_576_000_000

_dump = msgspec.json.Encoder().encode


def to_bytes(value: object) -> bytes:
    """JSON of a message, or of a list of them."""
    if isinstance(value, Message):
        return _dump(to_json(value))
    if isinstance(value, list):
        return _dump([to_json(each) for each in value])
    return _dump(value)


def to_json(message: Message) -> Any:
    """With camelCase names, 64-bit integers as text and enums by name."""
    return encoder(message.DESCRIPTOR)(message)


@cache
def encoder(descriptor: Descriptor) -> Convert:
    """What makes JSON of messages of this type."""
    known = _WELL_KNOWN.get(descriptor.full_name)
    if known is not None:
        return known
    if descriptor.full_name.startswith("google.protobuf."):
        return MessageToDict
    return _compile(descriptor)


def _compile(descriptor: Descriptor) -> Convert:
    always = [field for field in descriptor.fields if not field.has_presence]
    names = tuple(field.json_name for field in always)
    values = _values([field.name for field in always])
    converted = [
        (index, convert)
        for index, convert in enumerate(map(_of_field, always))
        if convert is not None
    ]
    present = [
        (field.name, field.json_name, _of_field(field))
        for field in descriptor.fields
        if field.has_presence
    ]

    def encode(message: Any) -> dict[str, Any]:
        found = values(message)
        for index, convert in converted:
            found[index] = convert(found[index])
        made = dict(zip(names, found, strict=True))
        for name, json_name, alter in present:
            if message.HasField(name):
                value = getattr(message, name)
                made[json_name] = value if alter is None else alter(value)
        return made

    return encode


def _values(names: list[str]) -> Callable[[Any], list[Any]]:
    """Several attributes at once."""
    if not names:
        return lambda message: []
    get = attrgetter(*names)
    if len(names) == 1:
        return lambda message: [get(message)]
    return lambda message: list(get(message))


def _of_field(field: FieldDescriptor) -> Convert | None:
    """How a field becomes JSON; None: it is JSON already."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return _of_map(message)
    convert = _of_one(field)
    if not field.is_repeated:
        return convert
    if convert is None:
        return list
    return lambda found: [convert(each) for each in found] if found else []


def _of_map(entry: Descriptor) -> Convert:
    # Keys are text or whole numbers; JSON has text alone.
    key = entry.fields_by_name["key"]
    name: Convert = _bool_name if key.cpp_type == _F.CPPTYPE_BOOL else str
    convert = _of_one(entry.fields_by_name["value"])
    if convert is None:
        return lambda found: {name(each): found[each] for each in found}
    return lambda found: {name(each): convert(found[each]) for each in found}


def _bool_name(key: bool) -> str:
    return "true" if key else "false"


def _of_one(field: FieldDescriptor) -> Convert | None:
    if field.message_type is not None:
        return _later(field.message_type)
    if field.enum_type is not None:
        return _of_enum(field.enum_type)
    if field.type == _F.TYPE_BYTES:
        return _base64
    if field.cpp_type in _LONG:
        return str
    if field.cpp_type == _F.CPPTYPE_DOUBLE:
        return _number
    if field.cpp_type == _F.CPPTYPE_FLOAT:
        return _short_number
    return None


def _later(descriptor: Descriptor) -> Convert:
    """Found when it is needed first, since a message may hold others of its own type."""
    found: Convert | None = None

    def encode(message: Any) -> Any:
        nonlocal found
        if found is None:
            found = encoder(descriptor)
        return found(message)

    return encode


def _of_enum(enum: EnumDescriptor) -> Convert:
    if enum.full_name == "google.protobuf.NullValue":
        return lambda number: None
    names: dict[int, str] = {}
    for value in enum.values:
        names.setdefault(value.number, value.name)
    # A number that a newer api knows stays a number.
    return lambda number: names.get(number, number)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else _odd(value)


def _short_number(value: float) -> float | str:
    return ToShortestFloat(value) if math.isfinite(value) else _odd(value)


def _odd(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _timestamp(message: Any) -> str | None:
    nanos = message.nanos
    second = _second(message.seconds)
    if second is None or not 0 <= nanos < 1_000_000_000:
        return None
    return f"{second}{_fraction(nanos)}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str | None:
    """What is asked for together mostly happened together."""
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    except OverflowError:
        return None


def _duration(message: Any) -> str | None:
    seconds, nanos = message.seconds, message.nanos
    has_two_signs = (seconds > 0 > nanos) or (seconds < 0 < nanos)
    if has_two_signs or abs(seconds) > _LONGEST_DURATION_S or abs(nanos) > 999_999_999:
        return None
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _fraction(nanos: int) -> str:
    """As few of 0, 3, 6 and 9 digits as say it."""
    if not nanos:
        return ""
    if not nanos % 1_000_000:
        return f".{nanos // 1_000_000:03}"
    if not nanos % 1000:
        return f".{nanos // 1000:06}"
    return f".{nanos:09}"


def _value(message: Any) -> Any:
    match message.WhichOneof("kind"):
        case "string_value":
            return message.string_value
        case "number_value":
            return _number(message.number_value)
        case "bool_value":
            return message.bool_value
        case "struct_value":
            return _struct(message.struct_value)
        case "list_value":
            return _list(message.list_value)
    return None


def _struct(message: Any) -> dict[str, Any]:
    fields = message.fields
    return {name: _value(fields[name]) for name in fields}


def _list(message: Any) -> list[Any]:
    return [_value(each) for each in message.values]


_WELL_KNOWN: dict[str, Convert] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.Value": _value,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
}
