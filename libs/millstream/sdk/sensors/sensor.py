"""``BaseSensorOperator``: looks again and again until what it waits for is there.

The meaning is Airflow 3.3's (``airflow/sdk/bases/sensor.py``), to the jitter of its backoff.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from millstream.sdk import arguments
from millstream.sdk.errors import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferralTimeout,
)
from millstream.sdk.operator import BaseOperator

if TYPE_CHECKING:
    from millstream.sdk.context import Context

WEEK_S = 7 * 24 * 3600.0
_LONGEST_S = timedelta.max.total_seconds() - 1


class PokeReturnValue:
    """What ``poke`` may return: whether it found what it waits for, and then the XCom."""

    def __init__(self, is_done: bool, xcom_value: Any = None) -> None:
        self.is_done = is_done
        self.xcom_value = xcom_value

    def __bool__(self) -> bool:
        return self.is_done


class BaseSensorOperator(BaseOperator):
    """Subclasses implement :meth:`poke`. Durations are timedeltas or seconds.

    ``poke_interval``: between two looks. ``timeout``: since the first look, across reschedules; the
    task then fails and is not retried. ``mode``: "poke" keeps its slot and sleeps, "reschedule"
    gives it back between two looks. ``soft_fail``: skipped instead of failed on a time-out or a
    failure for good; ``never_fail``: on any error; ``silent_fail``: an error of ``poke`` counts as
    not found. ``exponential_backoff``: ever longer intervals, up to ``max_wait``.
    """

    def __init__(
        self,
        *,
        poke_interval: timedelta | float = 60.0,
        timeout: timedelta | float | None = WEEK_S,
        soft_fail: bool = False,
        mode: Literal["poke", "reschedule"] = "poke",
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.poke_interval = _duration("poke_interval", poke_interval)
        self.timeout = _duration("timeout", WEEK_S if timeout is None else timeout)
        self.max_wait = None if max_wait is None else _duration("max_wait", max_wait)
        if soft_fail and never_fail:
            raise ValueError("soft_fail and never_fail exclude each other; set one of them")
        if mode not in ("poke", "reschedule"):
            raise ValueError(f"mode is {mode!r}; it must be 'poke' or 'reschedule'")
        self.mode = mode
        self.soft_fail = soft_fail
        self.never_fail = never_fail
        self.silent_fail = silent_fail
        self.exponential_backoff = exponential_backoff

    @property
    def reschedule(self) -> bool:
        """Whether it gives its slot back between two looks."""
        return self.mode == "reschedule"

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Is it there?"""
        raise NotImplementedError(f"{type(self).__name__} has no poke method")

    def execute(self, context: Context) -> Any:
        """Looks until it is there; the XCom is that of the :class:`PokeReturnValue`."""
        clock = _Clock(context) if self.reschedule else _Clock(None)
        count = 1
        while not (found := self._poke(context)):
            waited_s = clock.waited_s()
            if waited_s > self.timeout:
                self._time_out(waited_s)
            interval_s = self.next_interval_s(clock.started_at, clock.waited_s, count)
            if self.reschedule:
                raise AirflowRescheduleException(
                    datetime.now(UTC) + timedelta(seconds=max(interval_s, 0.0))
                )
            self.pause(max(interval_s, 0.0))
            count += 1
        self.log.info("found what was waited for")
        return found.xcom_value if isinstance(found, PokeReturnValue) else None

    def pause(self, seconds: float) -> None:
        """Between two looks, in the mode "poke"."""
        time.sleep(seconds)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """A time-out is that of a sensor, and ``soft_fail`` and ``never_fail`` hold as well."""
        try:
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                raise AirflowSensorTimeout(*error.args) from error
        except AirflowSkipException:
            raise
        except AirflowException as error:
            self._skip_if_soft(error, self.soft_fail or self.never_fail)
            raise

    def _poke(self, context: Context) -> bool | PokeReturnValue:
        try:
            return self.poke(context)
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
            self._skip_if_soft(error, self.soft_fail or self.never_fail)
            raise
        except AirflowSkipException:
            raise
        except Exception as error:
            if self.silent_fail:
                self.log.error("poke failed:\n%s", traceback.format_exc())
                return False
            self._skip_if_soft(error, self.never_fail)
            raise

    def _skip_if_soft(self, error: BaseException, is_soft: bool) -> None:
        if is_soft:
            name = "soft_fail" if self.soft_fail else "never_fail"
            raise AirflowSkipException(
                f"skipped instead of failed, as {name} is set: {type(error).__name__}: {error}"
            ) from error

    def _time_out(self, waited_s: float) -> None:
        text = f"waited for {waited_s:.1f} s; the timeout is {self.timeout:g} s"
        if self.soft_fail:
            raise AirflowSkipException(text)
        raise AirflowSensorTimeout(text)

    def next_interval_s(
        self, started_at: object, waited_s: Callable[[], float], count: int
    ) -> float:
        """Seconds until the next look, after ``count`` of them."""
        if not self.exponential_backoff:
            return self.poke_interval
        if self.reschedule:  # how often it looked is not known: as often as fits into the time
            passed, elapsed, count = 0.0, waited_s(), 0
            while passed <= elapsed:
                count += 1
                passed += self._backoff_s(started_at, count)
        interval_s = min(self.timeout - int(waited_s()), self._backoff_s(started_at, count))
        return interval_s if self.max_wait is None else min(self.max_wait, interval_s)

    def _backoff_s(self, started_at: object, count: int) -> float:
        """Twice as long each time; the task and the number of the look decide the jitter."""
        least = max(int(self.poke_interval * 2.0 ** min(count - 2, 1000)), 1)
        dag_id = self.dag.dag_id if self.dag is not None else ""
        text = f"{dag_id}#{self.task_id}#{started_at}#{count}"
        jitter = int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)
        return min(least + jitter % least, _LONGEST_S)


class _Clock:
    """Since when a sensor waits. Across reschedules that is an instant; within one attempt the
    monotonic clock counts."""

    def __init__(self, context: Context | None) -> None:
        self._first: datetime | None = None
        self._began = time.monotonic()
        if context is not None:
            first = context["ti"].get_first_reschedule_date(context)
            self._first = first or datetime.now(UTC)
        self.started_at: object = self._first or self._began

    def waited_s(self) -> float:
        if self._first is not None:
            return (datetime.now(UTC) - self._first).total_seconds()
        return time.monotonic() - self._began


def _duration(name: str, value: timedelta | float) -> float:
    found = arguments.seconds(name, value)
    if found < 0:
        raise ValueError(f"{name} is {value!r}; it must not be negative")
    return found


_S = TypeVar("_S", bound=type[BaseSensorOperator])


def poke_mode_only(cls: _S) -> _S:
    """A class decorator for sensors that keep something between two looks: another mode than
    "poke" is an error."""
    if not issubclass(cls, BaseSensorOperator):
        raise ValueError(f"poke_mode_only decorates sensors, not {cls!r}")

    def set_mode(self: BaseSensorOperator, value: str) -> None:
        if value != "poke":
            raise ValueError(f"mode is {value!r}; {cls.__name__} works in the mode 'poke' only")

    cls.mode = property(lambda self: "poke", set_mode)  # type: ignore[assignment]
    return cls
