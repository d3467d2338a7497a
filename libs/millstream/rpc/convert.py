"""Between the protos and the core: JSON, instants and events. DAGs are in ``rpc.specs``.

The api and the client share this, so that what one writes the other reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from millstream.core.errors import InvalidArgument
from millstream.core.wire import Record
from millstream.rpc.v1 import events_pb2

MAX_JSON_DEPTH = 32
_LARGEST_EXACT = 2**53


def struct_from(values: Mapping[str, Any], what: str) -> Struct:
    """A JSON object as a Struct. Raises :class:`InvalidArgument` naming ``what`` and the place.

    A Struct's numbers are doubles, so a whole number beyond 2^53 is refused, not rounded.
    """
    return Struct(fields={_key(k, what): _value(v, f"{what}.{k}", 1) for k, v in values.items()})


def shown_struct(values: Mapping[str, Any]) -> Struct:
    """A JSON object out of the log as a Struct, for people to see: never refused. Tasks hand on
    what no caller could; a number that a Struct would round, and what is nested too deeply, comes
    as text."""
    return struct_from({key: _shown(value, 1) for key, value in values.items()}, "value")


def _shown(value: Any, depth: int) -> Any:
    match value:
        case Mapping() | list() if depth >= MAX_JSON_DEPTH:
            return msgspec.json.encode(value).decode()
        case Mapping():
            return {key: _shown(one, depth + 1) for key, one in value.items()}
        case list():
            return [_shown(one, depth + 1) for one in value]
        case int() if abs(value) > _LARGEST_EXACT:
            return str(value)
        case _:
            return value


def dict_from(struct: Struct, what: str) -> dict[str, Any]:
    """The JSON object of a Struct; whole numbers become int."""
    return {key: _plain(value, f"{what}.{key}", 1) for key, value in struct.fields.items()}


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidArgument(f"{where} has the key {key!r}; a key must be text.")
    return key


def _value(value: Any, where: str, depth: int) -> Value:
    if depth > MAX_JSON_DEPTH:
        raise InvalidArgument(f"{where[:80]} is nested deeper than {MAX_JSON_DEPTH} levels.")
    match value:
        case None:
            return Value(null_value=NullValue.NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case int() if abs(value) > _LARGEST_EXACT:
            raise InvalidArgument(f"{where} is {value}, which is beyond 2^53; pass it as text.")
        case float() if not math.isfinite(value):
            raise InvalidArgument(f"{where} is {value}, which JSON does not know.")
        case int() | float():
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
        case Mapping():
            fields = {
                _key(k, where): _value(v, f"{where}.{k}", depth + 1) for k, v in value.items()
            }
            return Value(struct_value=Struct(fields=fields))
        case list() | tuple():
            items = [_value(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
            return Value(list_value=ListValue(values=items))
        case _:
            raise InvalidArgument(f"{where} is a {type(value).__name__}, which JSON does not know.")


def _plain(value: Value, where: str, depth: int) -> Any:
    if depth > MAX_JSON_DEPTH:
        raise InvalidArgument(f"{where[:80]} is nested deeper than {MAX_JSON_DEPTH} levels.")
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            if not math.isfinite(number):
                raise InvalidArgument(f"{where} is {number}, which JSON does not know.")
            is_whole = number.is_integer() and abs(number) <= _LARGEST_EXACT
            return int(number) if is_whole else number
        case "string_value":
            return value.string_value
        case "struct_value":
            fields = value.struct_value.fields
            return {k: _plain(v, f"{where}.{k}", depth + 1) for k, v in fields.items()}
        case "list_value":
            items = value.list_value.values
            return [_plain(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(items)]
        case _:
            return None


def timestamp_from(instant: datetime | None) -> Timestamp | None:
    """An aware datetime as a Timestamp."""
    if instant is None:
        return None
    message = Timestamp()
    message.FromDatetime(instant.astimezone(UTC))
    return message


def datetime_from(message: Any, name: str) -> datetime | None:
    """The Timestamp field ``name`` of a message in UTC, None where it is not set.

    Raises :class:`InvalidArgument` for an instant that is out of range.
    """
    if not message.HasField(name):
        return None
    try:
        instant: datetime = getattr(message, name).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{name} is out of range: {error}") from error
    return instant


def event_to_proto(record: Record, digest: str) -> events_pb2.Event:
    """``digest`` in hexadecimal."""
    return events_pb2.Event(
        position=record.position,
        epoch=record.epoch,
        type=record.type,
        namespace=record.namespace,
        dag_id=record.dag_id,
        run_id=record.run_id,
        task_id=record.task_id,
        map_index=record.map_index,
        attempt=record.attempt,
        actor=record.actor,
        causation=record.causation,
        recorded_at=timestamp_from(record.recorded_at),
        data_json=bytes(record.data).decode(),
        digest=digest,
        trace=record.trace,
    )
