"""What goes on in a namespace, in one answer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from millstream.client.models import aware, run_state_name, task_state_name
from millstream.client.modes import Calls, M, call
from millstream.rpc.convert import datetime_from, timestamp_from
from millstream.rpc.v1 import runs_pb2, system_pb2


class FailedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that failed, and why."""

    dag_id: str
    run_id: str
    run_type: str
    logical_date: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    reason: str


class LateRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that should have begun at ``due_at``. ``run_id`` is empty where the schedule has not
    made it."""

    dag_id: str
    run_id: str
    logical_date: datetime | None
    due_at: datetime | None


class MissedDeadline(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was not over when the DAG's deadline ``name`` was due. ``state``: its own now."""

    dag_id: str
    run_id: str
    name: str
    due_at: datetime | None
    missed_at: datetime | None
    state: str


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks wait and run in a queue, and what there is to serve it. A worker of several
    queues is counted in each."""

    name: str
    waiting: int
    running: int
    workers: int
    slots: int
    busy: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """``open_runs`` and ``open_tasks`` count by state what is not over, ``recent_runs`` the runs
    that were made since ``since``. ``failed``, ``late`` and ``missed`` count all of what the lists
    beside them have the first fifty of."""

    dags: int
    paused_dags: int
    open_runs: dict[str, int]
    open_tasks: dict[str, int]
    recent_runs: dict[str, int]
    failed: int
    failed_runs: tuple[FailedRun, ...]
    late: int
    late_runs: tuple[LateRun, ...]
    missed: int
    missed_deadlines: tuple[MissedDeadline, ...]
    queues: tuple[Queue, ...]
    since: datetime | None


class OverviewCalls(Calls[M]):
    """Part of the client."""

    @call
    async def overview(self, *, since: datetime | None = None, late_after_s: int = 60) -> Overview:
        """What goes on in the namespace, what failed since ``since`` (a day ago unless given), and
        what should have begun ``late_after_s`` seconds ago and has not."""
        request = system_pb2.GetOverviewRequest(
            namespace=self._namespace,
            since=timestamp_from(aware(since)),
            late_after_s=late_after_s,
        )
        answer: system_pb2.GetOverviewResponse = await self._ask(request)
        return Overview(
            dags=answer.dags,
            paused_dags=answer.paused_dags,
            open_runs=_by_state(answer.open_runs),
            open_tasks={task_state_name(one.state): one.count for one in answer.open_tasks},
            recent_runs=_by_state(answer.recent_runs),
            failed=answer.failed,
            failed_runs=tuple(map(_failed, answer.failed_runs)),
            late=answer.late,
            late_runs=tuple(map(_late, answer.late_runs)),
            missed=answer.missed,
            missed_deadlines=tuple(map(_missed, answer.missed_deadlines)),
            queues=tuple(map(_queue, answer.queues)),
            since=datetime_from(answer, "since"),
        )


def _by_state(counts: Iterable[runs_pb2.RunStateCount]) -> dict[str, int]:
    return {run_state_name(one.state): one.count for one in counts}


def _failed(run: system_pb2.OverviewRun) -> FailedRun:
    return FailedRun(
        dag_id=run.dag_id,
        run_id=run.run_id,
        run_type=run.run_type,
        logical_date=datetime_from(run, "logical_date"),
        started_at=datetime_from(run, "started_at"),
        ended_at=datetime_from(run, "ended_at"),
        reason=run.reason,
    )


def _late(run: system_pb2.LateRun) -> LateRun:
    return LateRun(
        dag_id=run.dag_id,
        run_id=run.run_id,
        logical_date=datetime_from(run, "logical_date"),
        due_at=datetime_from(run, "due_at"),
    )


def _missed(deadline: system_pb2.MissedDeadline) -> MissedDeadline:
    return MissedDeadline(
        dag_id=deadline.dag_id,
        run_id=deadline.run_id,
        name=deadline.name,
        due_at=datetime_from(deadline, "due_at"),
        missed_at=datetime_from(deadline, "missed_at"),
        state=run_state_name(deadline.state),
    )


def _queue(queue: system_pb2.QueueStatus) -> Queue:
    return Queue(
        name=queue.queue,
        waiting=queue.waiting,
        running=queue.running,
        workers=queue.workers,
        slots=queue.slots,
        busy=queue.busy,
    )
