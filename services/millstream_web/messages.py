"""Messages of the API as JSON: the mapping that protobuf itself defines."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message

from millstream.core.errors import InvalidArgument

DEEPEST = 64


def from_json(kind: type[Message], value: object) -> Message:
    """Raises :class:`InvalidArgument` for a value that is none of this message."""
    if not isinstance(value, dict):
        raise InvalidArgument("The body is no JSON object.")
    try:
        return ParseDict(value, kind(), max_recursion_depth=DEEPEST)
    except (ParseError, ValueError, TypeError) as error:
        raise InvalidArgument(f"The request is no {kind.DESCRIPTOR.name}: {error}") from None


def to_json(message: Message) -> dict[str, object]:
    """With camelCase names, all fields that have no presence, and 64-bit integers as strings."""
    return MessageToDict(message, always_print_fields_with_no_presence=True)
