"""What a home page needs of the read tables: what goes on, what failed, what is late, who waits for
workers. Each part has an index of its own that holds no more than it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import runs_pb2, system_pb2
from millstream_api.callers import namespace_of
from millstream_api.errors import FieldProblem
from millstream_api.heartbeats import Heard
from millstream_api.listing import instant_of
from millstream_api.rows import RUN_STATES, TASK_STATES
from millstream_api.snapshot import Row, Rows

SINCE = timedelta(days=1)
LATE_AFTER_S = 60
# Of each kind; there is a count of all.
MOST_SHOWN = 50
MOST_RECENT = 50_000

_DAGS = """
SELECT count(*) AS number, count(*) FILTER (WHERE is_paused) AS paused FROM dag
WHERE namespace = $1
"""
_OPEN_RUNS = """
SELECT state, count(*) AS number FROM dag_run
WHERE namespace = $1 AND state IN ('queued', 'running') GROUP BY state ORDER BY state
"""
_RECENT_RUNS = """
SELECT state, count(*) AS number FROM (
    SELECT state FROM dag_run WHERE namespace = $1 AND created_at >= $2
    ORDER BY created_at DESC, created_position DESC LIMIT $3) recent
GROUP BY state ORDER BY state
"""
_FAILED = """
SELECT count(*) AS number FROM dag_run
WHERE namespace = $1 AND state = 'failed' AND ended_at >= $2
"""
_FAILED_RUNS = """
SELECT dag_id, run_id, state, run_type, logical_date, started_at, ended_at, reason FROM dag_run
WHERE namespace = $1 AND state = 'failed' AND ended_at >= $2 ORDER BY ended_at DESC LIMIT $3
"""
# What the schedule should have made, and what was made and waits. Runs of a backfill wait for each
# other.
_LATE = """
SELECT *, count(*) OVER () AS number FROM (
    SELECT dag_id, '' AS run_id, next_logical_date AS logical_date, next_run_after AS due_at
    FROM dag WHERE namespace = $1 AND NOT is_paused AND next_run_after < $2
    UNION ALL
    SELECT r.dag_id, r.run_id, r.logical_date, r.run_after
    FROM dag_run r JOIN dag d USING (namespace, dag_id)
    WHERE r.namespace = $1 AND r.state = 'queued' AND r.run_after < $2 AND r.backfill_id = ''
    AND NOT d.is_paused) late
ORDER BY due_at, dag_id, run_id LIMIT $3
"""
_MISSED = """
SELECT m.*, r.state FROM (
    SELECT dag_id, run_id, name, due_at, missed_at, count(*) OVER () AS number
    FROM missed_deadline WHERE namespace = $1 AND missed_at >= $2
    ORDER BY missed_at DESC LIMIT $3) m
LEFT JOIN dag_run r ON r.namespace = $1 AND r.dag_id = m.dag_id AND r.run_id = m.run_id
ORDER BY missed_at DESC
"""
_TASKS = """
SELECT queue, state, sum(number)::bigint AS number FROM open_tasks
WHERE namespace = $1 GROUP BY queue, state ORDER BY queue, state
"""
_CALLBACKS = """
SELECT queue, state, count(*) AS number FROM callback
WHERE namespace = $1 AND ended_at IS NULL GROUP BY queue, state
"""


class Overview(msgspec.Struct, frozen=True):
    """What is told: since when, and from when on a run that has not begun is late."""

    namespace: str
    since: datetime
    late_before: datetime

    @classmethod
    def of(cls, request: system_pb2.GetOverviewRequest, now: datetime) -> Overview:
        """Raises :class:`FieldProblem`."""
        if request.late_after_s < 0:
            raise FieldProblem("late_after_s", "late_after_s must be 0 or more.")
        return cls(
            namespace_of(request.namespace),
            instant_of(request, "since") or now - SINCE,
            now - timedelta(seconds=request.late_after_s or LATE_AFTER_S),
        )

    async def read(self, rows: Rows) -> system_pb2.GetOverviewResponse:
        """All but the workers."""
        answer = system_pb2.GetOverviewResponse(since=timestamp_from(self.since))
        dags = await rows.fetchrow(_DAGS, self.namespace)
        assert dags is not None, "an aggregate has a row"
        answer.dags, answer.paused_dags = dags["number"], dags["paused"]
        for row in await rows.fetch(_OPEN_RUNS, self.namespace):
            answer.open_runs.append(_run_count(row))
        for row in await rows.fetch(_RECENT_RUNS, self.namespace, self.since, MOST_RECENT):
            answer.recent_runs.append(_run_count(row))
        failed = await rows.fetchrow(_FAILED, self.namespace, self.since)
        assert failed is not None, "an aggregate has a row"
        answer.failed = failed["number"]
        for row in await rows.fetch(_FAILED_RUNS, self.namespace, self.since, MOST_SHOWN):
            answer.failed_runs.append(_run(row))
        for row in await rows.fetch(_LATE, self.namespace, self.late_before, MOST_SHOWN):
            answer.late = row["number"]
            answer.late_runs.append(_late(row))
        for row in await rows.fetch(_MISSED, self.namespace, self.since, MOST_SHOWN):
            answer.missed = row["number"]
            answer.missed_deadlines.append(_missed(row))
        tasks = await rows.fetch(_TASKS, self.namespace)
        _add_tasks(answer, tasks)
        _add_queues(answer, [*tasks, *await rows.fetch(_CALLBACKS, self.namespace)])
        return answer


def add_workers(answer: system_pb2.GetOverviewResponse, workers: Iterable[Heard]) -> None:
    """What is there to serve the queues, also those in which nobody waits."""
    queues = {one.queue: one for one in answer.queues}
    for heard in workers:
        for name in heard.heartbeat.queues:
            queue = queues.setdefault(name, system_pb2.QueueStatus(queue=name))
            queue.workers += 1
            queue.slots += heard.heartbeat.slots
            queue.busy += len(heard.heartbeat.attempts)
    del answer.queues[:]
    answer.queues.extend(queues[name] for name in sorted(queues))


def _add_tasks(answer: system_pb2.GetOverviewResponse, rows: Iterable[Row]) -> None:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + row["number"]
    for state in sorted(counts):
        answer.open_tasks.add(state=TASK_STATES.get(state, 0), count=counts[state])


def _add_queues(answer: system_pb2.GetOverviewResponse, rows: Iterable[Row]) -> None:
    queues: dict[str, system_pb2.QueueStatus] = {}
    for row in rows:
        if row["state"] not in ("queued", "running"):
            continue
        queue = queues.setdefault(row["queue"], system_pb2.QueueStatus(queue=row["queue"]))
        if row["state"] == "queued":
            queue.waiting += row["number"]
        else:
            queue.running += row["number"]
    answer.queues.extend(queues.values())


def _run_count(row: Row) -> runs_pb2.RunStateCount:
    return runs_pb2.RunStateCount(state=RUN_STATES.get(row["state"], 0), count=row["number"])  # type: ignore[arg-type]


def _run(row: Row) -> system_pb2.OverviewRun:
    return system_pb2.OverviewRun(
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        state=RUN_STATES.get(row["state"], 0),  # type: ignore[arg-type]
        run_type=row["run_type"],
        logical_date=timestamp_from(row["logical_date"]),
        started_at=timestamp_from(row["started_at"]),
        ended_at=timestamp_from(row["ended_at"]),
        reason=row["reason"],
    )


def _late(row: Row) -> system_pb2.LateRun:
    return system_pb2.LateRun(
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        logical_date=timestamp_from(row["logical_date"]),
        due_at=timestamp_from(row["due_at"]),
    )


def _missed(row: Row) -> system_pb2.MissedDeadline:
    return system_pb2.MissedDeadline(
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        name=row["name"],
        due_at=timestamp_from(row["due_at"]),
        missed_at=timestamp_from(row["missed_at"]),
        state=RUN_STATES.get(row["state"], 0),  # type: ignore[arg-type]
    )
