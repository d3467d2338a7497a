"""Waiting for tasks and runs of other DAGs, and saying that others wait for one's own.

The meaning is that of Airflow's standard provider. The other side tells when something changes, so
nothing polls: ``poke_interval`` is only the longest time between two looks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from millstream.core.run_states import StatesAnswer, StatesQuestion
from millstream.core.spec import Action, EmptyAction, MarkedTask, TaskSpec
from millstream.core.statuses import RunStatus, TaskStatus
from millstream.sdk.dates import instant, stdlib_utc
from millstream.sdk.errors import (
    AirflowException,
    AirflowSkipException,
    ExternalTaskFailedError,
    ExternalTaskNotFoundError,
)
from millstream.sdk.operators.empty import EmptyOperator
from millstream.sdk.operators.python import call_arguments
from millstream.sdk.sensors.sensor import BaseSensorOperator
from millstream.sdk.states import Wanted, decode_answer, encode_question, judge
from millstream.sdk.triggers.external_task import WorkflowTrigger
from millstream.sdk.xcom import Reference

if TYPE_CHECKING:
    from millstream.sdk.context import Context

LONGEST_HOLD_S = 20.0
DateFunction = Callable[..., datetime | list[datetime]]


class ExternalTaskSensor(BaseSensorOperator):
    """Waits until tasks, a task group or, without any of these, the whole run of another DAG are in
    one of ``allowed_states`` (default: success).

    It is the run with the same logical date, or ``execution_delta`` before it, or those whose dates
    ``execution_date_fn(logical_date)`` returns. ``failed_states`` fail the sensor and
    ``skipped_states`` skip it; both are empty unless they are given, so it does not fail when the
    other side does. ``check_existence`` fails it when the DAG, task or group does not exist.
    """

    template_fields: Sequence[str] = (
        "external_dag_id",
        "external_task_id",
        "external_task_ids",
        "external_task_group_id",
    )

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: timedelta | None = None,
        execution_date_fn: DateFunction | None = None,
        check_existence: bool = False,
        poll_interval: float | None = None,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        if poll_interval is not None:
            kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
        self.external_dag_id = external_dag_id
        self.external_task_id = external_task_id
        self.external_task_ids = external_task_ids or None
        self.external_task_group_id = external_task_group_id
        self.execution_delta = execution_delta
        self.execution_date_fn = execution_date_fn
        self.check_existence = check_existence
        self.deferrable = deferrable
        self._check_target()
        self.allowed_states = _states(allowed_states) or ["success"]
        self.skipped_states = _states(skipped_states)
        self.failed_states = _states(failed_states)
        self._check_states()

    def _check_target(self) -> None:
        given = {
            "external_task_id": self.external_task_id,
            "external_task_ids": self.external_task_ids,
            "external_task_group_id": self.external_task_group_id,
        }
        named = [name for name, value in given.items() if value is not None]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)} exclude each other; pass one of them")
        if self.execution_delta is not None and self.execution_date_fn is not None:
            raise ValueError("execution_delta and execution_date_fn exclude each other")
        if self.external_task_id is not None:
            self.external_task_ids = [self.external_task_id]
        ids = self.external_task_ids
        if isinstance(ids, str):
            raise TypeError(f"external_task_ids is the str {ids!r}; pass a list")
        if ids is not None and not isinstance(ids, Reference) and len(set(ids)) < len(ids):
            raise ValueError(f"external_task_ids {list(ids)!r} names a task twice")

    def _check_states(self) -> None:
        states = [*self.allowed_states, *self.skipped_states, *self.failed_states]
        twice = sorted({state for state in states if states.count(state) > 1})
        if twice:
            raise ValueError(
                f"{twice[0]!r} is in more than one of allowed_states, skipped_states and "
                f"failed_states"
            )
        is_run = not (self.external_task_ids or self.external_task_group_id)
        known = [str(state) for state in (RunStatus if is_run else TaskStatus)]
        unknown = [state for state in states if state not in known]
        if unknown:
            what = "a run" if is_run else "a task"
            raise ValueError(f"{unknown[0]!r} is no state of {what}; use {', '.join(known)}")

    def poke(self, context: Context) -> bool:
        """Asks how the other side stands."""
        question = self._question(context)
        if self.mode == "poke":
            question = msgspec.structs.replace(
                question, seen=self._seen, wait_s=min(self.poke_interval, LONGEST_HOLD_S)
            )
        answer = decode_answer(context["ti"].find_states(encode_question(question)))
        self._seen = answer.digest
        if self.check_existence and answer.missing:
            self._missing(answer.missing)
        return self._judge(question, answer)

    # What the answer before said: the next one is held back until there is news.
    _seen = ""

    def pause(self, seconds: float) -> None:
        """Not here: the other side holds its answer back until there is news."""

    def _question(self, context: Context) -> StatesQuestion:
        return StatesQuestion(
            dag_id=self.external_dag_id,
            logical_dates=tuple(stdlib_utc(instant("date", d)) for d in self.dates(context)),
            task_ids=tuple(self.external_task_ids or ()),
            group_id=self.external_task_group_id or "",
        )

    def _judge(self, question: StatesQuestion, answer: StatesAnswer) -> bool:
        wanted = Wanted(
            allowed=tuple(self.allowed_states),
            failed=tuple(self.failed_states),
            skipped=tuple(self.skipped_states),
        )
        match judge(question, answer, wanted):
            case "failed":
                self._failed()
            case "skipped":
                raise AirflowSkipException(f"{self._about} is in one of the skipped_states")
            case "success":
                return True
        return False

    def dates(self, context: Context) -> list[datetime]:
        """The logical dates of the runs that are waited for."""
        date = context.get("logical_date") or context["dag_run"].run_after
        if self.execution_delta is not None:
            return [date - self.execution_delta]
        if self.execution_date_fn is None:
            return [date]
        offered = {key: value for key, value in context.items() if key != "logical_date"}
        kwargs = call_arguments(self.execution_date_fn, (date,), {**offered, "context": context})
        found = self.execution_date_fn(date, **kwargs)
        return list(found) if isinstance(found, list | tuple) else [found]

    def execute(self, context: Context) -> Any:
        """Waits, or defers."""
        if not self.deferrable:
            return super().execute(context)
        return self.defer(
            trigger=WorkflowTrigger(
                external_dag_id=self.external_dag_id,
                external_task_ids=self.external_task_ids,
                external_task_group_id=self.external_task_group_id,
                allowed_states=self.allowed_states,
                failed_states=self.failed_states,
                skipped_states=self.skipped_states,
                logical_dates=self.dates(context),
                poke_interval=self.poke_interval,
                check_existence=self.check_existence,
            ),
            method_name="execute_complete",
            timeout=self.timeout,
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """What the trigger found."""
        match (event or {}).get("status"):
            case "success":
                return
            case "skipped":
                raise AirflowSkipException(f"{self._about} is in one of the skipped_states")
            case "failed":
                self._failed()
            case _:
                self._missing(tuple((event or {}).get("missing", ("an answer",))))

    @property
    def _about(self) -> str:
        if self.external_task_ids:
            return f"one of the tasks {list(self.external_task_ids)} of {self.external_dag_id}"
        if self.external_task_group_id:
            return f"task group {self.external_task_group_id} of {self.external_dag_id}"
        return f"the run of {self.external_dag_id}"

    def _failed(self) -> None:
        if self.soft_fail:
            raise AirflowSkipException(f"{self._about} is in one of the failed_states")
        raise ExternalTaskFailedError(f"{self._about} is in one of the failed_states")

    def _missing(self, missing: tuple[str, ...]) -> None:
        text = f"{', '.join(missing)} of {self.external_dag_id} does not exist"
        if self.soft_fail:
            raise AirflowSkipException(text)
        raise ExternalTaskNotFoundError(text)


class ExternalTaskMarker(EmptyOperator):
    """Says that ``external_task_id`` of ``external_dag_id``, in its run ``logical_date`` (a
    template, by default this run's date), waits for this task: who clears this one recursively
    clears that one too, through at most ``recursion_depth`` DAGs."""

    template_fields: Sequence[str] = ("external_dag_id", "external_task_id", "logical_date")

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        logical_date: str | datetime | None = "{{ logical_date.isoformat() }}",
        recursion_depth: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(logical_date, datetime):
            logical_date = logical_date.isoformat()
        if not isinstance(logical_date, str):
            raise TypeError(f"logical_date is {logical_date!r}; it must be a datetime or a str")
        if isinstance(recursion_depth, bool) or not isinstance(recursion_depth, int):
            raise TypeError(f"recursion_depth is {recursion_depth!r}; it must be a whole number")
        if recursion_depth <= 0:
            raise ValueError(f"recursion_depth is {recursion_depth!r}; it must be at least 1")
        self.external_dag_id = external_dag_id
        self.external_task_id = external_task_id
        self.logical_date = logical_date
        self.recursion_depth = recursion_depth

    def action(self) -> Action:
        """Nothing to do: it costs no worker."""
        return EmptyAction()

    def to_spec(self) -> TaskSpec:
        """With the task that is marked."""
        marks = MarkedTask(
            dag_id=self.external_dag_id,
            task_id=self.external_task_id,
            logical_date=self.logical_date,
            recursion_depth=self.recursion_depth,
        )
        return msgspec.structs.replace(super().to_spec(), marks=marks)


def _states(states: Iterable[str] | None) -> list[str]:
    if isinstance(states, str):
        raise AirflowException(f"states is the str {states!r}; pass a list such as [{states!r}]")
    return [str(getattr(state, "value", state)) for state in states or ()]
