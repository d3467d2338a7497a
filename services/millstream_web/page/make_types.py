"""Writes src/api/types.ts from the descriptors of the API.

Run it as ``python services/millstream_web/page/make_types.py``; a test checks that the file is up
to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from millstream_web.methods import methods

FILE = Path(__file__).parent / "src" / "api" / "types.ts"
HEAD = "// Made by make_types.py from proto/; do not edit."
WELL_KNOWN = {
    "google.protobuf.Timestamp": "string",
    "google.protobuf.Duration": "string",
    "google.protobuf.Struct": "Record<string, unknown>",
    "google.protobuf.Value": "unknown",
    "google.protobuf.ListValue": "unknown[]",
}
_F = FieldDescriptor
LONG = {_F.TYPE_INT64, _F.TYPE_UINT64, _F.TYPE_SINT64, _F.TYPE_FIXED64, _F.TYPE_SFIXED64}


def text() -> str:
    """The whole file."""
    found: dict[str, Descriptor | EnumDescriptor] = {}
    table = methods()
    for method in table.values():
        _collect(method.request.DESCRIPTOR, found)
        _collect(method.response.DESCRIPTOR, found)
    lines = [
        HEAD,
        "",
        "// A 64-bit integer: JSON has it as text.",
        "export type Long = string;",
        "",
    ]
    for _, each in sorted(found.items()):
        lines += _enum(each) if isinstance(each, EnumDescriptor) else _message(each)
        lines.append("")
    lines.append("// The request and the answer of each method.")
    lines.append("export interface Methods {")
    for (service, name), method in sorted(table.items()):
        pair = f"[{method.request.DESCRIPTOR.name}, {method.response.DESCRIPTOR.name}]"
        lines.append(f'  "{service}/{name}": {pair};')
    lines += ["}", ""]
    return "\n".join(lines)


def _collect(message: Any, found: dict[str, Descriptor | EnumDescriptor]) -> None:
    if message.full_name in WELL_KNOWN or message.name in found or _is_map(message):
        return
    found[message.name] = message
    for field in _all_fields(message):
        if field.enum_type is not None:
            found[field.enum_type.name] = field.enum_type
        elif field.message_type is not None:
            _collect(field.message_type, found)


def _all_fields(message: Descriptor) -> Iterator[FieldDescriptor]:
    for field in message.fields:
        yield field
        if field.message_type is not None and _is_map(field.message_type):
            yield field.message_type.fields_by_name["value"]


def _is_map(message: Descriptor) -> bool:
    return bool(message.GetOptions().map_entry)


def _enum(enum: EnumDescriptor) -> list[str]:
    return [f"export type {enum.name} =", *(f'  | "{value.name}"' for value in enum.values), ";"]


def _message(message: Descriptor) -> list[str]:
    lines = [f"export interface {message.name} {{"]
    for field in message.fields:
        mark = "?" if field.has_presence else ""
        lines.append(f"  {field.camelcase_name}{mark}: {_type(field)};")
    return [*lines, "}"]


def _type(field: FieldDescriptor) -> str:
    if field.message_type is not None and _is_map(field.message_type):
        return f"Record<string, {_one(field.message_type.fields_by_name['value'])}>"
    return f"{_one(field)}[]" if field.is_repeated else _one(field)


def _one(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        return WELL_KNOWN.get(field.message_type.full_name, field.message_type.name)
    if field.enum_type is not None:
        return field.enum_type.name
    if field.type == _F.TYPE_BOOL:
        return "boolean"
    if field.type in LONG:
        return "Long"
    return "string" if field.type in (_F.TYPE_STRING, _F.TYPE_BYTES) else "number"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text())
