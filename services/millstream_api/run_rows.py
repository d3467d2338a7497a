"""The queries about runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from millstream.core.errors import MillstreamError, NotFound, Refused
from millstream.core.spec import DagSpec, decode_spec
from millstream.rpc.v1 import runs_pb2
from millstream_api.callers import look_up, namespace_of
from millstream_api.errors import FieldProblem
from millstream_api.hub import Scope
from millstream_api.listing import Conditions, Key, Listing, Plan, bounds, few
from millstream_api.rows import run_state_names
from millstream_api.snapshot import Row, Rows

MOST_NAMED = 5

_DATE = "coalesce(logical_date, run_after)"
RUNS = Listing(
    name="runs",
    columns="*",
    source="dag_run",
    orders={
        "created_at": (Key("created_at", datetime), Key("created_position", int)),
        "logical_date": (Key(_DATE, datetime), Key("created_position", int)),
    },
    default="created_at desc",
)
ATTEMPTS = Listing(
    name="attempts",
    columns="*",
    source="task_attempt",
    orders={"attempt": (Key("attempt", int),)},
    default="attempt",
)
_XCOM = "task_id, map_index, key, value, blob, size, codec"
XCOMS = Listing(
    name="xcoms",
    columns=_XCOM,
    source="xcom",
    orders={"task_id": (Key("task_id"), Key("map_index", tuple[int, ...]), Key("key"))},
    default="task_id",
)


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


async def with_dag(rows: Any, scope: Scope) -> Scope:
    """The scope with the DAG of its run, as the event log has it. Raises like :func:`find_run`."""
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
    return msgspec.structs.replace(scope, dag_id=dag_ids[0])


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


def plan_runs(request: runs_pb2.ListRunsRequest) -> tuple[Plan, Conditions]:
    """Raises :class:`FieldProblem`."""
    if not request.dag_id:
        _check_without_dag(request)
    return RUNS.plan(request), runs_where(request)


def runs_where(request: runs_pb2.ListRunsRequest | runs_pb2.GetGridRequest) -> Conditions:
    """What the filters of a request say. Raises :class:`FieldProblem`."""
    dag_id = look_up("dag_id", request.dag_id)
    where = Conditions().add("namespace = {}", namespace_of(request.namespace))
    where.add_if(dag_id, "dag_id = {}")
    states = run_state_names(request.states)
    if len(states) == 1:
        where.add("state = {}", states[0])
    elif states:
        where.add("state = ANY({})", states)
    where.add_if(few("run_types", request.run_types), "run_type = ANY({})")
    where.add_if(look_up("run_id_prefix", request.run_id_prefix), "starts_with(run_id, {})")
    where.add_if(request.dag_version, "version = {}")
    where.add_if(look_up("backfill_id", request.backfill_id), "backfill_id = {}")
    bounds(where, request, "created", "created_at")
    bounds(where, request, "logical", _DATE)
    return where


def _check_without_dag(request: runs_pb2.ListRunsRequest) -> None:
    """Without the DAG there is no index for these, and all runs would be looked at. Raises
    :class:`FieldProblem`."""
    asked = {
        "order_by": request.order_by.strip().startswith("logical_date"),
        "run_id_prefix": request.run_id_prefix,
        "logical_from": request.HasField("logical_from"),
        "logical_until": request.HasField("logical_until"),
        "dag_version": request.dag_version,
        "backfill_id": request.backfill_id,
    }
    for field, is_asked in asked.items():
        if is_asked:
            raise FieldProblem(field, f"{field} needs a dag_id beside it here.")


def of_run(run: Row) -> Conditions:
    """What belongs to a run."""
    where = Conditions()
    for column in ("namespace", "dag_id", "run_id"):
        where.add(f"{column} = {{}}", run[column])
    return where


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


async def read_xcom(
    rows: Rows, run: Row, task_id: str, map_index: list[int], key: str
) -> Row | None:
    return await rows.fetchrow(
        f"SELECT {_XCOM} FROM xcom WHERE namespace = $1 AND dag_id = $2 AND run_id = $3 "  # noqa: S608
        f"AND task_id = $4 AND map_index = $5 AND key = $6",
        *(run["namespace"], run["dag_id"], run["run_id"], task_id, map_index, key),
    )
