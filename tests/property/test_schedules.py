"""Random schedules under random pauses, restarts and clocks: one run for each instant."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from millstream.core.events import RunCreated, RunFailed, RunStarted, RunSucceeded
from millstream.core.spec import EmptyAction
from millstream.core.timetable import (
    CronIntervalSchedule,
    DeltaIntervalSchedule,
    DeltaTriggerSchedule,
    Schedule,
    schedule_of,
    timetable_of,
)
from millstream.core.timetables.delta import Delta
from millstream.core.timetables.run_times import Bounds, RunTimes
from shard import dag, task
from world import T0, World

MINUTE = timedelta(minutes=1)
SCHEDULES: st.SearchStrategy[Schedule | str] = st.sampled_from(
    [
        "* * * * *",
        "*/7 * * * *",
        "*/20 * * * * *",
        "3,4,50 * * * *",
        CronIntervalSchedule(cron="*/5 * * * *"),
        DeltaTriggerSchedule(every=Delta(seconds=97.0)),
        DeltaIntervalSchedule(every=Delta(seconds=240.0)),
    ]
)
# What happens after so many seconds: nothing, a pause, its end, a restart, or a clock set back.
STEPS = st.lists(
    st.tuples(
        st.integers(1, 900), st.sampled_from(["go on", "pause", "unpause", "restart", "set back"])
    ),
    min_size=1,
    max_size=12,
)


def expected(schedule: Schedule | str, start_s: int, end_s: int | None) -> list[RunTimes]:
    """All runs that the schedule has within its bounds."""
    timetable = timetable_of(schedule_of(schedule))
    bounds = Bounds(
        start=T0 + timedelta(seconds=start_s),
        end=None if end_s is None else T0 + timedelta(seconds=end_s),
        catchup=True,
    )
    runs: list[RunTimes] = []
    times = timetable.next_run(None, T0, bounds)
    while times is not None and times.run_after <= T0 + 300 * MINUTE:
        runs.append(times)
        times = timetable.next_run(times, T0, bounds)
    return runs


@settings(max_examples=40, deadline=None)
@given(
    SCHEDULES,
    st.integers(-600, 600),
    st.none() | st.integers(601, 4000),
    STEPS,
    st.integers(1, 3),
    st.booleans(),
)
@example("3,4,50 * * * *", 0, None, [(240, "set back")], 1, False)
@example("*/7 * * * *", 0, None, [(420, "set back")], 1, False)
def test_each_instant_has_one_run_and_no_limit_is_exceeded(
    schedule: Schedule | str,
    start_s: int,
    end_s: int | None,
    steps: list[tuple[int, str]],
    most: int,
    is_quick: bool,
) -> None:
    world = World()
    world.submit(
        dag(
            task("a", action=EmptyAction()) if is_quick else task("a"),
            schedule=schedule,
            start_date=(T0 + timedelta(seconds=start_s)).isoformat(),
            end_date=None if end_s is None else (T0 + timedelta(seconds=end_s)).isoformat(),
            catchup=True,
            max_active_runs=most,
        )
    )
    latest = world.now
    for seconds, what in [*steps, (1, "unpause")]:
        world.go_on(world.now + timedelta(seconds=seconds))
        latest = max(latest, world.now)
        match what:
            case "pause":
                world.pause()
            case "unpause":
                world.pause(False)
            case "restart":
                world.restart()
            case "set back":
                world.now -= timedelta(seconds=seconds // 2)
        for run_id in list(world.state.dags["default", "etl"].runs):
            if world.state.runs["default", "etl", run_id].status == "running":
                world.finish(run_id)
    world.go_on(latest)
    for _ in range(1000):  # until everything that is due is through
        running = [run for run in world.state.runs.values() if run.status == "running"]
        if not running:
            break
        for run in running:
            world.finish(run.key[2])
        world.go_on(latest)
    created = [e.data for e in world.log if isinstance(e.data, RunCreated)]
    due = [times for times in expected(schedule, start_s, end_s) if times.run_after <= latest]
    made = [data.logical_date for data in created]
    # The last one may have become due within the microseconds that the commands took.
    assert made[: len(due)] == [times.logical_date for times in due]
    assert len(made) <= len(due) + 1
    assert all(a is not None and b is not None and a < b for a, b in pairwise(made))
    open_runs = 0
    for event in world.log:
        open_runs += isinstance(event.data, RunStarted)
        open_runs -= isinstance(event.data, RunSucceeded | RunFailed)
        assert 0 <= open_runs <= most
