"""Clear, mark and cancel: a request becomes a command for each run that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from millstream.adapters.event_log import EventLog
from millstream.core.clearing import (
    Choice,
    is_cleared,
    is_meant,
    tasks_to_clear,
    tasks_to_mark,
)
from millstream.core.commands import ClearTasks, MarkRun, MarkTasks, RunCommand, TaskRef
from millstream.core.errors import Refused
from millstream.core.graph import Graph
from millstream.core.markers import ClearedMarker, markers_among
from millstream.core.spec import DagSpec, decode_spec
from millstream.core.statuses import OPEN_RUN, TaskStatus
from millstream.rpc.v1 import runs_pb2
from millstream_api.callers import look_up, namespace_of, need, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.errors import FieldProblem
from millstream_api.hub import Scope
from millstream_api.interceptor import Context
from millstream_api.markers import Marked, follow, id_for, named
from millstream_api.run_rows import find_run, read_spec
from millstream_api.snapshot import Row, Rows, Snapshots

MOST_RUNS = 1000
LONGEST_NOTE = 2000
MARKS = {
    runs_pb2.TASK_STATE_SUCCESS: "success",
    runs_pb2.TASK_STATE_FAILED: "failed",
    runs_pb2.TASK_STATE_SKIPPED: "skipped",
}
RUN_MARKS = {runs_pb2.RUN_STATE_SUCCESS: "success", runs_pb2.RUN_STATE_FAILED: "failed"}

_AROUND = """
SELECT * FROM dag_run WHERE namespace = $1 AND dag_id = $2 AND run_id <> $3
  AND logical_date IS NOT NULL AND (logical_date <= $4 AND $5 OR logical_date >= $4 AND $6)
ORDER BY logical_date, run_id LIMIT $7
"""
_STATES = """
SELECT task_id, map_index, state FROM task_instance
WHERE namespace = $1 AND dag_id = $2 AND run_id = $3 AND task_id = ANY($4)
"""

Request = runs_pb2.ClearTasksRequest | runs_pb2.MarkTasksRequest
Controlled = list[runs_pb2.ControlledTask]


class Plan(NamedTuple):
    """What a request does to one run, as the read tables have it."""

    command: ClearTasks | MarkTasks
    tasks: Controlled
    spec: DagSpec
    run: Row


class Control:
    """Carries out what people do to runs and tasks."""

    def __init__(
        self, commands: Commands, snapshots: Snapshots, log: EventLog, receipt_timeout_s: float
    ) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._log = log
        self._receipt_timeout_s = receipt_timeout_s

    async def clear(
        self, request: runs_pb2.ClearTasksRequest, context: Context
    ) -> runs_pb2.ClearTasksResponse:
        plans, left = await self._plan(request, context)
        not_followed = [named(marker) for marker in left]
        if _given(request, "dry_run", True):
            return runs_pb2.ClearTasksResponse(tasks=_tasks_of(plans), not_followed=not_followed)
        tasks, position = await self._carry_out(plans, "TaskCleared", context)
        return runs_pb2.ClearTasksResponse(
            tasks=tasks, position=position, not_followed=not_followed
        )

    async def mark_tasks(
        self, request: runs_pb2.MarkTasksRequest, context: Context
    ) -> runs_pb2.MarkTasksResponse:
        plans, _ = await self._plan(request, context)
        if request.dry_run:
            return runs_pb2.MarkTasksResponse(tasks=_tasks_of(plans))
        tasks, position = await self._carry_out(plans, "TaskMarked", context)
        return runs_pb2.MarkTasksResponse(tasks=tasks, position=position)

    async def mark_run(
        self, request: runs_pb2.MarkRunRequest, context: Context
    ) -> runs_pb2.MarkRunResponse:
        state = RUN_MARKS.get(request.state)
        if state is None:
            raise FieldProblem("state", "state must be RUN_STATE_SUCCESS or RUN_STATE_FAILED.")
        scope = _scope_of(request)
        async with self._snapshots.read(request, context) as rows:
            scope = await _with_dag(rows, scope)
        receipt = await self._commands.send(
            MarkRun(
                id=request_id_of(request.request_id),
                namespace=scope.namespace,
                dag_id=scope.dag_id,
                run_id=scope.run_id,
                state=state,  # type: ignore[arg-type]
                note=_note(request.note),
            ),
            seconds_left(context, self._receipt_timeout_s),
        )
        return runs_pb2.MarkRunResponse(position=receipt.position)

    async def _plan(
        self, request: Request, context: Context
    ) -> tuple[list[Plan], list[ClearedMarker]]:
        """What is done to each run; and the markers that should be followed and cannot be."""
        command = _command_of(request)
        scope = _scope_of(request)
        async with self._snapshots.read(request, context) as rows:
            first = await find_run(rows, scope)
            runs = [first, *await _runs_around(rows, first, request)]
            plans = [await _plan_of(rows, run, command, run is first) for run in runs]
            if isinstance(command, ClearTasks):
                return await self._follow(rows, plans, command)
            return plans, []

    async def _follow(
        self, rows: Rows, plans: list[Plan], command: ClearTasks
    ) -> tuple[list[Plan], list[ClearedMarker]]:
        """Add the runs of other DAGs that the markers among the cleared tasks name."""

        async def markers_of(marked: Marked) -> list[ClearedMarker] | None:
            plan = await _marked_plan(rows, marked)
            return None if plan is None else await self._markers_of(plan)

        first = [marker for plan in plans for marker in await self._markers_of(plan)]
        found = await follow(rows, command, first, markers_of, MOST_RUNS)
        planned = {_run_of(plan): set(map(_instance, plan.tasks)) for plan in plans}
        for marked in found.marked:
            plan = await _marked_plan(rows, marked)
            if plan is None:
                continue
            already = planned.get(_run_of(plan))
            if already is None or any(_instance(task) not in already for task in plan.tasks):
                plans.append(plan)
        return plans, found.not_followed

    async def _markers_of(self, plan: Plan) -> list[ClearedMarker]:
        """The markers among the tasks that are cleared: now, or when the same was asked before."""
        if not any(task.marks for task in plan.spec.tasks):
            return []
        cleared = {task.task_id for task in plan.tasks}
        cleared.update(task.task_id for task in await self._done(plan.command, "TaskCleared"))
        return markers_among(plan.spec, plan.run["run_id"], plan.run["logical_date"], cleared)

    async def _carry_out(
        self, plans: Sequence[Plan], kind: str, context: Context
    ) -> tuple[Controlled, int]:
        """One command a run: what the scheduler decides is what happens, and is what is told."""
        tasks: Controlled = []
        position = 0
        for plan in plans:
            command = plan.command
            receipt = await self._commands.send(
                command, seconds_left(context, self._receipt_timeout_s)
            )
            position = max(position, receipt.position)
            tasks += await self._done(command, kind)
        return tasks, position

    async def _done(self, command: RunCommand, kind: str) -> Controlled:
        caused = await self._log.caused_by([command.id], [command.run_id])
        return [
            runs_pb2.ControlledTask(
                dag_id=stored.record.dag_id,
                run_id=stored.record.run_id,
                task_id=stored.record.task_id,
                map_index=stored.record.map_index,
            )
            for stored in caused.get(command.id, ())
            if stored.record.type == kind
        ]


async def _runs_around(rows: Rows, run: Row, request: Request) -> list[Row]:
    """The runs of earlier and later logical dates, as far as they are asked for."""
    if run["logical_date"] is None or not (request.include_past or request.include_future):
        return []
    found = await rows.fetch(
        _AROUND,
        *(run["namespace"], run["dag_id"], run["run_id"], run["logical_date"]),
        *(request.include_past, request.include_future, MOST_RUNS + 1),
    )
    if len(found) > MOST_RUNS:
        raise Refused(
            "TOO_MANY_RUNS", f"More than {MOST_RUNS} runs are meant; name fewer at a time."
        )
    return list(found)


async def _plan_of(rows: Rows, run: Row, command: ClearTasks | MarkTasks, is_first: bool) -> Plan:
    """The request's command for one of the runs of its DAG."""
    own = msgspec.structs.replace(
        command,
        id=command.id if is_first else id_for(command.id, run["run_id"]),
        dag_id=run["dag_id"],
        run_id=run["run_id"],
    )
    return await _planned(rows, run, own)


async def _marked_plan(rows: Rows, marked: Marked) -> Plan | None:
    """None where the run has no such task: there is nothing to clear."""
    try:
        return await _planned(rows, marked.run, marked.command)
    except Refused as refusal:
        if refusal.reason != "TASK_NOT_FOUND":
            raise
        return None


async def _planned(rows: Rows, run: Row, own: ClearTasks | MarkTasks) -> Plan:
    is_over = run["state"] not in OPEN_RUN
    if isinstance(own, ClearTasks) and own.run_on_latest_version and is_over:
        spec = await _latest_spec(rows, run)
    else:
        spec = await read_spec(rows, run)
    graph = Graph(spec)
    if isinstance(own, ClearTasks):
        chosen = tasks_to_clear(spec, graph, own)
        if is_over and not own.reset_dag_runs:
            chosen = {}
    else:
        chosen = tasks_to_mark(spec, graph, own)
    return Plan(own, await _affected(rows, run, spec, chosen, own), spec, run)


async def _affected(
    rows: Rows, run: Row, spec: DagSpec, chosen: Choice, command: ClearTasks | MarkTasks
) -> Controlled:
    """The instances that the command would change."""
    names = [spec.tasks[number].task_id for number in chosen]
    found = await rows.fetch(_STATES, run["namespace"], run["dag_id"], run["run_id"], names)
    states: dict[str, list[tuple[tuple[int, ...], TaskStatus]]] = {}
    for row in found:
        status = TaskStatus(row["state"])
        states.setdefault(row["task_id"], []).append((tuple(row["map_index"]), status))
    affected = []
    for number, paths in chosen.items():
        name = spec.tasks[number].task_id
        for path, status in sorted(states.get(name, [((), TaskStatus.NONE)])):
            if is_meant(paths, path) and _is_changed(status, command):
                affected.append(
                    runs_pb2.ControlledTask(
                        dag_id=run["dag_id"], run_id=run["run_id"], task_id=name, map_index=path
                    )
                )
    return affected


def _is_changed(status: TaskStatus, command: ClearTasks | MarkTasks) -> bool:
    if isinstance(command, ClearTasks):
        return is_cleared(
            status, only_failed=command.only_failed, only_running=command.only_running
        )
    return status != command.state


async def _latest_spec(rows: Rows, run: Row) -> DagSpec:
    row = await rows.fetchrow(
        "SELECT spec FROM dag_version WHERE namespace = $1 AND dag_id = $2 "
        "ORDER BY version DESC LIMIT 1",
        run["namespace"],
        run["dag_id"],
    )
    assert row is not None, "a DAG with a run has a version"
    return decode_spec(row["spec"])


async def _with_dag(rows: Rows, scope: Scope) -> Scope:
    """The scope with its DAG. A run that the tables do not show yet is the scheduler's to find."""
    if scope.dag_id:
        return scope
    run = await find_run(rows, scope)
    return msgspec.structs.replace(scope, dag_id=run["dag_id"])


def _command_of(request: Request) -> ClearTasks | MarkTasks:
    """The command, still without its run."""
    common = {
        "id": request_id_of(request.request_id),
        "namespace": namespace_of(request.namespace),
        "dag_id": "",
        "run_id": "",
        "tasks": tuple(_refs(request.tasks)),
        "include_upstream": request.include_upstream,
        "include_downstream": request.include_downstream,
    }
    if isinstance(request, runs_pb2.ClearTasksRequest):
        return ClearTasks(
            **common,  # type: ignore[arg-type]
            only_failed=_given(request, "only_failed", True),
            only_running=request.only_running,
            reset_dag_runs=_given(request, "reset_dag_runs", True),
            run_on_latest_version=request.run_on_latest_version,
        )
    state = MARKS.get(request.state)
    if state is None:
        raise FieldProblem(
            "state", "state must be TASK_STATE_SUCCESS, TASK_STATE_FAILED or TASK_STATE_SKIPPED."
        )
    if not request.tasks:
        raise FieldProblem("tasks", "tasks is empty: name the tasks to mark.")
    return MarkTasks(
        **common,  # type: ignore[arg-type]
        state=state,  # type: ignore[arg-type]
        note=_note(request.note),
    )


def _refs(selectors: Iterable[runs_pb2.TaskSelector]) -> Iterable[TaskRef]:
    for number, selector in enumerate(selectors):
        if any(index < 0 for index in selector.map_index):
            raise FieldProblem(f"tasks[{number}].map_index", "an index is 0 or more.")
        yield TaskRef(
            task_id=need(f"tasks[{number}].task_id", selector.task_id),
            map_index=tuple(selector.map_index),
        )


def _scope_of(request: Request | runs_pb2.MarkRunRequest) -> Scope:
    return Scope(
        namespace_of(request.namespace),
        look_up("dag_id", request.dag_id),
        need("run_id", request.run_id),
    )


def _given(request: runs_pb2.ClearTasksRequest, field: str, default: bool) -> bool:
    return bool(getattr(request, field)) if request.HasField(field) else default


def _note(note: str) -> str:
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise FieldProblem("note", f"note must be text of at most {LONGEST_NOTE} characters.")
    return note


def _tasks_of(plans: Iterable[Plan]) -> Controlled:
    return [task for plan in plans for task in plan.tasks]


def _run_of(plan: Plan) -> tuple[str, str]:
    return plan.command.dag_id, plan.command.run_id


def _instance(task: runs_pb2.ControlledTask) -> tuple[str, tuple[int, ...]]:
    return task.task_id, tuple(task.map_index)
