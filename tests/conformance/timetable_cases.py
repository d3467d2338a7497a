"""Plays recorded schedules: which runs a timetable made one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from millstream.core.timetable import (
    DeltaIntervalSchedule,
    DeltaTriggerSchedule,
    Schedule,
    check_schedule,
    schedule_of,
    timetable_of,
)
from millstream.core.timetables.delta import Delta
from millstream.core.timetables.run_times import Bounds, RunTimes

Run = tuple[datetime, datetime, datetime, datetime]


class Seconds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: float


class TimetableCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``runs`` are the next runs, null where there is no further one. The clock stands at ``now``,
    then at the latest ``run_after``."""

    schedule: str | Seconds
    kind: Literal["trigger", "data_interval"]
    timezone: str
    start: datetime | None
    end: datetime | None
    catchup: bool
    now: datetime
    runs: list[Run | None]

    def title(self) -> str:
        schedule = self.schedule if isinstance(self.schedule, str) else self.schedule.seconds
        catchup = "catchup" if self.catchup else "no catchup"
        return (
            f"{self.kind} {schedule!r} {self.timezone} {catchup} start {self.start} now {self.now}"
        )


decode = msgspec.json.Decoder(TimetableCase).decode


def play(case: TimetableCase) -> Iterator[str]:
    """One sentence for each run that is not as recorded."""
    schedule = _schedule(case)
    if problems := check_schedule(schedule):
        yield from problems
        return
    timetable = timetable_of(schedule)
    bounds = Bounds(start=case.start, end=case.end, catchup=case.catchup)
    now, last = case.now, None
    for number, expected in enumerate(case.runs, 1):
        run = timetable.next_run(last, now, bounds)
        got = None if run is None else _as_recorded(run)
        if got != expected:
            yield f"run {number}: expected {_text(expected)}, got {_text(got)}"
        if run is None:
            return
        now, last = max(now, run.run_after), run


def _schedule(case: TimetableCase) -> Schedule:
    if isinstance(case.schedule, str):
        return schedule_of(
            case.schedule, case.timezone, data_intervals=case.kind == "data_interval"
        )
    every = Delta(seconds=case.schedule.seconds)
    if case.kind == "trigger":
        return DeltaTriggerSchedule(every=every)
    return DeltaIntervalSchedule(every=every)


def _as_recorded(run: RunTimes) -> Run:
    return run.logical_date, run.interval_start, run.interval_end, run.run_after


def _text(run: Run | None) -> str:
    return "no run" if run is None else " ".join(instant.isoformat() for instant in run)


def judge(line: str) -> tuple[str, list[str]]:
    """The title of the case on a line, and what is wrong with its runs."""
    case = decode(line)
    return case.title(), list(play(case))
