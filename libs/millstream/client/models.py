"""What the client returns: plain data, times as UTC datetimes, states as Airflow's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, overload

import msgspec

from millstream.core.errors import InvalidArgument
from millstream.core.spec import DagSpec
from millstream.core.statuses import RUN_ENDS, RunStatus
from millstream.core.timetables.run_times import RunTimes
from millstream.rpc.convert import datetime_from, dict_from
from millstream.rpc.schedules import times_from_proto
from millstream.rpc.specs import spec_from_proto
from millstream.rpc.v1 import dags_pb2, events_pb2, runs_pb2, system_pb2

FINISHED = frozenset({"success", "failed"})


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG version that the log holds at ``position``."""

    dag_id: str
    version: int
    position: int


class Dag(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG. ``spec`` is None in lists. ``next_run``: what its schedule makes next; None if that is
    nothing, and while it is paused. ``pause_reason``: "new", or why Millstream paused it."""

    namespace: str
    dag_id: str
    latest_version: int
    bundle: str
    submitted_at: datetime | None
    is_paused: bool = False
    pause_reason: str = ""
    next_run: RunTimes | None = None
    spec: DagSpec | None = None


class RunRef(msgspec.Struct, frozen=True, kw_only=True):
    """Names a run. Reads about it show at least ``position`` of the log."""

    namespace: str
    dag_id: str
    run_id: str
    position: int = 0


class Run(RunRef, frozen=True, kw_only=True):
    """A run. ``state``: queued, running, success or failed."""

    version: int
    state: str
    run_type: str
    conf: dict[str, Any]
    logical_date: datetime | None
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    note: str
    reason: str
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    run_after: datetime | None = None
    triggered_by: str = ""
    backfill_id: str = ""
    rerun_of: str = ""
    rerun_position: int = 0
    rerun_start: str = ""

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED


class TaskInstance(msgspec.Struct, frozen=True, kw_only=True):
    """A task of a run. ``state``: none, queued, running, up_for_retry, success, failed, skipped or
    upstream_failed; ``attempt`` counts from 1, 0 before the first. ``map_index`` is the path of an
    instance of a mapped task, ``map_name`` what its author calls it."""

    task_id: str
    map_index: tuple[int, ...]
    state: str
    attempt: int
    operator: str
    queue: str
    worker: str
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    retry_at: datetime | None
    reason: str
    traceback: str
    map_name: str = ""
    taken_from: str = ""


class XCom(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a task handed on. ``value_json`` is empty where only ``blob`` names it.
    ``codec`` is empty for plain JSON and else says what type it is of: ``typed:datetime``."""

    task_id: str
    map_index: tuple[int, ...]
    key: str
    value_json: str
    blob: str
    size: int
    codec: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the log. ``data_json`` is the text that the digest is over."""

    position: int
    epoch: int
    type: str
    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    attempt: int
    actor: str
    causation: str
    recorded_at: datetime
    data_json: str
    digest: str
    trace: str = ""

    @property
    def data(self) -> dict[str, Any]:
        decoded: dict[str, Any] = msgspec.json.decode(self.data_json)
        return decoded

    @property
    def ends_run(self) -> bool:
        return self.type in RUN_ENDS


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that was heard of lately."""

    worker_id: str
    queues: tuple[str, ...]
    slots: int
    busy: int
    last_heartbeat: datetime | None
    resources: dict[str, int] = {}


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log and the read tables are, and who works."""

    version: str
    log_position: int
    epoch: int
    projected_position: int
    workers: tuple[Worker, ...]
    nats_is_connected: bool


def run_from(run: runs_pb2.Run, position: int) -> Run:
    """``position``: what later reads about the run must show."""
    return Run(
        namespace=run.namespace,
        dag_id=run.dag_id,
        run_id=run.run_id,
        position=max(position, run.created_position),
        version=run.dag_version,
        state=run_state_name(run.state),
        run_type=run.run_type,
        conf=dict_from(run.conf, "conf"),
        logical_date=datetime_from(run, "logical_date"),
        created_at=datetime_from(run, "created_at"),
        started_at=datetime_from(run, "started_at"),
        ended_at=datetime_from(run, "ended_at"),
        note=run.note,
        reason=run.reason,
        data_interval_start=datetime_from(run, "data_interval_start"),
        data_interval_end=datetime_from(run, "data_interval_end"),
        run_after=datetime_from(run, "run_after"),
        triggered_by=run.triggered_by,
        backfill_id=run.backfill_id,
        rerun_of=run.rerun_of,
        rerun_position=run.rerun_position,
        rerun_start=run.rerun_start,
    )


def task_from(task: runs_pb2.TaskInstance) -> TaskInstance:
    return TaskInstance(
        task_id=task.task_id,
        map_index=tuple(task.map_index),
        state=task_state_name(task.state),
        attempt=task.attempt,
        operator=task.operator,
        queue=task.queue,
        worker=task.worker,
        queued_at=datetime_from(task, "queued_at"),
        started_at=datetime_from(task, "started_at"),
        ended_at=datetime_from(task, "ended_at"),
        retry_at=datetime_from(task, "retry_at"),
        reason=task.reason,
        traceback=task.traceback,
        map_name=task.map_name,
        taken_from=task.taken_from,
    )


def xcom_from(xcom: runs_pb2.XCom) -> XCom:
    return XCom(
        task_id=xcom.task_id,
        map_index=tuple(xcom.map_index),
        key=xcom.key,
        value_json=xcom.value_json,
        blob=xcom.blob,
        size=xcom.size,
        codec=xcom.codec,
    )


def describe_xcom(xcom: XCom) -> str:
    """In words, without the value: its type, its size and its place."""
    kind = f"a {xcom.codec.partition(':')[2]} (codec {xcom.codec!r})" if xcom.codec else "JSON"
    place = f" in the blob store under {xcom.blob}" if xcom.blob else ""
    return f"{kind} of {xcom.size} bytes{place}"


def event_from(event: events_pb2.Event) -> Event:
    recorded_at = datetime_from(event, "recorded_at")
    assert recorded_at is not None, "every event has an instant"
    return Event(
        position=event.position,
        epoch=event.epoch,
        type=event.type,
        namespace=event.namespace,
        dag_id=event.dag_id,
        run_id=event.run_id,
        task_id=event.task_id,
        map_index=tuple(event.map_index),
        attempt=event.attempt,
        actor=event.actor,
        causation=event.causation,
        recorded_at=recorded_at,
        data_json=event.data_json,
        digest=event.digest,
        trace=event.trace,
    )


def dag_from(dag: dags_pb2.Dag) -> Dag:
    return Dag(
        namespace=dag.namespace,
        dag_id=dag.dag_id,
        latest_version=dag.latest_version,
        bundle=dag.bundle,
        submitted_at=datetime_from(dag, "submitted_at"),
        is_paused=dag.is_paused,
        pause_reason=dag.pause_reason,
        next_run=times_from_proto(dag.next_run) if dag.HasField("next_run") else None,
        spec=spec_from_proto(dag.spec) if dag.HasField("spec") else None,
    )


def status_from(status: system_pb2.GetStatusResponse) -> Status:
    return Status(
        version=status.version,
        log_position=status.log_position,
        epoch=status.epoch,
        projected_position=status.projected_position,
        workers=tuple(
            Worker(
                worker_id=worker.worker_id,
                queues=tuple(worker.queues),
                slots=worker.slots,
                resources=dict(sorted(worker.resources.items())),
                busy=worker.busy,
                last_heartbeat=datetime_from(worker, "last_heartbeat"),
            )
            for worker in status.workers
        ),
        nats_is_connected=status.nats_is_connected,
    )


def run_state_name(state: int) -> str:
    return runs_pb2.RunState.Name(state).removeprefix("RUN_STATE_").lower()


def run_state_number(state: str) -> int:
    """Raises :class:`InvalidArgument`."""
    if state not in set(RunStatus):
        raise InvalidArgument(
            f"{state!r} is no state of a run; the states are {', '.join(RunStatus)}."
        )
    return runs_pb2.RunState.Value(f"RUN_STATE_{state.upper()}")


def task_state_name(state: int) -> str:
    return runs_pb2.TaskState.Name(state).removeprefix("TASK_STATE_").lower()


@overload
def aware(instant: datetime) -> datetime: ...
@overload
def aware(instant: datetime | None) -> datetime | None: ...
def aware(instant: datetime | None) -> datetime | None:
    """An instant without a time zone is taken as UTC."""
    return instant.replace(tzinfo=UTC) if instant and instant.tzinfo is None else instant
