"""Mapped groups in the core: depth first, maps inside them, and what reaches which instance."""

from __future__ import annotations

from typing import Any

import pytest

from mapped_play import NOW, Played, clear, grouped, mapped, over, task
from millstream.core.errors import InvalidDag, Refused
from millstream.core.event_parts import Choice
from millstream.core.handle import handle
from millstream.core.reports import StartAttempt
from millstream.core.spec import DagSpec, GroupSpec, MapSource, TriggerRule
from millstream.core.task_events import TaskExpanded, TaskReady
from millstream.core.validate import check_dag


def test_a_mapped_group_runs_depth_first() -> None:
    played = grouped(sources=("source",))
    played.end("source", length=3)
    assert played.states("a") == {(i,): "queued" for i in range(3)}
    played.end("a", 1)
    assert played.states("b") == {(1,): "queued"}
    played.end("b", 1)
    assert played.states("a")[0,] == "queued"
    for i in (0, 2):
        played.end("a", i)
        assert played.states("after") == {}
        played.end("b", i)
    assert played.states("after") == {(): "queued"}


def test_all_tasks_of_a_group_are_expanded_together() -> None:
    played = grouped(sources=("source",))
    played.end("source", length=2)
    expanded = [e for e in played.events if isinstance(e.data, TaskExpanded)]
    assert [(e.where.task_id, e.where.map_index) for e in expanded] == [("a", ()), ("b", ())]
    assert all(e.data == TaskExpanded(length=2) for e in expanded)


def test_a_group_over_values_is_expanded_when_the_run_starts() -> None:
    played = grouped(sources=(2, 3))
    assert played.states("a") == {(i,): "queued" for i in range(6)}
    played.end("a", 5)
    assert played.states("b") == {(5,): "queued"}


def test_a_failure_in_a_group_stays_at_its_index() -> None:
    played = grouped(sources=(3,))
    played.end("a", 1, is_bad=True)
    played.end("a", 0)
    played.end("a", 2, is_skipped=True)
    assert played.states("b") == {(0,): "queued", (1,): "upstream_failed", (2,): "skipped"}
    played.end("b", 0)
    assert played.states("after") == {(): "queued"}
    played.end("after")
    assert played.last() == "RunSucceeded"


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"is_bad": True}, "upstream_failed"),
        ({"is_skipped": True}, "skipped"),
        ({"length": 0}, "skipped"),
        ({}, "upstream_failed"),
    ],
)
def test_a_group_without_values(how: dict[str, Any], status: str) -> None:
    played = grouped(sources=("source",))
    played.end("source", **how)
    assert played.states("a") == played.states("b") == {(): status}
    assert played.states("after") == {(): "queued"}


def test_a_rule_that_asks_for_nothing_waits_for_the_values_of_its_group() -> None:
    played = grouped(sources=("source",), rule=TriggerRule.ALWAYS)
    assert played.states("b") == {}
    played.end("source", length=2)
    assert played.states("b") == {(0,): "queued", (1,): "queued"}


def test_a_task_of_a_group_waits_for_the_whole_of_what_is_outside() -> None:
    played = Played(
        task("wide", mapped_over=over(2)),
        task("a", group="g"),
        task("b", "a", "wide", group="g"),
        groups=(mapped("g", 2),),
    )
    played.end("a", 0)
    played.end("wide", 0)
    assert played.states("b") == {}
    played.end("wide", 1)
    assert played.states("b") == {(0,): "queued"}
    played.end("a", 1)
    assert played.states("b") == {(0,): "queued", (1,): "queued"}


def test_a_failure_outside_reaches_all_instances_of_a_group() -> None:
    played = Played(
        task("other"), task("a", group="g"), task("b", "a", "other", group="g"),
        groups=(mapped("g", 2),),
    )  # fmt: skip
    played.end("a", 0)
    played.end("other", is_bad=True)
    assert played.states("b") == {(0,): "upstream_failed", (1,): "upstream_failed"}


def test_one_group_after_another_is_no_barrier_inside() -> None:
    played = Played(
        task("a", group="g"), task("b", "a", group="h"), groups=(mapped("g", 2), mapped("h", 3))
    )
    played.end("a", 0)
    assert played.states("b") == {}
    played.end("a", 1)
    assert played.states("b") == {(i,): "queued" for i in range(3)}


def test_a_group_that_is_not_mapped_changes_nothing() -> None:
    played = Played(
        task("a", group="g"), task("b", "a", group="g"), groups=(GroupSpec(group_id="g"),)
    )
    assert played.states("a") == {(): "queued"}


def test_a_branch_in_a_group_decides_for_its_index() -> None:
    played = Played(
        task("fork", group="g"),
        task("left", "fork", group="g"),
        task("right", "fork", group="g"),
        groups=(mapped("g", 2),),
    )
    played.end("fork", 0, choice=Choice(follow=("left",)))
    played.end("fork", 1, choice=Choice(follow=("right",)))
    assert played.states("left") == {(0,): "queued", (1,): "skipped"}
    assert played.states("right") == {(0,): "skipped", (1,): "queued"}


def test_a_short_circuit_in_a_group_goes_no_further_than_the_group() -> None:
    played = grouped(sources=(2,))
    played.end("a", 0, choice=Choice(skip="all"))
    assert played.states("b") == {(0,): "skipped"}
    played.end("a", 1)
    played.end("b", 1)
    assert played.states("after") == {(): "queued"}


def test_a_teardown_in_a_group_looks_at_the_setup_of_its_index() -> None:
    played = Played(
        task("up", group="g", is_setup=True),
        task("work", "up", group="g"),
        task("down", "work", "up", group="g", is_teardown=True,
             trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
        groups=(mapped("g", 3),),
    )  # fmt: skip
    played.end("up", 0, is_bad=True)
    played.end("up", 1)
    played.end("up", 2, is_skipped=True)
    assert played.states("down") == {(0,): "upstream_failed", (2,): "skipped"}
    played.end("work", 1, is_bad=True)
    assert played.states("down")[1,] == "queued"


def test_an_indirect_setup_in_a_group_is_that_of_the_index() -> None:
    played = Played(
        task("up", group="g", is_setup=True),
        task("mid", "up", group="g"),
        task("work", "mid", group="g", trigger_rule=TriggerRule.ALL_DONE),
        groups=(mapped("g", 2),),
    )
    played.end("up", 0, is_bad=True)
    assert played.states("work") == {(0,): "upstream_failed"}
    played.end("up", 1)
    played.end("mid", 1)
    assert played.states("work")[1,] == "queued"


def nested(*sources: str | int) -> Played:
    """In a mapped group: ``list >> work`` (mapped again) ``>> sum``; ``total`` after all."""
    return Played(
        task("list", group="g"),
        task("work", "list", group="g", mapped_over=over(*sources)),
        task("sum", "work", group="g"),
        task("total", "work"),
        groups=(mapped("g", 2),),
    )


def test_a_map_inside_a_mapped_group_has_two_indices() -> None:
    played = nested("list")
    played.end("list", 1, length=2)
    assert played.states("work") == {(1, 0): "queued", (1, 1): "queued"}
    played.end("work", 1, 1)
    assert played.states("sum") == {}
    played.end("work", 1, 0)
    assert played.states("sum") == {(1,): "queued"}
    played.end("list", 0, length=1)
    played.end("work", 0, 0)
    assert played.states("sum") == {(0,): "queued", (1,): "queued"}
    assert played.states("total") == {(): "queued"}


def test_an_inner_map_over_nothing_is_skipped_at_its_path() -> None:
    played = nested("list")
    played.end("list", 1, length=0)
    played.end("list", 0, length=1)
    assert played.states("work") == {(0, 0): "queued", (1,): "skipped"}
    assert played.states("sum") == {(1,): "skipped"}
    played.end("work", 0, 0)
    assert played.states("total") == {(): "skipped"}


def test_an_inner_map_over_values_is_expanded_with_its_group() -> None:
    played = nested(3)
    expanded = [e.where for e in played.events if isinstance(e.data, TaskExpanded)]
    assert [w.map_index for w in expanded if w.task_id == "work"] == [(), (0,), (1,)]
    played.end("list", 0)
    assert played.states("work") == {(0, i): "queued" for i in range(3)}


def test_a_group_in_a_group() -> None:
    played = Played(
        task("list", group="g"),
        task("a", group="h"),
        task("b", "a", group="h", mapped_over=over(2)),
        task("join", "b", group="g"),
        task("after", "join"),
        groups=(mapped("g", 2), mapped("h", "list", parent="g")),
    )
    played.end("list", 1, length=2)
    assert played.states("a") == {(1, 0): "queued", (1, 1): "queued"}
    played.end("a", 1, 1)
    assert played.states("b") == {(1, 1, 0): "queued", (1, 1, 1): "queued"}
    for path in ((1, 1, 0), (1, 1, 1)):
        played.end("b", *path)
    assert played.states("join") == {}
    played.end("a", 1, 0, is_skipped=True)
    assert played.states("join") == {(1,): "skipped"}
    played.end("list", 0, is_bad=True)
    assert played.states("join") == {(1,): "skipped", (0,): "upstream_failed"}
    assert played.last() == "RunFailed"


def test_a_map_over_a_map_in_the_same_group() -> None:
    played = Played(
        task("m", group="g", mapped_over=over(2)),
        task("n", "m", group="g", mapped_over=over("m")),
        task("all", "m", mapped_over=over("m")),
        groups=(mapped("g", 3),),
    )
    played.end("m", 2, 1)
    played.end("m", 2, 0, is_skipped=True)
    assert played.states("n") == {(2,): "skipped"}
    for path in ((0, 0), (0, 1), (1, 0), (1, 1)):
        played.end("m", *path)
    assert played.states("n") == {(2,): "skipped"} | {
        (i, j): "queued" for i in (0, 1) for j in (0, 1)
    }
    assert played.states("all") == {(): "skipped"}


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ((mapped("g", "ghost"),), "unknown task 'ghost'"),
        ((mapped("g", "a"),), "which is in it"),
        ((mapped("g", "later"),), "form a cycle"),
        ((mapped("g", 1), mapped("g", 1)), "used 2 times"),
        ((mapped("g", 1, parent="ghost"),), "unknown parent 'ghost'"),
        ((mapped("g", 1, parent="g"),), "the groups form a cycle"),
        ((), "unknown group 'g'"),
        ((mapped("g", MapSource(how="zip", task_id="later")),), "names a task of its own"),
        ((mapped("g", MapSource(of=over(1))),), "without saying how"),
    ],
)
def test_what_a_group_may_be(groups: tuple[GroupSpec, ...], problem: str) -> None:
    tasks = (task("a", group="g"), task("later", "a"))
    with pytest.raises(InvalidDag, match=problem):
        check_dag(DagSpec(dag_id="d", tasks=tasks, groups=groups))


def test_a_level_that_is_not_expanded_cannot_run() -> None:
    played = grouped(sources=("source",))
    ready = next(e.where for e in played.events if isinstance(e.data, TaskReady))
    for name, path in (("a", ()), ("a", (0,)), ("source", (0,))):
        command = StartAttempt(
            id="x", where=ready.task(name, path, 1), worker="w", token="t", started_at=NOW
        )
        with pytest.raises(Refused):
            handle(played.state, command, "tester", NOW, 1)


@pytest.mark.parametrize("length", [1, 3])
def test_a_group_whose_list_comes_back_different(length: int) -> None:
    played = grouped(task("other"), sources=("source",))
    played.end("source", length=2)
    for i in range(2):
        played.end("a", i)
        played.end("b", i)
    clear(played, "source")
    played.end("source", length=length)
    for i in reversed(range(length)):
        played.end("a", i)
        assert played.states("b")[i,] == "queued"
        played.end("b", i)
    assert played.states("after")[()] == "queued"
    played.end("after")
    played.end("other")
    assert played.last() == "RunSucceeded"
