"""The conf of a run against the rules of the DAG's params."""

from __future__ import annotations

from typing import Any

import pytest

from millstream_api.errors import FieldProblem
from millstream_api.params import Rules, check_values

SCHEMAS: dict[str, dict[str, Any]] = {
    "batches": {"type": "integer", "minimum": 1},
    "name": {"type": "string"},
    "any": {},
}


@pytest.mark.parametrize("conf", [{"name": "x"}, {"name": "x", "batches": 3}, {"name": "", "y": 1}])
def test_what_meets_the_rules(conf: dict[str, Any]) -> None:
    check_values("etl", conf, Rules(SCHEMAS, {"batches": 5, "any": None}))


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({}, "Param 'name' of DAG 'etl' has no default; give it in the conf"),
        ({"name": 5}, "Param 'name' of DAG 'etl' is 5 in the conf; it must be of type 'string'"),
        ({"name": "x", "batches": 0}, "Param 'batches' of DAG 'etl' is 0 in the conf; it"),
    ],
)
def test_what_breaks_them_is_named(conf: dict[str, Any], words: str) -> None:
    with pytest.raises(FieldProblem, match=words) as caught:
        check_values("etl", conf, Rules(SCHEMAS, {"batches": 5, "any": None}))
    assert caught.value.field == "conf"


def test_a_default_may_be_wrong_as_well() -> None:
    with pytest.raises(FieldProblem, match="is 0 in its default"):
        check_values("etl", {"name": "x"}, Rules(SCHEMAS, {"batches": 0, "any": None}))
