"""WorkerService: the workers that are alive, and what the read tables have running on them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from millstream.core.errors import NotFound
from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import workers_pb2, workers_pb2_grpc
from millstream_api.callers import need
from millstream_api.heartbeats import Heard, Workers
from millstream_api.interceptor import Context
from millstream_api.paging import decode_token, encode_token, page_size
from millstream_api.snapshot import Row, Rows, Snapshots

MOST_RUNNING = 100
# Only tasks of runs that go on run: of these there are few, and an index knows them.
_RUNNING = """
SELECT * FROM (
    SELECT t.*, row_number() OVER (PARTITION BY t.worker ORDER BY t.started_at DESC, t.task_id) AS n
    FROM dag_run r JOIN task_instance t USING (namespace, dag_id, run_id)
    WHERE r.state IN ('queued', 'running') AND t.state = 'running' AND t.worker = ANY($1)) found
WHERE n <= $2 ORDER BY worker, n
"""


class WorkerService(workers_pb2_grpc.WorkerServiceServicer):
    def __init__(self, snapshots: Snapshots, workers: Workers) -> None:
        self._snapshots = snapshots
        self._workers = workers

    async def ListWorkers(  # noqa: N802 - gRPC's name
        self, request: workers_pb2.ListWorkersRequest, context: Context
    ) -> workers_pb2.ListWorkersResponse:
        most = page_size(request.page_size)
        scope = ("workers", request.queue)
        after = decode_token(scope, request.page_token, str) or ""
        found = [
            heard
            for heard in self._workers.alive(time.monotonic())
            if heard.heartbeat.worker > after
            and (not request.queue or request.queue in heard.heartbeat.queues)
        ]
        page = [_worker(heard) for heard in found[:most]]
        if request.with_running or request.min_position:
            async with self._snapshots.read(request, context) as rows:
                if request.with_running:
                    await _add_running(rows, page)
        token = encode_token(scope, page[-1].worker_id) if len(found) > most else ""
        return workers_pb2.ListWorkersResponse(workers=page, next_page_token=token)

    async def GetWorker(  # noqa: N802
        self, request: workers_pb2.GetWorkerRequest, context: Context
    ) -> workers_pb2.GetWorkerResponse:
        name = need("worker_id", request.worker_id)
        async with self._snapshots.read(request, context) as rows:
            found = [
                _worker(heard)
                for heard in self._workers.alive(time.monotonic())
                if heard.heartbeat.worker == name
            ]
            await _add_running(rows, found)
        if not found:
            raise NotFound(f"No worker {name!r} is alive.")
        return workers_pb2.GetWorkerResponse(worker=found[0])


async def _add_running(rows: Rows, workers: Sequence[workers_pb2.Worker]) -> None:
    by_name = {worker.worker_id: worker for worker in workers}
    if not by_name:
        return
    for row in await rows.fetch(_RUNNING, list(by_name), MOST_RUNNING):
        by_name[row["worker"]].running.append(_running(row))


def _running(row: Row) -> workers_pb2.RunningTask:
    return workers_pb2.RunningTask(
        namespace=row["namespace"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        task_id=row["task_id"],
        map_index=row["map_index"],
        attempt=row["attempt"],
        queue=row["queue"],
        started_at=timestamp_from(row["started_at"]),
    )


def _worker(heard: Heard) -> workers_pb2.Worker:
    heartbeat = heard.heartbeat
    return workers_pb2.Worker(
        worker_id=heartbeat.worker,
        queues=heartbeat.queues,
        slots=heartbeat.slots,
        busy=len(heartbeat.attempts),
        last_heartbeat=timestamp_from(heard.at),
        resources=heartbeat.resources,
        is_draining=heartbeat.is_draining,
    )
