"""Mapped tasks in the core: when they are expanded, what they wait for, and what waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mapped_play import NOW, Key, Played, clear, over, task
from millstream.core.commands import LoseAttempt
from millstream.core.errors import InvalidDag, Refused
from millstream.core.event_parts import Choice
from millstream.core.handle import handle
from millstream.core.reports import StartAttempt, SucceedAttempt
from millstream.core.spec import DagSpec, EmptyAction, MapSource, TriggerRule
from millstream.core.task_events import TaskExpanded, TaskReady, TaskStarted
from millstream.core.validate import check_dag


def test_values_of_the_dag_file_are_expanded_when_the_run_starts() -> None:
    played = Played(task("before"), task("m", "before", mapped_over=over(2, 3)))
    [expanded] = [e for e in played.events if isinstance(e.data, TaskExpanded)]
    assert expanded.data == TaskExpanded(length=6)
    assert played.states("m") == {}
    played.end("before")
    assert played.states("m") == {(index,): "queued" for index in range(6)}


def test_a_result_is_expanded_when_it_is_there() -> None:
    played = Played(task("source"), task("m", "source", mapped_over=over("source")))
    played.end("source", length=2)
    assert played.states("m") == {(0,): "queued", (1,): "queued"}
    played.end("m", 1)
    assert played.last() == "TaskSucceeded"
    played.end("m", 0)
    assert played.last() == "RunSucceeded"


def test_nothing_to_map_over_is_a_skip() -> None:
    played = Played(
        task("source"), task("m", "source", mapped_over=over("source")), task("after", "m")
    )
    played.end("source", length=0)
    assert played.states("m") == {(): "skipped"}
    assert played.states("after") == {(): "skipped"}


def test_a_result_that_is_no_list_fails_what_is_mapped_over_it() -> None:
    played = Played(task("source"), task("m", "source", mapped_over=over("source")))
    played.end("source")
    assert played.states("m") == {(): "upstream_failed"}


def test_what_comes_after_waits_for_all_instances() -> None:
    played = Played(task("m", mapped_over=over(3)), task("after", "m"))
    played.end("m", 0)
    played.end("m", 2)
    assert played.states("after") == {}
    played.end("m", 1)
    assert played.states("after") == {(): "queued"}


def test_a_map_over_a_map_has_one_instance_for_each() -> None:
    played = Played(task("m", mapped_over=over(2)), task("n", "m", mapped_over=over("m")))
    played.end("m", 1, length=7)
    played.end("m", 0, length=7)
    assert played.states("n") == {(0,): "queued", (1,): "queued"}


def test_instances_of_a_task_without_work_need_no_worker() -> None:
    played = Played(task("m", mapped_over=over(2), action=EmptyAction()))
    assert played.states("m") == {(0,): "success", (1,): "success"}
    assert played.last() == "RunSucceeded"


@pytest.mark.parametrize("is_retried", [False, True])
def test_each_instance_has_retries_of_its_own(is_retried: bool) -> None:
    played = Played(task("m", mapped_over=over(2), retries=int(is_retried)), task("after", "m"))
    played.end("m", 0, is_bad=True)
    played.end("m", 1)
    assert played.states("m") == {(0,): "up_for_retry" if is_retried else "failed", (1,): "success"}
    assert played.states("after") == ({} if is_retried else {(): "upstream_failed"})


def test_a_lost_instance_is_ready_again_under_its_index() -> None:
    played = Played(task("m", mapped_over=over(2)))
    where = next(e.where for e in reversed(played.events) if isinstance(e.data, TaskReady))
    played.do(StartAttempt(id="st", where=where, worker="w", token="tok", started_at=NOW))
    lost = [e for e in played.events if isinstance(e.data, TaskStarted)][-1]
    assert isinstance(lost.data, TaskStarted)
    played.do(LoseAttempt(id="l", where=lost.where, token=lost.data.token, reason="r"))
    again = played.events[-1]
    assert isinstance(again.data, TaskReady)
    assert (again.where.map_index, again.where.attempt) == (lost.where.map_index, 2)


def test_an_index_that_is_not_there_is_refused() -> None:
    played = Played(task("m", mapped_over=over(2)))
    ready = played.events[-1].where
    for path in ((2,), (-1,), (0, 0), ()):
        where = ready.task("m", path, 1)
        command = SucceedAttempt(
            id="x", where=where, worker="w", token="t", started_at=NOW, ended_at=NOW
        )
        with pytest.raises(Refused):
            handle(played.state, command, "tester", NOW, 1)


@pytest.mark.parametrize(
    ("mapped", "problem"),
    [
        (over("elsewhere"), "must be upstream"),
        (over(-1), "at most 1000000"),
        (over(1_000_001), "at most 1000000"),
    ],
)
def test_what_a_task_may_be_mapped_over(mapped: tuple[MapSource, ...], problem: str) -> None:
    spec = DagSpec(dag_id="d", tasks=(task("elsewhere"), task("m", mapped_over=mapped)))
    with pytest.raises(InvalidDag, match=problem):
        check_dag(spec)


def test_the_order_of_reports_does_not_matter() -> None:
    def play(order: tuple[int, ...], end: Callable[[Played, int], None]) -> set[tuple[Key, str]]:
        played = Played(
            task("m", mapped_over=over(3)), task("after", "m", trigger_rule=TriggerRule.ALL_DONE)
        )
        for index in order:
            end(played, index)
        return {
            ((name, path), state)
            for name in ("m", "after")
            for path, state in played.states(name).items()
        }

    def end(played: Played, index: int) -> None:
        played.end("m", index, is_bad=index == 1)

    assert play((0, 1, 2), end) == play((2, 1, 0), end) == play((1, 2, 0), end)


@pytest.mark.parametrize(
    ("how", "length"), [("zip", 2), ("zip_longest", 5), ("concat", 7), ("", 10)]
)
def test_several_things_in_one(how: Any, length: int) -> None:
    parts = over("source", 5)
    sources = (MapSource(how=how, of=parts),) if how else parts
    played = Played(task("source"), task("m", "source", mapped_over=sources))
    assert played.states("m") == {}
    played.end("source", length=2)
    assert played.states("m") == {(i,): "queued" for i in range(length)}


@pytest.mark.parametrize("rule", ["one_success", "one_done", "always"])
def test_a_rule_that_does_not_wait_for_all_does_not_wait_for_the_values(rule: str) -> None:
    played = Played(
        task("quick"),
        task("source"),
        task("m", "quick", "source", mapped_over=over("source"), trigger_rule=TriggerRule(rule)),
    )
    played.end("quick")
    assert played.states("m") == {(): "upstream_failed"}


def test_an_early_rule_does_not_wait_for_all_of_a_map_that_it_is_mapped_over() -> None:
    played = Played(
        task("m", mapped_over=over(2)),
        task("n", "m", mapped_over=over("m"), trigger_rule=TriggerRule.ONE_SUCCESS),
    )
    played.end("m", 0)
    assert played.states("n") == {(): "upstream_failed"}


def test_what_cannot_run_is_not_skipped_for_a_skipped_source() -> None:
    played = Played(
        task("bad"), task("source"), task("m", "bad", "source", mapped_over=over("source"))
    )
    played.end("source", is_skipped=True)
    assert played.states("m") == {(): "skipped"}
    played = Played(
        task("bad"), task("source"), task("m", "bad", "source", mapped_over=over("source"))
    )
    played.end("bad", is_bad=True)
    played.end("source", is_skipped=True)
    assert played.states("m") == {(): "upstream_failed"}


@pytest.mark.parametrize("values", [0, 2, MapSource(how="zip", of=over(2, 0))])
def test_a_short_circuit_does_not_reach_far_into_what_is_expanded(values: int | MapSource) -> None:
    """What is expanded before the run is decided by its rule, but for what follows directly."""
    played = Played(
        task("gate"),
        task("near", "gate", mapped_over=over(2), trigger_rule=TriggerRule.ALL_DONE),
        task("next", "gate"),
        task("far", "next", mapped_over=over(values), trigger_rule=TriggerRule.ALL_DONE),
    )
    played.end("gate", choice=Choice(skip="all"))
    assert played.states("near") == {(0,): "skipped", (1,): "skipped"}
    expanded = {(0,): "queued", (1,): "queued"} if values == 2 else {(): "skipped"}
    assert played.states("far") == expanded


def test_instances_that_cannot_run_are_not_skipped_by_a_branch() -> None:
    """Of what is not expanded its word is the last, of instances it is not."""
    bad = task("bad"), task("fork")
    for mapped_over, status in ((), "skipped"), (over(1), "upstream_failed"):
        played = Played(*bad, task("join", "bad", "fork", mapped_over=mapped_over))
        played.end("bad", is_bad=True)
        played.end("fork", choice=Choice(follow=()))
        assert set(played.states("join").values()) == {status}


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_list_that_comes_back_different(length: int) -> None:
    played = Played(
        task("source"), task("m", "source", mapped_over=over("source")), task("after", "m"),
        task("other"),
    )  # fmt: skip
    played.end("source", length=2)
    played.end("m", 0)
    played.end("m", 1)
    clear(played, "source")
    begun = len(played.events)
    played.end("source", length=length)
    ready = [
        e.where.map_index
        for e in played.events[begun:]
        if isinstance(e.data, TaskReady) and e.where.task_id == "m"
    ]
    assert ready == [(i,) for i in range(length)]
    for i in range(length):
        played.end("m", i)
    assert played.states("after")[()] == ("queued" if length else "skipped")
    if length:
        played.end("after")
    played.end("other")
    assert played.last() == "RunSucceeded"
