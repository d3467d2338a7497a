"""The queries about runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from millstream.core.errors import MillstreamError, NotFound, Refused
from millstream.core.spec import DagSpec, TaskSpec, decode_spec
from millstream.rpc.v1 import runs_pb2
from millstream_api.hub import Scope
from millstream_api.paging import fill_page
from millstream_api.rows import task_message
from millstream_api.snapshot import Row, Rows

MOST_NAMED = 5
Place = tuple[int, tuple[int, ...]]

_TASKS = """
SELECT task_id, map_index, state, attempt, queue, worker, queued_at, started_at, ended_at, retry_at,
       reason, traceback, map_name
FROM task_instance
WHERE namespace = $1 AND dag_id = $2 AND run_id = $3 AND task_id = ANY($4)
"""
_XCOMS = """
SELECT task_id, map_index, key, value, blob, size, codec FROM xcom
WHERE namespace = $1 AND dag_id = $2 AND run_id = $3
"""


async def find_run(rows: Rows, scope: Scope) -> Row:
    """The row of a run. Raises NotFound, or Refused where the run id alone names several runs."""
    if scope.dag_id:
        row = await rows.fetchrow(
            "SELECT * FROM dag_run WHERE namespace = $1 AND dag_id = $2 AND run_id = $3",
            scope.namespace,
            scope.dag_id,
            scope.run_id,
        )
        found = [row] if row is not None else []
    else:
        found = list(
            await rows.fetch(
                "SELECT * FROM dag_run WHERE namespace = $1 AND run_id = $2 "
                "ORDER BY dag_id LIMIT $3",
                scope.namespace,
                scope.run_id,
                MOST_NAMED + 1,
            )
        )
    _check_one(scope, [row["dag_id"] for row in found])
    return found[0]


async def dag_of_run(rows: Any, scope: Scope) -> str:
    """The DAG of a run as the event log has it. Raises like :func:`find_run`."""
    found = await rows.fetch(
        "SELECT DISTINCT dag_id FROM event_log "
        "WHERE run_id = $1 AND type = 'RunCreated' AND namespace = $2 AND ($3 = '' OR dag_id = $3) "
        "ORDER BY dag_id LIMIT $4",
        scope.run_id,
        scope.namespace,
        scope.dag_id,
        MOST_NAMED + 1,
    )
    dag_ids = [str(row["dag_id"]) for row in found]
    _check_one(scope, dag_ids)
    return dag_ids[0]


async def end_of_run(rows: Any, scope: Scope) -> tuple[int | None, int]:
    """The position of the run's last event, None while it goes on; and the one at which it was
    reopened last, 0 if it never was."""
    row = await rows.fetchrow(
        "SELECT max(position) FILTER (WHERE type <> 'RunReopened') AS ended, "
        "max(position) FILTER (WHERE type = 'RunReopened') AS reopened FROM event_log "
        "WHERE namespace = $1 AND dag_id = $2 AND run_id = $3 "
        "AND type IN ('RunSucceeded', 'RunFailed', 'RunQuarantined', 'RunReopened')",
        scope.namespace,
        scope.dag_id,
        scope.run_id,
    )
    ended, reopened = (row["ended"], row["reopened"] or 0) if row is not None else (None, 0)
    return (None if ended is None or ended < reopened else ended), reopened


def _check_one(scope: Scope, dag_ids: list[str]) -> None:
    if not dag_ids:
        raise NotFound(f"Run {scope.run_id!r} does not exist.")
    if len(dag_ids) > 1:
        named = ", ".join(dag_ids[:MOST_NAMED]) + (", ..." if len(dag_ids) > MOST_NAMED else "")
        raise Refused(
            "RUN_AMBIGUOUS",
            f"Several DAGs have a run {scope.run_id!r}: {named}. Name the DAG as well.",
        )


async def list_runs(
    rows: Rows, namespace: str, dag_id: str, states: list[str], before: int | None, most: int
) -> Sequence[Row]:
    """The newest first."""
    conditions = ["namespace = $1"]
    arguments: list[object] = [namespace, most]
    for condition, value in (
        ("dag_id = ${}", dag_id or None),
        ("state = ANY(${})", states or None),
        ("created_position < ${}", before),
    ):
        if value is not None:
            arguments.append(value)
            conditions.append(condition.format(len(arguments)))
    query = (
        f"SELECT * FROM dag_run WHERE {' AND '.join(conditions)} "  # noqa: S608 - our own text
        f"ORDER BY created_position DESC LIMIT $2"
    )
    return await rows.fetch(query, *arguments)


async def read_spec(rows: Rows, run: Row) -> DagSpec:
    """The DAG version that the run was made with."""
    row = await rows.fetchrow(
        "SELECT spec FROM dag_version WHERE namespace = $1 AND dag_id = $2 AND version = $3",
        run["namespace"],
        run["dag_id"],
        run["version"],
    )
    if row is None:
        raise MillstreamError(
            f"DAG {run['dag_id']!r} has a run of version {run['version']}, which is not there."
        )
    return decode_spec(row["spec"])


async def page_of_tasks(
    rows: Rows, run: Row, spec: DagSpec, after: Place | None, most: int
) -> tuple[list[runs_pb2.TaskInstance], Place | None]:
    """A page in the order of the spec, and where the next one begins. ``after`` is the index of the
    last task and the map index of its last instance."""
    first = after[0] if after else 0
    tasks = list(enumerate(spec.tasks))[first : first + most + 2]
    found = await rows.fetch(
        _TASKS,
        run["namespace"],
        run["dag_id"],
        run["run_id"],
        [task.task_id for _, task in tasks],
    )
    by_task: dict[str, list[Row]] = {}
    for row in found:
        by_task.setdefault(row["task_id"], []).append(row)
    items: list[tuple[Place, TaskSpec, Row | None]] = []
    for index, task in tasks:
        instances = sorted(by_task.get(task.task_id, ()), key=lambda row: tuple(row["map_index"]))
        items += [((index, tuple(row["map_index"])), task, row) for row in instances]
        if not instances:
            items.append(((index, ()), task, None))
    left = [item for item in items if after is None or item[0] > after]
    page, is_more = fill_page(left, lambda item: task_message(item[1], item[2]), most)
    return page, (left[len(page) - 1][0] if is_more else None)


async def read_xcom(
    rows: Rows, run: Row, task_id: str, map_index: list[int], key: str
) -> Row | None:
    return await rows.fetchrow(
        f"{_XCOMS} AND task_id = $4 AND map_index = $5 AND key = $6",
        *(run["namespace"], run["dag_id"], run["run_id"], task_id, map_index, key),
    )


async def list_xcoms(
    rows: Rows, run: Row, after: tuple[str, list[int], str] | None, most: int
) -> Sequence[Row]:
    """By task, map index and key."""
    place = after or ("", [], "")
    return await rows.fetch(
        f"{_XCOMS} AND (task_id, map_index, key) > ($4, $5::integer[], $6) "
        f"ORDER BY task_id, map_index, key LIMIT $7",
        *(run["namespace"], run["dag_id"], run["run_id"], *place, most),
    )
