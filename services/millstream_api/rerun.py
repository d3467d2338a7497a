"""New runs from old ones, and where runs come from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from millstream.adapters.event_log import EventLog, Stored
from millstream.core.commands import RerunRun, TaskRef
from millstream.core.event_parts import TaskMemo
from millstream.core.lineage import Start
from millstream.rpc.convert import dict_from
from millstream.rpc.v1 import history_pb2, runs_pb2
from millstream_api.callers import look_up, request_id_of
from millstream_api.errors import FieldProblem
from millstream_api.hub import Scope
from millstream_api.rows import run_message
from millstream_api.run_rows import find_run
from millstream_api.snapshot import Row, Rows

LONGEST_NOTE = 10_000
CONF_BYTES = 256 * 1024
MOST_ANCESTORS = 100
MOST_RERUNS = 1000
NEWEST = -1
_STARTS: dict[int, Start] = {
    history_pb2.RERUN_START_UNSPECIFIED: "failed",
    history_pb2.RERUN_START_FAILED: "failed",
    history_pb2.RERUN_START_TASKS: "tasks",
    history_pb2.RERUN_START_EVENT: "event",
}
_RERUNS = """
SELECT * FROM dag_run WHERE namespace = $1 AND dag_id = $2 AND rerun_of = $3 AND rerun_of <> ''
ORDER BY created_position LIMIT $4
"""


class _Taken(msgspec.Struct, frozen=True):
    """What is counted of an event."""

    tasks: tuple[TaskMemo, ...]


def command_of(request: history_pb2.RerunRunRequest, scope: Scope, position: int) -> RerunRun:
    """Raises :class:`FieldProblem`."""
    start = _STARTS.get(request.start)
    if start is None:
        raise FieldProblem("start", "start must be one of the values of RerunStart.")
    if (start == "tasks") != bool(request.tasks):
        raise FieldProblem("tasks", "tasks go with RERUN_START_TASKS: at least one, or none.")
    is_given = request.at.WhichOneof("moment") is not None
    if (start == "event") != is_given:
        raise FieldProblem("at", "at goes with RERUN_START_EVENT: a position or an instant.")
    if request.dag_version < 0 or (request.latest_version and request.dag_version):
        raise FieldProblem(
            "dag_version", "dag_version must be 0 or more, and 0 with latest_version."
        )
    if len(request.note) > LONGEST_NOTE or "\0" in request.note:
        raise FieldProblem("note", f"note must be text of at most {LONGEST_NOTE} characters.")
    conf = dict_from(request.conf, "conf") if request.HasField("conf") else None
    if conf is not None and len(msgspec.json.encode(conf)) > CONF_BYTES:
        raise FieldProblem("conf", f"conf is larger than {CONF_BYTES // 1024} KiB.")
    return RerunRun(
        id=request_id_of(request.request_id),
        namespace=scope.namespace,
        dag_id=scope.dag_id,
        run_id=scope.run_id,
        new_run_id=look_up("new_run_id", request.new_run_id),
        start=start,
        tasks=tuple(_refs(request.tasks)),
        position=position if start == "event" else 0,
        conf=conf,
        version=NEWEST if request.latest_version else request.dag_version,
        note=request.note,
    )


async def count_taken_over(event_log: EventLog, command_id: str, run_id: str) -> int:
    """How many instances a new run has from the one that it is made from."""
    caused = await event_log.caused_by([command_id], [run_id])
    return await asyncio.to_thread(_count, caused.get(command_id, []))


async def lineage(rows: Rows, scope: Scope) -> history_pb2.GetLineageResponse:
    """Raises :class:`NotFound`, and :class:`Refused` for an ambiguous run id."""
    run = await find_run(rows, scope)
    ancestors: list[Row] = []
    above = run
    while above["rerun_of"] and len(ancestors) < MOST_ANCESTORS:
        origin = Scope(above["namespace"], above["dag_id"], above["rerun_of"])
        above = await find_run(rows, origin)
        ancestors.append(above)
    reruns = await rows.fetch(_RERUNS, run["namespace"], run["dag_id"], run["run_id"], MOST_RERUNS)
    return history_pb2.GetLineageResponse(
        run=run_message(run),
        ancestors=[run_message(one) for one in ancestors],
        reruns=[run_message(one) for one in reruns],
    )


def _count(caused: list[Stored]) -> int:
    taken = (
        msgspec.json.decode(stored.record.data, type=_Taken)
        for stored in caused
        if stored.record.type == "ResultsTakenOver"
    )
    return sum(memo.expanded < 0 for one in taken for memo in one.tasks)


def _refs(selectors: Iterable[runs_pb2.TaskSelector]) -> Iterable[TaskRef]:
    for number, selector in enumerate(selectors):
        task_id = look_up(f"tasks[{number}].task_id", selector.task_id)
        if not task_id or len(task_id) > 2000:
            raise FieldProblem(f"tasks[{number}].task_id", "task_id must name a task or a group.")
        if any(index < 0 for index in selector.map_index):
            raise FieldProblem(f"tasks[{number}].map_index", "an index is 0 or more.")
        yield TaskRef(task_id=task_id, map_index=tuple(selector.map_index))
