"""From rows of the read tables to messages."""

from __future__ import annotations

from typing import Any

import msgspec

from millstream.core.spec import TaskSpec, decode_spec
from millstream.rpc.convert import shown_struct, timestamp_from
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import dags_pb2, runs_pb2
from millstream_api.snapshot import Row

RUN_STATES = {name.removeprefix("RUN_STATE_").lower(): n for name, n in runs_pb2.RunState.items()}
TASK_STATES = {
    name.removeprefix("TASK_STATE_").lower(): n for name, n in runs_pb2.TaskState.items()
}
_RUN_NAMES = {number: name for name, number in RUN_STATES.items()}
_TASK_NAMES = {number: name for name, number in TASK_STATES.items()}


def run_state_names(states: Any) -> list[str]:
    """The names in the tables of the wanted states; a state that does not exist matches nothing."""
    return [_RUN_NAMES.get(state, "") for state in states]


def task_state_names(states: Any) -> list[str]:
    """The same for tasks."""
    return [_TASK_NAMES.get(state, "") for state in states]


def dag_message(row: Row, *, with_spec: bool) -> dags_pb2.Dag:
    return dags_pb2.Dag(
        namespace=row["namespace"],
        dag_id=row["dag_id"],
        latest_version=row["latest_version"],
        spec=spec_to_proto(decode_spec(row["spec"])) if with_spec else None,
        bundle=row["bundle"],
        submitted_at=timestamp_from(row["submitted_at"]),
        is_paused=row["is_paused"],
        pause_reason=row["pause_reason"],
        next_run=_next_run(row),
        display_name=row["display_name"],
        description=row["description"],
        tags=msgspec.json.decode(row["tags"]),
        owners=msgspec.json.decode(row["owners"]),
        schedule=row["schedule"],
        file=row["file"],
    )


def _next_run(row: Row) -> dags_pb2.RunTimes | None:
    if row["next_run_after"] is None:
        return None
    return dags_pb2.RunTimes(
        logical_date=timestamp_from(row["next_logical_date"]),
        interval_start=timestamp_from(row["next_interval_start"]),
        interval_end=timestamp_from(row["next_interval_end"]),
        run_after=timestamp_from(row["next_run_after"]),
    )


def run_message(row: Row) -> runs_pb2.Run:
    return runs_pb2.Run(
        namespace=row["namespace"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        dag_version=row["version"],
        state=RUN_STATES.get(row["state"], 0),  # type: ignore[arg-type]
        run_type=row["run_type"],
        conf=shown_struct(msgspec.json.decode(row["conf"])),
        logical_date=timestamp_from(row["logical_date"]),
        created_at=timestamp_from(row["created_at"]),
        started_at=timestamp_from(row["started_at"]),
        ended_at=timestamp_from(row["ended_at"]),
        note=row["note"],
        reason=row["reason"],
        created_position=row["created_position"],
        data_interval_start=timestamp_from(row["data_interval_start"]),
        data_interval_end=timestamp_from(row["data_interval_end"]),
        run_after=timestamp_from(row["run_after"]),
        triggered_by=row["triggered_by"],
        backfill_id=row["backfill_id"],
        rerun_of=row["rerun_of"],
        rerun_position=row["rerun_position"],
        rerun_start=row["rerun_start"],
    )


def task_message(task: TaskSpec | None, row: Row) -> runs_pb2.TaskInstance:
    """The instance of a task. Where the row has no state nothing has happened to it yet. ``task``
    is None where its DAG version does not have it any more."""
    if row["state"] is None:
        return runs_pb2.TaskInstance(
            namespace=row["namespace"],
            dag_id=row["dag_id"],
            run_id=row["run_id"],
            task_id=row["task_id"],
            state=runs_pb2.TASK_STATE_NONE,
            operator=task.operator if task else "",
            queue=task.queue if task else "",
            pool=task.pool if task else "",
            pool_slots=task.pool_slots if task else 0,
        )
    return runs_pb2.TaskInstance(
        namespace=row["namespace"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        task_id=row["task_id"],
        map_index=row["map_index"],
        state=TASK_STATES.get(row["state"], 0),  # type: ignore[arg-type]
        attempt=row["attempt"],
        operator=task.operator if task else "",
        queue=row["queue"] or (task.queue if task else ""),
        pool=row["pool"] or (task.pool if task else ""),
        pool_slots=row["pool_slots"] or (task.pool_slots if task else 0),
        worker=row["worker"],
        queued_at=timestamp_from(row["queued_at"]),
        started_at=timestamp_from(row["started_at"]),
        ended_at=timestamp_from(row["ended_at"]),
        retry_at=timestamp_from(row["retry_at"]),
        reason=row["reason"],
        traceback=row["traceback"],
        map_name=row["map_name"],
        taken_from=row["taken_from"],
    )


def untouched(run: Row, task: TaskSpec) -> Row:
    """The row of an instance to which nothing has happened."""
    names = {name: run[name] for name in ("namespace", "dag_id", "run_id")}
    return {**names, "task_id": task.task_id, "state": None}


def attempt_message(row: Row) -> runs_pb2.TaskAttempt:
    return runs_pb2.TaskAttempt(
        attempt=row["attempt"],
        state=row["state"],
        queue=row["queue"],
        worker=row["worker"],
        queued_at=timestamp_from(row["queued_at"]),
        started_at=timestamp_from(row["started_at"]),
        ended_at=timestamp_from(row["ended_at"]),
        reason=row["reason"],
        traceback=row["traceback"],
    )


def xcom_message(row: Row) -> runs_pb2.XCom:
    return runs_pb2.XCom(
        task_id=row["task_id"],
        map_index=row["map_index"],
        key=row["key"],
        value_json=row["value"] or "",
        blob=row["blob"],
        size=row["size"],
        codec=row["codec"],
    )
