"""JSON Schema, as far as params use it: a value against a schema, and what is wrong in a sentence.

Only the keywords in ``_CHECKS`` decide; titles, examples and other unknown ones are annotations, as
JSON Schema says. A keyword that would decide and is not here is refused rather than overlooked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from millstream.sdk.errors import NotSupportedYet
from millstream.sdk.schema_formats import FORMATS

Schema = Mapping[str, Any]


class Violation(Exception):
    """``path`` leads to the place inside of the value, "" for the value itself; ``rule`` says what
    that must be."""

    def __init__(self, path: str, rule: str) -> None:
        self.path = path
        self.rule = rule
        super().__init__(f"at {path} it {rule}" if path else f"it {rule}")


def check(value: Any, schema: Schema, path: str = "") -> None:
    """Raises :class:`Violation` for the first rule of the schema that the value breaks."""
    for keyword, rule in _CHECKS.items():
        if keyword in schema:
            rule(value, schema[keyword], schema, path)


def check_schema(schema: Schema, where: str) -> None:
    """Raises ``TypeError`` or ``ValueError`` for a schema that makes no sense, and
    :class:`NotSupportedYet` for one that says more than :func:`check` understands."""
    for keyword, value in schema.items():
        if keyword in _UNSUPPORTED:
            raise NotSupportedYet(f"{where}: the keyword {keyword!r} is not supported yet")
        if keyword in _CHECKS:
            _check_keyword(keyword, value, where)
        elif keyword not in _ANNOTATIONS:
            near = difflib.get_close_matches(keyword, _CHECKS, n=1, cutoff=0.85)
            if near:
                raise TypeError(f"{where}: unknown keyword {keyword!r}; did you mean {near[0]!r}?")


_ANNOTATIONS = frozenset({"additionalItems", "title", "description", "examples", "default"})
_UNSUPPORTED = frozenset(
    {
        "$ref", "$dynamicRef", "$recursiveRef", "if", "then", "else", "prefixItems", "contains",
        "dependencies", "dependentRequired", "dependentSchemas", "patternProperties",
        "propertyNames", "unevaluatedItems", "unevaluatedProperties", "extends", "disallow",
        "divisibleBy",
    }
)  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and value == value // 1


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": _is_integer,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
}


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 is 1.0 and is not true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _check_keyword(keyword: str, value: Any, where: str) -> None:
    if keyword == "type":
        for name in value if isinstance(value, list | tuple) and value else [value]:
            if not isinstance(name, str) or name not in _TYPES:
                allowed = ", ".join(map(repr, _TYPES))
                raise ValueError(f"{where}: type is {value!r}; allowed are {allowed} and lists")
    expected = _EXPECTED.get(keyword)
    if expected is not None and not expected[0](value):
        raise TypeError(f"{where}: {keyword} is {value!r}; it must be {expected[1]}")
    if keyword == "pattern":
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(
                f"{where}: pattern is {value!r}, which is no regular expression: {error}"
            ) from None
    for part in _schemas_in(keyword, value):
        if not isinstance(part, Mapping | bool):
            raise TypeError(f"{where}: {keyword} holds {part!r}; it must be a schema")
        if isinstance(part, Mapping):
            check_schema(part, where)


def _schemas_in(keyword: str, value: Any) -> list[Any]:
    match keyword:
        case "items" | "additionalProperties" | "not":
            return [value]
        case "properties":
            return list(value.values())
        case "anyOf" | "oneOf" | "allOf":
            return list(value)
        case _:
            return []


def _is_count(value: Any) -> bool:
    return _is_integer(value) and value >= 0


_Expected = tuple[Callable[[Any], bool], str]
_NUMBER: _Expected = (_is_number, "a number")
_COUNT: _Expected = (_is_count, "a whole number from 0")
_LIST: _Expected = (lambda value: isinstance(value, list | tuple), "a list")
_SCHEMAS: _Expected = (lambda value: isinstance(value, list | tuple) and bool(value), "schemas")
_TEXT: _Expected = (lambda value: isinstance(value, str), "a str")
_FLAG: _Expected = (lambda value: isinstance(value, bool), "True or False")
_EXPECTED: dict[str, _Expected] = {
    "enum": _LIST,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "exclusiveMaximum": _NUMBER,
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "minLength": _COUNT,
    "maxLength": _COUNT,
    "pattern": _TEXT,
    "format": _TEXT,
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "uniqueItems": _FLAG,
    "required": _LIST,
    "properties": (lambda value: isinstance(value, Mapping), "a dict of schemas"),
    "minProperties": _COUNT,
    "maxProperties": _COUNT,
    "anyOf": _SCHEMAS,
    "oneOf": _SCHEMAS,
    "allOf": _SCHEMAS,
}

_Rule = Callable[[Any, Any, Schema, str], None]


def _type(value: Any, wanted: Any, schema: Schema, path: str) -> None:
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if not any(_TYPES[name](value) for name in names):
        raise Violation(path, f"must be of type {' or '.join(map(repr, names))}")


def _enum(value: Any, allowed: Any, schema: Schema, path: str) -> None:
    if not any(same(value, one) for one in allowed):
        raise Violation(path, f"must be one of {', '.join(map(repr, allowed))} (enum)")


def _const(value: Any, only: Any, schema: Schema, path: str) -> None:
    if not same(value, only):
        raise Violation(path, f"must be {only!r} (const)")


def _when(applies: Callable[[Any], bool], holds: Callable[[Any, Any], bool], text: str) -> _Rule:
    """A rule for one kind of values; others pass it, as JSON Schema says."""

    def rule(value: Any, bound: Any, schema: Schema, path: str) -> None:
        if applies(value) and not holds(value, bound):
            raise Violation(path, text.format(bound=bound))

    return rule


def _is_multiple(value: Any, step: Any) -> bool:
    """In decimal, so that 0.3 is a multiple of 0.1."""
    fractions = [Fraction(Decimal(repr(number))) for number in (value, step)]
    return (fractions[0] / fractions[1]).denominator == 1


def _is_unique(value: Any, wanted: Any) -> bool:
    pairs = ((a, b) for index, a in enumerate(value) for b in value[:index])
    return not wanted or not any(same(a, b) for a, b in pairs)


def _of_schema(value: Any, schema: Any, path: str) -> None:
    if schema is False:
        raise Violation(path, "is not allowed")
    if schema is not True:
        check(value, schema, path)


def _items(value: Any, item_schema: Any, schema: Schema, path: str) -> None:
    if _TYPES["array"](value):
        for index, item in enumerate(value):
            _of_schema(item, item_schema, f"{path}[{index}]")


def _required(value: Any, names: Any, schema: Schema, path: str) -> None:
    if isinstance(value, Mapping):
        for name in names:
            if name not in value:
                raise Violation(path, f"must have the key {name!r} (required)")


def _properties(value: Any, schemas: Any, schema: Schema, path: str) -> None:
    if isinstance(value, Mapping):
        for name, of_one in schemas.items():
            if name in value:
                _of_schema(value[name], of_one, f"{path}[{name!r}]")


def _additional(value: Any, of_others: Any, schema: Schema, path: str) -> None:
    if isinstance(value, Mapping):
        for name in value:
            if name not in schema.get("properties", {}):
                _of_schema(value[name], of_others, f"{path}[{name!r}]")


def _passing(value: Any, schemas: Any) -> tuple[int, list[str]]:
    """How many of the schemas the value meets, and what the others say."""
    problems = []
    for one in schemas:
        try:
            _of_schema(value, one, "")
        except Violation as violation:
            problems.append(str(violation))
    return len(schemas) - len(problems), problems


def _any_of(value: Any, schemas: Any, schema: Schema, path: str) -> None:
    passed, problems = _passing(value, schemas)
    if not passed:
        raise Violation(path, f"must meet one of the rules of anyOf: {', or '.join(problems)}")


def _one_of(value: Any, schemas: Any, schema: Schema, path: str) -> None:
    passed, problems = _passing(value, schemas)
    if passed != 1:
        details = f": {', or '.join(problems)}" if problems and not passed else ""
        raise Violation(path, f"must meet exactly one rule of oneOf and meets {passed}{details}")


def _all_of(value: Any, schemas: Any, schema: Schema, path: str) -> None:
    for one in schemas:
        _of_schema(value, one, path)


def _not(value: Any, other: Any, schema: Schema, path: str) -> None:
    if _passing(value, [other])[0]:
        raise Violation(path, f"must not meet the rule {other!r} (not)")


_is_text, _is_list, _is_object = _TYPES["string"], _TYPES["array"], _TYPES["object"]
_CHECKS: dict[str, _Rule] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _when(_is_number, lambda v, b: v >= b, "must be at least {bound} (minimum)"),
    "maximum": _when(_is_number, lambda v, b: v <= b, "must be at most {bound} (maximum)"),
    "exclusiveMinimum": _when(
        _is_number, lambda v, b: v > b, "must be above {bound} (exclusiveMinimum)"
    ),
    "exclusiveMaximum": _when(
        _is_number, lambda v, b: v < b, "must be below {bound} (exclusiveMaximum)"
    ),
    "multipleOf": _when(_is_number, _is_multiple, "must be a multiple of {bound} (multipleOf)"),
    "minLength": _when(
        _is_text, lambda v, b: len(v) >= b, "must have at least {bound} characters (minLength)"
    ),
    "maxLength": _when(
        _is_text, lambda v, b: len(v) <= b, "must have at most {bound} characters (maxLength)"
    ),
    "pattern": _when(
        _is_text, lambda v, b: re.search(b, v) is not None, "must match {bound!r} (pattern)"
    ),
    "format": _when(
        _is_text,
        lambda v, b: b not in FORMATS or FORMATS[b](v),
        "must have the format {bound!r}",
    ),
    "items": _items,
    "minItems": _when(
        _is_list, lambda v, b: len(v) >= b, "must have at least {bound} items (minItems)"
    ),
    "maxItems": _when(
        _is_list, lambda v, b: len(v) <= b, "must have at most {bound} items (maxItems)"
    ),
    "uniqueItems": _when(_is_list, _is_unique, "must have no item twice (uniqueItems)"),
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "minProperties": _when(
        _is_object, lambda v, b: len(v) >= b, "must have at least {bound} keys (minProperties)"
    ),
    "maxProperties": _when(
        _is_object, lambda v, b: len(v) <= b, "must have at most {bound} keys (maxProperties)"
    ),
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
    "not": _not,
}
