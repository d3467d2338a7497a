"""Branches that look at the clock or at the run's date."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import IntEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from millstream.core.timetable import schedule_of, timetable_of
from millstream.core.timetables.run_times import Bounds, RunTimes
from millstream.sdk.errors import AirflowException
from millstream.sdk.operators.branch import BaseBranchOperator

if TYPE_CHECKING:
    from millstream.sdk.context import Context

Branch = str | Iterable[str]


class WeekDay(IntEnum):
    """The days of the week, as ``isoweekday`` counts them."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7

    @classmethod
    def days_of(cls, given: Any) -> frozenset[WeekDay]:
        """The days that a name, a WeekDay or several of them say. Raises ``ValueError``."""
        if isinstance(given, cls):
            return frozenset((given,))
        if isinstance(given, str):
            return frozenset((cls._named(given),))
        if not isinstance(given, Iterable) or isinstance(given, bytes):
            raise TypeError(f"week_day is {given!r}; pass a name such as 'Monday', or several")
        days = frozenset(day if isinstance(day, cls) else cls._named(day) for day in given)
        if not days:
            raise ValueError(f"week_day is {given!r}; name one day or more")
        return days

    @classmethod
    def _named(cls, name: object) -> WeekDay:
        known = {day.name: day for day in cls}
        if not isinstance(name, str) or name.strip().upper() not in known:
            days = ", ".join(day.name.capitalize() for day in cls)
            raise ValueError(f"week_day {name!r} is no day of the week; use one of {days}")
        return known[name.strip().upper()]


class BranchDateTimeOperator(BaseBranchOperator):
    """Follows one branch between ``target_lower`` and ``target_upper`` and another outside of them.

    Bounds without a time zone are in the DAG's; a ``time`` means that time today, and if the upper
    one is the earlier, it is tomorrow's. ``use_task_logical_date`` compares the run's date in place
    of the clock.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: Branch,
        follow_task_ids_if_false: Branch,
        target_lower: datetime | time | None,
        target_upper: datetime | time | None,
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, bound in (("target_lower", target_lower), ("target_upper", target_upper)):
            if bound is not None and not isinstance(bound, datetime | time):
                raise TypeError(f"{name} is {bound!r}; pass a datetime, a time or None")
        if target_lower is None and target_upper is None:
            raise AirflowException(
                "target_lower and target_upper are both None; give one of them or both"
            )
        self.target_lower = target_lower
        self.target_upper = target_upper
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date

    def choose_branch(self, context: Context) -> Branch:
        """Compares; a bound itself still lies inside."""
        zone = ZoneInfo(self.dag.timezone) if self.dag else UTC
        now = _run_date(context) if self.use_task_logical_date else datetime.now(UTC)
        lower, upper = _bounds(now, self.target_lower, self.target_upper, zone)
        if (upper is not None and upper < now) or (lower is not None and lower > now):
            return self.follow_task_ids_if_false
        return self.follow_task_ids_if_true


def _bounds(
    now: datetime, lower: datetime | time | None, upper: datetime | time | None, zone: tzinfo
) -> tuple[datetime | None, datetime | None]:
    def placed(bound: datetime | time | None) -> datetime | None:
        if isinstance(bound, time):
            bound = datetime.combine(now.date(), bound)
        if bound is not None and bound.tzinfo is None:
            bound = bound.replace(tzinfo=zone)
        return bound

    has_times = isinstance(lower, time) or isinstance(upper, time)
    low, high = placed(lower), placed(upper)
    if has_times and low is not None and high is not None and high < low:
        high += timedelta(days=1)
    return low, high


class BranchDayOfWeekOperator(BaseBranchOperator):
    """Follows one branch on the days ``week_day`` (a name, a :class:`WeekDay`, or several) and
    another on the others, by the clock in the DAG's time zone or by the run's logical date."""

    def __init__(
        self,
        *,
        follow_task_ids_if_true: Branch,
        follow_task_ids_if_false: Branch,
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.days = WeekDay.days_of(week_day)
        self.week_day = week_day
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date

    def choose_branch(self, context: Context) -> Branch:
        """Looks at the day."""
        zone = ZoneInfo(self.dag.timezone) if self.dag else UTC
        now = _run_date(context) if self.use_task_logical_date else datetime.now(zone)
        if WeekDay(now.isoweekday()) in self.days:
            return self.follow_task_ids_if_true
        return self.follow_task_ids_if_false


def _run_date(context: Context) -> datetime:
    found: datetime = context.get("logical_date") or context["dag_run"].run_after
    return found


class LatestOnlyOperator(BaseBranchOperator):
    """Skips the tasks directly downstream unless the run is the latest that its schedule makes.
    Runs that somebody started by hand go on; so do those after which no further one comes."""

    def choose_branch(self, context: Context) -> list[str]:
        """All that comes after, or nothing."""
        after = [task.task_id for task in self.downstream_list]
        run = context["dag_run"]
        if run.run_type == "manual":
            self.log.info("The run was started by hand: going on")
            return after
        window = self._window(context)
        if window is None:
            self.log.info("The schedule makes no later run: going on")
            return after
        left, right = window
        now = datetime.now(UTC)
        is_latest = left < now <= right
        self.log.info(
            "Now it is %s; the latest run is this one between %s and %s: %s",
            now,
            left,
            right,
            "going on" if is_latest else "skipping what comes after",
        )
        return after if is_latest else []

    def _window(self, context: Context) -> tuple[datetime, datetime] | None:
        """From the end of this run's data interval to the end of the next one's, as in Airflow."""
        assert self.dag is not None, "a task that runs belongs to a DAG"
        run = context["dag_run"]
        date = run.logical_date or run.run_after
        start = _plain(run.data_interval_start or date)
        end = _plain(run.data_interval_end or date)
        timetable = timetable_of(schedule_of(self.dag.schedule_spec(), self.dag.timezone))
        this = RunTimes(_plain(date), start, end, _plain(run.run_after))
        next_run = timetable.next_run(this, datetime.now(UTC), Bounds(start=end, catchup=True))
        return None if next_run is None else (end, next_run.interval_end)


def _plain(instant: datetime) -> datetime:
    return datetime.fromtimestamp(instant.timestamp(), UTC)
