"""Triggers that wait for runs and tasks of other DAGs. They are told when something changes:
nothing is polled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec

from millstream.core.run_states import StatesQuestion
from millstream.sdk.dates import instant, stdlib_utc
from millstream.sdk.states import Wanted, decode_answer, encode_question, judge
from millstream.sdk.triggers.running import trigger_channel
from millstream.sdk.triggers.trigger import BaseTrigger, TriggerEvent

# How long the other side may hold a question; it answers at once when something changes.
LONGEST_HOLD_S = 20.0


class WorkflowTrigger(BaseTrigger):
    """Fires with ``{"status": "success"}``, "failed" or "skipped" when the tasks, or else the runs,
    of ``external_dag_id`` with ``run_ids``, or else ``logical_dates``, are in such states; with
    "error" if what it waits for does not exist and ``check_existence`` is set. The other arguments
    are as in ``ExternalTaskSensor``."""

    def __init__(
        self,
        external_dag_id: str,
        logical_dates: Sequence[datetime] | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Collection[str] | None = None,
        failed_states: Collection[str] | None = None,
        skipped_states: Collection[str] | None = None,
        poke_interval: float = 2.0,
        check_existence: bool = False,
        run_ids: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.external_dag_id = external_dag_id
        self.logical_dates = list(logical_dates or ())
        self.external_task_ids = None if external_task_ids is None else list(external_task_ids)
        self.external_task_group_id = external_task_group_id
        self.allowed_states = list(allowed_states or ["success"])
        self.failed_states = list(failed_states or ())
        self.skipped_states = list(skipped_states or ())
        self.poke_interval = poke_interval
        self.check_existence = check_existence
        self.run_ids = list(run_ids or ())

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            f"millstream.sdk.triggers.external_task.{type(self).__name__}",
            dict(vars(self)),
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        channel = trigger_channel()
        wanted = Wanted(
            allowed=tuple(self.allowed_states),
            failed=tuple(self.failed_states),
            skipped=tuple(self.skipped_states),
        )
        dates = () if self.run_ids else self.logical_dates
        question = StatesQuestion(
            dag_id=self.external_dag_id,
            logical_dates=tuple(stdlib_utc(instant("date", d)) for d in dates),
            task_ids=tuple(self.external_task_ids or ()),
            group_id=self.external_task_group_id or "",
            wait_s=LONGEST_HOLD_S,
            run_ids=tuple(self.run_ids),
        )
        while True:
            answer = decode_answer(await channel.find_states(encode_question(question)))
            if self.check_existence and answer.missing:
                yield TriggerEvent({"status": "error", "missing": list(answer.missing)})
                return
            status = judge(question, answer, wanted)
            if status:
                yield TriggerEvent({"status": status})
                return
            if answer.digest == question.seen:
                await asyncio.sleep(0)  # held for as long as it may be
            question = msgspec.structs.replace(question, seen=answer.digest)


class ExternalTaskTrigger(WorkflowTrigger):
    """Waits for tasks of another DAG."""


class DagStateTrigger(WorkflowTrigger):
    """Waits for the runs ``run_ids``, or else ``execution_dates``, of ``dag_id`` to be in one of
    ``states``."""

    def __init__(
        self,
        dag_id: str = "",
        states: Collection[str] | None = None,
        execution_dates: Sequence[datetime] | None = None,
        poll_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("external_dag_id", dag_id)
        kwargs.setdefault("allowed_states", states)
        kwargs.setdefault("logical_dates", execution_dates)
        kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
