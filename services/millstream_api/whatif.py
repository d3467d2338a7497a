"""What a run would have done with another version of its DAG."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from millstream.adapters.event_log import Stored
from millstream.adapters.event_search import EventFilter, EventSearch
from millstream.core.divergence import changed_tasks
from millstream.core.errors import NotFound
from millstream.core.spec import DagSpec, decode_spec
from millstream.core.state import RunKey
from millstream.core.validate import check_dag
from millstream.core.whatif import Answer, Played, Recording
from millstream.core.wire import UnknownEvent, to_event
from millstream.rpc.specs import spec_from_proto
from millstream.rpc.v1 import history_pb2, runs_pb2
from millstream_api.diff import input_message
from millstream_api.errors import FieldProblem
from millstream_api.paging import LARGEST_PAGE
from millstream_api.snapshot import Row, Rows

BATCH = 500
_KINDS = {
    "same": history_pb2.WHAT_IF_KIND_SAME,
    "changed": history_pb2.WHAT_IF_KIND_CHANGED,
    "new": history_pb2.WHAT_IF_KIND_NEW,
    "gone": history_pb2.WHAT_IF_KIND_GONE,
}
_VERSION = """
SELECT spec FROM dag_version WHERE namespace = $1 AND dag_id = $2 AND ($3 = 0 OR version = $3)
ORDER BY version DESC LIMIT 1
"""


def spec_of(request: history_pb2.WhatIfRequest) -> DagSpec | None:
    """The spec of the request, if it has one. Raises :class:`InvalidDag`."""
    if request.dag_version < 0:
        raise FieldProblem("dag_version", "dag_version must be 0 or more.")
    if not request.HasField("spec"):
        return None
    if request.dag_version:
        raise FieldProblem("dag_version", "dag_version and spec exclude each other.")
    spec = spec_from_proto(request.spec)
    check_dag(spec)
    return spec


async def other_version(rows: Rows, run: Row, version: int) -> DagSpec:
    """A registered version of the run's DAG; 0: the newest."""
    row = await rows.fetchrow(_VERSION, run["namespace"], run["dag_id"], version)
    if row is None:
        raise NotFound(f"DAG {run['dag_id']!r} has no version {version}.")
    return decode_spec(row["spec"])


async def read_recording(search: EventSearch, key: RunKey, last: int) -> Recording:
    wanted = EventFilter(namespace=key[0], dag_id=key[1], run_id=key[2])
    recording = Recording()
    first = 1
    while first:
        found, first = await search.find(wanted, first, last, BATCH)
        # In a thread, so that nobody else's call waits for it.
        await asyncio.to_thread(_add, recording, found)
    return recording


def whatif_message(
    recording: Recording, answer: Answer, spec: DagSpec, other: DagSpec
) -> history_pb2.WhatIfResponse:
    """Without the run."""
    different = [each for each in answer.tasks if each.kind != "same"]
    shown = [*different, *(each for each in answer.tasks if each.kind == "same")]
    seconds = 0.0
    if recording.started_at is not None and recording.ended_at is not None:
        seconds = (recording.ended_at - recording.started_at).total_seconds()
    return history_pb2.WhatIfResponse(
        expected=_state(runs_pb2.RunState, "RUN_STATE", answer.state),
        reason=answer.reason,
        recorded_seconds=seconds,
        expected_seconds=answer.seconds,
        changes=[input_message(one) for one in changed_tasks(spec, other)],
        tasks=[_task_message(each) for each in shown[:LARGEST_PAGE]],
        different=len(different),
        assumed=sum(each.is_assumed for each in answer.tasks),
    )


def _add(recording: Recording, found: list[Stored]) -> None:
    for stored in found:
        try:
            recording.add(to_event(stored.record))
        except (UnknownEvent, msgspec.MsgspecError):
            continue  # another release wrote it


def _task_message(each: Played) -> history_pb2.WhatIfTask:
    return history_pb2.WhatIfTask(
        task_id=each.task_id,
        map_index=each.map_index,
        kind=_KINDS[each.kind],
        recorded=_state(runs_pb2.TaskState, "TASK_STATE", each.recorded),
        expected=_state(runs_pb2.TaskState, "TASK_STATE", each.expected),
        recorded_order=each.recorded_order,
        expected_order=each.expected_order,
        is_assumed=each.is_assumed,
    )


def _state(names: Any, prefix: str, name: str) -> Any:
    return names.Value(f"{prefix}_{name.upper() or 'UNSPECIFIED'}")
