"""Backfills: which dates get a run, in which order, how many at once, and how they end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from millstream.core.backfills import EXISTS, IN_FLIGHT, MOST_RUNS
from millstream.core.commands import CancelBackfill, CreateBackfill, SetBackfillPaused
from millstream.core.errors import Refused
from millstream.core.events import (
    BackfillAdvanced,
    BackfillCompleted,
    Event,
    RunCreated,
    RunFailed,
    RunReopened,
    RunStarted,
)
from millstream.core.reports import FailAttempt
from millstream.core.spec import DagSpec, EmptyAction
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskReady
from shard import dag, dump, task
from world import HOUR, T0, World

QUICK = task("a", action=EmptyAction())
NOW = T0 + 100 * HOUR


def hourly(*tasks: Any, **options: Any) -> DagSpec:
    settings: dict[str, Any] = {"schedule": "@hourly", "is_paused_upon_creation": False} | options
    return dag(*(tasks or (QUICK,)), **settings)


class Backfilling(World):
    """A world in which the schedule itself is long past its end."""

    def __init__(self, spec: DagSpec | None = None) -> None:
        super().__init__(NOW)
        self.submit(spec or hourly(end_date=(T0 - HOUR).isoformat()))

    def backfill(self, first: int = 0, last: int = 4, **options: Any) -> list[Event]:
        self.count += 1
        events = self.do(
            CreateBackfill(
                id=f"b{self.count}",
                namespace="default",
                dag_id="etl",
                from_date=T0 + first * HOUR,
                to_date=T0 + last * HOUR,
                **options,
            )
        )
        self.go_on(self.now)
        return events

    def hours(self, kind: type = RunCreated) -> list[int]:
        found = []
        for event in self.log:
            if isinstance(event.data, kind):
                created = event.data.created if isinstance(event.data, RunReopened) else event.data
                assert isinstance(created, RunCreated)
                assert created.logical_date is not None
                found.append(round((created.logical_date - T0) / HOUR))
        return found

    def skipped(self) -> list[str]:
        data = [e.data for e in self.log if isinstance(e.data, BackfillAdvanced)]
        return [one.reason for one in data if one.reason]

    def is_completed(self) -> bool:
        return any(isinstance(e.data, BackfillCompleted) for e in self.log)

    def fail(self, run_id: str) -> None:
        self.count += 1
        where = next(
            e.where for e in self.log if isinstance(e.data, TaskReady) and e.where.run_id == run_id
        )
        self.do(
            FailAttempt(
                id=f"x{self.count}", where=where, worker="w", token="t", started_at=self.now,
                ended_at=self.now, error_type="E", message="m",
            )
        )  # fmt: skip
        self.go_on(self.now)

    def end(self, run_id: str) -> None:
        self.finish(run_id)
        self.go_on(self.now)


WORK = hourly(task("a"), end_date=(T0 - HOUR).isoformat())


def test_a_run_for_each_date() -> None:
    world = Backfilling()
    world.backfill(1, 4, conf={"x": 1})
    assert world.hours() == [1, 2, 3, 4]
    data = next(e.data for e in world.log if isinstance(e.data, RunCreated))
    assert (data.run_type, data.triggered_by, data.backfill_id) == ("backfill", "backfill", "1")
    assert data.conf == {"x": 1}
    run = next(e.where for e in world.log if isinstance(e.data, RunCreated))
    assert run.run_id == "backfill__2026-01-01T01:00:00+00:00"
    assert world.is_completed()
    assert world.state.dags["default", "etl"].backfills == {}


def test_backwards() -> None:
    world = Backfilling()
    world.backfill(1, 4, run_backwards=True)
    assert world.hours() == [4, 3, 2, 1]


def test_so_many_at_once_and_beside_the_dag_s_own() -> None:
    world = Backfilling(hourly(task("a"), end_date=(T0 - HOUR).isoformat(), max_active_runs=1))
    world.trigger("r1")
    world.backfill(0, 4, max_active_runs=2)
    assert world.hours()[1:] == [0, 1]
    assert len(world.started()) == 3
    world.restart()
    world.end(world.started()[1])
    assert world.hours()[1:] == [0, 1, 2]
    assert not world.is_completed()


def test_it_is_completed_when_its_last_run_is_over() -> None:
    world = Backfilling(WORK)
    world.backfill(0, 1)
    first, second = world.started()
    world.end(second)
    assert not world.is_completed()
    world.end(first)
    assert world.is_completed()


@pytest.mark.parametrize(
    ("behavior", "made", "again", "why"),
    [
        ("none", [1, 2, 3, 4], [], [EXISTS, EXISTS, IN_FLIGHT]),
        ("failed", [1, 2, 3, 4], [2], [EXISTS, IN_FLIGHT]),
        ("completed", [1, 2, 3, 4], [1, 2], [IN_FLIGHT]),
    ],
)
def test_what_becomes_of_dates_that_have_a_run(
    behavior: str, made: list[int], again: list[int], why: list[str]
) -> None:
    world = Backfilling(WORK)
    for hour in (1, 2, 3):
        world.trigger(f"r{hour}", logical_date=T0 + hour * HOUR)
    world.end("r1")
    world.fail("r2")
    world.backfill(1, 4, reprocess_behavior=behavior)
    assert world.hours() == made
    assert world.hours(RunReopened) == again
    assert world.skipped() == why


def test_a_run_that_is_run_again_belongs_to_the_backfill() -> None:
    world = Backfilling(WORK)
    world.trigger("r1", logical_date=T0)
    world.fail("r1")
    world.backfill(0, 0, reprocess_behavior="failed")
    run = world.state.runs["default", "etl", "r1"]
    assert (run.created.run_type, run.created.backfill_id) == ("backfill", "1")
    assert run.instances[0].status is TaskStatus.QUEUED
    assert run.instances[0].attempt == 2
    assert not world.is_completed()


def test_a_pause_keeps_it_from_going_on() -> None:
    world = Backfilling(WORK)
    world.backfill(0, 4, max_active_runs=1)

    def pause(is_paused: bool) -> list[Event]:
        world.count += 1
        return world.do(
            SetBackfillPaused(
                id=f"p{world.count}", namespace="default", dag_id="etl", is_paused=is_paused
            )
        )

    assert pause(True)
    assert pause(True) == []
    world.end(world.started()[0])
    assert world.hours() == [0]
    world.restart()
    assert pause(False)
    world.go_on(world.now)
    assert world.hours() == [0, 1]


def test_a_cancelled_one_ends_what_waits_and_leaves_what_runs() -> None:
    world = Backfilling(WORK)
    world.backfill(0, 0)
    world.pause()
    world.go_on(world.now)
    world.do(CancelBackfill(id="c", namespace="default", dag_id="etl"))
    assert not any(isinstance(e.data, RunFailed) for e in world.log)
    world.backfill(1, 2)  # another one may begin; its runs wait, since the DAG is paused
    assert len(world.started()) == 1
    events = world.do(CancelBackfill(id="d", namespace="default", dag_id="etl"))
    failed = [e for e in events if isinstance(e.data, RunFailed)]
    assert len(failed) == 2
    assert world.state.dags["default", "etl"].backfills == {}
    assert len(world.state.runs) == 1


def test_a_paused_dag_starts_no_runs_of_a_backfill() -> None:
    world = Backfilling(WORK)
    world.pause()
    world.backfill(0, 2)
    assert world.hours() == [0, 1, 2]
    assert world.started() == []
    world.pause(False)
    assert len(world.started()) == 3


def test_each_date_is_a_commit_of_its_own() -> None:
    world = Backfilling()
    world.backfill(-200, 50)
    assert len(world.hours()) == 251
    assert max(Counter(e.recorded_at for e in world.log).values()) < 9


def test_dates_to_come_are_left_out() -> None:
    world = Backfilling()
    world.backfill(98, 110)
    assert world.hours() == [98, 99, 100]


@pytest.mark.parametrize(
    ("spec", "options", "words"),
    [
        (dag(QUICK), {}, "has no schedule that says"),
        (dag(QUICK, schedule="@once"), {}, "has no schedule that says"),
        (hourly(), {"first": 3, "last": 2}, "is after to_date"),
        (hourly(), {"first": 200, "last": 201}, "has no run that is due"),
        (hourly(), {"max_active_runs": 0}, "max_active_runs is 0"),
        (hourly(), {"first": -MOST_RUNS - 9}, f"more than {MOST_RUNS} runs"),
        (
            hourly(task("a", depends_on_past=True)),
            {"run_backwards": True},
            "task 'a' depends on its past",
        ),
    ],
)
def test_what_is_refused(spec: DagSpec, options: dict[str, Any], words: str) -> None:
    world = Backfilling(spec)
    world.go_on(world.now)
    before = dump(world.state)
    with pytest.raises(Refused, match=words):
        world.backfill(**options)
    assert dump(world.state) == before


def test_one_at_a_time() -> None:
    world = Backfilling(WORK)
    world.backfill(0, 1)
    with pytest.raises(Refused, match="Backfill 1 of DAG 'etl' goes on"):
        world.backfill(2, 3)


def test_after_its_end_there_is_nothing_to_pause() -> None:
    world = Backfilling()
    world.backfill()
    with pytest.raises(Refused, match="has no backfill that goes on"):
        world.do(CancelBackfill(id="c", namespace="default", dag_id="etl"))


def test_a_run_that_takes_too_long_fails_and_what_is_left_is_skipped() -> None:
    world = World()
    world.submit(dag(task("a"), task("b", "a"), dagrun_timeout_s=60.0))
    world.trigger("r1")
    world.restart()
    world.go_on(world.now + timedelta(seconds=61))
    (failed,) = [e.data for e in world.log if isinstance(e.data, RunFailed)]
    assert "longer than its dagrun_timeout of 60 s" in failed.reason
    ended = {e.where.task_id: type(e.data).__name__ for e in world.log if e.where.task_id}
    assert ended == {"a": "TaskSkipped", "b": "TaskSkipped"}


def test_a_run_that_ends_in_time_is_left_alone() -> None:
    world = World()
    world.submit(dag(task("a"), dagrun_timeout_s=60.0))
    world.trigger("r1")
    world.finish("r1")
    count = len(world.log)
    world.go_on(world.now + timedelta(seconds=61))
    assert len(world.log) == count
    assert not any(isinstance(e.data, RunStarted) for e in world.log[count:])
