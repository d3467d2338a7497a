"""Runs that are made from others: what succeeded stands, what is downstream of the rest runs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream.core.commands import RerunRun, TaskRef
from millstream.core.event_parts import Choice, XCom
from millstream.core.events import ResultsTakenOver, RunCreated, RunStarted
from millstream.core.evolve import is_legal
from millstream.core.handle import receipt, repeated_receipt
from millstream.core.spec import EmptyAction, MapSource, TriggerRule
from millstream.core.state import Run
from millstream.core.task_events import TaskReady
from shard import RUN_NAMES, Shard, dag, dump, fold, kinds, ready_names, task

R2 = ("default", "etl", "r2")


def items(count: int) -> dict[str, XCom]:
    text = msgspec.json.encode(list(range(count)))
    return {"return_value": XCom(value=msgspec.Raw(text), size=len(text), length=count)}


def failed_chain() -> Shard:
    """a, b, c and d after a: b failed, c could not run, d succeeded; e stands alone."""
    shard = Shard()
    shard.begin(dag(task("a"), task("b", "a"), task("c", "b"), task("d", "a"), task("e")))
    shard.succeed("a")
    shard.succeed("d")
    shard.succeed("e")
    shard.fail("b")
    return shard


def kept(shard: Shard) -> dict[str, str]:
    return {
        memo.task_id + "".join(f"[{index}]" for index in memo.map_index): memo.status
        for event in shard.log
        if isinstance(event.data, ResultsTakenOver)
        for memo in event.data.tasks
        if memo.expanded < 0
    }


def run_of(shard: Shard) -> Run:
    return shard.state.runs[R2]


def finish(shard: Shard, *names: str, **options: Any) -> None:
    """Tasks of r2 succeed."""
    for name in names:
        shard.succeed(name, run_id="r2", **options)


def ended(shard: Shard) -> list[str]:
    return [kind for kind in kinds(shard.log) if kind in ("RunSucceeded", "RunFailed")]


class TestFromFailed:
    def test_what_succeeded_stands_and_the_rest_runs(self) -> None:
        shard = failed_chain()
        events = shard.rerun()
        assert kinds(events)[:3] == ["RunCreated", "ResultsTakenOver", "RunStarted"]
        assert kept(shard) == {"a": "success", "d": "success", "e": "success"}
        assert ready_names(events) == ["b"]
        finish(shard, "b", "c")
        assert ended(shard) == ["RunFailed", "RunSucceeded"]

    def test_what_is_downstream_of_a_failure_runs_though_it_succeeded(self) -> None:
        shard = Shard()
        done = TriggerRule.ALL_DONE
        shard.begin(dag(task("a"), task("b"), task("report", "a", "b", trigger_rule=done)))
        shard.succeed("b")
        shard.fail("a")
        shard.succeed("report")
        assert ready_names(shard.rerun()) == ["a"]
        assert kept(shard) == {"b": "success"}

    def test_of_a_run_that_succeeded_nothing_runs(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b", "a")))
        shard.succeed("a")
        shard.succeed("b")
        assert kinds(shard.rerun())[-2:] == ["RunStarted", "RunSucceeded"]

    def test_the_run_that_it_is_made_from_is_untouched(self) -> None:
        shard = failed_chain()
        before = len(shard.log)
        shard.rerun()
        assert {event.where.run_id for event in shard.log[before:]} == {"r2"}

    def test_attempts_begin_anew(self) -> None:
        shard = failed_chain()
        events = shard.rerun()
        (ready,) = [event for event in events if isinstance(event.data, TaskReady)]
        assert ready.where.attempt == 1
        assert (ready.data.tries, ready.data.max_tries) == (1, 1)  # type: ignore[union-attr]


class TestFromATask:
    def test_it_and_what_is_downstream_run_again(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b", "a"), task("c", "b"), task("d", "a")))
        for name in ("a", "b", "c", "d"):
            shard.succeed(name)
        events = shard.rerun(start="tasks", tasks=(TaskRef(task_id="b"),))
        assert ready_names(events) == ["b"]
        assert kept(shard) == {"a": "success", "d": "success"}

    def test_what_failed_elsewhere_runs_too(self) -> None:
        shard = failed_chain()
        events = shard.rerun(start="tasks", tasks=(TaskRef(task_id="d"),))
        assert sorted(ready_names(events)) == ["b", "d"]

    def test_a_task_that_is_not_there(self) -> None:
        shard = failed_chain()
        refs = (TaskRef(task_id="nothing"),)
        assert shard.refused("rerun", start="tasks", tasks=refs) == "TASK_NOT_FOUND"
        assert shard.refused("rerun", start="tasks") == "INVALID_ARGUMENT"

    def test_its_setup_runs_again(self) -> None:
        shard = Shard()
        shard.begin(
            dag(
                task("make", is_setup=True),
                task("work", "make"),
                task("other", "make"),
                task("remove", "make", "work", "other", is_teardown=True),
            )
        )
        for name in ("make", "work", "other", "remove"):
            shard.succeed(name)
        events = shard.rerun(start="tasks", tasks=(TaskRef(task_id="work"),))
        assert ready_names(events) == ["make"]
        assert kept(shard) == {"other": "success"}


class TestFromAnEvent:
    def test_at_each_event_of_a_run_what_had_ended_does_not_run_again(self) -> None:
        """A fork at every position: finished tasks stand, the others run, and it ends well."""
        spec = dag(*(task(f"t{n}", *([f"t{n - 3}"] if n > 2 else [])) for n in range(12)))
        shard = Shard()
        shard.begin(spec)
        for number in range(12):
            shard.succeed(f"t{number}")
        original = list(shard.log)
        first = next(e.position for e in original if isinstance(e.data, RunCreated))
        for position in range(first, len(original) + 1):
            fork = Shard()
            fork.log = list(original)
            fork.state = fold(original)
            fork.now = shard.now
            events = fork.rerun(start="event", position=position)
            done = [
                e.where.task_id
                for e in original[:position]
                if kinds([e])[0].startswith("TaskSucceeded")
            ]
            assert sorted(kept(fork)) == sorted(done)
            assert not set(ready_names(events)) & set(done)
            for name in (f"t{n}" for n in range(12)):
                if name not in done:
                    finish(fork, name)
            assert ended(fork)[-1] == "RunSucceeded"
            assert dump(fold(fork.log)) == dump(fork.state)

    def test_of_a_run_that_goes_on(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b", "a"), task("c", "b")))
        shard.succeed("a")
        assert shard.refused("rerun") == "RUN_NOT_OVER"
        position = shard.state.position
        shard.succeed("b")
        events = shard.rerun(start="event", position=position)
        assert ready_names(events) == ["b"]
        assert shard.status("c") == "queued"

    def test_a_one_success_that_had_run_stands(self) -> None:
        rule = TriggerRule.ONE_SUCCESS
        shard = Shard()
        shard.begin(dag(task("a"), task("b"), task("join", "a", "b", trigger_rule=rule)))
        shard.succeed("a")
        shard.succeed("join")
        events = shard.rerun(start="event", position=shard.state.position)
        assert ready_names(events) == ["b"]

    @pytest.mark.parametrize("position", [0, -1, 1, 10**9])
    def test_a_position_at_which_there_was_no_such_run(self, position: int) -> None:
        shard = failed_chain()
        reason = shard.refused("rerun", start="event", position=position)
        assert reason in ("INVALID_ARGUMENT", "RUN_NOT_FOUND")


class TestMappedTasks:
    SPEC = dag(
        task("list"),
        task("each", "list", mapped_over=(MapSource(task_id="list"),)),
        task("sum", "each"),
    )

    def test_nine_of_ten_instances_stand(self) -> None:
        shard = Shard()
        shard.begin(self.SPEC)
        shard.succeed("list", xcoms=items(10))
        for index in range(10):
            (shard.fail if index == 4 else shard.succeed)("each", map_index=(index,))
        events = shard.rerun()
        ready = [event.where for event in events if isinstance(event.data, TaskReady)]
        assert [(where.task_id, where.map_index) for where in ready] == [("each", (4,))]
        finish(shard, "each", map_index=(4,))
        finish(shard, "sum")
        assert ended(shard)[-1] == "RunSucceeded"

    def test_from_what_is_mapped_over(self) -> None:
        shard = Shard()
        shard.begin(self.SPEC)
        shard.succeed("list", xcoms=items(2))
        for index in range(2):
            shard.succeed("each", map_index=(index,))
        shard.succeed("sum")
        events = shard.rerun(start="tasks", tasks=(TaskRef(task_id="list"),))
        assert ready_names(events) == ["list"]
        finish(shard, "list", xcoms=items(3))
        assert len(run_of(shard).instances[1].elements) == 3

    def test_a_new_task_that_is_mapped_over_what_nobody_counted(self) -> None:
        shard = Shard()
        shard.begin(dag(task("list"), task("end", "list")))
        shard.succeed("list", xcoms=items(2))
        shard.fail("end")
        shard.submit(self.SPEC)
        assert ready_names(shard.rerun(version=-1)) == ["list"]


class TestBranches:
    SPEC = dag(
        task("choose"),
        task("left", "choose"),
        task("right", "choose"),
        task("after", "left", "right", trigger_rule=TriggerRule.NONE_FAILED),
    )

    def test_what_a_branch_chose_stands(self) -> None:
        shard = Shard()
        shard.begin(self.SPEC)
        shard.succeed("choose", choice=Choice(follow=("left",)))
        shard.fail("left")
        events = shard.rerun()
        assert kept(shard) == {"choose": "success", "right": "skipped"}
        assert ready_names(events) == ["left"]
        finish(shard, "left", "after")
        assert ended(shard)[-1] == "RunSucceeded"


class TestVersionsAndConf:
    def test_a_newer_version_runs_what_is_new_and_what_is_below(self) -> None:
        shard = failed_chain()
        shard.submit(
            dag(task("a"), task("new", "a"), task("b", "a"), task("c", "b"), task("d", "new"))
        )
        events = shard.rerun(version=-1)
        assert sorted(ready_names(events)) == ["b", "new"]
        assert kept(shard) == {"a": "success"}
        assert run_of(shard).version.version == 2

    def test_another_conf_and_what_the_run_was_made_with(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a", action=EmptyAction()), task("b", "a")))
        shard.trigger(conf={"n": 1})
        origin = shard.state.runs["default", "etl", "r1"].created
        shard.fail("b")
        created = shard.rerun(note="again")[0].data
        assert isinstance(created, RunCreated)
        assert created.rerun is not None
        assert (created.conf, created.note) == ({"n": 1}, "again")
        assert created.logical_date is None
        assert created.rerun.logical_date == origin.logical_date
        assert created.data_interval_start == origin.data_interval_start
        other = shard.rerun(new_run_id="r3", conf={"n": 2})[0].data
        assert isinstance(other, RunCreated)
        assert other.conf == {"n": 2}

    def test_its_tasks_see_the_logical_date_of_the_first_run(self) -> None:
        shard = failed_chain()
        date = next(e.data.logical_date for e in shard.log if isinstance(e.data, RunCreated))
        events = shard.rerun()
        (ready,) = [event.data for event in events if isinstance(event.data, TaskReady)]
        assert ready.run.logical_date == date
        assert shard.state.dags["default", "etl"].dates == {}

    def test_a_rerun_of_a_rerun(self) -> None:
        shard = failed_chain()
        shard.rerun()
        date = run_of(shard).created.rerun
        shard.fail("b", run_id="r2")
        events = shard.rerun("r2", new_run_id="r3")
        assert ready_names(events) == ["b"]
        created = events[0].data
        assert isinstance(created, RunCreated)
        assert created.rerun is not None
        assert date is not None
        assert created.rerun.run_id == "r2"
        assert created.rerun.logical_date == date.logical_date

    def test_it_is_cleared_like_others(self) -> None:
        shard = failed_chain()
        shard.rerun()
        finish(shard, "b", "c")
        events = shard.clear("a", run_id="r2", include_downstream=True)
        assert ready_names(events) == ["a"]
        finish(shard, "a", attempt=1)
        assert run_of(shard).created.rerun is not None
        assert dump(fold(shard.log)) == dump(shard.state)


class TestRefusals:
    def test_ids(self) -> None:
        shard = failed_chain()
        shard.rerun()
        assert shard.refused("rerun") == "RUN_EXISTS"
        assert shard.refused("rerun", new_run_id="scheduled__x") == "INVALID_RUN_ID"
        assert shard.refused("rerun", "nothing", new_run_id="r3") == "RUN_NOT_FOUND"
        assert shard.refused("rerun", new_run_id="r3", version=9) == "NOT_FOUND"
        assert shard.refused("rerun", new_run_id="r3", dag_id="nothing") == "DAG_NOT_FOUND"

    def test_an_id_of_its_own(self) -> None:
        shard = failed_chain()
        created = shard.rerun(new_run_id="")[0]
        assert created.where.run_id.startswith("rerun__20")

    def test_the_receipt_names_the_new_run_for_ever(self) -> None:
        shard = failed_chain()
        command = RerunRun(id="x", **RUN_NAMES)
        events = shard.handle(command)
        first = receipt(shard.state, command, events)
        assert first.run_id == events[0].where.run_id
        again = repeated_receipt("x", events)
        assert (again.run_id, again.position) == (first.run_id, first.position)


def test_results_are_taken_over_by_runs_that_were_made_from_others_alone() -> None:
    shard = failed_chain()
    events = shard.rerun()
    taken = next(event for event in events if isinstance(event.data, ResultsTakenOver))
    started = next(event for event in events if isinstance(event.data, RunStarted))
    state = fold([event for event in shard.log if event.position < started.position])
    before = dump(state)
    forged = msgspec.structs.replace(
        taken, where=msgspec.structs.replace(taken.where, run_id="r1"), position=state.position
    )
    assert not is_legal(state, forged.where, forged.data)
    assert dump(state) == before
