"""Requests of every gRPC method and commands of every kind, made from their descriptions: what is
new is covered by itself. Mostly of the right types, with values that nobody reckons with."""

from __future__ import annotations

import math
import random
from typing import Any, NamedTuple

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from msgspec import inspect

from millstream.core.commands import ApiCommand
from millstream.core.reports import Report
from millstream_api.server import SERVICES

DEEPEST = 6
KNOWN = ("default", "good", "only", "poor", "manual__2026-01-01T00:00:00+00:00", "r1", "hostile")
ODD = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "..",
        "a.b",
        "*",
        ">",
        "ms.in.0.api.x",
        "../../etc/passwd",
        "%s%n",
        "\n",
    ),
    *(
        "'; DROP TABLE dag; --",
        "{{ 7*7 }}",
        "\u202e\ufeff",
        "\U0001f4a5" * 9,
        "x" * 300,
        "ä" * 3000,
    ),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "NaN", "1e999", "-1", "2026-02-30"),
    *("* * * * *", "@once", "@continuous", "61 25 * * *", "0" * 64, "f" * 64, "success", "bash"),
)
INTEGERS = (
    0,
    1,
    -1,
    2,
    3,
    7,
    255,
    10_001,
    2**31 - 1,
    -(2**31),
    2**53,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.1, 1e-308, 1e308, math.inf, -math.inf, math.nan)
INSTANTS = (
    *("2026-01-02T03:04:05Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"),
    *(
        "1970-01-01T00:00:00Z",
        "2026-03-29T02:30:00+01:00",
        "2026-01-01",
        "yesterday",
        "2026-13-01T00:00:00Z",
    ),
)


class Method(NamedTuple):
    path: str
    descriptor: MethodDescriptor


def methods() -> list[Method]:
    """Of all services that the server has."""
    return [
        Method(f"/{service}/{name}", method)
        for service in SERVICES
        for name, method in sorted(Default().FindServiceByName(service).methods_by_name.items())
    ]


class Maker:
    """Makes one value after another from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    # --- gRPC

    def request(self, method: Method) -> bytes:
        """The bytes of a request; one in ten is cut, stretched or changed in some place."""
        data = self.message(method.descriptor.input_type).SerializeToString()
        return self.mangled(data) if self.random.random() < 0.1 else data

    def message(self, descriptor: Descriptor, depth: int = 0) -> Any:
        message = GetMessageClass(descriptor)()
        share = 0.6 if depth < 2 else 0.25
        for field in descriptor.fields:
            if self.random.random() < share:
                self._fill(message, field, depth)
        return message

    def _fill(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        count = self.random.choice((0, 1, 1, 2, 3, 20)) if field.is_repeated else 1
        entry = field.message_type
        if entry is not None and depth > DEEPEST:
            return
        if entry is not None and entry.GetOptions().map_entry:
            target = getattr(message, field.name)
            key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
            for _ in range(count):
                if value.message_type is None:
                    target[self._scalar(key)] = self._scalar(value)
                else:
                    target[self._scalar(key)].CopyFrom(self.message(value.message_type, depth + 1))
        elif field.is_repeated:
            for _ in range(count):
                if entry is None:
                    getattr(message, field.name).append(self._scalar(field))
                else:
                    getattr(message, field.name).append(self.message(entry, depth + 1))
        elif entry is None:
            setattr(message, field.name, self._scalar(field))
        else:
            getattr(message, field.name).CopyFrom(self.message(entry, depth + 1))

    def _scalar(self, field: FieldDescriptor) -> Any:
        kinds = FieldDescriptor
        match field.cpp_type:
            case kinds.CPPTYPE_STRING if field.type == kinds.TYPE_BYTES:
                return self.random.randbytes(self.random.choice((0, 1, 100, 5000)))
            case kinds.CPPTYPE_STRING:
                return self.text()
            case kinds.CPPTYPE_BOOL:
                return self.random.random() < 0.5
            case kinds.CPPTYPE_DOUBLE | kinds.CPPTYPE_FLOAT:
                return self.random.choice(FLOATS)
            case kinds.CPPTYPE_ENUM:
                return self.random.choice((0, 1, 2, 3, 4, 77, -1))
            case kinds.CPPTYPE_INT32:
                return self._integer(-(2**31), 2**31 - 1)
            case kinds.CPPTYPE_UINT32:
                return self._integer(0, 2**32 - 1)
            case kinds.CPPTYPE_UINT64:
                return self._integer(0, 2**64 - 1)
            case _:
                return self._integer(-(2**63), 2**63 - 1)

    def _integer(self, least: int, most: int) -> int:
        return self.random.choice([number for number in INTEGERS if least <= number <= most])

    def text(self) -> str:
        if self.random.random() < 0.6:
            return self.random.choice(KNOWN)
        return self.random.choice(ODD)

    def mangled(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self.random.randrange(1, 5)):
            place = self.random.randrange(len(changed) + 1)
            match self.random.randrange(4):
                case 0:
                    del changed[place : place + self.random.randrange(1, 9)]
                case 1:
                    changed[place:place] = self.random.randbytes(self.random.randrange(1, 9))
                case 2 if place < len(changed):
                    changed[place] ^= 1 << self.random.randrange(8)
                case _:
                    changed += changed[place:]
        return bytes(changed)

    # --- NATS

    def value(self, kind: Any, claims: dict[str, Any]) -> bytes:
        """A value of a type as JSON. ``claims``: what it says of itself in any case."""
        made = self._any_of(inspect.type_info(kind), 0)
        return msgspec.json.encode(made | claims if isinstance(made, dict) else made)

    def command(self, claims: dict[str, Any]) -> bytes:
        """A command or report as JSON. ``claims``: what it says of itself in any case."""
        kind = self.random.choice(COMMANDS)
        made = self._struct(inspect.type_info(kind), 0) | claims  # type: ignore[arg-type]
        data = msgspec.json.encode(made)
        return self.mangled(data) if self.random.random() < 0.1 else data

    def _struct(self, info: inspect.StructType, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if info.tag_field is not None:
            made[info.tag_field] = info.tag
        for field in info.fields:
            if field.required or (depth < DEEPEST and self.random.random() < 0.4):
                made[field.encode_name] = self._any_of(field.type, depth + 1)
        return made

    def _any_of(self, info: inspect.Type, depth: int) -> Any:
        """A value of a type, or now and then of another one."""
        if self.random.random() < 0.02:
            return self._rubbish(depth)
        match info:
            case inspect.Metadata(type=inner):
                return self._any_of(inner, depth)
            case inspect.StructType():
                return self._struct(info, depth)
            case inspect.UnionType(types=kinds):
                return self._any_of(self.random.choice(kinds), depth)
            case inspect.StrType():
                return self.text()
            case inspect.BoolType():
                return self.random.random() < 0.5
            case inspect.IntType():
                return self._integer(-(2**63), 2**64 - 1)
            case inspect.FloatType():
                return self.random.choice((0.0, 1.0, -1.0, 1e308, 1e-308, 0.1))
            case inspect.NoneType():
                return None
            case inspect.DateTimeType():
                return self.random.choice(INSTANTS)
            case inspect.LiteralType(values=values):
                return self.random.choice(values)
            case inspect.EnumType(cls=cls):
                return self.random.choice([member.value for member in cls])
            case inspect.DictType(value_type=value):
                return {
                    self.text(): self._any_of(value, depth + 1) for _ in range(self._count(depth))
                }
            case inspect.TupleType(item_types=items):
                return [self._any_of(item, depth + 1) for item in items]
            case inspect.VarTupleType() | inspect.ListType() | inspect.CollectionType():
                return [self._any_of(info.item_type, depth + 1) for _ in range(self._count(depth))]
            case _:
                return self._rubbish(depth)

    def _count(self, depth: int) -> int:
        return 0 if depth > DEEPEST else self.random.choice((0, 1, 1, 2, 5))

    def _rubbish(self, depth: int) -> Any:
        kinds: list[Any] = [
            None,
            True,
            2**70,
            -1,
            1e308,
            "\0",
            [],
            {},
            [[[]]],
            {"": {"\0": [None]}},
            self.text(),
        ]
        return self.random.choice(kinds)


COMMANDS = (*ApiCommand.__args__, *Report.__args__)
