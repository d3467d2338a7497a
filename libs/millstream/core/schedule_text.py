"""Schedules in words, for people."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetCondition, AssetRef
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
    Schedule,
)
from millstream.core.timetables.delta import Delta


def describe(schedule: str | Schedule | None) -> str:
    """``every 0:05:00``, ``30 6 * * * (Europe/Berlin)``, ``orders and (a or b)``; "none"."""
    match schedule:
        case None | NoSchedule():
            return "none"
        case str():
            return schedule
        case CronTriggerSchedule(crons=crons, timezone=zone):
            return f"{', '.join(crons)} ({zone})"
        case CronIntervalSchedule(cron=cron, timezone=zone):
            return f"data intervals of {cron} ({zone})"
        case DeltaTriggerSchedule(every=every):
            return f"every {_distance(every)}"
        case DeltaIntervalSchedule(every=every):
            return f"data intervals of {_distance(every)}"
        case EventsSchedule(events=events):
            return f"{len(events)} listed instants"
        case OnceSchedule():
            return "@once"
        case ContinuousSchedule():
            return "@continuous"
        case ListedSchedule(runs=runs):
            return f"{len(runs)} runs of a timetable of its own"
        case AssetSchedule(condition=condition):
            return f"assets: {_condition(condition)}"
        case AssetOrTimeSchedule(time=time, condition=condition):
            return f"{describe(time)}, or assets: {_condition(condition)}"
        case _:
            assert_never(schedule)


def _distance(delta: Delta) -> str:
    parts = [f"{delta.months} months"] if delta.months else []
    if delta.seconds or not parts:
        parts.append(str(timedelta(seconds=delta.seconds)))
    return " and ".join(parts)


def _condition(condition: AssetCondition, depth: int = 0) -> str:
    match condition:
        case AssetRef(name=name, uri=uri):
            return name or uri
        case AliasRef(name=name):
            return f"alias {name}"
        case AllOf(parts=parts) | AnyOf(parts=parts):
            word = " and " if isinstance(condition, AllOf) else " or "
            text = word.join(_condition(part, depth + 1) for part in parts)
            return f"({text})" if depth and len(parts) > 1 else text
        case _:
            assert_never(condition)
