"""Each kind of schedule: its runs, its manual runs, its problems."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import msgspec
import pytest

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetRef
from millstream.core.timetable import (
    PRESETS,
    AssetOrTimeSchedule,
    AssetSchedule,
    ContinuousSchedule,
    CronIntervalSchedule,
    CronTriggerSchedule,
    DeltaIntervalSchedule,
    DeltaTriggerSchedule,
    EventsSchedule,
    ListedSchedule,
    NoSchedule,
    OnceSchedule,
    Schedule,
    check_schedule,
    schedule_of,
    timetable_of,
)
from millstream.core.timetables.cron import CronExpression, NotCron
from millstream.core.timetables.delta import Delta
from millstream.core.timetables.run_times import Bounds, RunTimes

HOUR = Delta(seconds=3600)
DAY = Delta(seconds=86400)
MONTH = Delta(months=1)


def at(text: str) -> datetime:
    """``2024-05-06 07:08`` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(
    schedule: Schedule,
    *,
    now: str,
    start: str | None = None,
    end: str | None = None,
    catchup: bool = False,
    count: int = 3,
) -> list[RunTimes]:
    timetable = timetable_of(schedule)
    bounds = Bounds(
        start=None if start is None else at(start),
        end=None if end is None else at(end),
        catchup=catchup,
    )
    clock, last, made = at(now), None, []
    for _ in range(count):
        run = timetable.next_run(last, clock, bounds)
        if run is None:
            break
        made.append(run)
        clock, last = max(clock, run.run_after), run
    return made


def due(made: list[RunTimes]) -> list[str]:
    return [run.run_after.strftime("%Y-%m-%d %H:%M") for run in made]


def dates(made: list[RunTimes]) -> list[str]:
    return [run.logical_date.strftime("%Y-%m-%d %H:%M") for run in made]


# Cron


def test_a_trigger_fires_at_its_date_and_an_interval_at_its_end() -> None:
    trigger, interval = schedule_of("@daily"), schedule_of("@daily", data_intervals=True)
    run = runs(trigger, now="2024-05-06 12:00", start="2024-01-01 00:00")[0]
    assert run == RunTimes.at(at("2024-05-06 00:00"))
    run = runs(interval, now="2024-05-06 12:00", start="2024-01-01 00:00")[0]
    assert run == RunTimes.over(at("2024-05-05 00:00"), at("2024-05-06 00:00"))


def test_catchup_makes_every_run_since_the_start_and_otherwise_the_latest_only() -> None:
    weekly = schedule_of("@weekly")
    made = runs(weekly, now="2024-05-06 12:00", start="2024-04-15 00:00", catchup=True)
    assert due(made) == ["2024-04-21 00:00", "2024-04-28 00:00", "2024-05-05 00:00"]
    made = runs(weekly, now="2024-05-06 12:00", start="2024-04-15 00:00")
    assert due(made) == ["2024-05-05 00:00", "2024-05-12 00:00", "2024-05-19 00:00"]


def test_runs_that_were_missed_are_left_out_without_catchup() -> None:
    timetable = timetable_of(schedule_of("0 * * * *"))
    last = RunTimes.at(at("2024-05-06 03:00"))
    run = timetable.next_run(last, at("2024-05-06 09:30"), Bounds())
    assert run == RunTimes.at(at("2024-05-06 09:00"))


def test_a_run_exactly_now_is_due_once() -> None:
    hourly = schedule_of("@hourly")
    made = runs(hourly, now="2024-05-06 12:00", start="2024-05-01 00:00", count=2)
    assert due(made) == ["2024-05-06 12:00", "2024-05-06 13:00"]
    made = runs(
        schedule_of("@hourly", data_intervals=True),
        now="2024-05-06 12:00",
        start="2024-05-01 00:00",
        count=2,
    )
    assert due(made) == ["2024-05-06 12:00", "2024-05-06 13:00"]


def test_start_and_end_are_inclusive() -> None:
    made = runs(
        schedule_of("@daily"),
        now="2024-05-09 00:00",
        start="2024-05-01 00:00",
        end="2024-05-02 00:00",
        catchup=True,
    )
    assert due(made) == ["2024-05-01 00:00", "2024-05-02 00:00"]
    made = runs(
        schedule_of("@daily", data_intervals=True),
        now="2024-05-09 00:00",
        start="2024-05-01 00:00",
        end="2024-05-02 00:00",
        catchup=True,
    )
    assert dates(made) == ["2024-05-01 00:00", "2024-05-02 00:00"]


def test_no_run_ends_before_it_starts_or_starts_before_the_start() -> None:
    daily = schedule_of("@daily")
    assert not runs(daily, now="2024-05-01 00:00", start="2024-05-02 00:00", end="2024-05-01 00:00")
    made = runs(daily, now="2024-01-01 00:00", start="2024-05-02 09:00", count=1)
    assert due(made) == ["2024-05-03 00:00"]


def test_a_start_that_moved_into_the_future_counts() -> None:
    last = RunTimes.at(at("2024-05-06 00:00"))
    bounds = Bounds(start=at("2024-06-01 00:00"), catchup=True)
    run = timetable_of(schedule_of("@daily")).next_run(last, at("2024-05-06 10:00"), bounds)
    assert run == RunTimes.at(at("2024-06-01 00:00"))


def test_a_schedule_that_became_coarser_goes_on_after_the_last_run() -> None:
    last = RunTimes.over(at("2024-05-05 00:00"), at("2024-05-05 01:00"))
    weekly = timetable_of(schedule_of("@weekly", data_intervals=True))
    run = weekly.next_run(last, at("2024-05-08 00:00"), Bounds(catchup=True))
    assert run == RunTimes.over(at("2024-05-12 00:00"), at("2024-05-19 00:00"))


def test_rare_days() -> None:
    made = runs(schedule_of("30 2 29 2 *"), now="2024-01-01 00:00", start="2024-01-01 00:00")
    assert due(made) == ["2024-02-29 02:30", "2028-02-29 02:30", "2032-02-29 02:30"]
    made = runs(schedule_of("0 0 31 * *"), now="2024-01-31 00:01", start="2024-01-31 00:01")
    assert due(made) == ["2024-03-31 00:00", "2024-05-31 00:00", "2024-07-31 00:00"]


def test_the_calendar_ends() -> None:
    made = runs(schedule_of("@yearly"), now="9998-02-01 00:00", start="9998-02-01 00:00")
    assert due(made) == ["9999-01-01 00:00"]
    made = runs(DeltaTriggerSchedule(every=Delta(months=12)), now="9998-02-01 00:00", catchup=True)
    assert due(made)[-1] == "9999-01-01 00:00"


def test_the_interval_of_a_trigger_lies_before_it() -> None:
    schedule = CronTriggerSchedule(crons=("@daily",), interval=DAY)
    (run,) = runs(schedule, now="2024-05-06 12:00", start="2024-01-01 00:00", count=1)
    assert run == RunTimes.over(at("2024-05-05 00:00"), at("2024-05-06 00:00"))
    (run,) = runs(
        CronTriggerSchedule(crons=("@monthly",), interval=MONTH),
        now="2024-03-06 12:00",
        start="2024-01-01 00:00",
        count=1,
    )
    assert run == RunTimes.over(at("2024-02-01 00:00"), at("2024-03-01 00:00"))


@pytest.mark.parametrize(
    ("run_immediately", "now", "expected"),
    [
        (True, "2024-05-06 23:00", "2024-05-06 00:00"),
        (False, "2024-05-06 02:00", "2024-05-06 00:00"),  # within a tenth of the period
        (False, "2024-05-06 03:00", "2024-05-07 00:00"),
        (3600.0, "2024-05-06 01:00", "2024-05-06 00:00"),
        (3600.0, "2024-05-06 01:01", "2024-05-07 00:00"),
        (0.0, "2024-05-06 00:01", "2024-05-07 00:00"),
    ],
)
def test_the_first_run_of_a_dag_without_a_start(
    run_immediately: bool | float, now: str, expected: str
) -> None:
    schedule = CronTriggerSchedule(crons=("@daily",), run_immediately=run_immediately)
    assert due(runs(schedule, now=now, catchup=True, count=1)) == [expected]


def test_several_crons_make_one_run_where_they_meet() -> None:
    schedule = CronTriggerSchedule(crons=("0 6 * * *", "0 */12 * * *"))
    made = runs(schedule, now="2024-05-07 00:00", start="2024-05-06 00:00", catchup=True, count=5)
    assert due(made) == [
        "2024-05-06 00:00",
        "2024-05-06 06:00",
        "2024-05-06 12:00",
        "2024-05-07 00:00",
        "2024-05-07 06:00",
    ]
    made = runs(schedule, now="2024-05-07 13:00", start="2024-05-06 00:00", count=2)
    assert due(made) == ["2024-05-07 12:00", "2024-05-08 00:00"]


def test_several_crons_with_an_interval_skip_none_to_come() -> None:
    schedule = CronTriggerSchedule(crons=("0 1 * * *", "0 2 * * *"), interval=DAY)
    made = runs(schedule, now="2024-05-06 03:00", start="2024-05-01 00:00")
    assert due(made) == ["2024-05-06 02:00", "2024-05-07 01:00", "2024-05-07 02:00"]


# Clocks that change


def test_hourly_runs_keep_elapsed_time_across_the_fold() -> None:
    schedule = schedule_of("30 * * * *", "Europe/Berlin")
    made = runs(schedule, now="2024-10-26 23:00", start="2024-10-26 23:00", count=5)
    assert due(made) == [
        f"2024-10-{day} {h:02}:30" for day, h in [(26, 23), *((27, h) for h in range(4))]
    ]


def test_a_daily_time_that_comes_twice_runs_once_and_one_that_is_skipped_moves() -> None:
    schedule = schedule_of("30 2 * * *", "Europe/Berlin")
    made = runs(schedule, now="2024-10-26 12:00", start="2024-10-26 12:00", count=2)
    assert due(made) == ["2024-10-27 01:30", "2024-10-28 01:30"]
    made = runs(schedule, now="2024-03-30 12:00", start="2024-03-30 12:00", count=2)
    assert due(made) == ["2024-03-31 01:30", "2024-04-01 00:30"]


def test_the_latest_interval_where_the_clocks_changed_under_it() -> None:
    # The wall clock of the last step is an hour off here; Airflow ends with an AssertionError.
    schedule = schedule_of("*/5 * * * 1-5", "Europe/London", data_intervals=True)
    made = runs(schedule, now="2024-10-27 23:30", start="2024-10-20 00:00", count=20)
    assert all(run.run_after > run.logical_date for run in made)
    assert made == sorted(made, key=lambda run: run.logical_date)
    assert made[0].run_after <= at("2024-10-27 23:30")


# Deltas


def test_seconds_count_from_the_start_with_catchup_and_from_the_epoch_without() -> None:
    schedule = DeltaIntervalSchedule(every=Delta(seconds=5400))
    made = runs(schedule, now="2024-05-06 12:00", start="2024-05-06 00:10", catchup=True)
    assert dates(made) == ["2024-05-06 00:10", "2024-05-06 01:40", "2024-05-06 03:10"]
    made = runs(schedule, now="2024-05-06 12:50", start="2024-05-06 00:10")
    assert dates(made) == ["2024-05-06 10:30", "2024-05-06 12:00", "2024-05-06 13:30"]


def test_a_delta_trigger_without_catchup_runs_now() -> None:
    schedule = DeltaTriggerSchedule(every=DAY)
    made = runs(schedule, now="2024-05-06 12:34", start="2024-05-01 00:00")
    assert due(made) == ["2024-05-06 12:34", "2024-05-07 12:34", "2024-05-08 12:34"]


def test_months_step_from_the_start_and_return_to_its_day() -> None:
    schedule = DeltaTriggerSchedule(every=MONTH)
    made = runs(schedule, now="2024-01-01 00:00", start="2024-01-31 05:00", catchup=True, count=4)
    assert due(made) == [
        "2024-01-31 05:00",
        "2024-02-29 05:00",
        "2024-03-31 05:00",
        "2024-04-30 05:00",
    ]
    made = runs(schedule, now="2024-05-15 00:00", start="2024-01-31 05:00", count=2)
    assert due(made) == ["2024-04-30 05:00", "2024-05-31 05:00"]
    made = runs(
        DeltaIntervalSchedule(every=MONTH),
        now="2024-05-15 00:00",
        start="2024-01-31 05:00",
        count=2,
    )
    assert made[0] == RunTimes.over(at("2024-03-31 05:00"), at("2024-04-30 05:00"))
    assert made[1] == RunTimes.over(at("2024-04-30 05:00"), at("2024-05-31 05:00"))


# The others


def test_once() -> None:
    assert due(runs(OnceSchedule(), now="2024-05-06 12:00")) == ["2024-05-06 12:00"]
    start = "2024-06-01 00:00"
    assert due(runs(OnceSchedule(), now="2024-05-06 12:00", start=start)) == [start]
    assert not runs(OnceSchedule(), now="2024-05-06 12:00", end="2024-05-06 11:00")


def test_continuous_runs_cover_the_time_in_between() -> None:
    timetable, bounds = timetable_of(ContinuousSchedule()), Bounds(start=at("2024-05-06 12:00"))
    first = timetable.next_run(None, at("2024-05-06 11:00"), bounds)
    assert first == RunTimes.at(at("2024-05-06 12:00"))
    second = timetable.next_run(first, at("2024-05-06 12:05"), bounds)
    assert second is not None
    assert first.logical_date < second.logical_date
    assert second.run_after == at("2024-05-06 12:05")
    third = timetable.next_run(second, at("2024-05-06 12:09"), bounds)
    assert third == RunTimes.over(at("2024-05-06 12:05"), at("2024-05-06 12:09"))


def test_no_schedule_has_no_runs() -> None:
    assert not runs(NoSchedule(), now="2024-05-06 12:00", catchup=True)


EVENTS = EventsSchedule(
    events=(at("2024-05-08 00:00"), at("2024-05-06 00:00"), at("2024-05-06 00:00"))
)


def test_events_in_order_and_each_once() -> None:
    made = runs(EVENTS, now="2024-05-07 00:00", catchup=True)
    assert due(made) == ["2024-05-06 00:00", "2024-05-08 00:00"]
    assert due(runs(EVENTS, now="2024-05-07 00:00")) == ["2024-05-08 00:00"]
    assert not runs(EVENTS, now="2024-05-07 00:00", end="2024-05-07 00:00")
    made = runs(EVENTS, now="2024-05-01 00:00", start="2024-05-07 00:00", catchup=True)
    assert due(made) == ["2024-05-08 00:00"]


LISTED = ListedSchedule(
    runs=tuple(
        RunTimes.over(at(f"2024-05-0{day} 00:00"), at(f"2024-05-0{day} 12:00"))
        for day in (1, 2, 3, 8)
    )
)


def test_listed_runs_in_order() -> None:
    assert due(runs(LISTED, now="2024-05-03 13:00", catchup=True, count=9)) == [
        "2024-05-01 12:00",
        "2024-05-02 12:00",
        "2024-05-03 12:00",
        "2024-05-08 12:00",
    ]
    made = runs(LISTED, now="2024-05-03 13:00", start="2024-05-02 00:00", end="2024-05-02 12:00")
    assert due(made) == ["2024-05-02 12:00"]


def test_without_catchup_a_listed_run_is_left_out_if_a_later_one_is_due() -> None:
    assert due(runs(LISTED, now="2024-05-02 13:00")) == [
        "2024-05-02 12:00",
        "2024-05-03 12:00",
        "2024-05-08 12:00",
    ]
    assert not runs(ListedSchedule(runs=()), now="2024-05-02 13:00")


# Manual runs

NOON = at("2024-05-06 12:00")


@pytest.mark.parametrize(
    ("schedule", "start", "end"),
    [
        (schedule_of("@daily"), "2024-05-06 12:00", "2024-05-06 12:00"),
        (
            CronTriggerSchedule(crons=("@daily",), interval=HOUR),
            "2024-05-06 11:00",
            "2024-05-06 12:00",
        ),
        (CronTriggerSchedule(crons=("@daily", "@hourly")), "2024-05-06 12:00", "2024-05-06 12:00"),
        (schedule_of("@daily", data_intervals=True), "2024-05-05 00:00", "2024-05-06 00:00"),
        (DeltaTriggerSchedule(every=HOUR), "2024-05-06 12:00", "2024-05-06 12:00"),
        (DeltaIntervalSchedule(every=HOUR), "2024-05-06 11:00", "2024-05-06 12:00"),
        (DeltaIntervalSchedule(every=MONTH), "2024-04-06 12:00", "2024-05-06 12:00"),
        (EVENTS, "2024-05-06 12:00", "2024-05-06 12:00"),
        (
            msgspec.structs.replace(EVENTS, restrict_to_events=True),
            "2024-05-06 00:00",
            "2024-05-06 00:00",
        ),
        (
            EventsSchedule(events=(), restrict_to_events=True),
            "2024-05-06 12:00",
            "2024-05-06 12:00",
        ),
        (OnceSchedule(), "2024-05-06 12:00", "2024-05-06 12:00"),
    ],
)
def test_manual_runs(schedule: Schedule, start: str, end: str) -> None:
    run = timetable_of(schedule).manual_run(NOON.astimezone(ZoneInfo("Asia/Tokyo")))
    assert run == RunTimes(NOON, at(start), at(end), NOON)
    assert run.interval_start.tzinfo is UTC


def test_a_manual_run_before_all_events_takes_the_first() -> None:
    timetable = timetable_of(msgspec.structs.replace(EVENTS, restrict_to_events=True))
    assert timetable.manual_run(at("2020-01-01 00:00")).interval_end == at("2024-05-06 00:00")


# Time zones of the arguments


def test_instants_may_come_in_any_zone_and_leave_in_utc() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    bounds = Bounds(start=at("2024-03-30 12:00").astimezone(ZoneInfo("Europe/Berlin")))
    assert bounds.start is not None
    assert bounds.start.tzinfo is UTC
    for schedule in [schedule_of("@daily"), DeltaTriggerSchedule(every=DAY), OnceSchedule()]:
        timetable = timetable_of(schedule)
        now = at("2024-03-31 12:00")
        run = timetable.next_run(None, now.astimezone(tokyo), bounds)
        assert run is not None
        assert run == timetable.next_run(None, now, bounds)
        assert run.run_after.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = datetime(2024, 5, 6)
    with pytest.raises(ValueError, match="has no time zone"):
        Bounds(start=naive)
    with pytest.raises(ValueError, match="has no time zone"):
        timetable_of(schedule_of("@daily")).next_run(None, naive, Bounds())


# Expressions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 13 * FRI", ["2024-09-06", "2024-09-13", "2024-09-13", "2024-09-20"]),
        ("0 0 */10 * 5", ["2024-09-01", "2024-09-06", "2024-09-11"]),
        ("0 0 1-31 * 5", ["2024-09-01", "2024-09-02"]),
        ("0 0 * * FRI-MON", ["2024-09-01", "2024-09-02", "2024-09-06", "2024-09-07"]),
        ("0 0 * * 0-7", ["2024-09-01", "2024-09-02"]),
        ("0 0 * * 7", ["2024-09-01", "2024-09-08"]),
        ("0 0 ? * 2#1", ["2024-09-03", "2024-10-01"]),
        ("0 0 * * L5", ["2024-09-27", "2024-10-25"]),
        ("0 0 l * *", ["2024-09-30", "2024-10-31"]),
        ("0 0 20-L/5 * *", ["2024-09-20", "2024-09-25", "2024-09-30", "2024-10-20"]),
        ("0 0 1 nov-feb *", ["2024-11-01", "2024-12-01", "2025-01-01", "2025-02-01", "2025-11-01"]),
    ],
)
def test_days(text: str, expected: list[str]) -> None:
    cron, wall, got = CronExpression(text), datetime(2024, 8, 31, 23), []
    for _ in dict.fromkeys(expected):
        wall = cron.after(wall)
        got.append(wall.strftime("%Y-%m-%d"))
    assert got == list(dict.fromkeys(expected))


def test_hours_wrap_and_steps_start_anywhere() -> None:
    cron, wall, got = CronExpression("10/25 22-2/2 * * *"), datetime(2024, 9, 1, 3), []
    for _ in range(7):
        wall = cron.after(wall)
        got.append(wall.strftime("%H:%M"))
    assert got == ["22:10", "22:35", "00:10", "00:35", "02:10", "02:35", "22:10"]
    assert cron.before(datetime(2024, 9, 1, 22, 35)) == datetime(2024, 9, 1, 22, 10)


def test_the_sixth_field_holds_the_seconds() -> None:
    cron = CronExpression("0 6 * * * */20")
    assert cron.after(datetime(2024, 9, 1, 6, 0, 0, 5)) == datetime(2024, 9, 1, 6, 0, 20)
    assert cron.before(datetime(2024, 9, 1)) == datetime(2024, 8, 31, 6, 0, 40)


@pytest.mark.parametrize("text", ["* * * * *", "*/5 */1 * * *", "0 0-23 * * *", "0 3-1,2 * * *"])
def test_expressions_of_every_hour(text: str) -> None:
    assert CronExpression(text).hourly


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("* * * *", "4 fields"),
        ("* * * * * * *", "7 fields"),
        ("60 * * * *", "bad minute '60'"),
        ("* 24 * * *", "bad hour '24'"),
        ("* * 0 * *", "bad day of month '0'"),
        ("* * * 13 *", "bad month '13'"),
        ("* * * JANUARY *", "bad month"),
        ("* * * * 8", "bad day of week '8'"),
        ("* * * * 5#6", "bad day of week"),
        ("* * * * L8", "bad day of week"),
        ("*/0 * * * *", "bad minute"),
        ("*/x * * * *", "bad minute"),
        ("1,,2 * * * *", "bad minute ''"),
        ("-1 * * * *", "bad minute ''"),
        ("1-2-3 * * * *", "bad minute"),
        ("? * * * *", "bad minute"),
        ("H * * * *", "bad minute"),
        ("0 0 15W * *", "bad day of month"),
        ("0 9-9 * * *", "ambiguous"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6 *", "never fires"),
    ],
)
def test_what_is_no_expression(text: str, problem: str) -> None:
    with pytest.raises(NotCron, match=problem):
        CronExpression(text)
    (sentence,) = check_schedule(text)
    assert problem in sentence


def test_the_presets_are_airflows() -> None:
    assert PRESETS == {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@quarterly": "0 0 1 */3 *",
        "@yearly": "0 0 1 1 *",
    }
    for preset in [*PRESETS, "@once", "@continuous"]:
        assert check_schedule(preset) == []
        assert check_schedule(schedule_of(preset)) == []


# Schedules as data

SCHEDULES: list[Schedule] = [
    CronTriggerSchedule(crons=("@daily", "0 6 * * *"), timezone="Asia/Tokyo", interval=DAY),
    CronTriggerSchedule(crons=("@daily",), run_immediately=True),
    CronTriggerSchedule(crons=("@daily",), run_immediately=90.5),
    CronIntervalSchedule(cron="@daily", timezone="Europe/Berlin"),
    DeltaTriggerSchedule(every=HOUR, interval=MONTH),
    DeltaIntervalSchedule(every=Delta(seconds=0.5, months=3)),
    EVENTS,
    OnceSchedule(),
    ContinuousSchedule(),
    NoSchedule(),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
def test_schedules_survive_json(schedule: Schedule) -> None:
    assert check_schedule(schedule) == []
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule
    timetable_of(schedule)


def test_text_means_a_schedule() -> None:
    assert schedule_of(None) == NoSchedule()
    assert schedule_of("@once") == OnceSchedule()
    assert schedule_of("@continuous") == ContinuousSchedule()
    assert schedule_of("@daily", "Asia/Tokyo") == CronTriggerSchedule(
        crons=("@daily",), timezone="Asia/Tokyo"
    )
    assert schedule_of("@daily", data_intervals=True) == CronIntervalSchedule(cron="@daily")


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        (CronTriggerSchedule(crons=()), "has no cron expression"),
        (CronTriggerSchedule(crons=("x", "@daily")), "not a cron expression"),
        (CronTriggerSchedule(crons=("@once",)), "no known preset"),
        (CronTriggerSchedule(crons=("@daily",), timezone="Mars/Olympus"), "time zone"),
        (CronTriggerSchedule(crons=("@daily",), run_immediately=-1.0), "run_immediately"),
        (CronTriggerSchedule(crons=("@daily",), interval=Delta(seconds=-1)), "interval"),
        (CronIntervalSchedule(cron="@daily", timezone="../etc"), "time zone"),
        (DeltaTriggerSchedule(every=Delta()), "at least 1 s"),
        (DeltaTriggerSchedule(every=Delta(months=-1, seconds=1)), "negative"),
        (DeltaIntervalSchedule(every=Delta(seconds=float("nan"))), "not possible"),
        (DeltaIntervalSchedule(every=Delta(seconds=1e30)), "100 years"),
        (EventsSchedule(events=(datetime(2024, 1, 1),)), "has no time zone"),
        (ListedSchedule(runs=LISTED.runs[::-1]), "do not follow one after the other"),
        (AssetSchedule(condition=AssetRef()), "no name and no URI"),
        (AssetSchedule(condition=AllOf(parts=(AliasRef(name=""),))), "alias has no name"),
        (
            AssetOrTimeSchedule(time=OnceSchedule(), condition=AnyOf(parts=())),
            "condition has no parts",
        ),
    ],
)
def test_problems_are_sentences(schedule: Schedule, problem: str) -> None:
    (sentence,) = check_schedule(schedule)
    assert problem in sentence


def test_fixed_offsets_in_events_become_utc() -> None:
    event = datetime(2024, 5, 6, 9, tzinfo=timezone(timedelta(hours=9)))
    made = runs(EventsSchedule(events=(event,)), now="2024-05-01 00:00")
    assert made == [RunTimes.at(at("2024-05-06 00:00"))]
