"""The rules of JSON Schema that params know."""

from __future__ import annotations

from typing import Any

import pytest

from millstream.sdk.errors import NotSupportedYet
from millstream.sdk.schema import Violation, check, check_schema


def problem(value: Any, **schema: Any) -> str:
    check_schema(schema, "S")
    try:
        check(value, schema)
    except Violation as violation:
        return str(violation)
    return ""


@pytest.mark.parametrize(
    ("schema", "good", "bad", "rule"),
    [
        ({"type": "string"}, ["", "a"], [1, None, ["a"]], "it must be of type 'string'"),
        ({"type": "integer"}, [1, -1, 1.0], [True, 1.5, "1"], "it must be of type 'integer'"),
        ({"type": "number"}, [1, 1.5], [False, "1"], "it must be of type 'number'"),
        ({"type": "boolean"}, [True, False], [0, 1, "true"], "it must be of type 'boolean'"),
        ({"type": "array"}, [[], [1]], ["", {}], "it must be of type 'array'"),
        ({"type": "object"}, [{}, {"a": 1}], [[], None], "it must be of type 'object'"),
        ({"type": ["null", "string"]}, [None, ""], [1, False], "of type 'null' or 'string'"),
        ({"enum": [1, "a", None]}, [1, 1.0, "a", None], [True, "b", 2], "one of 1, 'a', None"),
        ({"enum": [[1], {"a": 0}]}, [[1], {"a": 0}], [[True], {"a": False}, []], "(enum)"),
        ({"const": 5}, [5, 5.0], [6, "5"], "it must be 5 (const)"),
        ({"minimum": 2}, [2, 3.5, "x", None], [1.9, 0], "it must be at least 2 (minimum)"),
        ({"maximum": 2}, [2, "x", True], [2.1], "it must be at most 2 (maximum)"),
        ({"exclusiveMinimum": 2}, [2.1], [2], "above 2 (exclusiveMinimum)"),
        ({"exclusiveMaximum": 2}, [1.9], [2], "below 2 (exclusiveMaximum)"),
        ({"multipleOf": 0.1}, [0.3, 1, 1e300, "x"], [0.25], "a multiple of 0.1 (multipleOf)"),
        ({"minLength": 2}, ["ab", 1], ["a"], "at least 2 characters (minLength)"),
        ({"maxLength": 2}, ["äö", []], ["abc"], "at most 2 characters (maxLength)"),
        ({"pattern": "b+"}, ["abbc", 1], ["ac"], "it must match 'b+' (pattern)"),
        ({"items": {"type": "integer"}}, [[], [1], "x"], [[1, "a"]], "at [1] it must be of type"),
        ({"minItems": 1}, [[1], "x"], [[]], "at least 1 items"),
        ({"maxItems": 1}, [[1]], [[1, 2]], "at most 1 items"),
        ({"uniqueItems": True}, [[1, True, "1"]], [[1, 1.0]], "no item twice"),
        ({"required": ["a"]}, [{"a": None}, 1], [{}], "have the key 'a' (required)"),
        ({"minProperties": 1}, [{"a": 1}], [{}], "at least 1 keys"),
        ({"maxProperties": 0}, [{}], [{"a": 1}], "at most 0 keys"),
        (
            {"properties": {"a": {"properties": {"b": {"type": "null"}}}}},
            [{}, {"a": {"b": None}}, {"c": 1}, 5],
            [{"a": {"b": 1}}],
            "at ['a']['b'] it must be of type 'null'",
        ),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            [{"a": 1}],
            [{"b": 1}],
            "at ['b'] it is not allowed",
        ),
        ({"additionalProperties": {"type": "string"}}, [{"b": ""}], [{"b": 1}], "at ['b'] it must"),
        (
            {"anyOf": [{"type": "string"}, {"minimum": 5}]},
            ["a", 5],
            [1],
            "rules of anyOf: it must be of type 'string', or it must be at least 5",
        ),
        ({"oneOf": [{"minimum": 5}, {"maximum": 3}]}, [6, 1], [4, "x"], "one rule of oneOf and"),
        ({"allOf": [{"minimum": 5}, {"maximum": 7}]}, [6], [8], "at most 7"),
        ({"not": {"type": "null"}}, [1], [None], "must not meet the rule"),
        ({"format": "date"}, ["2024-02-29", 5], ["2023-02-29", "20240229", ""], "format 'date'"),
        (
            {"format": "date-time"},
            ["2024-02-29T12:00:00Z", "2024-02-29t12:00:00.123456789+01:00"],
            ["2024-02-29T12:00:00", "2024-02-29 12:00:00Z", "2024-02-30T12:00:00Z", "noon"],
            "format 'date-time'",
        ),
        ({"format": "time"}, ["12:30:00", "12:30:00.5+01:00"], ["12:30", "25:00:00"], "'time'"),
        ({"format": "email"}, ["a@b"], ["a"], "'email'"),
        ({"format": "uuid"}, ["12345678-1234-1234-1234-123456789abc"], ["1234"], "'uuid'"),
        ({"format": "multiline"}, ["anything"], [], ""),
        ({"title": "T", "examples": [1], "values_display": {}}, [None], [], ""),
    ],
)
def test_rules(schema: dict[str, Any], good: list[Any], bad: list[Any], rule: str) -> None:
    assert {repr(value): problem(value, **schema) for value in good} == {
        repr(value): "" for value in good
    }
    for value in bad:
        assert rule in problem(value, **schema), value


@pytest.mark.parametrize(
    ("schema", "error", "message"),
    [
        ({"type": "int"}, ValueError, "S: type is 'int'; allowed are 'string', 'number'"),
        ({"type": []}, ValueError, r"type is \[\]; allowed"),
        ({"type": 5}, ValueError, "type is 5; allowed"),
        ({"minimum": "1"}, TypeError, "minimum is '1'; it must be a number"),
        ({"maxLength": -1}, TypeError, "maxLength is -1; it must be a whole number from 0"),
        ({"multipleOf": 0}, TypeError, "multipleOf is 0; it must be a number above 0"),
        ({"enum": "abc"}, TypeError, "enum is 'abc'; it must be a list"),
        ({"pattern": "("}, ValueError, r"pattern is '\(', which is no regular expression"),
        ({"required": "a"}, TypeError, "required is 'a'; it must be a list"),
        ({"anyOf": []}, TypeError, r"anyOf is \[\]; it must be schemas"),
        ({"items": [{}]}, TypeError, "items holds .* it must be a schema"),
        ({"items": {"type": "int"}}, ValueError, "type is 'int'"),
        ({"minLenght": 1}, TypeError, "unknown keyword 'minLenght'; did you mean 'minLength'"),
        ({"$ref": "#/x"}, NotSupportedYet, r"keyword '\$ref' is not supported yet"),
        ({"anyOf": [{"if": {}}]}, NotSupportedYet, "keyword 'if' is not supported yet"),
    ],
)
def test_schemas_that_make_no_sense(
    schema: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_schema(schema, "S")
