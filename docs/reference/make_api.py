"""Writes docs/reference/api.md from the protos and from the table of reasons.

Run it as ``python docs/reference/make_api.py``; a test checks that the page is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import Default

from millstream_api.errors import BY_REASON
from millstream_api.server import SERVICES

PAGE = Path(__file__).with_name("api.md")
PROTOS = Path(__file__).resolve().parents[2] / "proto/millstream/rpc/v1"

HEAD = """\
# The methods of the API

<!-- Made by docs/reference/make_api.py from proto/ and the table of reasons; do not edit. -->

What all of them have in common is in [the guide of the API](../api.md). A *change* takes a
`request_id`, a *read* a `min_position`, a *stream* goes on from a place. The files are in
`proto/millstream/rpc/v1`.
"""
_RPC = re.compile(r"\s*rpc (\w+)\(")
_SERVICE = re.compile(r"service (\w+) \{")


class Said(NamedTuple):
    """What the proto says of the services and of their methods."""

    services: dict[str, str]
    methods: dict[str, str]


def page() -> str:
    """The text of the page."""
    said = read_protos()
    lines = [HEAD]
    for full_name in SERVICES:
        service = Default().FindServiceByName(full_name)
        lines += [f"## {service.name}", "", said.services[service.name], ""]
        lines += ["| method | kind | what it does | fields of the request |", "|---|---|---|---|"]
        for method in service.methods:
            fields = ", ".join(f"`{_field(field)}`" for field in method.input_type.fields)
            what = said.methods[f"{service.name}.{method.name}"]
            lines.append(f"| `{method.name}` | {_kind(method)} | {what} | {fields} |")
        lines.append("")
    lines += ["## Reasons", "", "| reason | code |", "|---|---|"]
    lines += [f"| `{reason}` | {code.name} |" for reason, code in sorted(BY_REASON.items())]
    lines += [
        "",
        "Any other reason comes with FAILED_PRECONDITION: the scheduler refused the request.",
    ]
    return "\n".join(lines) + "\n"


def read_protos() -> Said:
    said = Said({}, {})
    for file in sorted(PROTOS.glob("*.proto")):
        service = ""
        for comment, line in commented(file.read_text()):
            if found := _SERVICE.match(line):
                service = found[1]
                said.services[service] = comment
            elif found := _RPC.match(line):
                said.methods[f"{service}.{found[1]}"] = comment
    return said


def commented(text: str) -> Iterator[tuple[str, str]]:
    """The lines that are no comments, each with the comment above it."""
    comment: list[str] = []
    for line in text.splitlines():
        if line.strip().startswith("//"):
            comment.append(line.strip().removeprefix("//").strip())
        else:
            yield " ".join(comment), line
            comment = []


def _kind(method: MethodDescriptor) -> str:
    if method.server_streaming:
        return "stream"
    if method.client_streaming:
        return "upload"
    return "change" if "request_id" in method.input_type.fields_by_name else "read"


def _field(field: FieldDescriptor) -> str:
    return f"{field.name}[]" if field.is_repeated else field.name


if __name__ == "__main__":
    PAGE.write_text(page())
