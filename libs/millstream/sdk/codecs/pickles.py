"""Any other object, pickled: only where the worker allows it, since reading a pickle runs code."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millstream.sdk.codecs.plain import Unencodable
from millstream.sdk.codecs.scope import PICKLE_SETTING, current_scope, pickles_are_allowed
from millstream.sdk.errors import XComDecodingError

if TYPE_CHECKING:
    from millstream.sdk.codecs.tree import Decoder, Encoder

# The DAG file has another module name on each machine.
_DAG_MODULES = ("millstream_dag_", "__main__")


def encode(encoder: Encoder, value: Any, path: str) -> Any:
    """None where pickles are not allowed."""
    if not pickles_are_allowed():
        return None
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    try:
        data = pickle.dumps(value, protocol=5)
    except Exception as error:  # any class may raise anything
        raise Unencodable(path, f"a {name}", f"which cannot be pickled: {error}") from error
    return {"__type__": "pickle", "class": name, "pickle": encoder.binary(data)}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, name: str) -> Any:
        if module_name.startswith(_DAG_MODULES):
            module = current_scope().dag_module()
            if module is not None:
                module_name = module.__name__
        return super().find_class(module_name, name)


def _read(decoder: Decoder, tree: dict[str, Any]) -> Any:
    if not pickles_are_allowed():
        raise XComDecodingError(
            f"the value holds a pickled {tree['class']}, and this worker reads no pickles: set "
            f"{PICKLE_SETTING}=1 where it runs if every task of the namespace may run code here"
        )
    try:
        return _Unpickler(io.BytesIO(decoder.binary(tree["pickle"]))).load()
    except Exception as error:  # a pickle may raise anything
        raise XComDecodingError(f"a pickled {tree['class']} cannot be read: {error}") from error


DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {"pickle": _read}
