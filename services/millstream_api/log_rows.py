"""What the tables know of an attempt whose log is asked for, and why there is none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from millstream.core.errors import NotFound
from millstream.core.event_parts import Where
from millstream_api.hub import Scope
from millstream_api.run_rows import find_run, read_spec
from millstream_api.snapshot import Row, Rows

MOST_NAMED = 10
FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")
# The task goes on with another attempt, and this is not a retry.
INTERRUPTED = ("deferred", "up_for_reschedule", "awaiting_input")

_STATE = """
SELECT r.state AS run_state, i.state AS task_state, i.attempt AS latest, i.reason AS task_reason,
       a.attempt, a.state, a.worker, a.started_at, a.ended_at, a.reason
FROM dag_run r
LEFT JOIN task_instance i ON
    i.namespace = r.namespace AND i.dag_id = r.dag_id AND i.run_id = r.run_id
    AND i.task_id = $4 AND i.map_index = $5
LEFT JOIN task_attempt a ON
    (a.namespace, a.dag_id, a.run_id, a.task_id, a.map_index)
        = (i.namespace, i.dag_id, i.run_id, i.task_id, i.map_index)
    AND a.attempt = CASE WHEN $6 > 0 THEN $6 WHEN $7 THEN i.attempt ELSE (
        SELECT max(b.attempt) FROM task_attempt b
        WHERE (b.namespace, b.dag_id, b.run_id, b.task_id, b.map_index)
            = (i.namespace, i.dag_id, i.run_id, i.task_id, i.map_index)
        AND b.started_at IS NOT NULL) END
WHERE r.namespace = $1 AND r.dag_id = $2 AND r.run_id = $3
"""
_INSTANCES = """
SELECT count(*) AS instances FROM task_instance
WHERE namespace = $1 AND dag_id = $2 AND run_id = $3 AND task_id = $4 AND map_index <> '{}'
"""
_CLAIMS = """
SELECT data->>'token' AS token FROM event_log
WHERE run_id = $3 AND namespace = $1 AND dag_id = $2 AND task_id = $4 AND map_index = $5
AND attempt = $6 AND (type IN ('TaskStarted', 'TriggerStarted')
    OR type = 'TaskSucceeded' AND data->>'worker' IS NOT NULL)
ORDER BY position
"""


class AttemptState(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as the read tables have it; ``attempt`` is 0 for none that has begun, and
    ``state`` then empty. ``latest``: the number of the task's latest attempt."""

    run_state: str
    task_state: str
    task_reason: str
    latest: int
    attempt: int
    state: str
    worker: str
    reason: str
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def has_started(self) -> bool:
        return bool(self.attempt) and self.started_at is not None

    @property
    def is_task_over(self) -> bool:
        return self.task_state in FINISHED or self.run_state in ("success", "failed")

    @property
    def is_over(self) -> bool:
        """Nothing more comes into the attempt's log, but what is on its way."""
        if self.attempt < self.latest or self.is_task_over:
            return True
        if self.state == "deferred":  # one that defers, or one whose trigger runs
            return self.ended_at is not None
        return self.state not in ("queued", "running")

    @property
    def is_interrupted(self) -> bool:
        """The task goes on in its next attempt, as if it were one with this one."""
        if self.is_task_over and self.attempt >= self.latest:
            return False
        is_trigger_lost = self.state == "lost" and self.task_state == "deferred"
        return self.state in INTERRUPTED or is_trigger_lost


async def find_task(rows: Rows, scope: Scope, task_id: str, path: tuple[int, ...]) -> Where:
    """The task instance with its DAG, attempt 0. Raises :class:`NotFound` with what there is
    instead."""
    run = await find_run(rows, scope)
    where = Where(run["namespace"], run["dag_id"], run["run_id"], task_id, path)
    row = await rows.fetchrow(_STATE, *_key(where), 0, False)
    is_known = row is not None and row["task_state"] is not None
    spec = await read_spec(rows, run)
    tasks = [task.task_id for task in spec.tasks]
    if not is_known and task_id not in tasks:
        named = ", ".join(tasks[:MOST_NAMED]) + (", ..." if len(tasks) > MOST_NAMED else "")
        raise NotFound(f"DAG {where.dag_id!r} has no task {task_id!r}; it has {named}.")
    counted = await rows.fetchrow(_INSTANCES, *_key(where)[:4])
    instances = counted["instances"] if counted is not None else 0
    if path and not is_known:
        named = "".join(f"[{index}]" for index in path)
        has = f"it has {instances}, counted from 0" if instances else "it has none"
        raise NotFound(f"Task {task_id!r} has no instance {named}; {has}.")
    if not path and instances:
        raise NotFound(
            f"Task {task_id!r} is mapped and has {instances} instances, each with a log of its "
            f"own: name the map index of one."
        )
    return where


async def attempt_state(rows: Rows, where: Where, *, is_latest: bool) -> AttemptState:
    """Of the attempt ``where`` names; if that is 0, of the latest, or of the latest that has
    started."""
    row = await rows.fetchrow(_STATE, *_key(where), where.attempt, is_latest)
    return _state(row)


async def claims_of(connection: Any, where: Where) -> list[str]:
    """The claims on an attempt that were accepted: one, or none yet."""
    found = await connection.fetch(_CLAIMS, *_key(where), where.attempt)
    return [str(row["token"]) for row in found]


def check_attempt(state: AttemptState, where: Where, *, is_followed: bool) -> None:
    """Raises :class:`NotFound` if the attempt has no log, and gets none by waiting for it."""
    task = repr(where.task_id)
    if where.attempt > state.latest and not (where.attempt == 1 and not state.latest):
        raise NotFound(f"Task {task} has no attempt {where.attempt}; the latest is {state.latest}.")
    if state.has_started:
        return
    because = f": {state.task_reason}" if state.task_reason else ""
    if state.is_task_over and (not where.attempt or where.attempt >= state.latest):
        raise NotFound(
            f"Task {task} never ran, so it has no log: it is {state.task_state}{because}."
        )
    if state.attempt and state.attempt < state.latest:
        raise NotFound(f"Attempt {state.attempt} of task {task} never started, so it has no log.")
    if not is_followed:
        what = f"Attempt {where.attempt} of task {task}" if where.attempt else f"Task {task}"
        raise NotFound(
            f"{what} has not started: it is {state.task_state}{because}. Follow its log to wait."
        )


def _key(where: Where) -> tuple[Any, ...]:
    return where.namespace, where.dag_id, where.run_id, where.task_id, list(where.map_index)


def _state(row: Row | None) -> AttemptState:
    """Without a row of its own nothing has happened to the task yet."""
    if row is None:
        raise NotFound("The run does not exist any more.")
    return AttemptState(
        run_state=row["run_state"],
        task_state=row["task_state"] or "none",
        task_reason=row["task_reason"] or "",
        latest=row["latest"] or 0,
        attempt=row["attempt"] or 0,
        state=row["state"] or "",
        worker=row["worker"] or "",
        reason=row["reason"] or "",
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
