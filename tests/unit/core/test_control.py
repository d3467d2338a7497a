"""Clear, mark, cancel and fail_fast: what happens to tasks and runs, and what stays in the log."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream.core.commands import ClearTasks, MarkRun, TaskRef
from millstream.core.event_parts import Choice, XCom
from millstream.core.events import RunFailed, RunReopened
from millstream.core.spec import EmptyAction, MapSource, TriggerRule
from millstream.core.task_events import TaskCleared, TaskMarked, TaskReady, TaskSkipped, TaskStopped
from shard import RUN_NAMES, Shard, dag, dump, fold, kind, kinds, ready_names, task

LINE = dag(task("a"), task("b", "a"), task("c", "b"))
# The work "w" between the setup "s" and the teardown "t".
WITH_TEARDOWN = (
    task("s", is_setup=True),
    task("w", "s"),
    task("t", "s", "w", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
)


def begun(*tasks: Any, **options: Any) -> Shard:
    shard = Shard()
    shard.begin(dag(*tasks, **options))
    return shard


def of_length(length: int) -> dict[str, Any]:
    """What a task hands on that returns a list with so many items."""
    return {"xcoms": {"return_value": XCom(value=msgspec.Raw(b"[]"), size=2, length=length)}}


def ended(*names: str, spec: Any = LINE) -> Shard:
    """A run in which these tasks succeed one after the other."""
    shard = Shard()
    shard.begin(spec)
    for name in names:
        shard.succeed(name)
    return shard


class TestClear:
    def test_a_task_that_runs_is_stopped_and_begins_again(self) -> None:
        shard = begun(task("a"))
        shard.start("a")
        events = shard.clear("a")
        assert kinds(events) == ["TaskStopped a", "TaskCleared a", "TaskReady a"]
        stopped = events[0].data
        assert isinstance(stopped, TaskStopped)
        assert (stopped.token, stopped.worker, events[0].where.attempt) == ("t", "w", 1)
        assert events[2].where.attempt == 2
        assert shard.refused("succeed", "a") == "ATTEMPT_CLOSED"

    def test_what_is_queued_or_waits_for_a_retry_begins_again(self) -> None:
        shard = begun(task("a", retries=1), task("b"))
        shard.fail("a")
        assert ready_names(shard.clear("a", "b")) == ["a", "b"]
        assert shard.retry("a") == []

    def test_a_run_that_is_over_goes_on(self) -> None:
        shard = ended("a", "b", "c")
        assert shard.state.runs == {}
        events = shard.clear("b", include_downstream=True)
        assert kinds(events) == [
            *("RunReopened", "TaskCleared b", "TaskCleared c"),
            *("RunStarted", "TaskReady b"),
        ]
        shard.succeed("b", 2)
        assert kinds(shard.succeed("c", 2))[-1] == "RunSucceeded"
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_only_failed_tasks_are_cleared_by_default(self) -> None:
        shard = begun(task("a"), task("b"), task("c", "b"))
        shard.succeed("a")
        assert kinds(shard.fail("b"))[-1] == "RunFailed"
        events = shard.handle(ClearTasks(id="x", **RUN_NAMES))
        cleared = [e.where.task_id for e in events if isinstance(e.data, TaskCleared)]
        assert cleared == ["b", "c"]
        shard.succeed("b", 2)
        assert kinds(shard.succeed("c"))[-1] == "RunSucceeded"

    def test_only_running(self) -> None:
        shard = begun(task("a"), task("b"), task("c"))
        shard.start("a")
        shard.fail("b")
        assert [e.where.task_id for e in shard.clear(only_running=True)][:1] == ["a"]
        both = shard.clear(only_failed=True, only_running=True)
        assert {e.where.task_id for e in both} == {"b"}

    def test_nothing_to_clear_is_no_event(self) -> None:
        shard = ended("a", "b", "c")
        assert shard.clear(only_failed=True) == []
        assert shard.clear("b", reset_dag_runs=False) == []

    def test_unknown_runs_and_tasks_are_refused(self) -> None:
        shard = begun(task("a"))
        assert shard.refused("clear", "ghost") == "TASK_NOT_FOUND"
        command = ClearTasks(id="x", **RUN_NAMES | {"run_id": "r9"})
        assert shard.refused("handle", command) == "RUN_NOT_FOUND"

    def test_tries_count_from_the_clear_on(self) -> None:
        """Airflow: max_tries = try_number + retries."""
        shard = begun(task("a", retries=1, retry_delay_s=0))
        shard.fail("a")
        shard.retry("a")
        shard.fail("a", 2)
        [ready] = [e.data for e in shard.clear() if isinstance(e.data, TaskReady)]
        assert (ready.tries, ready.max_tries) == (3, 4)
        assert kinds(shard.fail("a", 3)) == ["TaskStarted a", "TaskFailed a"]
        shard.retry("a", 3)
        assert kinds(shard.fail("a", 4))[-1] == "RunFailed"

    def test_history_survives_every_clear(self) -> None:
        shard = ended("a", "b", "c")
        for attempt in (2, 3, 4):
            shard.clear()
            for name in ("a", "b", "c"):
                shard.succeed(name, attempt)
        kinds_of_run = [kind(e) for e in shard.log]
        assert kinds_of_run.count("RunSucceeded") == 4
        attempts = [e.where.attempt for e in shard.log if kinds([e]) == ["TaskSucceeded b"]]
        assert attempts == [1, 2, 3, 4]

    def test_the_choice_of_a_branch_holds_for_what_is_cleared(self) -> None:
        shard = begun(task("b"), task("x", "b"), task("y", "b"))
        shard.succeed("b", choice=Choice(follow=("x",)))
        shard.succeed("x")
        events = shard.clear("y")
        assert kinds(events) == [
            *("RunReopened", "TaskCleared y", "RunStarted", "TaskSkipped y", "RunSucceeded")
        ]

    def test_a_branch_that_is_cleared_chooses_anew(self) -> None:
        shard = begun(task("b"), task("x", "b"), task("y", "b"))
        shard.succeed("b", choice=Choice(follow=("x",)))
        shard.succeed("x")
        shard.clear()
        assert ready_names(shard.succeed("b", 2, choice=Choice(follow=("y",)))) == ["y"]
        shard.succeed("y")
        last = {e.where.task_id: kind(e) for e in shard.log if e.where.task_id}
        assert last == {"b": "TaskSucceeded", "x": "TaskSkipped", "y": "TaskSucceeded"}

    def test_setups_and_teardowns_go_with_the_work(self) -> None:
        spec = dag(*WITH_TEARDOWN, task("after", "w"))
        shard = ended("s", "w", "t", "after", spec=spec)
        events = shard.clear("w")
        cleared = [e.where.task_id for e in events if isinstance(e.data, TaskCleared)]
        assert cleared == ["s", "w", "t"]
        shard.succeed("s", 2)
        shard.succeed("w", 2)
        assert kinds(shard.succeed("t", 2))[-1] == "RunSucceeded"

    def test_one_instance_of_a_mapped_task(self) -> None:
        shard = begun(task("m", mapped_over=(MapSource(length=3),)), task("after", "m"))
        for index in range(3):
            shard.succeed("m", map_index=(index,))
        shard.succeed("after")
        refs = (TaskRef(task_id="m", map_index=(1,)), TaskRef(task_id="after"))
        events = shard.clear(tasks=refs)
        ready = [e.where for e in events if isinstance(e.data, TaskReady)]
        assert [(w.task_id, w.map_index, w.attempt) for w in ready] == [("m", (1,), 2)]
        assert ready_names(shard.succeed("m", 2, map_index=(1,))) == ["after"]

    def test_all_instances_of_a_mapped_task_and_its_source(self) -> None:
        shard = begun(
            task("list"),
            task("m", "list", mapped_over=(MapSource(task_id="list"),)),
            task("z", "m"),
        )
        shard.succeed("list", **of_length(2))
        for index in range(2):
            shard.succeed("m", map_index=(index,))
        shard.succeed("z")
        shard.clear()
        events = shard.succeed("list", 2, **of_length(2))
        assert ready_names(events) == ["m", "m"]
        for index in range(2):
            shard.succeed("m", 2, map_index=(index,))
        assert kinds(shard.succeed("z", 2))[-1] == "RunSucceeded"
        assert dump(fold(shard.log)) == dump(shard.state)

    @pytest.mark.parametrize("length", [0, 1, 3])
    def test_a_source_that_comes_back_with_another_length(self, length: int) -> None:
        shard = begun(
            task("list"),
            task("m", "list", mapped_over=(MapSource(task_id="list"),)),
            task("z", "m", trigger_rule=TriggerRule.ALL_DONE),
        )
        shard.succeed("list", **of_length(2))
        for index in range(2):
            shard.succeed("m", map_index=(index,))
        shard.succeed("z")
        shard.clear()
        events = shard.succeed("list", 2, **of_length(length))
        assert "TaskResized m" in kinds(events)
        assert ready_names(events) == ["m"] * length or ["z"]
        for index in range(length):
            shard.succeed("m", 2 if index < 2 else 1, map_index=(index,))
        assert kinds(shard.succeed("z", 2))[-1] == "RunSucceeded"
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_what_is_over_keeps_its_instances_when_its_source_comes_back_longer(self) -> None:
        shard = begun(task("a"), task("m", "a", mapped_over=(MapSource(task_id="a"),)))
        shard.succeed("a", **of_length(1))
        shard.succeed("m", map_index=(0,))
        shard.clear("a", only_failed=False)
        events = shard.succeed("a", attempt=2, **of_length(3))
        assert kinds(events) == ["TaskSucceeded a", "RunSucceeded"]

    def test_a_reopened_run_may_go_on_with_the_latest_version(self) -> None:
        shard = ended("a", "b", "c")
        shard.submit(dag(task("a"), task("b", "a"), task("new", "a")))
        events = shard.clear("b", run_on_latest_version=True)
        assert ready_names(events) == ["b", "new"]
        assert isinstance(events[0].data, RunReopened)
        assert events[0].data.version == 2
        shard.succeed("b", 2)
        assert kinds(shard.succeed("new"))[-1] == "RunSucceeded"

    def test_a_run_that_goes_on_keeps_its_version(self) -> None:
        shard = begun(task("a"))
        shard.submit(dag(task("a"), task("b")))
        assert shard.refused("clear", "a", run_on_latest_version=True) == "RUN_NOT_OVER"

    def test_a_large_run_comes_back_in_parts(self) -> None:
        names = [f"t{index}" for index in range(2100)]
        shard = begun(*(task(name, action=EmptyAction()) for name in names), task("x"))
        shard.fail("x")
        events = shard.clear("x")
        assert kinds(events)[:3] == ["RunReopened", "TasksRecalled", "TasksRecalled"]
        assert kinds(shard.succeed("x", 2))[-1] == "RunSucceeded"


class TestMark:
    def test_in_the_queue_it_lets_the_rest_begin_with_the_run(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a"), task("b", "a"), max_active_runs=1))
        shard.trigger("r0")
        shard.trigger("r1")
        shard.mark("a", "success")
        events = shard.handle(MarkRun(id="m", **{**RUN_NAMES, "run_id": "r0"}, state="failed"))
        assert ready_names(events) == ["b"]

    def test_success_lets_the_rest_go_on(self) -> None:
        shard = begun(task("a"), task("b", "a"))
        shard.start("a")
        events = shard.mark("a", "success", note="seen")
        assert kinds(events) == ["TaskStopped a", "TaskMarked a", "TaskReady b"]
        assert events[1].data == TaskMarked(state="success", note="seen")

    def test_what_failed_downstream_runs_again(self) -> None:
        shard = begun(task("a"), task("b", "a"))
        shard.fail("a")
        events = shard.mark("a", "success")
        assert kinds(events) == [
            *("RunReopened", "TaskMarked a", "TaskCleared b", "RunStarted", "TaskReady b")
        ]
        assert kinds(shard.succeed("b"))[-1] == "RunSucceeded"

    def test_the_last_task_of_a_run_that_is_over(self) -> None:
        shard = begun(task("a"))
        shard.fail("a")
        assert kinds(shard.mark("a", "success")) == ["RunReopened", "TaskMarked a", "RunSucceeded"]
        assert kinds(shard.mark("a", "failed"))[-1] == "RunFailed"
        assert shard.mark("a", "failed") == []

    def test_before_it_began(self) -> None:
        shard = begun(task("a"), task("b", "a"), task("c", "b"))
        shard.mark("b", "skipped")
        assert kinds(shard.succeed("a")) == ["TaskSucceeded a", "RunSucceeded"]

    def test_up_and_downstream(self) -> None:
        shard = begun(task("a"), task("b", "a"), task("c", "b"))
        events = shard.mark("b", "success", include_upstream=True, include_downstream=True)
        assert kinds(events) == [
            *("TaskStopped a", "TaskMarked a", "TaskMarked b", "TaskMarked c", "RunSucceeded")
        ]


class TestMarkRun:
    def test_a_cancel_stops_what_runs_and_skips_what_waits(self) -> None:
        shard = begun(task("a"), task("b"), task("c", "a"))
        shard.start("a")
        events = shard.mark_run("failed", note="enough")
        assert kinds(events) == [
            *("RunMarked", "TaskStopped a", "TaskMarked a", "TaskStopped b", "TaskSkipped b"),
            *("TaskSkipped c", "RunFailed"),
        ]
        assert isinstance(events[-1].data, RunFailed)
        assert events[-1].data.reason == "marked failed: enough"
        assert shard.state.runs == {}
        assert shard.state.ready == {}

    def test_teardowns_still_run(self) -> None:
        shard = begun(*WITH_TEARDOWN)
        shard.succeed("s")
        shard.start("w")
        events = shard.mark_run("failed")
        assert kinds(events) == ["RunMarked", "TaskStopped w", "TaskMarked w", "TaskReady t"]
        assert shard.mark_run("failed") == []
        assert kinds(shard.succeed("t"))[-1] == "RunFailed"

    def test_success(self) -> None:
        shard = begun(task("a"), task("b", "a"))
        events = shard.mark_run("success")
        assert kinds(events) == [
            *("RunMarked", "TaskStopped a", "TaskMarked a", "TaskMarked b", "RunSucceeded")
        ]

    def test_a_run_that_is_over(self) -> None:
        shard = begun(task("a"), task("b", "a"))
        shard.fail("a")
        assert kinds(shard.mark_run("success")) == [
            *("RunReopened", "RunMarked", "TaskMarked a", "TaskMarked b", "RunSucceeded")
        ]
        assert shard.mark_run("success") == []
        assert kinds(shard.mark_run("failed")) == ["RunReopened", "RunMarked", "RunFailed"]

    def test_a_clear_takes_the_mark_away(self) -> None:
        shard = begun(task("a"))
        shard.mark_run("failed")
        shard.clear()
        assert kinds(shard.succeed("a", 2))[-1] == "RunSucceeded"


class TestFailFast:
    def test_the_first_failure_ends_the_others(self) -> None:
        shard = begun(task("a"), task("b"), task("c"), task("d", "a"), fail_fast=True)
        shard.start("b")
        events = shard.fail("a")
        assert kinds(events) == [
            *("TaskStarted a", "TaskFailed a", "RunMarked", "TaskStopped b", "TaskMarked b"),
            *("TaskStopped c", "TaskSkipped c", "TaskSkipped d", "RunFailed"),
        ]
        assert isinstance(events[-1].data, RunFailed)
        assert events[-1].data.reason == "fail_fast: task 'a' failed"

    def test_a_failure_that_is_tried_again_is_none(self) -> None:
        shard = begun(task("a", retries=1), task("b"), fail_fast=True)
        assert kinds(shard.fail("a")) == ["TaskStarted a", "TaskFailed a"]

    def test_teardowns_still_run(self) -> None:
        shard = begun(*WITH_TEARDOWN, fail_fast=True)
        shard.succeed("s")
        assert ready_names(shard.fail("w")) == ["t"]
        assert kinds(shard.succeed("t"))[-1] == "RunFailed"


def test_a_stopped_task_is_marked_by_the_next_event() -> None:
    shard = begun(task("a"))
    shard.mark("a", "skipped")
    [skipped] = [e for e in shard.log if isinstance(e.data, TaskMarked | TaskSkipped)]
    assert skipped.where.attempt == 0


@pytest.mark.parametrize(("state", "end"), [("success", "RunSucceeded"), ("failed", "RunFailed")])
def test_a_run_in_the_queue_ends_at_once(state: Any, end: str) -> None:
    shard = begun(task("a"), task("b", "a"), max_active_runs=1)
    shard.trigger("r2")
    names = RUN_NAMES | {"run_id": "r2"}
    events = shard.handle(MarkRun(id="x", **names, state=state))
    assert "RunStarted" not in kinds(events)
    assert kinds(events)[-1] == end
