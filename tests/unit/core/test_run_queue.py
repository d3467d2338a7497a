"""Which runs a schedule makes, and which queued runs start: commands in, events out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from millstream.core.commands import (
    CreateScheduledRun,
    StartRuns,
)
from millstream.core.events import DagPaused, NextRunPlanned, RunCreated, RunStarted, RunSucceeded
from millstream.core.evolve import evolve
from millstream.core.spec import DagSpec, EmptyAction
from millstream.core.state import State
from millstream.core.timetable import ContinuousSchedule, CronIntervalSchedule, OnceSchedule
from shard import Shard, dag, dump, task
from world import HOUR, T0, World

QUICK = task("a", action=EmptyAction())


def hourly(*tasks: Any, **options: Any) -> DagSpec:
    settings = {"schedule": "@hourly", "start_date": T0.isoformat()} | options
    return dag(*(tasks or (QUICK,)), **settings)


class TestSchedules:
    def test_a_run_at_each_instant(self) -> None:
        world = World(T0 + HOUR / 2)
        world.submit(hourly())
        world.go_on(T0 + 3 * HOUR)
        assert world.created() == [T0, T0 + HOUR, T0 + 2 * HOUR, T0 + 3 * HOUR]
        data = next(e.data for e in world.log if isinstance(e.data, RunCreated))
        assert (data.run_type, data.triggered_by) == ("scheduled", "timetable")
        run = next(e.where for e in world.log if isinstance(e.data, RunCreated))
        assert run.run_id == "scheduled__2026-01-01T00:00:00+00:00"

    def test_data_intervals_are_named_for_their_start_and_due_at_their_end(self) -> None:
        world = World()
        world.submit(hourly(schedule=CronIntervalSchedule(cron="@hourly"), catchup=True))
        world.go_on(T0 + 2 * HOUR)
        runs = [e.data for e in world.log if isinstance(e.data, RunCreated)]
        assert [(r.logical_date, r.data_interval_end, r.run_after) for r in runs] == [
            (T0, T0 + HOUR, T0 + HOUR),
            (T0 + HOUR, T0 + 2 * HOUR, T0 + 2 * HOUR),
        ]

    @pytest.mark.parametrize("catchup", [True, False])
    def test_after_a_downtime_catchup_decides_what_is_made(self, catchup: bool) -> None:
        world = World()
        world.submit(hourly(catchup=catchup))
        world.go_on(T0 + HOUR)
        world.now = T0 + 5.5 * HOUR
        world.restart()
        world.go_on(T0 + 5.5 * HOUR)
        # Hour 2 was planned already; without catchup only the latest follows.
        hours = [0, 1, 2, 3, 4, 5] if catchup else [0, 1, 2, 5]
        assert world.created() == [T0 + hour * HOUR for hour in hours]

    def test_none_before_the_start_and_none_after_the_end(self) -> None:
        world = World(T0 - 2 * HOUR)
        world.submit(hourly(end_date=(T0 + HOUR).isoformat(), catchup=True))
        world.go_on(T0 + 5 * HOUR)
        assert world.created() == [T0, T0 + HOUR]
        assert world.state.dags["default", "etl"].planned is None

    def test_once_is_once_also_after_a_restart(self) -> None:
        world = World()
        world.submit(dag(QUICK, schedule=OnceSchedule()))
        world.go_on(T0 + HOUR)
        world.restart()
        world.pause()
        world.pause(False)
        world.go_on(T0 + 2 * HOUR)
        assert len(world.created()) == 1

    def test_continuous_runs_follow_each_other(self) -> None:
        world = World()
        world.submit(dag(task("a"), schedule=ContinuousSchedule(), start_date=T0.isoformat()))
        world.go_on(T0 + HOUR)
        assert len(world.created()) == 1
        world.finish(world.started()[0])
        world.go_on(T0 + HOUR)
        first, second = [e.data for e in world.log if isinstance(e.data, RunCreated)]
        assert second.data_interval_start == first.data_interval_end
        assert world.started() == [e.where.run_id for e in world.log if e.data in (first, second)]

    def test_a_new_schedule_takes_the_place_of_the_old_one(self) -> None:
        world = World()
        world.submit(hourly())
        world.go_on(T0 + HOUR / 4)
        world.submit(hourly(schedule="*/30 * * * *"))
        world.go_on(T0 + HOUR)
        assert world.created() == [T0, T0 + HOUR / 2, T0 + HOUR]

    def test_another_version_with_the_same_schedule_changes_no_plan(self) -> None:
        world = World()
        world.submit(hourly())
        world.go_on(T0 + HOUR / 4)
        events = world.submit(hourly(QUICK, task("b")))
        assert not [e for e in events if isinstance(e.data, NextRunPlanned)]
        world.go_on(T0 + HOUR)
        last = [e.data for e in world.log if isinstance(e.data, RunCreated)][-1]
        assert (last.version, last.logical_date) == (2, T0 + HOUR)

    def test_a_run_made_by_hand_at_that_date_takes_the_place_of_the_scheduled_one(self) -> None:
        world = World()
        world.submit(hourly(task("a")))
        world.go_on(T0 + HOUR / 4)
        world.trigger(logical_date=T0 + HOUR)
        world.go_on(T0 + 2 * HOUR)
        assert world.created() == [T0, T0 + HOUR, T0 + 2 * HOUR]
        types = [e.data.run_type for e in world.log if isinstance(e.data, RunCreated)]
        assert types == ["scheduled", "manual", "scheduled"]

    def test_one_that_is_over_is_told_by_the_log(self) -> None:
        world = World()
        world.submit(hourly())
        _, _, command = world.timers[0]
        assert isinstance(command, CreateScheduledRun)
        (event,) = world.do(msgspec.structs.replace(command, is_taken=True))
        assert isinstance(event.data, NextRunPlanned)
        assert event.data.next is not None
        assert event.data.next.logical_date == T0 + HOUR

    def test_the_timer_s_word_counts_when_the_clock_is_set_back(self) -> None:
        world = World()
        world.submit(hourly())
        world.go_on(T0 + HOUR / 4)
        instant, _, command = world.timers[0]
        world.now = instant - HOUR
        world.do(command)
        assert world.created() == [T0, T0 + HOUR]
        assert world.started() == ["scheduled__2026-01-01T00:00:00+00:00"]
        world.go_on(instant)  # it is created, and starts when its instant comes
        assert len(world.started()) == 2

    def test_a_timer_that_comes_twice_or_for_another_plan_does_nothing(self) -> None:
        world = World()
        world.submit(hourly())
        _, _, command = world.timers[0]
        assert world.do(command)
        assert world.do(command) == []

    def test_no_more_are_made_than_may_run(self) -> None:
        world = World(T0 + 100 * HOUR)
        world.submit(hourly(task("a"), catchup=True, max_active_runs=3))
        world.go_on(T0 + 100 * HOUR)
        assert len(world.created()) == 3
        world.finish(world.started()[0])
        world.go_on(T0 + 100 * HOUR)
        assert world.created() == [T0 + hour * HOUR for hour in range(4)]

    def test_each_run_of_a_long_catchup_is_a_commit_of_its_own(self) -> None:
        world = World(T0 + 500 * HOUR)
        world.submit(hourly(catchup=True))
        world.go_on(T0 + 500 * HOUR)
        assert len(world.created()) == 501
        most = Counter(e.recorded_at for e in world.log).most_common(1)[0][1]
        assert most < 10


class TestPause:
    def test_a_new_dag_with_a_schedule_begins_paused_where_the_setting_says_so(self) -> None:
        world = World()
        events = world.submit(hourly(), is_paused_if_new=True)
        assert events[-1].data == DagPaused(reason="new")
        world.go_on(T0 + 3 * HOUR)
        assert world.created() == []

    @pytest.mark.parametrize(
        ("spec", "setting", "is_paused"),
        [
            (dag(QUICK), True, False),
            (dag(QUICK, is_paused_upon_creation=True), False, True),
            (hourly(is_paused_upon_creation=False), True, False),
            (hourly(), False, False),
        ],
    )
    def test_who_decides(self, spec: DagSpec, setting: bool, is_paused: bool) -> None:
        world = World()
        world.submit(spec, is_paused_if_new=setting)
        assert world.state.dags["default", "etl"].is_paused is is_paused

    def test_a_new_version_stays_as_it_is(self) -> None:
        world = World()
        world.submit(hourly(), is_paused_if_new=True)
        world.pause(False)
        world.submit(hourly(QUICK, task("b")), is_paused_if_new=True)
        assert not world.state.dags["default", "etl"].is_paused

    def test_runs_wait_while_it_lasts(self) -> None:
        world = World()
        world.submit(dag(QUICK))
        world.pause()
        world.trigger("r1")
        assert world.started() == []
        world.pause(False)
        assert world.started() == ["r1"]

    def test_a_trigger_can_let_the_dag_go_on(self) -> None:
        world = World()
        world.submit(hourly(), is_paused_if_new=True)
        world.trigger("r1", unpause=True)
        assert world.started()[0] == "r1"
        world.go_on(T0 + HOUR)
        assert T0 + HOUR in world.created()

    def test_to_pause_twice_is_nothing(self) -> None:
        world = World()
        world.submit(dag(QUICK))
        assert world.pause()
        assert world.pause() == []
        assert world.pause(False)
        assert world.pause(False) == []

    @pytest.mark.parametrize("catchup", [True, False])
    def test_after_a_pause_as_after_a_downtime(self, catchup: bool) -> None:
        world = World()
        world.submit(hourly(catchup=catchup))
        world.go_on(T0 + HOUR)
        world.pause()
        world.go_on(T0 + 5.5 * HOUR)
        assert world.created() == [T0, T0 + HOUR]
        world.pause(False)
        world.go_on(T0 + 5.5 * HOUR)
        hours = [0, 1, 2, 3, 4, 5] if catchup else [0, 1, 5]
        assert world.created() == [T0 + hour * HOUR for hour in hours]

    def test_failures_in_a_row_pause_the_dag(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a"), max_consecutive_failed_dag_runs=2))
        for run_id in ("r1", "r1"):
            shard.trigger(run_id)
            shard.fail("a")
        assert shard.log[-1].data == DagPaused(reason="2 runs in a row failed")

    def test_the_failure_that_pauses_the_dag_starts_no_other_run(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a"), max_consecutive_failed_dag_runs=1, max_active_runs=1))
        shard.trigger("r1")
        shard.trigger("r2")
        shard.now += timedelta(seconds=1)
        shard.fail("a")
        assert shard.log[-1].data == DagPaused(reason="1 runs in a row failed")

    def test_a_success_in_between_counts_anew(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a"), max_consecutive_failed_dag_runs=2))
        for how in (shard.fail, shard.succeed, shard.fail):
            shard.trigger("r1")
            how("a")
        assert not shard.state.dags["default", "etl"].is_paused


class TestQueue:
    def test_further_runs_stay_queued_and_start_in_order(self) -> None:
        world = World()
        world.submit(dag(task("a"), max_active_runs=2))
        for name in ("r1", "r2", "r3", "r4"):
            world.trigger(name)
        assert world.started() == ["r1", "r2"]
        world.restart()
        events = world.finish("r2")
        assert [e.where.run_id for e in events if isinstance(e.data, RunStarted)] == ["r3"]
        world.finish("r1")
        assert world.started() == ["r1", "r2", "r3", "r4"]

    def test_more_places_in_a_new_version_are_used_at_once(self) -> None:
        world = World()
        world.submit(dag(task("a"), max_active_runs=1))
        world.trigger("r1")
        world.trigger("r2")
        world.submit(dag(task("a"), max_active_runs=2))
        assert world.started() == ["r1", "r2"]

    def test_a_queue_of_runs_that_take_no_time_is_many_commits(self) -> None:
        world = World()
        world.submit(dag(QUICK, max_active_runs=1))
        world.pause()
        for number in range(20):
            world.trigger(f"r{number}")
        world.pause(False)
        world.go_on(T0 + HOUR)
        assert len([e for e in world.log if isinstance(e.data, RunSucceeded)]) == 20
        assert max(Counter(e.recorded_at for e in world.log).values()) < 8

    def test_a_delayed_run_waits_for_its_instant(self) -> None:
        world = World()
        world.submit(dag(QUICK))
        world.trigger("late", run_after=T0 + 2 * HOUR)
        world.trigger("later", run_after=T0 + 3 * HOUR)
        world.trigger("now")
        assert world.started() == ["now"]
        world.restart()
        world.go_on(T0 + 2 * HOUR)
        assert world.started() == ["now", "late"]
        world.go_on(T0 + 3 * HOUR)
        assert world.started() == ["now", "late", "later"]

    def test_delayed_runs_take_no_places_from_the_schedule(self) -> None:
        world = World()
        world.submit(hourly(max_active_runs=1))
        world.go_on(T0 + HOUR / 4)
        world.trigger("late", run_after=T0 + 100 * HOUR)
        world.go_on(T0 + 2 * HOUR)
        assert world.created()[-1] == T0 + 2 * HOUR

    def test_two_delayed_runs_without_ids_get_two(self) -> None:
        world = World()
        world.submit(dag(QUICK))
        ids = [
            world.trigger(run_after=T0 + HOUR, has_logical_date=False)[0].where.run_id
            for _ in range(2)
        ]
        assert len(set(ids)) == 2
        assert all(run_id.startswith("manual__2026-01-01T01:00:00+00:00") for run_id in ids)

    def test_a_time_out_is_in_the_start(self) -> None:
        world = World()
        world.submit(dag(task("a"), dagrun_timeout_s=60.0))
        started = world.trigger("r1")[1].data
        assert isinstance(started, RunStarted)
        assert started.times_out_at == world.now + timedelta(seconds=60)


class TestManualRuns:
    def test_without_a_logical_date_there_is_no_interval(self) -> None:
        world = World()
        world.submit(hourly(task("a")), is_paused_if_new=True)
        data = world.trigger(has_logical_date=False)[0].data
        assert isinstance(data, RunCreated)
        assert (data.logical_date, data.data_interval_start, data.data_interval_end) == (None,) * 3

    def test_the_interval_is_the_schedule_s(self) -> None:
        world = World()
        world.submit(dag(task("a"), schedule=CronIntervalSchedule(cron="@daily")))
        at = datetime(2026, 1, 5, 12, tzinfo=UTC)
        data = world.trigger("r", logical_date=at)[0].data
        assert isinstance(data, RunCreated)
        assert data.logical_date == at
        assert data.data_interval_start == datetime(2026, 1, 4, tzinfo=UTC)
        assert data.data_interval_end == datetime(2026, 1, 5, tzinfo=UTC)

    def test_a_logical_date_is_one_run_s(self) -> None:
        world = World()
        world.submit(dag(task("a")))
        world.trigger("r1", logical_date=T0)
        error = world.refused(run_id="r2", logical_date=T0)
        assert error.reason == "RUN_EXISTS"
        assert "2026-01-01T00:00:00+00:00" in str(error)

    @pytest.mark.parametrize("run_id", ["scheduled__x", "backfill__x"])
    def test_ids_that_say_who_made_a_run_are_kept(self, run_id: str) -> None:
        world = World()
        world.submit(dag(task("a")))
        assert world.refused(run_id=run_id).reason == "INVALID_RUN_ID"


def test_a_start_that_is_due_by_its_timer_starts_whatever_the_clock_says() -> None:
    world = World()
    world.submit(dag(QUICK))
    world.trigger("late", run_after=T0 + HOUR)
    world.do(StartRuns(id="x", namespace="default", dag_id="etl", at=T0 + HOUR))
    assert world.started() == ["late"]


def test_folding_again_gives_the_same_dag() -> None:
    world = World()
    world.submit(hourly(task("a"), max_active_runs=2, catchup=True))
    world.go_on(T0 + 5 * HOUR)
    world.finish(world.started()[0])
    state = State()
    for event in world.log:
        evolve(state, event)
    assert state.dags["default", "etl"].planned == world.state.dags["default", "etl"].planned
    assert dump(state) == dump(world.state)
