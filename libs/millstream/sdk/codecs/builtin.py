"""Types of the standard library without a time in them."""

from __future__ import annotations

import pathlib
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from millstream.sdk.codecs.plain import Unencodable

if TYPE_CHECKING:
    from millstream.sdk.codecs.tree import Decoder, Encoder


def _tuple(encoder: Encoder, value: Any, path: str) -> Any:
    return {"__type__": "tuple", "items": encoder.items(value, path)}


def _set(encoder: Encoder, value: Any, path: str) -> Any:
    """Sorted by their text, so that equal sets are equal bytes."""
    kind = "frozenset" if isinstance(value, frozenset) else "set"
    return {"__type__": kind, "items": encoder.items(sorted(value, key=repr), path)}


def _bytes(encoder: Encoder, value: Any, path: str) -> Any:
    kind = "bytearray" if isinstance(value, bytearray) else "bytes"
    return {"__type__": kind, "data": encoder.binary(bytes(value))}


def _decimal(encoder: Encoder, value: Any, path: str) -> Any:
    return {"__type__": "decimal", "value": str(value)}


def _uuid(encoder: Encoder, value: Any, path: str) -> Any:
    return {"__type__": "uuid", "value": str(value)}


def _path(encoder: Encoder, value: Any, path: str) -> Any:
    """A path of any flavour is one of the reader's system; a pure one stays pure."""
    text = str(value)
    if "\0" in text:
        raise Unencodable(path, "a path with a NUL character", "which names no file")
    kind = "path" if isinstance(value, pathlib.Path) else "purepath"
    return {"__type__": kind, "value": text}


def _complex(encoder: Encoder, value: Any, path: str) -> Any:
    return {"__type__": "complex", "real": repr(value.real), "imag": repr(value.imag)}


ENCODERS: dict[str, Callable[[Encoder, Any, str], Any]] = {
    "builtins.tuple": _tuple,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "builtins.complex": _complex,
    "decimal.Decimal": _decimal,
    "uuid.UUID": _uuid,
}


def encoder_of(value: Any) -> Callable[[Encoder, Any, str], Any] | None:
    """For subclasses, which come back as what they extend."""
    for kind, encoder in (
        (tuple, _tuple),
        ((set, frozenset), _set),
        ((bytes, bytearray), _bytes),
        (Decimal, _decimal),
        (uuid.UUID, _uuid),
        (pathlib.PurePath, _path),
    ):
        if isinstance(value, kind):
            return encoder
    return None


def _data(decoder: Decoder, tree: dict[str, Any]) -> bytes:
    return bytes(decoder.binary(tree["data"]))


DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "tuple": lambda decoder, tree: tuple(decoder.value(item) for item in tree["items"]),
    "set": lambda decoder, tree: {decoder.value(item) for item in tree["items"]},
    "frozenset": lambda decoder, tree: frozenset(decoder.value(item) for item in tree["items"]),
    "bytes": _data,
    "bytearray": lambda decoder, tree: bytearray(_data(decoder, tree)),
    "complex": lambda _, tree: complex(float(tree["real"]), float(tree["imag"])),
    "decimal": lambda _, tree: Decimal(tree["value"]),
    "uuid": lambda _, tree: uuid.UUID(tree["value"]),
    "path": lambda _, tree: pathlib.Path(tree["value"]),
    "purepath": lambda _, tree: pathlib.PurePath(tree["value"]),
}
