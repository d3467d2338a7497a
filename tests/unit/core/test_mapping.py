"""Mapped tasks in the core: when they are expanded, what they wait for, and what waits for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from millstream.core.commands import (
    ClearTasks,
    FailAttempt,
    LoseAttempt,
    SkipAttempt,
    StartAttempt,
    SubmitDag,
    SucceedAttempt,
    TaskRef,
    TriggerRun,
)
from millstream.core.errors import InvalidDag, Refused
from millstream.core.event_parts import Choice, XCom
from millstream.core.events import Event, TaskExpanded, TaskReady, TaskStarted
from millstream.core.handle import handle
from millstream.core.spec import (
    BashAction,
    DagSpec,
    EmptyAction,
    GroupSpec,
    MapSource,
    TaskSpec,
    TriggerRule,
)
from millstream.core.state import State
from millstream.core.statuses import next_status
from millstream.core.validate import check_dag

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Key = tuple[str, tuple[int, ...]]


def task(task_id: str, *upstream: str, **more: Any) -> TaskSpec:
    return TaskSpec(
        **{"task_id": task_id, "action": BashAction(command="x"), "upstream": upstream, **more}
    )


def over(*sources: str | int | MapSource) -> tuple[MapSource, ...]:
    def source_of(source: str | int | MapSource) -> MapSource:
        if isinstance(source, MapSource):
            return source
        return MapSource(task_id=source) if isinstance(source, str) else MapSource(length=source)

    return tuple(map(source_of, sources))


class Played:
    def __init__(self, *tasks: TaskSpec, groups: tuple[GroupSpec, ...] = ()) -> None:
        self.state = State()
        self.events: list[Event] = []
        spec = DagSpec(dag_id="d", tasks=tasks, groups=groups)
        self.do(SubmitDag(id="s", namespace="n", spec=spec))
        self.do(TriggerRun(id="t", namespace="n", dag_id="d"))

    def do(self, command: Any) -> None:
        self.events += handle(self.state, command, "tester", NOW, 1)

    def end(
        self,
        task_id: str,
        *path: int,
        length: int | None = None,
        is_bad: bool = False,
        is_skipped: bool = False,
        choice: Choice | None = None,
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
        if is_skipped:
            self.do(SkipAttempt(**about, reason="as asked"))
            return
        result = XCom(value=msgspec.Raw(b"[]"), size=2, length=-1 if length is None else length)
        xcoms = {"return_value": result}
        self.do(SucceedAttempt(**about, xcoms=xcoms, choice=choice))

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


def mapped(group_id: str, *sources: str | int | MapSource, parent: str = "") -> GroupSpec:
    return GroupSpec(group_id=group_id, parent=parent, mapped_over=over(*sources))


def grouped(
    *more: TaskSpec, rule: TriggerRule = TriggerRule.ALL_SUCCESS, sources: tuple[str | int, ...]
) -> Played:
    """A mapped group ``g`` of ``a >> b``, and ``after`` it."""
    before = [task(name) for name in sources if isinstance(name, str)]
    return Played(
        *before,
        task("a", *(each.task_id for each in before), group="g"),
        task("b", "a", group="g", trigger_rule=rule),
        task("after", "b", trigger_rule=TriggerRule.ALL_DONE),
        *more,
        groups=(mapped("g", *sources),),
    )


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


def clear(played: Played, *task_ids: str) -> None:
    run_id = next(iter(played.state.runs))[2]
    refs = tuple(TaskRef(task_id=name) for name in task_ids)
    played.do(
        ClearTasks(
            id=f"c{len(played.events)}",
            namespace="n",
            dag_id="d",
            run_id=run_id,
            tasks=refs,
            include_downstream=True,
            only_failed=False,
        )
    )


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
