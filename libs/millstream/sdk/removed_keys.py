"""The context keys that Airflow 3 removed and that DAG files still use. They keep their meaning of
Airflow 2, and reading one warns, once a key and a process.

What is read through ``**kwargs`` or an argument of the name is read without a warning: nobody sees
that.
"""

from __future__ import annotations

import datetime
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import jinja2.runtime
import jinja2.utils
import pendulum

from millstream.core.timetable import PRESETS
from millstream.core.timetables.cron import CronExpression, CronSteps, NotCron
from millstream.core.timetables.run_times import Exhausted
from millstream.sdk.dates import in_utc

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG

# Each with what to write instead.
REPLACEMENTS = {
    "execution_date": "logical_date",
    "yesterday_ds": "macros.ds_add(ds, -1)",
    "yesterday_ds_nodash": "macros.ds_add(ds, -1).replace('-', '')",
    "tomorrow_ds": "macros.ds_add(ds, 1)",
    "tomorrow_ds_nodash": "macros.ds_add(ds, 1).replace('-', '')",
    "prev_execution_date": "data_interval_start",
    "prev_ds": "data_interval_start | ds",
    "prev_ds_nodash": "data_interval_start | ds_nodash",
    "next_execution_date": "data_interval_end",
    "next_ds": "data_interval_end | ds",
    "next_ds_nodash": "data_interval_end | ds_nodash",
}
# What only the schedule tells, which is in the DAG file.
NEED_SCHEDULE = frozenset(name for name in REPLACEMENTS if name.startswith(("prev_", "next_")))
_FIRST_DAY, _LAST_DAY = datetime.date.min.toordinal(), datetime.date.max.toordinal()
_warned: set[str] = set()


class RemovedInAirflow3Warning(DeprecationWarning):
    """A DAG file uses a key that Airflow 3 no longer has."""


def warn_if_removed(key: object) -> None:
    """Somebody reads this key of a context."""
    if isinstance(key, str) and key in REPLACEMENTS and key not in _warned:
        _warned.add(key)
        warnings.warn(
            f"the context key {key!r} was removed in Airflow 3; use {REPLACEMENTS[key]}",
            RemovedInAirflow3Warning,
            stacklevel=3,
        )


_item = dict.__getitem__


class TaskContext(dict[str, Any]):
    """A context that warns when a removed key is read, not when it is copied."""

    def __getitem__(self, key: str) -> Any:
        value = _item(self, key)
        if key in REPLACEMENTS:  # asked here, since every attempt reads a dozen keys
            warn_if_removed(key)
        return value

    def get(self, key: str, default: Any = None, /) -> Any:
        if key in self:
            warn_if_removed(key)
        return super().get(key, default)


class TemplateContext(jinja2.runtime.Context):
    """The same for templates."""

    def resolve_or_missing(self, key: str) -> Any:
        value = super().resolve_or_missing(key)
        if value is not jinja2.utils.missing:
            warn_if_removed(key)
        return value


@lru_cache(maxsize=64)  # a child runs many attempts of one run
def removed_keys(logical_date: pendulum.DateTime, run_type: str, dag: DAG | None) -> dict[str, Any]:
    """The removed keys and their values for a run; the logical date is in UTC. Those before and
    after the run are there only if it was triggered by hand, where they are its own date, or if the
    schedule is a cron expression.
    """
    today = logical_date.toordinal()
    keys: dict[str, Any] = {"execution_date": logical_date}
    if today > _FIRST_DAY:
        keys.update(_spelt("yesterday_ds", today - 1))
    if today < _LAST_DAY:
        keys.update(_spelt("tomorrow_ds", today + 1))
    around = _around(logical_date, run_type, dag)
    if around is not None:
        for name, instant in zip(("prev", "next"), around, strict=True):
            keys[f"{name}_execution_date"] = instant
            keys.update(_spelt(f"{name}_ds", instant.toordinal()))
    return keys


def _spelt(name: str, ordinal: int) -> dict[str, str]:
    day = datetime.date.fromordinal(ordinal)
    # An early year strftime may write with fewer digits.
    ds = day.isoformat() if day.year > 999 else day.strftime("%Y-%m-%d")
    return {name: ds, f"{name}_nodash": ds.replace("-", "")}


def _around(
    logical_date: pendulum.DateTime, run_type: str, dag: DAG | None
) -> tuple[pendulum.DateTime, pendulum.DateTime] | None:
    """The dates of the schedule before and after this one."""
    if run_type == "manual":
        return logical_date, logical_date
    cron = dag.schedule if dag else None
    if dag is None or not isinstance(cron, str):
        return None
    try:
        steps = _cron_steps(cron, dag.timezone)
        at = datetime.datetime.fromisoformat(logical_date.isoformat())
        return in_utc(steps.prev(at)), in_utc(steps.next(at))
    except (NotCron, Exhausted):  # "@once", or the end of the calendar
        return None


@lru_cache(maxsize=64)  # reading the expression is nearly half of the work
def _cron_steps(cron: str, timezone: str) -> CronSteps:
    return CronSteps(CronExpression(PRESETS.get(cron, cron)), ZoneInfo(timezone))
