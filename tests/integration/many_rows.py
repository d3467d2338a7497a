"""Read tables of an installation that has been used for long, written by SQL alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from millstream.adapters.postgres import Connection, connect
from millstream.core.spec import DagSpec, EmptyAction, TaskSpec, encode_spec
from millstream_projector.tables import READ_SCHEMA, ensure_tables

# A second between two runs; the first one of all.
BEGAN = "'2025-01-01 00:00:00+00'::timestamptz"
_DAG = "'dag_' || lpad(d::text, 4, '0')"
_RUN = "'manual__' || lpad(r::text, 6, '0')"
# The latest run of each tenth DAG goes on; one run in a hundred failed.
_STATE = """CASE WHEN r = $2 AND d % 10 = 0 THEN 'running'
    WHEN r % 100 = 7 THEN 'failed' ELSE 'success' END"""
_RUNS = f"""
INSERT INTO dag_run (namespace, dag_id, run_id, version, state, run_type, triggered_by, conf,
    logical_date, data_interval_start, data_interval_end, run_after, created_at, started_at,
    ended_at, note, reason, asset_events, backfill_id, created_position, position, rerun_of,
    rerun_position, rerun_start)
SELECT 'default', {_DAG}, {_RUN}, 1 + r % $3::int, {_STATE},
    CASE WHEN r % 5 = 0 THEN 'manual' ELSE 'scheduled' END, 'rpc', '{{}}', at, at, at, at, at, at,
    at, '', '', '[]', '', n, n, '', 0, ''
FROM (SELECT d, r, r * $1::int + d AS n, {BEGAN} + interval '1 second' * (r * $1::int + d) AS at
      FROM generate_series(1, $1::int) d, generate_series(1, $2::int) r) runs
"""
_TASKS = f"""
INSERT INTO task_instance (namespace, dag_id, run_id, task_id, map_index, state, attempt, queue,
    worker, queued_at, started_at, ended_at, reason, traceback, map_name, position, pool,
    pool_slots, taken_from)
SELECT 'default', {_DAG}, {_RUN}, 't' || t, '{{}}', {_STATE}, 1, 'default', 'worker-1', at, at, at,
    '', '', '', n, 'default_pool', 1, ''
FROM (SELECT d, r, t, r * $1::int + d AS n, {BEGAN} + interval '1 second' * (r * $1::int + d) AS at
      FROM generate_series(1, $1::int) d, generate_series(1, $2::int) r,
           generate_series(1, $3::int) t) tasks
"""
_ATTEMPTS = """
INSERT INTO task_attempt (namespace, dag_id, run_id, task_id, map_index, attempt, state, queue,
    worker, queued_at, started_at, ended_at, reason, traceback, position)
SELECT namespace, dag_id, run_id, task_id, map_index, 1, state, queue, worker, queued_at,
    started_at, ended_at, '', '', position FROM task_instance
"""
_XCOMS = """
INSERT INTO xcom (namespace, dag_id, run_id, task_id, map_index, key, value, blob, size, codec,
    attempt, position)
SELECT namespace, dag_id, run_id, task_id, map_index, 'return_value', '1', '', 1, '', 1, position
FROM task_instance WHERE task_id = 't1' OR right(run_id, 1) = '1'
"""
_DAGS = f"""
INSERT INTO dag (namespace, dag_id, latest_version, submitted_at, is_paused, pause_reason,
    display_name, description, tags, owners, schedule, file, next_run_after)
SELECT 'default', {_DAG}, 2, {BEGAN} + interval '1 second' * d, d % 4 = 0, '', 'Number ' || d, '',
    json_build_array('t' || d % 10, 'all'), json_build_array('team ' || d % 7), '@daily', '',
    CASE WHEN d % 2 = 0 THEN {BEGAN} + interval '1 hour' * d END
FROM generate_series(1, $1::int) d
"""
_VERSIONS = f"""
INSERT INTO dag_version (namespace, dag_id, version, spec, bundle, submitted_at, submitted_by,
    position)
SELECT 'default', {_DAG}, v, replace($2, 'THE_DAG', {_DAG})::json, '',
    {BEGAN} + interval '1 second' * d, 'api/1', d * 10 + v
FROM generate_series(1, $1::int) d, generate_series(1, 2) v
"""
_UPDATES = """
INSERT INTO asset_event (position, namespace, name, uri, extra, aliases, dag_id, run_id, task_id,
    map_index, recorded_at)
SELECT created_position, 'default', 'asset ' || created_position % 50, 'x', '{}', '[]', dag_id,
    run_id, 't1', '{}', created_at FROM dag_run
"""
_INPUTS = """
INSERT INTO human_input (namespace, dag_id, run_id, task_id, map_index, attempt, state, request,
    asked_at, asked_position, position)
SELECT 'default', dag_id, run_id, 't1', '{}', 1,
    CASE WHEN created_position % 20 = 0 THEN 'waiting' ELSE 'answered' END,
    '{"subject": "s", "options": ["a"]}', created_at, created_position, created_position
FROM dag_run
"""
_OPEN = """
INSERT INTO open_tasks (namespace, dag_id, queue, state, number)
SELECT namespace, dag_id, queue, t.state, count(*)
FROM dag_run r JOIN task_instance t USING (namespace, dag_id, run_id)
WHERE r.state = 'running' GROUP BY namespace, dag_id, queue, t.state
"""
_MISSED = """
INSERT INTO missed_deadline (namespace, dag_id, run_id, name, due_at, missed_at, position)
SELECT namespace, dag_id, run_id, 'late', created_at, created_at, position FROM dag_run
WHERE state = 'failed'
"""
_ASSETS = """
INSERT INTO asset (namespace, name, uri, asset_group, position)
SELECT DISTINCT 'default', name, 'x-' || name, 'g', 1 FROM asset_event
"""
_BACKFILLS = f"""
INSERT INTO backfill (namespace, dag_id, backfill_id, from_date, to_date, reprocess_behavior,
    run_backwards, max_active_runs, conf, state, total, created_at, created_position, number,
    skipped, position)
SELECT 'default', {_DAG}, b::text, {BEGAN}, {BEGAN}, 'none', false, 1, '{{}}',
    CASE WHEN b = 2 THEN 'running' ELSE 'completed' END, 1, {BEGAN}, d * 10 + b, 1, 0, d * 10 + b
FROM generate_series(1, $1::int) d, generate_series(1, 2) b
"""
_NAMES = """
INSERT INTO variable SELECT 'default', 'name ' || n, 1, 'Described', now(), n
FROM generate_series(1, 200) n;
INSERT INTO connection SELECT 'default', 'name ' || n, 1, 'Described', now(), n
FROM generate_series(1, 200) n;
INSERT INTO pool SELECT 'default', 'name ' || n, 8, false, 'Described', now(), n
FROM generate_series(1, 200) n
"""


def dag_id(number: int) -> str:
    return f"dag_{number:04}"


def run_id(number: int) -> str:
    return f"manual__{number:06}"


@asynccontextmanager
async def filled_tables(url: str, dags: int, runs: int, tasks: int) -> AsyncIterator[Connection]:
    """A connection to the tables, with which a test may write more into them."""
    connection = await connect(url, schema=READ_SCHEMA)
    try:
        await ensure_tables(connection, READ_SCHEMA)
        await fill_dags(connection, dags, tasks)
        await fill_runs(connection, dags, runs, tasks)
        yield connection
    finally:
        await connection.close()


async def fill_dags(connection: Any, dags: int, tasks: int) -> None:
    """So many DAGs of two versions, with assets, backfills, variables, connections and pools."""
    spec = DagSpec(
        dag_id="THE_DAG",
        tasks=tuple(TaskSpec(task_id=f"t{n + 1}", action=EmptyAction()) for n in range(tasks)),
    )
    await connection.execute(_DAGS, dags)
    await connection.execute(_VERSIONS, dags, encode_spec(spec).decode())
    await connection.execute(_BACKFILLS, dags)
    await connection.execute(_NAMES)


async def fill_runs(connection: Any, dags: int, runs: int, tasks: int, versions: int = 2) -> None:
    """So many runs of each DAG with so many tasks each, and what these left behind; the DAGs
    have so many ``versions``."""
    await connection.execute(_RUNS, dags, runs, versions, timeout=1800)
    await connection.execute(_TASKS, dags, runs, tasks, timeout=1800)
    for statement in (_ATTEMPTS, _XCOMS, _UPDATES, _INPUTS, _OPEN, _MISSED, _ASSETS):
        await connection.execute(statement, timeout=1800)
    await connection.execute("ANALYZE", timeout=600)
