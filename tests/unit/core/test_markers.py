"""Markers among cleared tasks: which ones, what they mean, how far they are followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from millstream.core.errors import Refused
from millstream.core.markers import ClearedMarker, follow_markers, markers_among
from millstream.core.spec import MarkedTask
from shard import T0, dag, task


def marker(own_dag: str, name: str = "m", /, *, depth: int = 10, **marks: Any) -> ClearedMarker:
    names = {"dag_id": "other", "task_id": "t"} | marks
    means = MarkedTask(**names, recursion_depth=depth)
    return ClearedMarker(own_dag, "r", name, T0, means)


def followed(
    first: Sequence[ClearedMarker], there: Mapping[str, Sequence[ClearedMarker]]
) -> list[str]:
    """The markers in the order in which they are followed; ``there``: what each one meets."""
    walk = follow_markers(first)
    names = []
    try:
        found = next(walk)
        while True:
            names.append(found.dag_id + found.task_id)
            found = walk.send(there.get(names[-1], ()))
    except StopIteration:
        return names


def test_only_the_markers_that_are_cleared() -> None:
    marks = MarkedTask(dag_id="other", task_id="t")
    spec = dag(task("a"), task("m1", "a", marks=marks), task("m2", "a", marks=marks))
    assert markers_among(spec, "r", T0, {"a", "m2"}) == [ClearedMarker("etl", "r", "m2", T0, marks)]
    assert markers_among(spec, "r", T0, {"a"}) == []


@pytest.mark.parametrize(
    ("marks", "date"),
    [
        ({}, T0),
        ({"logical_date": "2026-03-04T05:00:00+02:00"}, datetime(2026, 3, 4, 3, tzinfo=UTC)),
        ({"logical_date": "2026-03-04"}, datetime(2026, 3, 4, tzinfo=UTC)),
    ],
)
def test_the_date_that_is_meant(marks: dict[str, Any], date: datetime) -> None:
    assert marker("a", **marks).is_plain
    assert marker("a", **marks).marked_date == date


@pytest.mark.parametrize(
    "marks",
    [
        {"logical_date": "{{ macros.ds_add(ds, 1) }}"},
        {"dag_id": "{{ params.dag }}"},
        {"task_id": "{% if x %}a{% endif %}"},
    ],
)
def test_what_only_a_worker_could_read(marks: dict[str, Any]) -> None:
    assert not marker("a", **marks).is_plain


def test_a_run_without_a_logical_date_marks_none() -> None:
    undated = marker("a")._replace(logical_date=None)
    assert undated.is_plain
    assert undated.marked_date is None


def test_depth_first_and_each_marker_once() -> None:
    """A diamond: b and c both mark d."""
    there = {"am1": [marker("b")], "am2": [marker("c")], "bm": [marker("d")], "cm": [marker("d")]}
    first = [marker("a", "m1"), marker("a", "m2")]
    assert followed(first, there) == ["am1", "bm", "dm", "am2", "cm"]


def test_the_first_marker_says_how_many_follow_each_other() -> None:
    there = {"am": [marker("b")], "bm": [marker("c", depth=1)]}
    assert followed([marker("a", depth=3)], there) == ["am", "bm", "cm"]
    with pytest.raises(Refused, match=r"Maximum recursion depth 2 reached for ExternalTaskMarker"):
        followed([marker("a", depth=2)], there)


def test_a_circle_ends_with_the_same_error() -> None:
    there = {"am": [marker("b")], "bm": [marker("a")]}
    with pytest.raises(Refused, match="Maximum recursion depth 10 reached") as caught:
        followed([marker("a")], there)
    assert caught.value.reason == "TOO_MANY_DAGS"
    assert "'m' of DAG 'a'" in str(caught.value)
