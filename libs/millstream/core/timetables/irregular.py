"""Runs without a period: never, once, one after the other, at listed moments."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime

from millstream.core.timetables.run_times import Bounds, RunTimes, utc


class NoTimetable:
    """Runs only when somebody asks for one."""

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        return None

    def manual_run(self, at: datetime) -> RunTimes:
        return RunTimes.at(utc(at))


class OnceTimetable(NoTimetable):
    """One run, at the start of the DAG; at once if it has none."""

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        at = utc(now) if bounds.start is None else bounds.start
        return RunTimes.at(at) if last is None and bounds.allow(at) else None


class ContinuousTimetable(NoTimetable):
    """One run after the other: the next covers the time since the last one, up to now. Ask when the
    last run has ended."""

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        now = utc(now)
        if last is None:
            start = now if bounds.start is None else bounds.start
        else:
            start = utc(last.interval_end)
            if start == last.logical_date:  # it covered no time; two runs never share a date
                start += datetime.resolution
        end = max(start, now)
        return RunTimes.over(start, end) if bounds.allow(end) else None


class EventsTimetable:
    """A run at each of the listed moments. With ``restrict_to_events`` a manual run takes the data
    of the latest of them, or of the first if none has passed yet."""

    def __init__(self, events: Iterable[datetime], *, restrict_to_events: bool):
        self._events = sorted(dict.fromkeys(utc(event) for event in events))
        self._restrict_to_events = restrict_to_events

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        now = utc(now)
        for event in self._events:
            if bounds.start is not None and event < bounds.start:
                continue
            if not bounds.catchup and event < now:
                continue
            if last is None or event > last.interval_end:
                return RunTimes.at(event) if bounds.allow(event) else None
        return None

    def manual_run(self, at: datetime) -> RunTimes:
        at = utc(at)
        if not self._restrict_to_events or not self._events:
            return RunTimes.at(at)
        event = self._events[max(bisect_right(self._events, at) - 1, 0)]
        return RunTimes.by_hand(at, event, event)


class ListedTimetable:
    """The runs of a list, in order. Without catchup those are left out that a later one that is due
    makes obsolete."""

    def __init__(self, runs: tuple[RunTimes, ...]) -> None:
        self._runs = runs

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        now = utc(now)
        found = None
        for run in self._runs:
            if last is not None and run.logical_date <= last.logical_date:
                continue
            if bounds.start is not None and run.logical_date < bounds.start:
                continue
            if not bounds.allow(run.logical_date):
                break
            if found is not None and (bounds.catchup or run.run_after > now):
                break
            found = run
        return found

    def manual_run(self, at: datetime) -> RunTimes:
        return RunTimes.at(utc(at))
