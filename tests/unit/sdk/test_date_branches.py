"""Branches by the clock, by the day of the week, and by whether the run is the latest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from millstream import (
    DAG,
    BranchDateTimeOperator,
    BranchDayOfWeekOperator,
    EmptyOperator,
    LatestOnlyOperator,
    WeekDay,
)
from millstream.core.event_parts import RunInfo
from millstream.sdk.attempts import Attempt, Outcome
from millstream.sdk.errors import AirflowException
from millstream.sdk.execution import run_attempt

ANSWER = {"follow_task_ids_if_true": "yes", "follow_task_ids_if_false": "no"}


def fork(make: Callable[[], Any], dag_arguments: dict[str, Any] | None = None) -> DAG:
    with DAG("d", **(dag_arguments or {})) as dag:
        make() >> [EmptyOperator(task_id="yes"), EmptyOperator(task_id="no")]
    return dag


def chosen(dag: DAG, run_info: RunInfo, channel: Any) -> str:
    attempt = Attempt(
        namespace="default",
        dag_id="d",
        run_id="r",
        task_id="fork",
        action=dag.get_task("fork").action(),
        run=run_info,
    )
    outcome: Outcome = run_attempt(attempt, dag, channel)
    assert outcome.kind == "success", outcome.message
    assert outcome.choice is not None
    assert outcome.choice.follow is not None
    return ",".join(outcome.choice.follow)


# The run's logical date is noon of 2024-02-29, a Thursday.
@pytest.mark.parametrize(
    ("lower", "upper", "zone", "expected"),
    [
        (datetime(2024, 2, 29, 11), datetime(2024, 2, 29, 13), "UTC", "yes"),
        (datetime(2024, 2, 29, 12), datetime(2024, 2, 29, 12), "UTC", "yes"),
        (datetime(2024, 2, 29, 13), None, "UTC", "no"),
        (None, datetime(2024, 2, 29, 11), "UTC", "no"),
        (None, datetime(2024, 3, 1), "UTC", "yes"),
        (time(11), time(13), "UTC", "yes"),
        (time(13), time(11), "UTC", "no"),
        (time(11, 30), time(11), "UTC", "yes"),  # until 11:00 of the next day
        (datetime(2024, 2, 29, 12, 30), datetime(2024, 2, 29, 13, 30), "Europe/Berlin", "yes"),
        (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), None, "Europe/Berlin", "no"),
    ],
)
def test_between_two_instants(
    lower: Any, upper: Any, zone: str, expected: str, run_info: RunInfo, channel: Any
) -> None:
    import pendulum

    dag = fork(
        lambda: BranchDateTimeOperator(
            task_id="fork",
            target_lower=lower,
            target_upper=upper,
            use_task_logical_date=True,
            **ANSWER,
        ),
        {"start_date": pendulum.datetime(2024, 1, 1, tz=zone)},
    )
    assert chosen(dag, run_info, channel) == expected


def test_by_the_clock(run_info: RunInfo, channel: Any) -> None:
    def make(**bounds: Any) -> DAG:
        return fork(lambda: BranchDateTimeOperator(task_id="fork", **bounds, **ANSWER))

    past, future = datetime(2000, 1, 1), datetime(3000, 1, 1)
    assert chosen(make(target_lower=past, target_upper=future), run_info, channel) == "yes"
    assert chosen(make(target_lower=future, target_upper=None), run_info, channel) == "no"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("Thursday", "yes"),
        ("thursday", "yes"),
        (WeekDay.THURSDAY, "yes"),
        ({"Saturday", "Sunday"}, "no"),
        ([WeekDay.MONDAY, WeekDay.THURSDAY], "yes"),
    ],
)
def test_days_of_the_week(days: Any, expected: str, run_info: RunInfo, channel: Any) -> None:
    dag = fork(
        lambda: BranchDayOfWeekOperator(
            task_id="fork", week_day=days, use_task_logical_date=True, **ANSWER
        )
    )
    assert chosen(dag, run_info, channel) == expected


def test_the_day_by_the_clock(run_info: RunInfo, channel: Any) -> None:
    every = [day.name for day in WeekDay]
    dag = fork(lambda: BranchDayOfWeekOperator(task_id="fork", week_day=every, **ANSWER))
    assert chosen(dag, run_info, channel) == "yes"


def test_bad_arguments() -> None:
    with pytest.raises(
        ValueError, match="week_day 'Freitag' is no day of the week; use one of Mon"
    ):
        BranchDayOfWeekOperator(task_id="f", week_day="Freitag", **ANSWER)
    with pytest.raises(ValueError, match="name one day or more"):
        BranchDayOfWeekOperator(task_id="f", week_day=[], **ANSWER)
    with pytest.raises(TypeError, match="week_day is 5"):
        BranchDayOfWeekOperator(task_id="f", week_day=5, **ANSWER)  # type: ignore[arg-type]
    with pytest.raises(AirflowException, match="target_lower and target_upper are both None"):
        BranchDateTimeOperator(task_id="f", target_lower=None, target_upper=None, **ANSWER)
    with pytest.raises(TypeError, match="target_lower is 'noon'"):
        BranchDateTimeOperator(task_id="f", target_lower="noon", target_upper=None, **ANSWER)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("run_type", "age", "schedule", "expected"),
    [
        ("scheduled", timedelta(minutes=1), "@yearly", "yes,no"),
        ("scheduled", timedelta(days=800), "@yearly", ""),
        ("backfill", timedelta(days=800), "@yearly", ""),
        ("manual", timedelta(days=800), "@yearly", "yes,no"),
        ("scheduled", timedelta(days=800), "@once", "yes,no"),
        ("asset_triggered", timedelta(days=800), None, "yes,no"),
    ],
)
def test_the_latest_run_goes_on(
    run_type: str, age: timedelta, schedule: str | None, expected: str, channel: Any
) -> None:
    date = datetime.now(UTC) - age
    info = RunInfo(
        run_type=run_type,
        run_after=date,
        logical_date=date,
        data_interval_start=date,
        data_interval_end=date,
        conf={},
    )
    dag = fork(lambda: LatestOnlyOperator(task_id="fork"), {"schedule": schedule})
    assert chosen(dag, info, channel) == expected
