"""Random schedules, zones and clocks: what holds for every timetable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.core.timetable import (
    ContinuousSchedule,
    CronIntervalSchedule,
    CronTriggerSchedule,
    DeltaIntervalSchedule,
    DeltaTriggerSchedule,
    EventsSchedule,
    OnceSchedule,
    Schedule,
    check_schedule,
    timetable_of,
)
from millstream.core.timetables.cron import CronExpression, CronSteps
from millstream.core.timetables.delta import Delta
from millstream.core.timetables.run_times import Bounds, RunTimes

ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Asia/Tokyo",
        "Africa/Casablanca",
        "Pacific/Apia",
    ]
)
INSTANTS = st.datetimes(datetime(2011, 6, 1), datetime(2027, 1, 1)).map(
    lambda naive: naive.replace(second=0, microsecond=0, tzinfo=UTC)
)
ADVANCES = st.integers(0, 5000).map(lambda minutes: timedelta(minutes=minutes))
_T = TypeVar("_T")


def _any(*values: _T) -> st.SearchStrategy[_T]:
    return st.sampled_from(values)


MINUTES = _any("0", "30", "*/15", "5-50/7", "*", "59", "0,40")
HOURS = _any("*", "0", "2", "*/2", "1-4", "22-3", "23")
# Where every hour is a match on some days only, Airflow waits for elapsed time over months and so
# comes an hour late or early; on all days the wall clock has its due.
DAILY_CRONS = st.tuples(MINUTES, HOURS).map(lambda parts: f"{parts[0]} {parts[1]} * * *")
CRONS = st.one_of(
    DAILY_CRONS,
    st.tuples(
        MINUTES,
        HOURS,
        _any("*", "1", "31", "29", "1,15", "L", "*/10"),
        _any("*", "2", "3,10", "*/3", "11-2"),
        _any("*", "5", "1-5", "FRI-MON", "*/2"),
    )
    .map(" ".join)
    .filter(lambda cron: not check_schedule(cron)),
)
DELTAS = st.one_of(
    st.integers(1, 10**6).map(lambda seconds: Delta(seconds=seconds)),
    st.builds(Delta, months=st.integers(1, 14), seconds=_any(0.0, 3600.0)),
)
PERIODIC: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(
        CronTriggerSchedule,
        crons=st.lists(CRONS, min_size=1, max_size=3).map(tuple),
        timezone=ZONES,
        interval=_any(Delta(), Delta(seconds=3600)),
    ),
    st.builds(CronIntervalSchedule, cron=CRONS, timezone=ZONES),
    st.builds(DeltaTriggerSchedule, every=DELTAS),
    st.builds(DeltaIntervalSchedule, every=DELTAS),
)
SCHEDULES: st.SearchStrategy[Schedule] = st.one_of(
    PERIODIC,
    st.builds(EventsSchedule, events=st.lists(INSTANTS, max_size=9).map(tuple)),
    _any(OnceSchedule(), ContinuousSchedule()),
)
BOUNDS = st.builds(
    Bounds,
    start=st.none() | INSTANTS,
    end=st.none() | INSTANTS,
    catchup=st.booleans(),
)


def _play(
    schedule: Schedule, bounds: Bounds, now: datetime, advances: list[timedelta]
) -> list[tuple[datetime, RunTimes]]:
    """The runs, each with the time at which it was asked for."""
    timetable, last, made = timetable_of(schedule), None, []
    for advance in advances:
        run = timetable.next_run(last, now, bounds)
        if run is None:
            break
        made.append((now, run))
        now, last = max(now, run.run_after) + advance, run
    return made


@given(SCHEDULES, BOUNDS, INSTANTS, st.lists(ADVANCES, min_size=8, max_size=8))
def test_runs_follow_one_another_inside_the_bounds(
    schedule: Schedule, bounds: Bounds, now: datetime, advances: list[timedelta]
) -> None:
    assert check_schedule(schedule) == []
    made = [run for _, run in _play(schedule, bounds, now, advances)]
    for run in made:
        assert run.logical_date == run.interval_start <= run.interval_end == run.run_after
        if bounds.start is not None:
            assert run.run_after >= bounds.start
        if bounds.end is not None:
            assert run.logical_date <= bounds.end
    for earlier, later in pairwise(made):
        assert earlier.logical_date < later.logical_date
        assert earlier.run_after <= later.run_after


@given(SCHEDULES, BOUNDS, INSTANTS, st.lists(ADVANCES, min_size=5, max_size=5))
def test_the_same_question_has_the_same_answer(
    schedule: Schedule, bounds: Bounds, now: datetime, advances: list[timedelta]
) -> None:
    again = msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule)
    assert _play(schedule, bounds, now, advances) == _play(again, bounds, now, advances)


@given(PERIODIC, INSTANTS, INSTANTS, INSTANTS)
def test_with_catchup_the_present_changes_nothing(
    schedule: Schedule, start: datetime, now: datetime, other: datetime
) -> None:
    bounds, still = Bounds(start=start, catchup=True), [timedelta(0)] * 6
    made = [run for _, run in _play(schedule, bounds, now, still)]
    assert made == [run for _, run in _play(schedule, bounds, other, still)]


@settings(max_examples=40)  # thousands of minutes each
@given(DAILY_CRONS, ZONES, INSTANTS)
def test_with_catchup_no_match_of_the_wall_clock_is_left_out(
    cron: str, timezone: str, start: datetime
) -> None:
    """Judged minute by minute, without the code under test: every instant whose wall clock matches
    has its run, but for the first of the two times in a fold."""
    zone = ZoneInfo(timezone)
    schedule = CronTriggerSchedule(crons=(cron,), timezone=timezone)
    made = _play(schedule, Bounds(start=start, catchup=True), start, [timedelta(0)] * 8)
    fired = dict.fromkeys(run.run_after for _, run in made)
    expression, instant = CronExpression(cron), start
    while instant < made[-1][1].run_after:
        local = instant.astimezone(zone)
        # Half an hour of summer time moves the minutes of hourly runs, as it does in Airflow.
        settled = all(
            (instant + timedelta(days=days)).astimezone(zone).utcoffset() == local.utcoffset()
            for days in (-1, 1)
        )
        wall = local.replace(tzinfo=None)
        if settled:
            matches = expression.after(wall - timedelta(seconds=1)) == wall
            assert matches == (instant in fired), instant
        instant += timedelta(minutes=1)


@given(DELTAS, INSTANTS)
def test_with_catchup_stretches_meet(every: Delta, start: datetime) -> None:
    schedule = DeltaIntervalSchedule(every=every)
    made = _play(schedule, Bounds(start=start, catchup=True), start, [timedelta(0)] * 8)
    assert made[0][1].interval_start == start
    for (_, earlier), (_, later) in pairwise(made):
        assert earlier.interval_end == later.interval_start


@given(DAILY_CRONS, ZONES, INSTANTS, st.lists(ADVANCES, min_size=8, max_size=8), st.booleans())
def test_without_catchup_no_run_is_made_that_a_later_one_has_overtaken(
    cron: str, timezone: str, now: datetime, advances: list[timedelta], data_intervals: bool
) -> None:
    schedule: Schedule = (
        CronIntervalSchedule(cron=cron, timezone=timezone)
        if data_intervals
        else CronTriggerSchedule(crons=(cron,), timezone=timezone)
    )
    steps = CronSteps(CronExpression(cron), ZoneInfo(timezone))
    for asked, run in _play(schedule, Bounds(start=now), now, advances):
        if run.run_after < asked:
            assert steps.next(run.run_after) > asked


@given(CRONS, ZONES, INSTANTS)
def test_steps_always_go_on(cron: str, timezone: str, instant: datetime) -> None:
    steps = CronSteps(CronExpression(cron), ZoneInfo(timezone))
    assert steps.next(instant) > instant
    assert steps.align_next(instant) >= instant
