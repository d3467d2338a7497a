"""Runs that follow steps of time. A trigger timetable makes a run at each step; a data interval
timetable makes one for each stretch between two steps, named for its start and due at its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from millstream.core.timetables.delta import EPOCH, Delta, MonthSteps, SecondSteps
from millstream.core.timetables.run_times import Bounds, Exhausted, RunTimes, utc


class Steps(Protocol):
    """Instants, one after the other, without end."""

    def next(self, instant: datetime) -> datetime:
        """The first step later than an instant. Raises :class:`Exhausted`."""

    def prev(self, instant: datetime) -> datetime:
        """The last step earlier than an instant."""

    def align_next(self, instant: datetime) -> datetime:
        """The first step not earlier than an instant."""

    def align_prev(self, instant: datetime) -> datetime:
        """The last step not later than an instant."""

    def latest_start(self, now: datetime) -> datetime:
        """Where the latest stretch between two steps begins that is over at ``now``."""


StepsFrom = Callable[[datetime | None], Steps]
"""The steps of a DAG with this start. Steps of months count from it, or from 1970 without one."""


def fixed(steps: Steps) -> StepsFrom:
    return lambda start: steps


def delta_steps(delta: Delta) -> StepsFrom:
    if not delta.months:
        return fixed(SecondSteps(delta.span))
    return lambda start: MonthSteps(delta, EPOCH if start is None else start)


class TriggerTimetable:
    """A run at each step, for the ``interval`` before it (usually none)."""

    def __init__(
        self,
        steps: StepsFrom,
        *,
        interval: Delta,
        first: Callable[[Steps, datetime], datetime],
    ):
        self._steps = steps
        self._interval = interval
        self._first = first

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        try:
            due = self._due(self._steps(bounds.start), last, utc(now), bounds)
        except Exhausted:
            return None
        if not bounds.allow(due):
            return None
        return RunTimes.over(self._interval.before(due), due)

    def manual_run(self, at: datetime) -> RunTimes:
        at = utc(at)
        return RunTimes.by_hand(at, self._interval.before(at), at)

    def _due(self, steps: Steps, last: RunTimes | None, now: datetime, bounds: Bounds) -> datetime:
        earliest = []
        if last is not None:
            earliest.append(steps.next(utc(last.interval_end)))
        elif bounds.start is None:
            earliest.append(self._first(steps, now))
        if bounds.start is not None:
            earliest.append(steps.align_next(bounds.start))
        if not bounds.catchup:
            earliest.append(steps.align_prev(now))
        return max(earliest)


def first_now(steps: Steps, now: datetime) -> datetime:
    """The first run of a DAG without a start: now."""
    return steps.align_prev(now)


def first_near(run_immediately: bool | timedelta) -> Callable[[Steps, datetime], datetime]:
    """The first run of a DAG without a start: the step before now if that is not too long ago, or
    else the one after it. Not too long is as long as is said; any time for True; for False a tenth
    of the period, and five minutes at the least (so Airflow does, though its documentation has it
    that False always waits)."""

    def first(steps: Steps, now: datetime) -> datetime:
        past = steps.align_prev(now)
        if run_immediately is True:
            return past
        coming = steps.align_next(now)
        if isinstance(run_immediately, timedelta):
            patience = run_immediately
        else:
            patience = max((coming - past) / 10, timedelta(minutes=5))
        return past if now - past <= patience else coming

    return first


class DataIntervalTimetable:
    """A run for each stretch between two steps."""

    def __init__(self, steps: StepsFrom):
        self._steps = steps

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        steps = self._steps(bounds.start)
        try:
            start = self._start(steps, last, utc(now), bounds)
            if start is None or not bounds.allow(start):
                return None
            return RunTimes.over(start, steps.next(start))
        except Exhausted:
            return None

    def manual_run(self, at: datetime) -> RunTimes:
        at = utc(at)
        steps = self._steps(at)
        end = steps.align_prev(at)
        return RunTimes.by_hand(at, steps.prev(end), end)

    def _start(
        self, steps: Steps, last: RunTimes | None, now: datetime, bounds: Bounds
    ) -> datetime | None:
        earliest = []
        if bounds.start is not None:
            earliest.append(steps.align_next(bounds.start))
        if not bounds.catchup:
            earliest.append(steps.latest_start(now))
        if last is None:
            return max(earliest, default=None)
        # Of a schedule that was changed the steps may not meet the end of the last interval. Then
        # intervals may overlap, but no two runs have the same date.
        start = max([*earliest, steps.align_prev(utc(last.interval_end))])
        while start <= last.interval_start:
            start = steps.next(start)
        return start


class SeveralTimetable:
    """A run whenever one of several timetables has one; a single one if they have it at once.

    Airflow compares logical dates with the present here. With an interval these lie before the
    run, so that it takes runs to come for late ones and skips some: we compare ``run_after``.
    """

    def __init__(self, timetables: tuple[TriggerTimetable, ...]):
        self._timetables = timetables

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        offers = [timetable.next_run(last, now, bounds) for timetable in self._timetables]
        runs = sorted((run for run in offers if run is not None), key=lambda run: run.run_after)
        due = [run for run in runs if run.run_after <= now]
        if due and not bounds.catchup:
            return due[-1]
        return runs[0] if runs else None

    def manual_run(self, at: datetime) -> RunTimes:
        return self._timetables[0].manual_run(at)
