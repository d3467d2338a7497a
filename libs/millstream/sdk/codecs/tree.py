"""The walk over a value: what is JSON stays, what is more becomes an object that names its type."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from millstream.sdk.codecs import arrays, builtin, classes, frames, packed, pickles, times
from millstream.sdk.codecs.plain import NotPlain, Unencodable, WrittenAsList, dump, plain_json
from millstream.sdk.errors import XComDecodingError

TYPE = "__type__"
# Binary parts up to this sum are written into the JSON text.
MOST_TEXT_BYTES = 16 * 1024

ALLOWED = (
    "JSON values, tuple, set, bytes, date and time types, Decimal, UUID, Path, Enum members, "
    "dataclasses, msgspec Structs, pydantic models, numpy, pandas, polars and pyarrow data"
)


class Encoded(NamedTuple):
    """A value as bytes: the parts one after the other. ``length``: of a list, tuple or dict, -1
    for anything else."""

    codec: str
    parts: Sequence[packed.Part]
    length: int

    @property
    def size(self) -> int:
        """In bytes, known before those of tables and arrays are written anywhere."""
        return sum(map(packed.size_of, self.parts))

    def data(self) -> bytes:
        """All of it."""
        return b"".join(map(packed.in_memory, self.parts))


def encode(value: Any) -> Encoded:
    """Raises Unencodable, RecursionError, or UnicodeEncodeError for lone surrogates."""
    length = len(value) if isinstance(value, list | tuple | dict | WrittenAsList) else -1
    try:
        return Encoded("", (plain_json(value),), length)
    except NotPlain:
        pass
    encoder = Encoder()
    tree = encoder.encode(value, "")
    text = encoder.finish(tree)
    if text is not None:
        # Integers as keys, for example, are JSON after all.
        codec = f"typed:{_top_type(tree, value)}" if encoder.is_typed else ""
        return Encoded(codec, (text,), length)
    buffers = packed.pack(tree, encoder.parts)
    return Encoded(f"packed:{_top_type(tree, value)}", buffers, length)


def _top_type(tree: Any, value: Any) -> str:
    name = tree.get(TYPE) if isinstance(tree, dict) else type(value).__name__
    if name in classes.DECODERS:
        return type(value).__qualname__
    return str(name or "dict")


def decode(codec: str, data: bytes | memoryview) -> Any:
    """The value. Raises XComDecodingError."""
    return _read(Decoder(), codec, data)


def readable(codec: str, data: bytes | memoryview) -> Any:
    """The value for people: values of the standard library, the fields of instances, the facts
    about what is binary. Nothing is imported and nothing unpickled."""
    return _read(Reader(), codec, data)


def _read(decoder: Decoder, codec: str, data: bytes | memoryview) -> Any:
    try:
        if not codec:
            return msgspec.json.decode(data)
        return decoder.decode(*_tree_of(codec, data))
    except msgspec.MsgspecError as error:
        raise XComDecodingError(f"the value is damaged: {error}") from error
    except RecursionError:
        raise XComDecodingError("the value is damaged: it is nested too deeply") from None
    except MemoryError as error:
        raise XComDecodingError(f"the value is too large for the memory here: {error}") from error


def _tree_of(codec: str, data: bytes | memoryview) -> tuple[Any, Sequence[memoryview]]:
    form = codec.partition(":")[0]
    try:
        if form == "typed":
            return msgspec.json.decode(data), ()
        if form == "packed":
            return packed.unpack(data)
    except (ValueError, KeyError, TypeError) as error:
        raise XComDecodingError(f"the value is damaged: {error}") from error
    raise XComDecodingError(
        f"the value was written with the codec {codec!r}, which this release does not know"
    )


class Encoder:
    """One walk. ``is_typed``: something named its type."""

    def __init__(self) -> None:
        self.is_typed = False
        self.parts: list[memoryview | packed.Streamed] = []
        self._places: list[dict[str, Any]] = []

    def finish(self, tree: Any) -> bytes | None:
        """The JSON text with all binary parts in it; None if these are too large for that."""
        if sum(part.nbytes for part in self.parts) > MOST_TEXT_BYTES:
            return None
        for place, part in zip(self._places, self.parts, strict=True):
            del place["part"]
            place["base64"] = base64.b64encode(packed.in_memory(part)).decode()
        return dump(tree)

    def binary(self, data: Any) -> dict[str, Any]:
        """What stands for bytes (anything with a buffer) in the tree."""
        return self.streamed(memoryview(data).cast("B"))

    def streamed(self, part: memoryview | packed.Streamed) -> dict[str, Any]:
        """The same for a part that is written later."""
        place = {"part": len(self.parts)}
        self.parts.append(part)
        self._places.append(place)
        return place

    def encode(self, value: Any, path: str) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is int:
            return value
        if kind is str:
            return _text(value, path)
        if kind is list:
            return [self.encode(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if kind is dict:
            return self._dict(value, path)
        name = f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
        encoder = _ENCODERS.get(name)
        if encoder is not None:
            self.is_typed = True
            return encoder(self, value, path)
        return self._by_kind(value, path)

    def items(self, values: Any, path: str) -> list[Any]:
        return [self.encode(item, f"{path}[{index}]") for index, item in enumerate(values)]

    def fields(self, values: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {name: self.encode(value, f"{path}.{name}") for name, value in values.items()}

    def _by_kind(self, value: Any, path: str) -> Any:
        """What has no codec under its very name."""
        if isinstance(value, str):
            return _text(str.__str__(value), path)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            if math.isfinite(value):
                return float(value)
            self.is_typed = True
            return {TYPE: "float", "value": repr(float(value))}
        if isinstance(value, dict):
            return self._dict(value, path)
        if isinstance(value, list | WrittenAsList):
            return self.items(value, path)
        self.is_typed = True
        for find in (classes.encoder_of, arrays.encoder_of, times.encoder_of, builtin.encoder_of):
            encoder = find(value)
            if encoder is not None:
                return encoder(self, value, path)
        encoded = pickles.encode(self, value, path)
        if encoded is not None:
            return encoded
        raise Unencodable(
            path,
            f"a {type_name(value)}",
            f"which no codec knows: hand on {ALLOWED}; or write it to a file and hand on its path; "
            f"or allow pickles on the workers with MILLSTREAM_XCOM_PICKLE=1",
        )

    def _dict(self, value: dict[Any, Any], path: str) -> Any:
        plain: dict[str, Any] = {}
        for key, item in value.items():
            if isinstance(key, bool) or not isinstance(key, str | int) or key == TYPE:
                self.is_typed = True
                pairs = [
                    [self.encode(key, path), self.encode(item, f"{path}[{key!r}]")]
                    for key, item in value.items()
                ]
                return {TYPE: "dict", "items": pairs}
            name = _text(str.__str__(key), path) if isinstance(key, str) else str(int(key))
            if name in plain:
                raise Unencodable(
                    path, f"a dict with the key {name!r} twice", "as int and as str: use one kind"
                )
            plain[name] = self.encode(item, f"{path}[{name!r}]")
        return plain


def type_name(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _text(value: str, path: str) -> str:
    if "\0" in value:
        raise Unencodable(
            path, "a str with a NUL character", "which cannot be stored: hand it on as bytes"
        )
    return value


# What libraries raise for data that are not theirs.
_UNREADABLE = (
    *(LookupError, TypeError, ValueError, ArithmeticError, AttributeError),
    *(OSError, NotImplementedError),
)


class Decoder:
    """The way back."""

    def __init__(self) -> None:
        self._parts: Sequence[memoryview] = ()

    def decode(self, tree: Any, parts: Sequence[memoryview]) -> Any:
        self._parts = parts
        return self.value(tree)

    def value(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self.value(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if TYPE not in tree:
            return {key: self.value(item) for key, item in tree.items()}
        return self.typed(str(tree[TYPE]), tree)

    def typed(self, name: str, tree: dict[str, Any]) -> Any:
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise XComDecodingError(
                f"the value holds a {name!r}, which this release does not know; was it written by "
                f"a newer one?"
            )
        try:
            return decoder(self, tree)
        except ImportError as error:
            raise XComDecodingError(
                f"the value holds a {name}, and {error.name or error} cannot be imported where "
                f"this task runs: {error}"
            ) from error
        except _UNREADABLE as error:
            raise XComDecodingError(
                f"the value holds a {name} that cannot be read: {error!r}"
            ) from error

    def binary(self, place: dict[str, Any]) -> memoryview:
        if "part" in place:
            part: memoryview = self._parts[place["part"]]
            return part
        return memoryview(base64.b64decode(place["base64"]))


class Reader(Decoder):
    """Keeps the objects of types that would need a library or a class, without their bytes."""

    def typed(self, name: str, tree: dict[str, Any]) -> Any:
        if name in builtin.DECODERS or name in _READABLE_TIMES:
            return super().typed(name, tree)
        return {
            key: self.value(item)
            for key, item in tree.items()
            if not (isinstance(item, dict) and item.keys() in ({"part"}, {"base64"}))
        }


EncodeType = Callable[[Encoder, Any, str], Any]
DecodeType = Callable[[Decoder, dict[str, Any]], Any]


def _decode_float(_: Decoder, tree: dict[str, Any]) -> float:
    return float(tree["value"])


def _decode_dict(decoder: Decoder, tree: dict[str, Any]) -> Any:
    return {decoder.value(key): decoder.value(item) for key, item in tree["items"]}


_READABLE_TIMES = frozenset({"datetime", "date", "time", "timedelta"})
_ENCODERS: dict[str, EncodeType] = {
    **builtin.ENCODERS,
    **times.ENCODERS,
    **arrays.ENCODERS,
    **frames.ENCODERS,
}
builtin.DECODERS.update({"float": _decode_float, "dict": _decode_dict})
_DECODERS: dict[str, DecodeType] = {
    **builtin.DECODERS,
    **times.DECODERS,
    **arrays.DECODERS,
    **frames.DECODERS,
    **classes.DECODERS,
    **pickles.DECODERS,
}
