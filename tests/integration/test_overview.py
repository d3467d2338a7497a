"""What a home page is told, and what Postgres looks at for it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from integration.explained import Context, ExplainingSnapshots, check_plan
from integration.many_rows import BEGAN, dag_id, filled_tables, run_id
from millstream.adapters.heartbeat import Heartbeat
from millstream.adapters.read_pool import ReadPool
from millstream.adapters.visibility import ALL_VISIBLE, Visibility, show
from millstream.core.errors import InvalidArgument
from millstream.embedded.run import RunningServers
from millstream.rpc.v1 import runs_pb2, system_pb2
from millstream_api.heartbeats import Workers
from millstream_api.system import SystemService

DAGS, RUNS, TASKS = 120, 60, 6
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
NOBODY: Any = None
States, Tasks = runs_pb2.RunState, runs_pb2.TaskState
_LATE_RUNS = f"""
UPDATE dag_run SET state = 'queued', run_after = {BEGAN}
WHERE run_id = '{run_id(RUNS)}' AND dag_id IN ('{dag_id(1)}', '{dag_id(4)}', '{dag_id(7)}');
UPDATE dag_run SET backfill_id = 'b' WHERE run_id = '{run_id(RUNS)}' AND dag_id = '{dag_id(7)}';
UPDATE dag SET next_run_after = now() + interval '1 day'
WHERE dag_id NOT IN ('{dag_id(1)}', '{dag_id(2)}', '{dag_id(4)}');
INSERT INTO callback (namespace, dag_id, run_id, callback_id, map_index, task_id, state, attempt,
    queue, worker, reason, traceback, position)
VALUES ('default', '{dag_id(1)}', 'r', 'c', '{{}}', '', 'queued', 1, 'mail', '', '', '', 1)
"""


@pytest.fixture(scope="module")
def database(servers: RunningServers) -> str:
    async def fill() -> None:
        async with filled_tables(servers.database_url, DAGS, RUNS, TASKS) as connection:
            await connection.execute(_LATE_RUNS)

    asyncio.run(fill())
    return servers.database_url


def workers() -> Workers:
    found = Workers()
    for name, queues, running in (("w1", ("default", "gpu"), 2), ("w2", ("default",), 0)):
        heartbeat = Heartbeat(
            worker=name,
            incarnation="1",
            queues=queues,
            slots=4,
            attempts=tuple(str(number) for number in range(running)),
        )
        found.hear(heartbeat, time.monotonic(), datetime.now(UTC))
    return found


def overview(
    url: str, *, visible: Visibility = ALL_VISIBLE, since: datetime | None = None, **fields: Any
) -> system_pb2.GetOverviewResponse:
    async def ask() -> system_pb2.GetOverviewResponse:
        pool = ReadPool(url)
        snapshots = ExplainingSnapshots(pool)
        service = SystemService(NOBODY, NOBODY, snapshots, workers(), NOBODY)
        request = system_pb2.GetOverviewRequest(**fields)
        if since is not None:
            request.since.FromDatetime(since)
        show(visible)
        try:
            answer = await service.GetOverview(request, cast(Any, Context()))
        finally:
            await pool.close()
        # Who asks for all there ever was may be answered by looking at all.
        for plan in snapshots.plans if since is None else ():
            check_plan(plan)
        return answer

    return asyncio.run(ask())


def counts(found: Any) -> dict[int, int]:
    return {one.state: one.count for one in found}


def test_what_goes_on_what_failed_and_what_is_late(database: str) -> None:
    found = overview(database, since=LONG_AGO)
    assert (found.dags, found.paused_dags) == (DAGS, DAGS // 4)
    running = DAGS // 10
    going_on = {States.RUN_STATE_QUEUED: 3, States.RUN_STATE_RUNNING: running}
    assert counts(found.open_runs) == going_on
    assert counts(found.open_tasks) == {Tasks.TASK_STATE_RUNNING: running * TASKS}
    assert counts(found.recent_runs) == {
        **going_on,
        States.RUN_STATE_FAILED: DAGS,
        States.RUN_STATE_SUCCESS: DAGS * RUNS - 3 - running - DAGS,
    }
    assert found.failed == DAGS
    assert [(run.dag_id, run.run_id) for run in found.failed_runs[:2]] == [
        (dag_id(DAGS), run_id(7)),
        (dag_id(DAGS - 1), run_id(7)),
    ]
    assert len(found.failed_runs) == 50
    # dag_0004 is paused, and dag_0007's run is one of a backfill.
    assert found.late == 2
    assert [(late.dag_id, late.run_id) for late in found.late_runs] == [
        (dag_id(1), run_id(RUNS)),
        (dag_id(2), ""),
    ]
    assert found.missed == DAGS
    missed = found.missed_deadlines[0]
    assert (missed.dag_id, missed.name, missed.state) == (
        dag_id(DAGS),
        "late",
        States.RUN_STATE_FAILED,
    )


def test_what_was_over_before_is_not_told(database: str) -> None:
    found = overview(database)
    assert (found.failed, found.missed, list(found.recent_runs)) == (0, 0, [])
    assert (datetime.now(UTC) - found.since.ToDatetime(tzinfo=UTC)).days == 1
    assert not overview(database, late_after_s=2**31 - 1).late
    with pytest.raises(InvalidArgument, match="late_after_s"):
        overview(database, late_after_s=-1)


def test_who_waits_in_a_queue_and_who_serves_it(database: str) -> None:
    queues = {one.queue: one for one in overview(database).queues}
    assert list(queues) == ["default", "gpu", "mail"]
    default = queues["default"]
    assert (default.waiting, default.running) == (0, DAGS // 10 * TASKS)
    assert (default.workers, default.slots, default.busy) == (2, 8, 2)
    assert (queues["gpu"].workers, queues["gpu"].slots) == (1, 4)
    assert (queues["mail"].waiting, queues["mail"].workers) == (1, 0)


def test_who_may_see_one_dag_is_told_of_no_other(database: str) -> None:
    found = overview(database, since=LONG_AGO, visible=Visibility("default", (dag_id(10),)))
    assert (found.dags, found.failed, found.missed, found.late) == (1, 1, 1, 0)
    assert counts(found.open_tasks) == {Tasks.TASK_STATE_RUNNING: TASKS}
    assert {run.dag_id for run in found.failed_runs} == {dag_id(10)}


def test_another_namespace_is_empty(database: str) -> None:
    found = overview(database, namespace="other", since=LONG_AGO)
    assert (found.dags, found.failed, found.late, found.missed) == (0, 0, 0, 0)
    assert [one.queue for one in found.queues] == ["default", "gpu"]
