"""Timetables as authors write them, with Airflow's names: what a DAG's ``schedule`` may be.

Each says what it means as plain data; only a :class:`Timetable` of the author's own is code, which
no service runs: it is asked for its runs when the DAG is submitted.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

import pendulum
from dateutil.relativedelta import relativedelta

from millstream.core.timetable import AssetOrTimeSchedule as AssetOrTime
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
    Schedule,
    TimeSchedule,
    check_schedule,
)
from millstream.core.timetables.delta import Delta
from millstream.core.timetables.run_times import RunTimes
from millstream.sdk.assets import BaseAsset, schedule_condition
from millstream.sdk.dates import in_utc, instant, name_of_zone, stdlib_utc
from millstream.sdk.errors import AirflowException

DATA_INTERVALS = "MILLSTREAM_CREATE_CRON_DATA_INTERVALS"
# How many runs of a timetable of the author's own go into a spec.
MOST_LISTED = 500


class Timetable:
    """The base of all timetables. A subclass of your own implements :meth:`next_dagrun_info` and
    may implement :meth:`infer_manual_data_interval`, as in Airflow.

    It is asked when the DAG is submitted, for up to 500 runs. When these run short the DAG has to
    be submitted again: a warning names the last one.
    """

    description = ""
    # At most so many runs at once; None: as the DAG says.
    active_runs_limit: int | None = None

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run after the one of that data interval, None for no further run."""
        raise NotImplementedError(f"{type(self).__name__} has no next_dagrun_info")

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """The data of a run that somebody asks for. Runs of a timetable of your own always have the
        empty interval at their logical date: no service runs this code."""
        return DataInterval.exact(run_after)

    def to_schedule(self, bounds: TimeRestriction) -> Schedule:
        """The timetable as plain data."""
        return ListedSchedule(runs=tuple(self._list_runs(bounds)))

    def _list_runs(self, bounds: TimeRestriction) -> Iterable[RunTimes]:
        name = type(self).__name__
        interval: DataInterval | None = None
        date: datetime | None = None
        for _ in range(MOST_LISTED):
            try:
                info = self.next_dagrun_info(
                    last_automated_data_interval=interval, restriction=bounds
                )
            except Exception as error:
                raise AirflowException(
                    f"timetable {name}: next_dagrun_info failed after {interval}: "
                    f"{type(error).__name__}: {error}"
                ) from error
            if info is None:
                return
            run = _times_of(name, info)
            if date is not None and run.logical_date <= date:
                raise AirflowException(
                    f"timetable {name}: the run after {date.isoformat()} is "
                    f"{run.logical_date.isoformat()}, which is not later"
                )
            date, interval = run.logical_date, info.data_interval
            yield run
        warnings.warn(
            f"timetable {name} was asked for {MOST_LISTED} runs, the last at {date}: submit the "
            f"DAG again before that",
            TimetableRunsOut,
            stacklevel=2,
        )


class TimetableRunsOut(UserWarning):
    """A timetable of the author's own has more runs than a spec holds."""


class DataInterval(NamedTuple):
    """The data that a run is about."""

    start: pendulum.DateTime
    end: pendulum.DateTime

    @classmethod
    def exact(cls, at: pendulum.DateTime) -> DataInterval:
        """The empty interval at an instant."""
        return cls(at, at)


class TimeRestriction(NamedTuple):
    """What a DAG allows: no run before ``earliest`` or after ``latest``; with ``catchup`` each of
    them."""

    earliest: pendulum.DateTime | None
    latest: pendulum.DateTime | None
    catchup: bool


class DagRunInfo(NamedTuple):
    """One run: when it may start, and its data."""

    run_after: pendulum.DateTime
    data_interval: DataInterval

    @classmethod
    def exact(cls, at: pendulum.DateTime) -> DagRunInfo:
        """A run at an instant."""
        return cls(at, DataInterval.exact(at))

    @classmethod
    def interval(cls, start: pendulum.DateTime, end: pendulum.DateTime) -> DagRunInfo:
        """A run at the end of its data interval."""
        return cls(end, DataInterval(start, end))

    @property
    def logical_date(self) -> pendulum.DateTime:
        """The start of its data."""
        return self.data_interval.start


def _times_of(name: str, info: object) -> RunTimes:
    if not isinstance(info, DagRunInfo):
        raise AirflowException(
            f"timetable {name}: next_dagrun_info returned {info!r}; it must be a DagRunInfo or None"
        )
    found: list[Any] = [info.logical_date, *info.data_interval, info.run_after]
    for at in found:
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise AirflowException(
                f"timetable {name}: {at!r} in {info!r} must be a datetime with a time zone"
            )
    return RunTimes(*map(stdlib_utc, found))


class _Builtin(Timetable):
    """A timetable that services know."""

    def __init__(self, schedule: TimeSchedule) -> None:
        problems = check_schedule(schedule)
        if problems:
            raise ValueError(f"{type(self).__name__}: {'; '.join(problems)}")
        self.schedule = schedule

    def to_schedule(self, bounds: TimeRestriction) -> Schedule:
        return self.schedule

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.schedule!r}>"


class MultipleCronTriggerTimetable(_Builtin):
    """A run whenever one of the expressions fires in the time zone."""

    def __init__(
        self,
        *crons: str,
        timezone: str | tzinfo,
        interval: timedelta | relativedelta = timedelta(),
        run_immediately: bool | timedelta = False,
    ) -> None:
        for cron in crons:
            if not isinstance(cron, str):
                raise TypeError(f"{type(self).__name__}: cron is {cron!r}; it must be a str")
        if isinstance(run_immediately, timedelta):
            run_immediately = run_immediately.total_seconds()  # type: ignore[assignment]
        elif not isinstance(run_immediately, bool):
            raise TypeError(
                f"{type(self).__name__}: run_immediately is {run_immediately!r}; it must be True, "
                f"False or a timedelta"
            )
        super().__init__(
            CronTriggerSchedule(
                crons=crons,
                timezone=_zone(type(self).__name__, timezone),
                interval=_delta("interval", interval),
                run_immediately=run_immediately,  # type: ignore[arg-type]
            )
        )


class CronTriggerTimetable(MultipleCronTriggerTimetable):
    """A run whenever the expression fires in the time zone, for the ``interval`` before it.

    ``run_immediately`` is for a DAG without a start_date: whether its first run is the one that was
    due last, or how long ago that may be; False: a tenth of the period, five minutes at the least.
    """

    def __init__(
        self,
        cron: str,
        *,
        timezone: str | tzinfo,
        interval: timedelta | relativedelta = timedelta(),
        run_immediately: bool | timedelta = False,
    ) -> None:
        super().__init__(
            cron, timezone=timezone, interval=interval, run_immediately=run_immediately
        )


class CronDataIntervalTimetable(_Builtin):
    """A run for each stretch between two moments at which the expression fires."""

    def __init__(self, cron: str, timezone: str | tzinfo) -> None:
        if not isinstance(cron, str):
            raise TypeError(f"CronDataIntervalTimetable: cron is {cron!r}; it must be a str")
        zone = _zone("CronDataIntervalTimetable", timezone)
        super().__init__(CronIntervalSchedule(cron=cron, timezone=zone))


class DeltaTriggerTimetable(_Builtin):
    """A run after each further ``delta``, for the ``interval`` before it."""

    def __init__(
        self,
        delta: timedelta | relativedelta,
        *,
        interval: timedelta | relativedelta = timedelta(),
    ) -> None:
        super().__init__(
            DeltaTriggerSchedule(
                every=_delta("delta", delta), interval=_delta("interval", interval)
            )
        )


class DeltaDataIntervalTimetable(_Builtin):
    """A run for each stretch of this length."""

    def __init__(self, delta: timedelta | relativedelta) -> None:
        super().__init__(DeltaIntervalSchedule(every=_delta("delta", delta)))


class EventsTimetable(_Builtin):
    """A run at each of these instants. With ``restrict_to_events`` a run by hand takes the data of
    the latest of them."""

    def __init__(
        self,
        event_dates: Iterable[datetime],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        events = tuple(stdlib_utc(instant("event_dates", event)) for event in event_dates)
        if not events:
            raise ValueError("EventsTimetable: event_dates is empty; give one date or more")
        if description:
            self.description = description
        super().__init__(
            EventsSchedule(events=tuple(sorted(events)), restrict_to_events=restrict_to_events)
        )


class ContinuousTimetable(_Builtin):
    """A run as soon as the last has ended, one at a time."""

    active_runs_limit = 1

    def __init__(self) -> None:
        super().__init__(ContinuousSchedule())


class OnceTimetable(_Builtin):
    """One run."""

    def __init__(self) -> None:
        super().__init__(OnceSchedule())


class NullTimetable(_Builtin):
    """No run but those that somebody asks for."""

    def __init__(self) -> None:
        super().__init__(NoSchedule())


class AssetOrTimeSchedule(Timetable):
    """Runs by a timetable, and runs when the assets were updated."""

    def __init__(self, *, timetable: Timetable, assets: BaseAsset | Collection[BaseAsset]) -> None:
        if isinstance(timetable, AssetOrTimeSchedule) or not isinstance(timetable, Timetable):
            raise TypeError(
                f"AssetOrTimeSchedule: timetable is {timetable!r}; it must be a timetable such as "
                f"CronTriggerTimetable"
            )
        condition = schedule_condition(assets)
        if condition is None:
            raise TypeError(
                f"AssetOrTimeSchedule: assets is {assets!r}; it must be an asset, a list of assets "
                f"or a condition"
            )
        self.timetable = timetable
        self.assets = assets
        self.condition = condition
        self.active_runs_limit = timetable.active_runs_limit

    def to_schedule(self, bounds: TimeRestriction) -> Schedule:
        time = self.timetable.to_schedule(bounds)
        assert not isinstance(time, AssetOrTime), "refused above"
        return AssetOrTime(time=time, condition=self.condition)  # type: ignore[arg-type]


def timetable_for(value: object, timezone: str) -> str | Timetable:
    """What a DAG's ``schedule`` that is no assets means. Text that fires stays text, unless data
    intervals are wanted. Raises :class:`TypeError`."""
    if isinstance(value, Timetable):
        return value
    if isinstance(value, str):
        is_untimed = value in ("@once", "@continuous")
        if is_untimed or not creates_data_intervals():
            return value
        # A wrong expression is told with all else that is wrong with the DAG.
        return _Unchecked(CronIntervalSchedule(cron=value, timezone=timezone))
    if isinstance(value, timedelta | relativedelta):
        every = _delta("schedule", value)
        if creates_data_intervals():
            return _Unchecked(DeltaIntervalSchedule(every=every))
        return _Unchecked(DeltaTriggerSchedule(every=every))
    raise TypeError(
        f"schedule is {value!r}; it must be None, a cron expression such as '30 6 * * 1-5', a "
        f"preset such as '@daily', a timedelta, a relativedelta, a timetable or assets"
    )


class _Unchecked(_Builtin):
    def __init__(self, schedule: TimeSchedule) -> None:
        self.schedule = schedule


def creates_data_intervals() -> bool:
    """Whether a bare cron expression, timedelta or relativedelta means data intervals, as in
    Airflow 2, or a run whenever it fires, as in Airflow 3."""
    text = os.environ.get(DATA_INTERVALS, "").strip().lower()
    if text in ("", "0", "false", "no", "off"):
        return False
    if text in ("1", "true", "yes", "on"):
        return True
    raise AirflowException(f"{DATA_INTERVALS} is {text!r}; it must be True or False")


def restriction(start: datetime | None, end: datetime | None, *, catchup: bool) -> TimeRestriction:
    """The bounds of a DAG as a timetable is told them."""
    return TimeRestriction(
        None if start is None else in_utc(start), None if end is None else in_utc(end), catchup
    )


_PARTS = ("days", "hours", "minutes", "seconds", "microseconds")
_MOMENTS = ("year", "month", "day", "hour", "minute", "second", "microsecond", "weekday")


def _delta(name: str, value: object) -> Delta:
    if isinstance(value, timedelta):
        return Delta(seconds=value.total_seconds())
    if not isinstance(value, relativedelta):
        raise TypeError(f"{name} is {value!r}; it must be a timedelta or a relativedelta")
    distance: Any = value
    distance = distance.normalized()
    if distance.leapdays or any(getattr(distance, part) is not None for part in _MOMENTS):
        raise ValueError(
            f"{name} is {value!r}, which names a moment and no distance; use only years, months, "
            f"weeks, {', '.join(_PARTS)}"
        )
    span = timedelta(**{part: getattr(distance, part) for part in _PARTS})
    months = 12 * distance.years + distance.months
    return Delta(seconds=span.total_seconds(), months=months)


def _zone(owner: str, timezone: object) -> str:
    if isinstance(timezone, str):
        return timezone
    if isinstance(timezone, tzinfo):
        name = name_of_zone(timezone, datetime(2026, 1, 1, tzinfo=UTC))
        if name is not None:
            return name
    raise TypeError(
        f"{owner}: timezone is {timezone!r}; it must be the name of a time zone such as "
        f"'Europe/Berlin', or one that has a name"
    )
