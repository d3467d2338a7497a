"""Requests of every gRPC method as hypothesis draws them, from the descriptors: what fails is made
small, and is told as a message that can be read."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from overload.any_request import DEEPEST, KNOWN, ODD, Method, methods

ORDERS = ("created_at", "dag_id desc", "logical_date", "started_at desc", "name", "position desc")
# What leads further than a text that is no name of anything.
_BY_NAME = {
    "order_by": st.sampled_from(ORDERS),
    "dag_id": st.sampled_from(("good", "good", "hostile", "")),
    "namespace": st.sampled_from(("default", "", "elsewhere")),
}
_TEXTS = st.one_of(
    st.sampled_from(KNOWN),
    st.sampled_from(ODD),
    st.text(max_size=30),
    st.text("ab/._-", max_size=5),
)


class Drawn(NamedTuple):
    """A request for a method."""

    method: Method
    message: Any


@st.composite
def requests(draw: st.DrawFn) -> Drawn:
    method = draw(st.sampled_from(methods()))
    return Drawn(method, draw(_messages(method.descriptor.input_type, 0)))


def any_message(descriptor: Descriptor) -> st.SearchStrategy[Any]:
    """Any message of a type."""
    return _messages(descriptor, 0)


@cache
def _messages(descriptor: Descriptor, depth: int) -> st.SearchStrategy[Any]:
    """Any message of a type; below a depth none has messages in it."""
    fields = [field for field in descriptor.fields if field.message_type is None or depth < DEEPEST]

    @st.composite
    def message(draw: st.DrawFn) -> Any:
        made = GetMessageClass(descriptor)()
        for field in fields:
            if draw(st.booleans()):
                _fill(draw, made, field, depth)
        return made

    return message()


def _fill(draw: st.DrawFn, made: Any, field: FieldDescriptor, depth: int) -> None:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(draw(st.integers(0, 2))):
            name = draw(_scalars(key))
            if value.message_type is None:
                getattr(made, field.name)[name] = draw(_scalars(value))
            else:
                inner = draw(_messages(value.message_type, depth + 1))
                getattr(made, field.name)[name].CopyFrom(inner)
    elif field.is_repeated:
        for _ in range(draw(st.integers(0, 3))):
            one = draw(_scalars(field) if entry is None else _messages(entry, depth + 1))
            getattr(made, field.name).append(one)
    elif entry is None:
        setattr(made, field.name, draw(_scalars(field)))
    else:
        getattr(made, field.name).CopyFrom(draw(_messages(entry, depth + 1)))


@cache
def _scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    kinds = FieldDescriptor
    match field.cpp_type:
        case kinds.CPPTYPE_STRING if field.type == kinds.TYPE_BYTES:
            return st.binary(max_size=200)
        case kinds.CPPTYPE_STRING:
            return st.one_of(_BY_NAME.get(field.name, _TEXTS), _TEXTS)
        case kinds.CPPTYPE_BOOL:
            return st.booleans()
        case kinds.CPPTYPE_DOUBLE | kinds.CPPTYPE_FLOAT:
            return st.floats()
        case kinds.CPPTYPE_ENUM:
            assert field.enum_type is not None
            known = st.sampled_from([value.number for value in field.enum_type.values])
            return st.one_of(known, known, st.integers(-(2**31), 2**31 - 1))
        case kinds.CPPTYPE_INT32:
            return st.one_of(st.integers(-1, 3), st.integers(-(2**31), 2**31 - 1))
        case kinds.CPPTYPE_UINT32:
            return st.integers(0, 2**32 - 1)
        case kinds.CPPTYPE_UINT64:
            return st.integers(0, 2**64 - 1)
        case _:
            return st.one_of(st.integers(-1, 3), st.integers(-(2**63), 2**63 - 1))
