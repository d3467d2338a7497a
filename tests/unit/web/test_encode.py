"""Our JSON of messages is that of protobuf's own library, for every type of the API."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from millstream.rpc.v1 import events_pb2, system_pb2
from millstream_web.encode import to_bytes, to_json
from millstream_web.methods import methods
from overload.any_request import Maker
from overload.request_strategy import any_message

DESCRIPTORS = sorted(
    {each.gives for each in methods().values()} | {each.takes for each in methods().values()},
    key=lambda each: each.full_name,
)


@given(st.sampled_from(DESCRIPTORS).flatmap(any_message))
def test_it_is_what_the_library_says(message: Message) -> None:
    agree(message)


@pytest.mark.parametrize("seed", range(5))
def test_of_all_types(seed: int) -> None:
    maker = Maker(seed)
    for descriptor in DESCRIPTORS:
        agree(maker.message(descriptor))


def agree(message: Message) -> None:
    ours = to_json(message)
    try:
        theirs = MessageToDict(message, always_print_fields_with_no_presence=True)
    except (ValueError, SerializeToJsonError):
        # An instant outside of the calendar, a NaN in a value: no failure of ours.
        json.loads(to_bytes(message))
        return
    assert same(ours, theirs)
    assert same(json.loads(to_bytes(message)), theirs)


def same(one: Any, other: Any) -> bool:
    """-0.0 is not 0.0, and 1 is not True."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def test_every_type_has_its_empty_message() -> None:
    for descriptor in DESCRIPTORS:
        empty: Any = GetMessageClass(descriptor)()
        expected = MessageToDict(empty, always_print_fields_with_no_presence=True)
        assert to_json(empty) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (events_pb2.Event(position=2**53 + 1), {"position": str(2**53 + 1)}),
        (
            system_pb2.WorkerStatus(resources={"gpu": 2}),
            {"resources": {"gpu": 2}, "workerId": "", "queues": []},
        ),
        (system_pb2.GetHealthResponse(state=2), {"state": "HEALTH_STATE_DEGRADED"}),  # type: ignore[arg-type]
        (system_pb2.GetHealthResponse(state=77), {"state": 77}),  # type: ignore[arg-type]
    ],
)
def test_of_some_types(message: Message, expected: dict[str, object]) -> None:
    found = to_json(message)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1_790_000_000, 500_000_000, "2026-09-21T14:13:20.500Z"),
        (1, 1, "1970-01-01T00:00:01.000000001Z"),
        (1, 1000, "1970-01-01T00:00:01.000001Z"),
        (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
        (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
        (253_402_300_800, 0, None),
        (2**62, 0, None),
        (0, -1, None),
    ],
)
def test_an_instant_is_text_or_nothing(seconds: int, nanos: int, text: str | None) -> None:
    assert to_json(Timestamp(seconds=seconds, nanos=nanos)) == text


def test_a_value_that_json_cannot_say_is_its_name() -> None:
    inner = ListValue(values=[Value(number_value=math.nan), Value(number_value=-math.inf), Value()])
    found = Struct(fields={"a": Value(list_value=inner)})
    assert to_json(found) == {"a": ["NaN", "-Infinity", None]}
