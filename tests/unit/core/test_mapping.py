"""Mapped tasks in the core: when they are expanded, what they wait for, and what waits for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from millstream.core.commands import (
    FailAttempt,
    LoseAttempt,
    StartAttempt,
    SubmitDag,
    SucceedAttempt,
    TriggerRun,
)
from millstream.core.errors import InvalidDag, Refused
from millstream.core.events import Event, TaskExpanded, TaskReady, TaskStarted, XCom
from millstream.core.handle import handle
from millstream.core.spec import BashAction, DagSpec, EmptyAction, MapSource, TaskSpec, TriggerRule
from millstream.core.state import State
from millstream.core.statuses import next_status
from millstream.core.validate import check_dag

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Key = tuple[str, tuple[int, ...]]


def task(task_id: str, *upstream: str, **more: Any) -> TaskSpec:
    return TaskSpec(
        **{"task_id": task_id, "action": BashAction(command="x"), "upstream": upstream, **more}
    )


def over(*sources: str | int) -> tuple[MapSource, ...]:
    return tuple(
        MapSource(task_id=source) if isinstance(source, str) else MapSource(length=source)
        for source in sources
    )


class Played:
    def __init__(self, *tasks: TaskSpec) -> None:
        self.state = State()
        self.events: list[Event] = []
        self.do(SubmitDag(id="s", namespace="n", spec=DagSpec(dag_id="d", tasks=tasks)))
        self.do(TriggerRun(id="t", namespace="n", dag_id="d"))

    def do(self, command: Any) -> None:
        self.events += handle(self.state, command, "tester", NOW, 1)

    def end(
        self, task_id: str, *path: int, length: int | None = None, is_bad: bool = False
    ) -> None:
        """The latest attempt of an instance ends; ``length``: how many items it returned."""
        where = [
            event.where
            for event in self.events
            if isinstance(event.data, TaskReady)
            and (event.where.task_id, event.where.map_index) == (task_id, path)
        ][-1]
        about: dict[str, Any] = {
            "id": f"r{len(self.events)}",
            "where": where,
            "worker": "w",
            "token": f"{task_id}{path}{where.attempt}",
            "started_at": NOW,
            "ended_at": NOW,
        }
        if is_bad:
            self.do(FailAttempt(**about, error_type="E", message="m"))
            return
        result = XCom(value=msgspec.Raw(b"[]"), size=2, length=-1 if length is None else length)
        xcoms = {"return_value": result}
        self.do(SucceedAttempt(**about, xcoms=xcoms))

    def states(self, task_id: str) -> dict[tuple[int, ...], str]:
        found: dict[tuple[int, ...], str] = {}
        for event in self.events:
            status = next_status(event.data)
            if status is not None and event.where.task_id == task_id:
                found[event.where.map_index] = str(status)
        return found

    def last(self) -> str:
        return type(self.events[-1].data).__name__


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
        (over(-1), "at most 1024"),
        (over(1025), "at most 1024"),
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
