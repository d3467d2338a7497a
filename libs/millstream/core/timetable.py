"""Schedules as data: what a DAG carries, checks and stores. What they mean is computed by the
timetables of :mod:`millstream.core.timetables`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

import msgspec

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetCondition, AssetRef
from millstream.core.timetables.cron import CronExpression, CronSteps, NotCron
from millstream.core.timetables.delta import Delta
from millstream.core.timetables.irregular import (
    ContinuousTimetable,
    EventsTimetable,
    ListedTimetable,
    NoTimetable,
    OnceTimetable,
)
from millstream.core.timetables.periodic import (
    DataIntervalTimetable,
    SeveralTimetable,
    TriggerTimetable,
    delta_steps,
    first_near,
    first_now,
    fixed,
)
from millstream.core.timetables.run_times import RunTimes, Timetable

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
UNTIMED = ("@once", "@continuous")


class CronTriggerSchedule(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cron", omit_defaults=True
):
    """A run whenever one of the cron expressions (or presets) fires in the time zone, for the
    ``interval`` before it. ``run_immediately`` is for a DAG without a start: whether its first run
    is the one that was due last; or within how many seconds after it fell due."""

    crons: tuple[str, ...]
    timezone: str = "UTC"
    interval: Delta = Delta()
    run_immediately: bool | float = False


class CronIntervalSchedule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="cron_interval",
    omit_defaults=True,
):
    """A run for each stretch between two moments at which the cron expression (or preset) fires."""

    cron: str
    timezone: str = "UTC"


class DeltaTriggerSchedule(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="delta", omit_defaults=True
):
    """A run at the start of the DAG and after each further ``every``, for the ``interval`` before
    it."""

    every: Delta
    interval: Delta = Delta()


class DeltaIntervalSchedule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="delta_interval",
    omit_defaults=True,
):
    """A run for each stretch of this length."""

    every: Delta


class EventsSchedule(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="events", omit_defaults=True
):
    """A run at each of these instants. ``restrict_to_events``: a manual run takes the data of the
    latest of them."""

    events: tuple[datetime, ...]
    restrict_to_events: bool = False


class OnceSchedule(msgspec.Struct, frozen=True, tag_field="kind", tag="once"):
    """One run."""


class ContinuousSchedule(msgspec.Struct, frozen=True, tag_field="kind", tag="continuous"):
    """A run as soon as the last has ended."""


class NoSchedule(msgspec.Struct, frozen=True, tag_field="kind", tag="none"):
    """No run but those that somebody asks for."""


class ListedSchedule(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="listed", omit_defaults=True
):
    """The runs that a timetable of the user's own gave when the DAG was submitted, in order: no
    service runs its code."""

    runs: tuple[RunTimes, ...]


class AssetSchedule(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="assets", omit_defaults=True
):
    """A run when the condition is met by the updates since the last such run."""

    condition: AssetCondition


class AssetOrTimeSchedule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="asset_or_time",
    omit_defaults=True,
):
    """Runs by time, and runs when the condition is met."""

    time: TimeSchedule
    condition: AssetCondition


TimeSchedule = (
    CronTriggerSchedule
    | CronIntervalSchedule
    | DeltaTriggerSchedule
    | DeltaIntervalSchedule
    | EventsSchedule
    | OnceSchedule
    | ContinuousSchedule
    | NoSchedule
    | ListedSchedule
)
Schedule = TimeSchedule | AssetSchedule | AssetOrTimeSchedule


def schedule_of(
    text: str | Schedule | None, timezone: str = "UTC", *, data_intervals: bool = False
) -> Schedule:
    """What a schedule written as text means: a cron expression or a preset. Airflow 3 makes a run
    whenever it fires; with ``data_intervals``, as in Airflow 2, for each stretch in between. Any
    other schedule means itself."""
    if text is None:
        return NoSchedule()
    if not isinstance(text, str):
        return text
    if text == "@once":
        return OnceSchedule()
    if text == "@continuous":
        return ContinuousSchedule()
    if data_intervals:
        return CronIntervalSchedule(cron=text, timezone=timezone)
    return CronTriggerSchedule(crons=(text,), timezone=timezone)


def timetable_of(schedule: Schedule) -> Timetable:
    """The timetable of a schedule in which :func:`check_schedule` finds no problem."""
    match schedule:
        case CronTriggerSchedule():
            patience = schedule.run_immediately
            trigger = tuple(
                TriggerTimetable(
                    fixed(_cron_steps(cron, schedule.timezone)),
                    interval=schedule.interval,
                    first=first_near(
                        patience if isinstance(patience, bool) else timedelta(seconds=patience)
                    ),
                )
                for cron in schedule.crons
            )
            return trigger[0] if len(trigger) == 1 else SeveralTimetable(trigger)
        case CronIntervalSchedule():
            return DataIntervalTimetable(fixed(_cron_steps(schedule.cron, schedule.timezone)))
        case DeltaTriggerSchedule():
            return TriggerTimetable(
                delta_steps(schedule.every), interval=schedule.interval, first=first_now
            )
        case DeltaIntervalSchedule():
            return DataIntervalTimetable(delta_steps(schedule.every))
        case EventsSchedule():
            return EventsTimetable(schedule.events, restrict_to_events=schedule.restrict_to_events)
        case OnceSchedule():
            return OnceTimetable()
        case ContinuousSchedule():
            return ContinuousTimetable()
        case NoSchedule() | AssetSchedule():
            return NoTimetable()
        case ListedSchedule():
            return ListedTimetable(schedule.runs)
        case AssetOrTimeSchedule():
            return timetable_of(schedule.time)
        case _:
            assert_never(schedule)


def _cron_steps(cron: str, timezone: str) -> CronSteps:
    return CronSteps(CronExpression(PRESETS.get(cron, cron)), ZoneInfo(timezone))


def check_schedule(schedule: Schedule | str) -> list[str]:
    """The problems of a schedule, as sentences."""
    match schedule:
        case str():
            return [] if schedule in UNTIMED else _check_cron(schedule)
        case CronTriggerSchedule():
            if not schedule.crons:
                return ["schedule has no cron expression; give one or more"]
            problems = [problem for cron in schedule.crons for problem in _check_cron(cron)]
            problems += _check_zone(schedule.timezone) + _check_interval(schedule.interval)
            patience = schedule.run_immediately
            if not isinstance(patience, bool) and not 0 <= patience <= _LONGEST_S:
                problems.append(f"run_immediately is {patience}; it is True, False or seconds")
            return problems
        case CronIntervalSchedule():
            return _check_cron(schedule.cron) + _check_zone(schedule.timezone)
        case DeltaTriggerSchedule():
            return _check_every(schedule.every) + _check_interval(schedule.interval)
        case DeltaIntervalSchedule():
            return _check_every(schedule.every)
        case EventsSchedule():
            return [
                f"event {event.isoformat()} has no time zone; add one, such as +00:00"
                for event in schedule.events
                if event.tzinfo is None
            ]
        case ListedSchedule():
            dates = [run.logical_date for run in schedule.runs]
            if dates != sorted(set(dates)):
                return ["the runs of the timetable do not follow one after the other"]
            return []
        case OnceSchedule() | ContinuousSchedule() | NoSchedule():
            return []
        case AssetSchedule():
            return _check_condition(schedule.condition)
        case AssetOrTimeSchedule():
            return check_schedule(schedule.time) + _check_condition(schedule.condition)
        case _:
            assert_never(schedule)


_LONGEST_S = 100 * 366 * 86400.0
_LONGEST_MONTHS = 1200


def _check_cron(cron: str) -> list[str]:
    if cron in PRESETS:
        return []
    if cron.startswith("@"):
        known = ", ".join([*PRESETS, *UNTIMED])
        return [f"schedule {cron!r} is no known preset; use a cron expression or one of {known}"]
    try:
        CronExpression(cron)
    except NotCron as error:
        return [
            f"schedule {cron!r} is not a cron expression ({error}); "
            f"write five fields such as '30 6 * * 1-5', or a preset such as '@daily'"
        ]
    return []


def _check_condition(condition: AssetCondition) -> list[str]:
    match condition:
        case AssetRef():
            return [] if condition.name or condition.uri else ["an asset has no name and no URI"]
        case AliasRef():
            return [] if condition.name else ["an asset alias has no name"]
        case AllOf() | AnyOf():
            if not condition.parts:
                return ["an asset condition has no parts"]
            return [problem for part in condition.parts for problem in _check_condition(part)]
        case _:
            assert_never(condition)


def _check_zone(timezone: str) -> list[str]:
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        return [f"time zone {timezone!r} is unknown; use an IANA name such as 'Europe/Berlin'"]
    return []


def _check_every(delta: Delta) -> list[str]:
    problems = _check_size("schedule", delta)
    if not problems and not delta.months and delta.span < timedelta(seconds=1):
        problems.append(f"schedule has {delta.seconds} s between runs; at least 1 s is needed")
    return problems


def _check_interval(delta: Delta) -> list[str]:
    return _check_size("interval", delta)


def _check_size(what: str, delta: Delta) -> list[str]:
    if 0 <= delta.months <= _LONGEST_MONTHS and 0 <= delta.seconds <= _LONGEST_S:
        return []
    return [
        f"{what} of {delta.months} months and {delta.seconds} s is not possible; "
        f"neither part may be negative, and 100 years is the longest"
    ]
