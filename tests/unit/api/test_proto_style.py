"""The protocol's style: buf's rules of the category STANDARD, over the descriptors, and our own
about requests. `buf lint proto` says the same; this needs no other program."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

import millstream.rpc.v1
from millstream_api.server import SERVICES

PACKAGE = "millstream.rpc.v1"
LOWER_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
PASCAL = re.compile(r"([A-Z][a-z0-9]*)+")
# What is no read although it has no request_id, and what says nothing of the log.
WITHOUT_POSITION = {"UploadBundle"}


def files() -> list[FileDescriptor]:
    names = [module.name for module in pkgutil.iter_modules(millstream.rpc.v1.__path__)]
    modules = [importlib.import_module(f"{PACKAGE}.{n}") for n in names if n.endswith("_pb2")]
    return [module.DESCRIPTOR for module in modules]


def messages(file: FileDescriptor) -> Iterator[Descriptor]:
    def within(message: Descriptor) -> Iterator[Descriptor]:
        yield message
        for inner in message.nested_types:
            if not inner.GetOptions().map_entry:
                yield from within(inner)

    for message in file.message_types_by_name.values():
        yield from within(message)


def enums(file: FileDescriptor) -> Iterator[EnumDescriptor]:
    yield from file.enum_types_by_name.values()
    for message in messages(file):
        yield from message.enum_types


def services() -> list[ServiceDescriptor]:
    return [service for file in files() for service in file.services_by_name.values()]


def methods() -> list[MethodDescriptor]:
    return [method for service in services() for method in service.methods]


def fields_of(message: Descriptor) -> set[str]:
    return {field.name for field in message.fields}


FILES = pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
METHODS = pytest.mark.parametrize("method", methods(), ids=lambda method: method.full_name)


@FILES
def test_a_file(file: FileDescriptor) -> None:
    assert file.package == PACKAGE
    assert re.fullmatch(r"millstream/rpc/v1/[a-z][a-z0-9_]*\.proto", file.name)
    assert not file.public_dependencies
    used = {
        field.message_type.file.name
        for message in messages(file)
        for field in message.fields
        if field.message_type is not None
    }
    used |= {
        field.enum_type.file.name
        for message in messages(file)
        for field in message.fields
        if field.enum_type is not None
    }
    for service in file.services_by_name.values():
        for method in service.methods:
            used |= {method.input_type.file.name, method.output_type.file.name}
    maps = [
        entry.fields_by_name["value"].message_type
        for message in messages(file)
        for entry in message.nested_types
        if entry.GetOptions().map_entry
    ]
    used |= {message.file.name for message in maps if message is not None}
    assert {dependency.name for dependency in file.dependencies} <= used, "an import is not used"


@FILES
def test_names(file: FileDescriptor) -> None:
    for message in messages(file):
        assert PASCAL.fullmatch(message.name), message.full_name
        for field in message.fields:
            assert LOWER_SNAKE.fullmatch(field.name), field.full_name
            assert not field.is_required, field.full_name
        for oneof in message.oneofs:
            assert oneof.name.startswith("_") or LOWER_SNAKE.fullmatch(oneof.name), oneof.full_name
    for enum in enums(file):
        assert PASCAL.fullmatch(enum.name), enum.full_name
        prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper() + "_"
        values = list(enum.values)
        assert (values[0].number, values[0].name) == (0, f"{prefix}UNSPECIFIED")
        assert not enum.GetOptions().allow_alias, enum.full_name
        for value in values:
            assert UPPER_SNAKE.fullmatch(value.name), value.name
            assert value.name.startswith(prefix), value.name


@METHODS
def test_a_method(method: MethodDescriptor) -> None:
    assert PASCAL.fullmatch(method.name)
    assert method.input_type.name == f"{method.name}Request"
    assert method.output_type.name == f"{method.name}Response"


def test_each_request_and_response_is_of_one_method() -> None:
    used = Counter(
        message.full_name for m in methods() for message in (m.input_type, m.output_type)
    )
    assert [name for name, count in used.items() if count > 1] == []


def test_services() -> None:
    for service in services():
        assert PASCAL.fullmatch(service.name)
        assert service.name.endswith("Service")
    assert sorted(SERVICES) == sorted(service.full_name for service in services())


@METHODS
def test_a_request_says_which_it_is_or_how_new_the_answer_must_be(method: MethodDescriptor) -> None:
    fields = fields_of(method.input_type)
    if method.name in WITHOUT_POSITION:
        return
    if method.server_streaming:
        # It goes on from a place, with a newer one wherever it began.
        assert fields & {"from_position", "min_position"}
    else:
        assert fields & {"request_id", "min_position"}, "neither a mutation nor a read"


@METHODS
def test_a_list_comes_in_pages(method: MethodDescriptor) -> None:
    if not method.name.startswith("List") or method.name == "ListEvents":
        return
    assert {"page_size", "page_token"} <= fields_of(method.input_type)
    assert "next_page_token" in fields_of(method.output_type)
