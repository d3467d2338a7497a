"""The queries about task instances: one, those of a run, those of all runs of a DAG."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from millstream.core.errors import NotFound
from millstream.core.spec import DagSpec, TaskSpec, decode_spec
from millstream.rpc.v1 import runs_pb2
from millstream_api.callers import look_up, namespace_of
from millstream_api.errors import FieldProblem
from millstream_api.hub import Scope
from millstream_api.listing import NEVER, Conditions, Key, Listing, Plan, few, take_page
from millstream_api.paging import decode_token, encode_token, page_size
from millstream_api.rows import task_message, task_state_names, untouched
from millstream_api.run_rows import find_run, read_spec
from millstream_api.snapshot import Row, Rows

_TASK, _PATH = Key("t.task_id"), Key("t.map_index", tuple[int, ...])
_OF_RUN = Listing(
    name="tasks",
    columns="t.*",
    source="task_instance t",
    orders={
        "task_id": (_TASK, _PATH),
        **{
            name: (Key(f"coalesce(t.{name}, {NEVER})", datetime), _TASK, _PATH)
            for name in ("queued_at", "started_at", "ended_at")
        },
    },
    default="task_id",
)
_OF_DAG = Listing(
    name="tasks_of_dag",
    columns="t.*",
    source="dag_run r JOIN task_instance t USING (namespace, dag_id, run_id)",
    orders={
        "run": (Key("r.created_at", datetime), Key("r.created_position", int), _TASK, _PATH),
    },
    default="run desc",
)
# A task to which nothing has happened has no row; one that is mapped has many. The tasks come in
# the order of the array and the instances in that of the index, so a page ends without a sort.
_IN_ORDER = """
SELECT w.place, w.task_id AS wanted, t.* FROM unnest($4::text[]) WITH ORDINALITY w(task_id, place)
LEFT JOIN LATERAL (
    SELECT * FROM task_instance i
    WHERE i.namespace = $1 AND i.dag_id = $2 AND i.run_id = $3 AND i.task_id = w.task_id
    AND ($5::integer[] IS NULL OR w.place > 1 OR i.map_index > $5::integer[])
    ORDER BY i.map_index) t ON true
WHERE ($5::integer[] IS NULL OR w.place > 1 OR t.task_id IS NOT NULL)
"""
_ONE = """
SELECT * FROM task_instance
WHERE namespace = $1 AND dag_id = $2 AND run_id = $3 AND task_id = $4 AND map_index = $5
"""
_RENDERED = """
SELECT attempt, fields FROM rendered_fields
WHERE namespace = $1 AND dag_id = $2 AND run_id = $3 AND task_id = $4 AND map_index = $5
AND ($6::integer = 0 OR attempt = $6) ORDER BY attempt DESC LIMIT 1
"""
_LATEST_SPEC = """
SELECT v.spec FROM dag d JOIN dag_version v
ON v.namespace = d.namespace AND v.dag_id = d.dag_id AND v.version = d.latest_version
WHERE d.namespace = $1 AND d.dag_id = $2
"""
Place = tuple[int, tuple[int, ...]]


class Wanted(msgspec.Struct, frozen=True):
    """Which task instances a request is about. Without a ``plan``: those of a run in the order of
    its DAG, after ``after``."""

    request: runs_pb2.ListTaskInstancesRequest
    scope: Scope
    states: list[str]
    task_ids: list[str]
    most: int
    plan: Plan | None
    after: Place | None = None

    @classmethod
    def of(cls, request: runs_pb2.ListTaskInstancesRequest) -> Wanted:
        """Raises :class:`FieldProblem`."""
        scope = Scope(
            namespace_of(request.namespace),
            look_up("dag_id", request.dag_id),
            look_up("run_id", request.run_id),
        )
        if not scope.run_id and not scope.dag_id:
            raise FieldProblem("run_id", "Name the run, or the DAG for all of its runs.")
        plan = after = None
        if not scope.run_id:
            if request.order_by:
                raise FieldProblem("order_by", "order_by needs a run_id beside it here.")
            plan = _OF_DAG.plan(request, order_by="")
        elif request.order_by:
            plan = _OF_RUN.plan(request)
        else:
            kind: type[Place] = tuple[int, tuple[int, ...]]
            after = decode_token(_scope(request), request.page_token, kind)
            if after is not None and not (0 <= after[0] < 2**31 and _is_path(after[1])):
                raise FieldProblem("page_token", "page_token is not valid here.")
        for field in ("worker", "queue", "pool"):
            look_up(field, getattr(request, field))
        return cls(
            request,
            scope,
            task_state_names(request.states),
            few("task_ids", request.task_ids),
            page_size(request.page_size),
            plan,
            after,
        )

    def narrow(self, where: Conditions) -> Conditions:
        """The conditions that are the same everywhere."""
        if self.states:
            where.add("coalesce(t.state, 'none') = ANY({})", self.states)
        for field in ("worker", "queue", "pool"):
            where.add_if(getattr(self.request, field), f"t.{field} = {{}}")
        return where


async def list_tasks(rows: Rows, wanted: Wanted) -> tuple[list[runs_pb2.TaskInstance], str]:
    """A page and the token of the next one."""
    if not wanted.scope.run_id:
        return await _list_of_dag(rows, wanted)
    run = await find_run(rows, wanted.scope)
    spec = await read_spec(rows, run)
    if wanted.plan is None:
        return await _list_in_order(rows, wanted, run, spec)
    tasks = _by_id(spec)
    where = Conditions()
    for column in ("namespace", "dag_id", "run_id"):
        where.add(f"t.{column} = {{}}", run[column])
    where.add_if(wanted.task_ids, "t.task_id = ANY({})")
    return await wanted.plan.fetch(
        rows, wanted.narrow(where), lambda row: task_message(tasks.get(row["task_id"]), row)
    )


async def _list_of_dag(rows: Rows, wanted: Wanted) -> tuple[list[runs_pb2.TaskInstance], str]:
    """The operators are those of the latest version."""
    scope, plan = wanted.scope, wanted.plan
    assert plan is not None
    row = await rows.fetchrow(_LATEST_SPEC, scope.namespace, scope.dag_id)
    if row is None:
        raise NotFound(f"DAG {scope.dag_id!r} does not exist.")
    tasks = _by_id(decode_spec(row["spec"]))
    where = Conditions().add("r.namespace = {}", scope.namespace).add("r.dag_id = {}", scope.dag_id)
    if plan.after is not None:  # so that the index of the runs begins there
        where.add("r.created_at <= {}", plan.after[0])
    where.add_if(wanted.task_ids, "t.task_id = ANY({})")
    return await plan.fetch(
        rows, wanted.narrow(where), lambda found: task_message(tasks.get(found["task_id"]), found)
    )


async def _list_in_order(
    rows: Rows, wanted: Wanted, run: Row, spec: DagSpec
) -> tuple[list[runs_pb2.TaskInstance], str]:
    first = wanted.after[0] if wanted.after else 0
    asked = set(wanted.task_ids)
    tasks = [
        (number, task)
        for number, task in enumerate(spec.tasks[first:], first)
        if not asked or task.task_id in asked
    ]
    has_conditions = wanted.states or wanted.request.worker
    if not (has_conditions or wanted.request.queue or wanted.request.pool):
        tasks = tasks[: wanted.most + 2]  # each has one instance at least
    after = list(wanted.after[1]) if wanted.after and tasks and tasks[0][0] == first else None
    where = wanted.narrow(Conditions(*_key(run), [task.task_id for _, task in tasks], after))
    where.arguments.append(wanted.most + 1)
    query = f"{_IN_ORDER} AND {where} LIMIT ${len(where.arguments)}"

    def convert(row: Row) -> runs_pb2.TaskInstance:
        task = tasks[row["place"] - 1][1]
        return task_message(task, row if row["state"] else untouched(run, task))

    page, last = await take_page(rows, query, where.arguments, wanted.most, convert)
    if last is None:
        return page, ""
    place = (tasks[last["place"] - 1][0], tuple(last["map_index"] or ()))
    return page, encode_token(_scope(wanted.request), place)


async def get_task(rows: Rows, run: Row, task_id: str, path: list[int]) -> runs_pb2.TaskInstance:
    """Raises :class:`NotFound`."""
    spec = await read_spec(rows, run)
    task = _by_id(spec).get(task_id)
    row = await rows.fetchrow(_ONE, *_key(run), task_id, path)
    if row is not None:
        return task_message(task, row)
    if task is None:
        raise NotFound(f"DAG {run['dag_id']!r} has no task {task_id!r}.")
    if path:
        raise NotFound(f"Task {task_id!r} of run {run['run_id']!r} has no instance {path}.")
    return task_message(task, untouched(run, task))


async def read_rendered(
    rows: Rows, run: Row, task: runs_pb2.TaskInstance, attempt: int
) -> runs_pb2.GetRenderedFieldsResponse:
    """What the template fields of an attempt became, 0 for the latest; where the result was taken
    over, that of the attempt which had it."""
    run_id = task.taken_from or run["run_id"]
    instance = (run["namespace"], run["dag_id"], run_id, task.task_id, list(task.map_index))
    row = await rows.fetchrow(_RENDERED, *instance, attempt)
    if row is None:
        return runs_pb2.GetRenderedFieldsResponse()
    fields = msgspec.json.decode(row["fields"], type=dict[str, str])
    return runs_pb2.GetRenderedFieldsResponse(
        fields=[runs_pb2.RenderedField(name=name, value=text) for name, text in fields.items()],
        attempt=row["attempt"],
        taken_from=task.taken_from,
    )


def _key(run: Row) -> tuple[str, str, str]:
    return run["namespace"], run["dag_id"], run["run_id"]


def _by_id(spec: DagSpec) -> Mapping[str, TaskSpec]:
    return {task.task_id: task for task in spec.tasks}


def _is_path(path: tuple[int, ...]) -> bool:
    return all(0 <= index < 2**31 for index in path)


def _scope(request: runs_pb2.ListTaskInstancesRequest) -> tuple[str, ...]:
    """What a page token is good for."""
    return (
        "tasks",
        *(request.namespace, request.dag_id, request.run_id),
        *(request.worker, request.queue, request.pool),
        *map(str, request.states),
        *request.task_ids,
    )
