"""The API over HTTP as an OpenAPI 3.1 document, made from the descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from millstream.version import __version__
from millstream_web.live import EVENT_STREAM, LINES
from millstream_web.methods import Method, methods

_F = FieldDescriptor
_LONG = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,20}$"}
_NUMBER = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
_WELL_KNOWN: dict[str, dict[str, Any]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array"},
}
_ABOUT = (
    "The gRPC API as JSON. Each method is called with POST and a JSON object; what only reads can "
    "be asked with GET and a query. 64-bit integers are text, enums are names, a field that is "
    "left out has its default. Streams come as JSON lines, or as server-sent events (Accept: "
    "text/event-stream) whose data are lists of answers, and whose ids a reader sends back as "
    "Last-Event-ID to go on."
)
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "reason", "message"],
            "properties": {
                "code": {"type": "string", "description": "The name of gRPC's status."},
                "reason": {"type": "string"},
                "message": {"type": "string"},
                "retryAfterS": {"type": "number"},
                "metadata": {"type": "object"},
                "fieldViolations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "field": {"type": "string"},
                            "description": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
}


@cache
def document() -> bytes:
    """As JSON."""
    return msgspec.json.format(msgspec.json.encode(build()), indent=1)


def build() -> dict[str, Any]:
    """The whole document."""
    found = methods().values()
    schemas: dict[str, Any] = {"Error": _ERROR}
    for method in found:
        _collect(method.takes, schemas)
        _collect(method.gives, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Millstream", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}, {}],
        "tags": [{"name": name} for name in dict.fromkeys(method.service for method in found)],
        "paths": {f"/api/v1/{each.service}/{each.name}": _path(each) for each in found},
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {
                "Error": {
                    "description": "What went wrong.",
                    "content": {"application/json": {"schema": _ref("Error")}},
                }
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "millstream_session"},
            },
        },
    }


def _path(method: Method) -> dict[str, Any]:
    item = {"post": _operation(method) | {"requestBody": _body(method)}}
    if method.is_read:
        item["get"] = _operation(method, "_get") | {"parameters": list(_parameters(method))}
    return item


def _operation(method: Method, suffix: str = "") -> dict[str, Any]:
    return {
        "operationId": f"{method.service}_{method.name}{suffix}",
        "tags": [method.service],
        "responses": {"200": _answer(method), "default": {"$ref": "#/components/responses/Error"}},
    }


def _body(method: Method) -> dict[str, Any]:
    if method.takes_stream:
        return {"required": True, "content": {"application/octet-stream": {}}}
    schema = _ref(method.takes.name)
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answer(method: Method) -> dict[str, Any]:
    schema = _ref(method.gives.name)
    kinds = {"application/json": {"schema": schema}}
    if method.gives_stream:
        kinds = {LINES: {"schema": schema}, EVENT_STREAM: {"schema": {"type": "string"}}}
    return {"description": "The answer.", "content": kinds}


def _parameters(method: Method) -> Iterator[dict[str, Any]]:
    for field in method.takes.fields:
        message = field.message_type
        if message is not None and _WELL_KNOWN.get(message.full_name, {}).get("type") != "string":
            continue  # what is an object is sent as JSON
        yield {"name": field.json_name, "in": "query", "schema": _schema(field)}


def _collect(message: Descriptor, schemas: dict[str, Any]) -> None:
    if message.full_name in _WELL_KNOWN or message.name in schemas:
        return
    if not message.GetOptions().map_entry:
        schemas[message.name] = {}  # a message may hold its own kind
        schemas[message.name] = _object(message)
    for field in message.fields:
        if field.enum_type is not None:
            schemas[field.enum_type.name] = _enum(field.enum_type)
        elif field.message_type is not None:
            _collect(field.message_type, schemas)


def _object(message: Descriptor) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.json_name: _schema(field) for field in message.fields},
    }


def _enum(enum: EnumDescriptor) -> dict[str, Any]:
    return {"type": "string", "enum": [value.name for value in enum.values]}


def _schema(field: FieldDescriptor) -> dict[str, Any]:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": _one(message.fields_by_name["value"])}
    return {"type": "array", "items": _one(field)} if field.is_repeated else _one(field)


def _one(field: FieldDescriptor) -> dict[str, Any]:
    if field.message_type is not None:
        known = _WELL_KNOWN.get(field.message_type.full_name)
        return _ref(field.message_type.name) if known is None else known
    if field.enum_type is not None:
        return _ref(field.enum_type.name)
    if field.type == _F.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    match field.cpp_type:
        case _F.CPPTYPE_STRING:
            return {"type": "string"}
        case _F.CPPTYPE_BOOL:
            return {"type": "boolean"}
        case _F.CPPTYPE_INT64 | _F.CPPTYPE_UINT64:
            return _LONG
        case _F.CPPTYPE_DOUBLE | _F.CPPTYPE_FLOAT:
            return _NUMBER
    return {"type": "integer", "format": "int32"}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
