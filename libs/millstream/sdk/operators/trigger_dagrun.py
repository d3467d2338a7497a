"""A task that starts a run of another DAG, and may wait for its end."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from millstream.core.reports import RunRequest
from millstream.core.run_ids import operator_run_id
from millstream.sdk.dates import instant, stdlib_utc
from millstream.sdk.errors import AirflowException
from millstream.sdk.operator import BaseOperator
from millstream.sdk.triggers.external_task import DagStateTrigger

if TYPE_CHECKING:
    from millstream.sdk.context import Context

_NOW: Any = object()
_STATES = ("queued", "running", "success", "failed")


class TriggerDagRunOperator(BaseOperator):
    """Starts a run of ``trigger_dag_id``: in the same commit as the end of the task, so that never
    one of them is there without the other.

    ``logical_date``: now unless given; None for a run without one. With ``wait_for_completion`` the
    task waits, without a slot, until the run is in one of ``allowed_states``, and fails for one of
    ``failed_states``. A run that is there already fails the task; with
    ``skip_when_already_exists`` it skips it, and with ``reset_dag_run`` the run of that id is
    cleared and runs again, as it was made. The XCom ``trigger_run_id`` is the id of the run.
    """

    template_fields: Sequence[str] = (
        "trigger_dag_id",
        "trigger_run_id",
        "logical_date",
        "conf",
        "wait_for_completion",
        "skip_when_already_exists",
    )

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: Any = None,
        logical_date: str | datetime | None = _NOW,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: float | timedelta = 60,
        allowed_states: Collection[str] | None = None,
        failed_states: Collection[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        deferrable: bool = False,
        run_after: str | datetime | None = None,
        note: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(reset_dag_run, bool):
            raise TypeError(f"reset_dag_run is {reset_dag_run!r}; pass True or False")
        if logical_date is None and wait_for_completion:
            raise AirflowException(
                f"task {self.task_id!r} waits for the run, so it needs a logical_date"
            )
        is_given = logical_date is not None and logical_date is not _NOW
        if is_given and not isinstance(logical_date, str | datetime):
            raise TypeError(f"logical_date is {logical_date!r}; pass a str, a datetime or None")
        self.trigger_dag_id = trigger_dag_id
        self.trigger_run_id = trigger_run_id
        self.conf = conf
        # A template field: what stands for "now" must be plain data.
        self.logical_date: Any = "" if logical_date is _NOW else logical_date
        self.reset_dag_run = reset_dag_run
        self.wait_for_completion = wait_for_completion
        self.poke_interval = poke_interval
        self.allowed_states = _states("allowed_states", allowed_states, ["success"])
        self.failed_states = _states("failed_states", failed_states, ["failed"])
        self.skip_when_already_exists = skip_when_already_exists
        self.fail_when_dag_is_paused = fail_when_dag_is_paused
        self.deferrable = deferrable
        self.run_after = run_after
        self.note = note or ""

    def execute(self, context: Context) -> None:
        """Asks for the run; the report carries it."""
        try:
            conf = json.loads(json.dumps(dict(self.conf or {}), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ValueError(f"conf is no JSON object: {error}") from None
        date = self._date()
        after = self.run_after
        context["ti"].runs = (
            RunRequest(
                dag_id=self.trigger_dag_id,
                run_id=str(self.trigger_run_id or ""),
                conf=conf,
                logical_date=date,
                run_after=None if after is None else stdlib_utc(instant("run_after", after)),
                note=self.note,
                skip_when_already_exists=bool(self.skip_when_already_exists),
                fail_when_dag_is_paused=self.fail_when_dag_is_paused,
                reset=self.reset_dag_run,
            ),
        )
        context["ti"].xcom_push("trigger_dag_id", self.trigger_dag_id)
        if self.wait_for_completion:
            assert date is not None, "it was checked in the DAG file"
            context["ti"].xcom_push("trigger_logical_date_iso", date.isoformat())
            self.defer(
                trigger=DagStateTrigger(
                    dag_id=self.trigger_dag_id,
                    # A run that is reset has the date that it was made with.
                    run_ids=[str(self.trigger_run_id or "") or operator_run_id(date)],
                    states=self.allowed_states,
                    failed_states=self.failed_states,
                    check_existence=False,
                ),
                method_name="execute_complete",
            )

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """The run is over."""
        status = (event or {}).get("status")
        if status != "success":
            raise AirflowException(
                f"{self.trigger_dag_id} failed with failed states {self.failed_states}"
            )

    def _date(self) -> datetime | None:
        if self.logical_date is None:
            return None
        if self.logical_date == "":
            from datetime import UTC

            return datetime.now(UTC)
        return stdlib_utc(instant("logical_date", self.logical_date))


def _states(name: str, given: Any, default: list[str]) -> list[str]:
    if given is None:
        return default
    states = [str(getattr(state, "value", state)) for state in given]
    for state in states:
        if state not in _STATES:
            raise ValueError(f"{name} has {state!r}; use {', '.join(_STATES)}")
    return states
