"""Rows of the read tables as messages."""

from __future__ import annotations

from typing import Any

import pytest

from millstream.rpc.convert import MAX_JSON_DEPTH, dict_from, shown_struct


def nested(depth: int) -> Any:
    return 1 if depth == 0 else {"a": nested(depth - 1)}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"id": 2**60, "n": 7}, {"id": str(2**60), "n": 7}),
        ({"ids": [2**53 + 1, -(2**53) - 1]}, {"ids": [str(2**53 + 1), str(-(2**53) - 1)]}),
        ({"x": [1.5, None, True, "text"]}, {"x": [1.5, None, True, "text"]}),
    ],
)
def test_what_a_task_has_handed_on_can_be_shown(value: Any, shown: Any) -> None:
    """A conf or an extra that no caller of the api could have given."""
    assert dict_from(shown_struct(value), "conf") == shown


def test_what_is_nested_too_deeply_is_shown_as_text() -> None:
    shown = dict_from(shown_struct(nested(3 * MAX_JSON_DEPTH)), "conf")
    for _ in range(MAX_JSON_DEPTH - 1):
        shown = shown["a"]
    assert isinstance(shown["a"], str)
    assert shown["a"].startswith('{"a":{"a":')
