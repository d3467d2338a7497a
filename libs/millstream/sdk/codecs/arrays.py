"""numpy: arrays as their very bytes, scalars with their type."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millstream.sdk.codecs.plain import Unencodable

if TYPE_CHECKING:
    from millstream.sdk.codecs.tree import Decoder, Encoder

_BYTES_KINDS = "biufcSUMm"


def encoder_of(value: Any) -> Callable[[Encoder, Any, str], Any] | None:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.memmap):
        return _array
    return _scalar if isinstance(value, numpy.generic) else None


def _array(encoder: Encoder, value: Any, path: str) -> Any:
    import numpy

    tree: dict[str, Any] = {"__type__": "numpy.ndarray", "shape": list(value.shape)}
    if value.dtype.kind == "O":
        return {**tree, "dtype": "O", "items": encoder.items(value.reshape(-1), path)}
    if value.dtype.kind == "V":
        tree["dtype"] = numpy.lib.format.dtype_to_descr(value.dtype)
        if value.dtype.hasobject:
            raise Unencodable(path, "a structured numpy array with objects", "make it a DataFrame")
    elif value.dtype.kind in _BYTES_KINDS:
        tree["dtype"] = value.dtype.str
    else:
        raise Unencodable(
            path, f"a numpy array of {value.dtype}", "which no codec knows: use astype(str) or so"
        )
    order: Any = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    flat = numpy.asarray(value).ravel(order=order)
    data = flat.view("u1") if flat.dtype.itemsize and flat.size else b""
    return {**tree, "order": order, "data": encoder.binary(data)}


def _scalar(encoder: Encoder, value: Any, path: str) -> Any:
    """Whole numbers, booleans and finite floats as JSON; anything else as its bytes."""
    if value.dtype.kind in "biu":
        return {"__type__": "numpy.scalar", "dtype": value.dtype.str, "value": value.item()}
    if value.dtype.kind == "f" and value.dtype.itemsize <= 8 and math.isfinite(value):
        return {"__type__": "numpy.scalar", "dtype": value.dtype.str, "value": float(value)}
    import numpy

    return {**_array(encoder, numpy.asarray(value), path), "__type__": "numpy.scalar"}


def _read_array(decoder: Decoder, tree: dict[str, Any]) -> Any:
    """A copy, since people change arrays, and the bytes of a file cannot be changed."""
    import numpy

    shape = tuple(tree["shape"])
    if tree["dtype"] == "O":
        items = tree["items"]
        if math.prod(shape) != len(items):
            raise ValueError(f"{len(items)} items for an array of the shape {shape}")
        made: Any = numpy.empty(len(items), dtype=object)
        for index, item in enumerate(items):
            made[index] = decoder.value(item)
        return made.reshape(shape)
    dtype = _dtype(tree["dtype"])
    if not dtype.itemsize:
        return numpy.zeros(shape, dtype)
    flat = numpy.frombuffer(decoder.binary(tree["data"]), dtype).copy()
    return flat.reshape(shape, order=tree["order"])


def _dtype(descr: Any) -> Any:
    import numpy

    if isinstance(descr, str):
        return numpy.dtype(descr)
    return numpy.lib.format.descr_to_dtype(_tuples(descr))


def _tuples(descr: Any) -> Any:
    """JSON made lists of the tuples: a field is one, a list of fields is none."""
    if not isinstance(descr, list):
        return descr
    return [
        tuple(_part(index, part) for index, part in enumerate(field))
        if isinstance(field, list)
        else field
        for field in descr
    ]


def _part(index: int, part: Any) -> Any:
    if isinstance(part, list) and (index == 2 or (index == 0 and len(part) == 2)):
        return tuple(part)  # the shape of a field, or its title and its name
    return _tuples(part)


def _read_scalar(decoder: Decoder, tree: dict[str, Any]) -> Any:
    import numpy

    if "value" in tree:
        return numpy.dtype(tree["dtype"]).type(tree["value"])
    return _read_array(decoder, tree)[()]


ENCODERS: dict[str, Callable[[Encoder, Any, str], Any]] = {"numpy.ndarray": _array}
DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "numpy.ndarray": _read_array,
    "numpy.scalar": _read_scalar,
}
