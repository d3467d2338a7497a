"""What a DAG's schedule may be, and what it becomes in the spec."""

import warnings
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pendulum
import pytest
from dateutil.relativedelta import FR, relativedelta

from millstream import DAG, Asset, EmptyOperator
from millstream.core.asset_conditions import AssetRef
from millstream.core.errors import InvalidDag
from millstream.core.timetable import (
    AssetOrTimeSchedule as AssetOrTime,
)
from millstream.core.timetable import (
    ContinuousSchedule,
    CronIntervalSchedule,
    CronTriggerSchedule,
    DeltaIntervalSchedule,
    DeltaTriggerSchedule,
    EventsSchedule,
    ListedSchedule,
    NoSchedule,
    OnceSchedule,
)
from millstream.core.timetables.delta import Delta
from millstream.core.validate import check_dag
from millstream.sdk.errors import AirflowException
from millstream.sdk.timetables import DATA_INTERVALS, MOST_LISTED, TimetableRunsOut
from millstream.timetables import (
    AssetOrTimeSchedule,
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DagRunInfo,
    DataInterval,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    EventsTimetable,
    MultipleCronTriggerTimetable,
    NullTimetable,
    OnceTimetable,
    Timetable,
)

START = pendulum.datetime(2026, 1, 1, tz="UTC")


def spec_of(schedule, **options):
    with DAG("d", schedule=schedule, **options) as dag:
        EmptyOperator(task_id="a")
    spec = dag.to_spec("d.py")
    check_dag(spec)
    return spec


DAY = Delta(seconds=86400.0)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (None, None),
        ("@daily", "@daily"),
        ("*/5 * * * * *", "*/5 * * * * *"),
        (timedelta(days=1), DeltaTriggerSchedule(every=DAY)),
        (relativedelta(months=1), DeltaTriggerSchedule(every=Delta(months=1))),
        (
            relativedelta(years=1, weeks=1),
            DeltaTriggerSchedule(every=Delta(months=12, seconds=7 * 86400.0)),
        ),
        (
            CronTriggerTimetable(
                "0 6 * * *",
                timezone="Europe/Berlin",
                interval=timedelta(hours=6),
                run_immediately=timedelta(minutes=10),
            ),
            CronTriggerSchedule(
                crons=("0 6 * * *",),
                timezone="Europe/Berlin",
                interval=Delta(seconds=6 * 3600.0),
                run_immediately=600.0,
            ),
        ),
        (
            MultipleCronTriggerTimetable("0 6 * * *", "@weekly", timezone=ZoneInfo("Asia/Tokyo")),
            CronTriggerSchedule(crons=("0 6 * * *", "@weekly"), timezone="Asia/Tokyo"),
        ),
        (
            CronDataIntervalTimetable("@hourly", pendulum.timezone("Europe/Paris")),
            CronIntervalSchedule(cron="@hourly", timezone="Europe/Paris"),
        ),
        (DeltaTriggerTimetable(timedelta(days=1)), DeltaTriggerSchedule(every=DAY)),
        (DeltaDataIntervalTimetable(timedelta(days=1)), DeltaIntervalSchedule(every=DAY)),
        (
            EventsTimetable([START.add(days=1), START], restrict_to_events=True),
            EventsSchedule(
                events=(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
                restrict_to_events=True,
            ),
        ),
        (ContinuousTimetable(), ContinuousSchedule()),
        (OnceTimetable(), OnceSchedule()),
        (NullTimetable(), NoSchedule()),
    ],
    ids=repr,
)
def test_a_schedule_in_the_spec(schedule, expected):
    assert spec_of(schedule, start_date=START).schedule == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("@daily", CronIntervalSchedule(cron="@daily", timezone="Europe/Berlin")),
        ("@once", "@once"),
        (timedelta(days=1), DeltaIntervalSchedule(every=DAY)),
        (
            CronTriggerTimetable("@daily", timezone="UTC"),
            CronTriggerSchedule(crons=("@daily",)),
        ),
    ],
    ids=repr,
)
def test_one_switch_for_data_intervals(schedule, expected, monkeypatch):
    monkeypatch.setenv(DATA_INTERVALS, "True")
    start = pendulum.datetime(2026, 1, 1, tz="Europe/Berlin")
    assert spec_of(schedule, start_date=start).schedule == expected


def test_the_switch_is_true_or_false(monkeypatch):
    monkeypatch.setenv(DATA_INTERVALS, "perhaps")
    with pytest.raises(AirflowException, match=rf"{DATA_INTERVALS} is 'perhaps'"):
        DAG("d", schedule="@daily")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: DAG("d", schedule=5), TypeError, "schedule is 5"),
        (lambda: DAG("d", schedule=[]), TypeError, r"schedule is \[\]"),
        (
            lambda: DAG("d", schedule=relativedelta(weekday=FR)),
            ValueError,
            "names a moment and no distance",
        ),
        (
            lambda: CronTriggerTimetable("every day", timezone="UTC"),
            ValueError,
            "CronTriggerTimetable: schedule 'every day' is not a cron expression",
        ),
        (
            lambda: CronTriggerTimetable("@daily", timezone="Mars/Olympus"),
            ValueError,
            "'Mars/Olympus' is unknown",
        ),
        (
            lambda: CronTriggerTimetable("@daily", timezone=timezone(timedelta(hours=1))),
            TypeError,
            "timezone is .*; it must be the name",
        ),
        (
            lambda: CronTriggerTimetable("@daily", timezone="UTC", interval=5),
            TypeError,
            "interval is 5",
        ),
        (
            lambda: CronTriggerTimetable("@daily", timezone="UTC", run_immediately="yes"),
            TypeError,
            "run_immediately is 'yes'",
        ),
        (lambda: MultipleCronTriggerTimetable(timezone="UTC"), ValueError, "no cron expression"),
        (lambda: DeltaTriggerTimetable(timedelta()), ValueError, "at least 1 s"),
        (lambda: EventsTimetable([]), ValueError, "event_dates is empty"),
        (lambda: EventsTimetable(["soon"]), ValueError, "event_dates 'soon'"),
        (
            lambda: DAG("d", schedule=ContinuousTimetable(), max_active_runs=2),
            ValueError,
            "max_active_runs is 2; the schedule .* allows 1",
        ),
        (
            lambda: DAG("d", schedule="@continuous", max_active_runs=2),
            ValueError,
            "allows 1",
        ),
        (lambda: DAG("d", max_active_runs=0), ValueError, "max_active_runs is 0"),
        (lambda: DAG("d", max_active_runs=True), TypeError, "max_active_runs is True"),
        (lambda: DAG("d", catchup="yes"), TypeError, "catchup is 'yes'"),
        (lambda: DAG("d", is_paused_upon_creation=1), TypeError, "is_paused_upon_creation is 1"),
        (lambda: DAG("d", dagrun_timeout="1h"), TypeError, "dagrun_timeout is '1h'"),
        (lambda: DAG("d", end_date="soon"), ValueError, "end_date 'soon'"),
        (
            lambda: AssetOrTimeSchedule(timetable="@daily", assets=Asset("a")),
            TypeError,
            "timetable is '@daily'",
        ),
        (
            lambda: AssetOrTimeSchedule(timetable=OnceTimetable(), assets="a"),
            TypeError,
            "assets is 'a'",
        ),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedule": "every day"}, "schedule 'every day' is not a cron expression"),
        ({"schedule": "@daily", "catchup": True}, "catchup=True needs a start_date"),
        ({"start_date": START, "end_date": START.subtract(days=1)}, "is before start_date"),
        ({"dagrun_timeout": timedelta()}, "dagrun_timeout is 0.0 s"),
        ({"schedule": timedelta(milliseconds=1)}, "at least 1 s"),
    ],
)
def test_wrong_schedules_are_told_with_all_else_that_is_wrong(options, words):
    with pytest.raises(InvalidDag, match=words):
        spec_of(options.pop("schedule", None), **options)


def test_a_wrong_expression_is_told_also_for_data_intervals(monkeypatch):
    monkeypatch.setenv(DATA_INTERVALS, "1")
    with pytest.raises(InvalidDag, match="schedule 'every day' is not a cron expression"):
        spec_of("every day")


def test_the_words_of_a_dag_about_its_runs():
    spec = spec_of(
        "@daily",
        default_args={"end_date": "2026-02-01"},
        start_date=START,
        max_active_runs=3,
        dagrun_timeout=timedelta(minutes=2),
        max_consecutive_failed_dag_runs=4,
        is_paused_upon_creation=False,
    )
    assert spec.end_date == "2026-02-01T00:00:00+00:00"
    assert spec.max_active_runs == 3
    assert spec.dagrun_timeout_s == 120.0
    assert spec.max_consecutive_failed_dag_runs == 4
    assert spec.is_paused_upon_creation is False


def test_one_run_at_a_time_where_each_waits_for_the_one_before():
    assert spec_of("@continuous", start_date=START).max_active_runs == 1


def test_assets_or_time():
    schedule = AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("@daily", timezone="UTC"), assets=Asset("a", uri="s3://a")
    )
    assert spec_of(schedule).schedule == AssetOrTime(
        time=CronTriggerSchedule(crons=("@daily",)),
        condition=AssetRef(name="a", uri="s3://a", group="asset"),
    )


class Workdays(Timetable):
    """As in Airflow's how-to: a run after each day but the weekends, for that day."""

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        if last_automated_data_interval is not None:
            start = last_automated_data_interval.start.add(days=1)
        elif restriction.earliest is None:
            return None
        else:
            start = restriction.earliest
        while start.isoweekday() in (6, 7):
            start = start.add(days=1)
        if restriction.latest is not None and start > restriction.latest:
            return None
        return DagRunInfo.interval(start=start, end=start.add(days=1))

    def infer_manual_data_interval(self, *, run_after):
        return DataInterval.exact(run_after)


def test_a_timetable_of_one_s_own_is_asked_when_the_dag_is_submitted():
    spec = spec_of(Workdays(), start_date=START, end_date=START.add(days=5), catchup=True)
    assert isinstance(spec.schedule, ListedSchedule)
    days = [(run.logical_date.day, run.run_after.day) for run in spec.schedule.runs]
    assert days == [(1, 2), (2, 3), (5, 6), (6, 7)]


def test_a_warning_names_the_last_run_that_was_listed():
    with pytest.warns(TimetableRunsOut, match=f"asked for {MOST_LISTED} runs, the last at 2027"):
        spec = spec_of(Workdays(), start_date=START)
    assert len(spec.schedule.runs) == MOST_LISTED


class Broken(Timetable):
    def __init__(self, answer):
        self.answer = answer

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        return self.answer(last_automated_data_interval)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda last: 1 / 0, "timetable Broken: next_dagrun_info failed .*ZeroDivisionError"),
        (lambda last: DagRunInfo.exact(START), "the run after .* is .*, which is not later"),
        (lambda last: START, "it must be a DagRunInfo or None"),
        (lambda last: DagRunInfo.exact(datetime(2026, 1, 1)), "a datetime with a time zone"),
    ],
)
def test_what_a_timetable_of_one_s_own_does_wrong_is_told(answer, words):
    with warnings.catch_warnings(), pytest.raises(AirflowException, match=words):
        spec_of(Broken(answer))
