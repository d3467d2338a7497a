"""Instances of people's own classes: dataclasses, msgspec Structs, pydantic models, Enum members
and named tuples, by the name of their class and their fields.

Reading one back runs no code of the class where Python allows that: fields are set, not passed
through ``__init__``. What a newer version of the class has lost or gained is an error or a default.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from millstream.sdk.codecs.plain import Unencodable
from millstream.sdk.codecs.scope import CLASSES_SETTING, current_scope
from millstream.sdk.errors import XComDecodingError

if TYPE_CHECKING:
    from millstream.sdk.codecs.tree import Decoder, Encoder


def encoder_of(value: Any) -> Callable[[Encoder, Any, str], Any] | None:
    kind = type(value)
    if isinstance(value, enum.Enum):
        return _enum
    if isinstance(value, msgspec.Struct):
        return _struct
    if dataclasses.is_dataclass(kind):
        return _dataclass
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return _named_tuple
    if _is_model(kind):
        return _model
    return None


def _is_model(kind: type) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(kind, pydantic.BaseModel)


def _enum(encoder: Encoder, value: enum.Enum, path: str) -> Any:
    tree = {"__type__": "enum", "class": name_of(type(value), path)}
    if isinstance(value, enum.Flag):
        return {**tree, "value": encoder.encode(value.value, path)}
    return {**tree, "name": value.name}


def _struct(encoder: Encoder, value: msgspec.Struct, path: str) -> Any:
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    return _instance(encoder, "struct", value, fields, path)


def _dataclass(encoder: Encoder, value: Any, path: str) -> Any:
    fields = {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if hasattr(value, field.name)
    }
    return _instance(encoder, "dataclass", value, fields, path)


def _named_tuple(encoder: Encoder, value: Any, path: str) -> Any:
    """One whose class cannot be named, as those of libraries, is a tuple, as in Airflow."""
    try:
        name_of(type(value), path)
    except Unencodable:
        return {"__type__": "tuple", "items": encoder.items(value, path)}
    fields = dict(zip(type(value)._fields, value, strict=True))
    return _instance(encoder, "namedtuple", value, fields, path)


def _model(encoder: Encoder, value: Any, path: str) -> Any:
    tree = _instance(encoder, "model", value, dict(value.__dict__), path)
    tree["set"] = sorted(value.__pydantic_fields_set__)
    if value.__pydantic_extra__:
        tree["extra"] = encoder.fields(value.__pydantic_extra__, path)
    if value.__pydantic_private__:
        tree["private"] = encoder.fields(value.__pydantic_private__, path)
    return tree


def _instance(
    encoder: Encoder, kind: str, value: Any, fields: dict[str, Any], path: str
) -> dict[str, Any]:
    return {
        "__type__": kind,
        "class": name_of(type(value), path),
        "fields": encoder.fields(fields, path),
    }


def name_of(kind: type, path: str) -> str:
    """``module:name``, or ``@file:name`` for a class of the DAG file. Raises Unencodable where no
    other task could find it."""
    scope = current_scope()
    what = f"a {kind.__module__}.{kind.__qualname__}"
    if "<locals>" in kind.__qualname__:
        raise Unencodable(
            path, what, "whose class is made inside a function: define it at the top of a module"
        )
    if scope.is_dag_file(kind.__module__):
        return f"@{scope.dag_file_name}:{kind.__qualname__}"
    if _attribute(sys.modules.get(kind.__module__), kind.__qualname__) is not kind:
        raise Unencodable(path, what, "whose class cannot be imported under that name")
    if not scope.allows(kind.__module__):
        raise Unencodable(
            path,
            what,
            f"whose class is neither in the DAG's bundle nor allowed by {CLASSES_SETTING} on the "
            f"worker: hand on a dict of its fields, or set {CLASSES_SETTING}={kind.__module__}",
        )
    return f"{kind.__module__}:{kind.__qualname__}"


def find_class(name: str) -> type:
    """The class of this name. Raises XComDecodingError."""
    scope = current_scope()
    module_name, _, qualname = name.rpartition(":")
    if module_name.startswith("@"):
        if not scope.dag_file or scope.dag_file_name != module_name[1:]:
            raise XComDecodingError(
                f"the value is of the class {qualname!r} of the DAG file {module_name[1:]!r}, and "
                f"this task has another: define the class in a module that both import"
            )
        module: Any = scope.dag_module()
    else:
        if not scope.allows(module_name):
            raise XComDecodingError(
                f"the value is of the class {name!r}, which is neither in the DAG's bundle nor "
                f"allowed by {CLASSES_SETTING} on the worker: set {CLASSES_SETTING}={module_name}"
            )
        module = importlib.import_module(module_name)
    found = _attribute(module, qualname)
    if not isinstance(found, type):
        raise XComDecodingError(
            f"the value is of the class {name!r}, which is not there; was it renamed since?"
        )
    return found


def _attribute(module: Any, qualname: str) -> Any:
    for part in qualname.split("."):
        module = getattr(module, part, None)
    return module


def _class(tree: dict[str, Any], is_right: Callable[[type], bool]) -> Any:
    found = find_class(tree["class"])
    if not is_right(found):
        raise XComDecodingError(
            f"the value is of the class {tree['class']!r}, which is no {tree['__type__']} any more"
        )
    return found


def _changed(tree: dict[str, Any], why: object) -> XComDecodingError:
    return XComDecodingError(
        f"the class {tree['class']!r} does not fit the value any more, which was made by another "
        f"version of it: {why}"
    )


def _fields(decoder: Decoder, tree: dict[str, Any], known: set[str]) -> dict[str, Any]:
    values = {name: decoder.value(item) for name, item in tree["fields"].items()}
    gone = sorted(set(values) - known)
    if gone:
        raise _changed(tree, f"it has no field {gone[0]!r}")
    return values


def _read_enum(decoder: Decoder, tree: dict[str, Any]) -> Any:
    kind = _class(tree, lambda found: issubclass(found, enum.Enum))
    try:
        return kind[tree["name"]] if "name" in tree else kind(decoder.value(tree["value"]))
    except (KeyError, ValueError) as error:
        raise _changed(tree, f"it has no member {tree.get('name', tree.get('value'))!r}") from error


def _read_struct(decoder: Decoder, tree: dict[str, Any]) -> Any:
    kind = _class(tree, lambda found: issubclass(found, msgspec.Struct))
    values = _fields(decoder, tree, set(kind.__struct_fields__))
    try:
        return kind(**values)
    except TypeError as error:
        raise _changed(tree, error) from error


def _read_dataclass(decoder: Decoder, tree: dict[str, Any]) -> Any:
    kind = _class(tree, dataclasses.is_dataclass)
    known = {field.name: field for field in dataclasses.fields(kind)}
    values = _fields(decoder, tree, set(known))
    for name, field in known.items():
        if name in values:
            continue
        if field.default is not dataclasses.MISSING:
            values[name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            values[name] = field.default_factory()
        elif field.init:
            raise _changed(tree, f"its field {name!r} has no default")
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def _read_named_tuple(decoder: Decoder, tree: dict[str, Any]) -> Any:
    kind = _class(tree, lambda found: issubclass(found, tuple) and hasattr(found, "_fields"))
    values = _fields(decoder, tree, set(kind._fields))
    try:
        return tuple.__new__(kind, [values.get(name, kind._field_defaults.get(name, _NONE))
                                    for name in _complete(kind, values)])  # fmt: skip
    except KeyError as error:
        raise _changed(tree, f"its field {error.args[0]!r} has no default") from error


_NONE: Any = object()


def _complete(kind: Any, values: dict[str, Any]) -> tuple[str, ...]:
    for name in kind._fields:
        if name not in values and name not in kind._field_defaults:
            raise KeyError(name)
    names: tuple[str, ...] = kind._fields
    return names


def _read_model(decoder: Decoder, tree: dict[str, Any]) -> Any:
    importlib.import_module("pydantic")
    kind = _class(tree, _is_model)
    values = _fields(decoder, tree, set(kind.model_fields))
    for name, field in kind.model_fields.items():
        if name not in values:
            if field.is_required():
                raise _changed(tree, f"its field {name!r} has no default")
            values[name] = field.get_default(call_default_factory=True)
    made = kind.__new__(kind)
    extra = {name: decoder.value(item) for name, item in tree.get("extra", {}).items()}
    private = {name: decoder.value(item) for name, item in tree.get("private", {}).items()}
    allows_extra = kind.model_config.get("extra") == "allow"
    object.__setattr__(made, "__dict__", values)
    object.__setattr__(made, "__pydantic_fields_set__", set(tree["set"]))
    object.__setattr__(made, "__pydantic_extra__", extra if allows_extra else None)
    has_private = bool(kind.__private_attributes__)
    object.__setattr__(made, "__pydantic_private__", private if has_private else None)
    return made


DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "enum": _read_enum,
    "struct": _read_struct,
    "dataclass": _read_dataclass,
    "namedtuple": _read_named_tuple,
    "model": _read_model,
}
