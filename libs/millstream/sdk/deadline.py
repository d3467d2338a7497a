"""Deadline alerts: a callback for a run that is not over in time. The names are Airflow's.

``DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(hours=1),
callback=SyncCallback(notify))`` calls ``notify`` if a run is not over an hour after it was created.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from millstream.core.spec import DeadlineSpec
from millstream.sdk.dates import instant, stdlib_utc

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Since when the time of a deadline counts."""

    kind: Literal["logical_date", "queued_at", "fixed_datetime", "average_runtime"]
    at: str = ""
    max_runs: int = 10
    min_runs: int = 0


class DeadlineReference:
    """The references. A run without a logical date has no deadline that counts from it."""

    DAGRUN_LOGICAL_DATE = Reference(kind="logical_date")
    DAGRUN_QUEUED_AT = Reference(kind="queued_at")

    @classmethod
    def FIXED_DATETIME(cls, dt: datetime) -> Reference:  # noqa: N802 - Airflow's name
        """An instant, the same for all runs."""
        return Reference(
            kind="fixed_datetime", at=stdlib_utc(instant("FIXED_DATETIME", dt)).isoformat()
        )

    @classmethod
    def AVERAGE_RUNTIME(  # noqa: N802 - Airflow's name
        cls, max_runs: int = 10, min_runs: int | None = None
    ) -> Reference:
        """When a run that was created now would end if it took as long as the last ``max_runs`` on
        average. With fewer than ``min_runs`` (default: as many) behind it a run has no deadline."""
        least = max_runs if min_runs is None else min_runs
        numbers: tuple[tuple[str, Any], ...] = (("max_runs", max_runs), ("min_runs", least))
        for name, number in numbers:
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ValueError(f"{name} of AVERAGE_RUNTIME is {number!r}; it must be 1 or more")
        if least > max_runs:
            raise ValueError(f"min_runs of AVERAGE_RUNTIME is {least}; max_runs is only {max_runs}")
        return Reference(kind="average_runtime", max_runs=max_runs, min_runs=least)


class Callback:
    """What is called: a function, a notifier's class, or the dotted path of one, with ``kwargs``;
    and with ``context`` if it takes that."""

    def __init__(
        self, callback_callable: Callable[..., Any] | str, kwargs: Mapping[str, Any] | None = None
    ) -> None:
        if isinstance(callback_callable, str):
            if not _DOTTED.fullmatch(callback_callable.strip()):
                raise ImportError(f"callback_callable {callback_callable!r} is no dotted path")
        elif not callable(callback_callable):
            raise TypeError(f"callback_callable is {callback_callable!r}; pass a function")
        if kwargs is not None and "context" in kwargs:
            raise ValueError("kwargs must not hold 'context', which is filled in")
        self.target = callback_callable
        self.kwargs = dict(kwargs or {})


class AsyncCallback(Callback):
    """A coroutine function, or a notifier."""

    def __init__(
        self, callback_callable: Callable[..., Any] | str, kwargs: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(callback_callable, kwargs)
        target = self.target
        is_async = inspect.iscoroutinefunction(target) or hasattr(target, "__await__")
        if not isinstance(target, str) and not is_async:
            raise AttributeError(f"callback_callable {target!r} is not awaitable; use SyncCallback")


class SyncCallback(Callback):
    """A plain function. ``executor`` is accepted for Airflow's sake: workers call all callbacks."""

    def __init__(
        self,
        callback_callable: Callable[..., Any] | str,
        kwargs: Mapping[str, Any] | None = None,
        executor: str | None = None,
    ) -> None:
        super().__init__(callback_callable, kwargs)
        self.executor = executor


class DeadlineAlert:
    """Calls ``callback`` once for each run that is not over ``interval`` after ``reference``."""

    def __init__(
        self,
        reference: Reference,
        interval: timedelta,
        callback: Callback,
        name: Any = None,
    ) -> None:
        if not isinstance(reference, Reference):
            raise TypeError(f"reference is {reference!r}; use DeadlineReference")
        if not isinstance(interval, timedelta):
            raise TypeError(f"interval is {interval!r}; pass a datetime.timedelta")
        if not isinstance(callback, AsyncCallback | SyncCallback):
            raise ValueError(f"callback is {callback!r}; use AsyncCallback or SyncCallback")
        if name is not None and (not isinstance(name, str) or not name):
            raise TypeError(f"name is {name!r}; it must be a str")
        self.reference = reference
        self.interval = interval
        self.callback = callback
        self.name: str | None = name

    def to_spec(self, name: str) -> DeadlineSpec:
        """Its plain form; the callback stays in the DAG file."""
        return DeadlineSpec(
            name=name,
            reference=self.reference.kind,
            interval_s=self.interval.total_seconds(),
            at=self.reference.at,
            max_runs=self.reference.max_runs,
            min_runs=self.reference.min_runs,
        )


def named_alerts(given: Any) -> dict[str, DeadlineAlert]:
    """The alerts of a DAG's ``deadline`` argument by name; those without one are numbered."""
    if given is None:
        return {}
    several = list(given) if isinstance(given, list | tuple) else [given]
    alerts: dict[str, DeadlineAlert] = {}
    for number, alert in enumerate(several, 1):
        if not isinstance(alert, DeadlineAlert):
            raise TypeError(f"deadline is {given!r}; pass a DeadlineAlert or a list of them")
        name = alert.name or f"deadline_{number}"
        if name in alerts:
            raise ValueError(f"two deadlines have the name {name!r}; give each a name of its own")
        alerts[name] = alert
    return alerts
