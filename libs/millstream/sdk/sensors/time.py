"""Sensors that wait for an instant, a time of day, a delay or a day of the week.

With ``deferrable`` the scheduler's own timer wakes them: they need no worker meanwhile.
"""

from __future__ import annotations

import time as clock
import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from millstream.sdk.dates import instant
from millstream.sdk.operators.dates import WeekDay
from millstream.sdk.sensors.sensor import BaseSensorOperator
from millstream.sdk.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger

if TYPE_CHECKING:
    from millstream.sdk.context import Context


class _InstantSensor(BaseSensorOperator):
    """Waits for the instant that :meth:`moment` says."""

    def __init__(
        self, *, deferrable: bool = False, end_from_trigger: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.end_from_trigger = end_from_trigger

    def moment(self, context: Context) -> datetime:
        """The instant, aware."""
        raise NotImplementedError

    def poke(self, context: Context) -> bool:
        """Has it come?"""
        moment = self.moment(context)
        self.log.info("waiting for %s", moment)
        return datetime.now(UTC) > moment

    def execute(self, context: Context) -> Any:
        """Waits, or defers."""
        if not self.deferrable:
            return super().execute(context)
        moment = self.moment(context)
        if datetime.now(UTC) > moment:
            return None
        return self.defer(
            trigger=DateTimeTrigger(moment, end_from_trigger=self.end_from_trigger),
            method_name="execute_complete",
            timeout=self.timeout,
        )

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """It has come."""


class DateTimeSensor(_InstantSensor):
    """Waits until ``target_time``, a datetime or a template that gives one; without a time zone it
    is in UTC."""

    template_fields: Sequence[str] = ("target_time",)

    def __init__(self, *, target_time: datetime | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(target_time, datetime | str):
            raise TypeError(f"target_time is {target_time!r}; it must be a datetime or a str")
        self.target_time = target_time

    def moment(self, context: Context) -> datetime:
        return instant("target_time", self.target_time)


class DateTimeSensorAsync(DateTimeSensor):
    """A :class:`DateTimeSensor` that defers."""

    def __init__(
        self,
        *,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("deferrable", True)
        super().__init__(**kwargs)


class TimeSensor(_InstantSensor):
    """Waits until ``target_time`` of the day on which it first looks. Without a time zone it is in
    the DAG's."""

    def __init__(
        self, *, target_time: time, start_from_trigger: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(target_time, time):
            raise TypeError(f"target_time is {target_time!r}; it must be a datetime.time")
        self.target_time = target_time

    def moment(self, context: Context) -> datetime:
        zone = self.target_time.tzinfo or ZoneInfo(self.dag.timezone if self.dag else "UTC")
        first = context["ti"].get_first_reschedule_date(context) or datetime.now(UTC)
        day = first.astimezone(zone).date()
        return datetime.combine(day, self.target_time.replace(tzinfo=None), zone)


class TimeDeltaSensor(_InstantSensor):
    """Waits until ``delta`` after the end of the run's data interval, or, in a run without one,
    after the instant from which it may run. A template gives minutes."""

    template_fields: Sequence[str] = ("delta",)

    def __init__(self, *, delta: timedelta | int | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(delta, bool) or not isinstance(delta, timedelta | int | str):
            raise TypeError(f"delta is {delta!r}; it must be a timedelta, or minutes")
        self.delta = delta

    def moment(self, context: Context) -> datetime:
        start: datetime = context.get("data_interval_end") or context["dag_run"].run_after
        return start + _minutes(self.delta)


class WaitSensor(BaseSensorOperator):
    """Waits for ``time_to_wait`` (a timedelta, or minutes) from its own start on."""

    template_fields: Sequence[str] = ("time_to_wait",)

    def __init__(
        self, *, time_to_wait: timedelta | int | str, deferrable: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.time_to_wait = time_to_wait
        self.deferrable = deferrable

    def execute(self, context: Context) -> None:
        """Sleeps, or defers."""
        delay = _minutes(self.time_to_wait)
        if self.deferrable:
            self.defer(
                trigger=TimeDeltaTrigger(delay, end_from_trigger=True),
                method_name="execute_complete",
            )
        clock.sleep(max(delay.total_seconds(), 0.0))

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """The time is over."""


class DayOfWeekSensor(BaseSensorOperator):
    """Waits for a day of the week, in UTC: a name such as "Monday", a ``WeekDay``, or several. With
    ``use_task_logical_date`` the run's date counts in place of the clock."""

    def __init__(
        self,
        *,
        week_day: str | WeekDay | Iterable[str] | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date
        self._days = WeekDay.days_of(week_day)

    def poke(self, context: Context) -> bool:
        """Is it such a day?"""
        day = datetime.now(UTC)
        if self.use_task_logical_date:
            day = context.get("logical_date") or context["dag_run"].run_after
        return WeekDay(day.isoweekday()) in self._days


class TimeSensorAsync(TimeSensor):
    """The old name of ``TimeSensor(deferrable=True)``."""

    def __init__(self, **kwargs: Any) -> None:
        _warn("TimeSensorAsync", "TimeSensor")
        super().__init__(deferrable=True, **kwargs)


class TimeDeltaSensorAsync(TimeDeltaSensor):
    """The old name of ``TimeDeltaSensor(deferrable=True)``."""

    def __init__(self, **kwargs: Any) -> None:
        _warn("TimeDeltaSensorAsync", "TimeDeltaSensor")
        super().__init__(deferrable=True, **kwargs)


def _warn(old: str, new: str) -> None:
    warnings.warn(
        f"{old} is deprecated; use {new}(deferrable=True)", DeprecationWarning, stacklevel=3
    )


def _minutes(value: timedelta | int | str) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(minutes=int(value))
