"""Schedules in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetRef
from millstream.core.schedule_text import describe
from millstream.core.timetable import (
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
)
from millstream.core.timetables.delta import Delta

A, B = AssetRef(name="a", uri="s3://a"), AssetRef(uri="s3://b")


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (None, "none"),
        (NoSchedule(), "none"),
        ("@daily", "@daily"),
        (CronTriggerSchedule(crons=("0 1 * * *", "@hourly")), "0 1 * * *, @hourly (UTC)"),
        (CronIntervalSchedule(cron="@daily", timezone="Asia/Tokyo"), "data intervals of @daily"),
        (DeltaTriggerSchedule(every=Delta(seconds=300)), "every 0:05:00"),
        (DeltaIntervalSchedule(every=Delta(months=1)), "data intervals of 1 months"),
        (EventsSchedule(events=(datetime(2026, 1, 1, tzinfo=UTC),)), "1 listed instants"),
        (OnceSchedule(), "@once"),
        (ContinuousSchedule(), "@continuous"),
        (ListedSchedule(runs=()), "0 runs of a timetable of its own"),
        (AssetSchedule(condition=AllOf(parts=(A, AnyOf(parts=(B, AliasRef(name="x")))))), ""),
        (AssetOrTimeSchedule(time=OnceSchedule(), condition=A), "@once, or assets: a"),
    ],
)
def test_a_schedule_in_words(schedule: Any, text: str) -> None:
    assert describe(schedule).startswith(text)


def test_a_condition_in_words() -> None:
    condition = AllOf(parts=(A, AnyOf(parts=(B, AliasRef(name="x")))))
    assert describe(AssetSchedule(condition=condition)) == "assets: a and (s3://b or alias x)"
