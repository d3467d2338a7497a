"""How runs and DAGs stood at a position, asked of the event log itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from millstream.adapters.event_log import COLUMNS, stored_from
from millstream.adapters.event_search import FREQUENT_TYPES
from millstream.core.events import Event
from millstream.core.state import RunKey
from millstream.core.wire import to_event

# So many runs are looked at for a page of those in some state.
MOST_LOOKED_AT = 5000
MOST_NAMES = 1000
# The state in which an event leaves a run.
STATE_OF = {
    "RunCreated": "queued",
    "RunReopened": "queued",
    "RunStarted": "running",
    "RunSucceeded": "success",
    "RunFailed": "failed",
    "RunQuarantined": "failed",
}
_FREQUENT = ", ".join(f"'{name}'" for name in FREQUENT_TYPES)
_STATES = ", ".join(f"'{name}'" for name in STATE_OF)
# Said again, or Postgres does not see that it may use the index `event_log_type`.
_IS_RARE = f"type NOT IN ({_FREQUENT})"
_CREATED = f"""
    SELECT shard, namespace, dag_id, run_id, position FROM event_log
    WHERE shard = $1 AND type = 'RunCreated' AND {_IS_RARE} AND position < $2
      AND namespace = $3 AND ($4 = '' OR dag_id = $4)
    ORDER BY position DESC LIMIT $5
"""  # noqa: S608 - our own names
_FLOOR = f"SELECT min(position), count(*) FROM ({_CREATED}) AS c"  # noqa: S608
_IN_STATES = f"""
    SELECT c.dag_id, c.run_id, c.position FROM ({_CREATED}) AS c CROSS JOIN LATERAL (
        SELECT e.type FROM event_log e
        WHERE e.shard = c.shard AND e.task_id = '' AND e.namespace = c.namespace
          AND e.dag_id = c.dag_id AND e.run_id = c.run_id AND e.position <= $6
          AND e.type IN ({_STATES})
        ORDER BY e.position DESC LIMIT 1) AS s
    WHERE s.type = ANY($7) ORDER BY c.position DESC
"""  # noqa: S608
_EVENTS_OF_RUNS = f"""
    SELECT {COLUMNS} FROM event_log
    WHERE shard = $1 AND namespace = $2 AND (dag_id, run_id) IN (
        SELECT * FROM unnest($3::text[], $4::text[])) AND task_id = '' AND position <= $5
      AND type <> 'TasksRecalled'
    ORDER BY position
"""  # noqa: S608
_LAST_TYPES = f"""
    SELECT type, count(*) AS count FROM (
        SELECT DISTINCT ON (dag_id, run_id) type FROM event_log
        WHERE shard = $1 AND namespace = $2 AND task_id = '' AND run_id <> '' AND position <= $3
          AND type IN ({_STATES})
        ORDER BY dag_id, run_id, position DESC) AS last
    GROUP BY type
"""  # noqa: S608
_DAGS = f"""
    SELECT DISTINCT ON (dag_id) dag_id, (data->>'version')::integer AS version, recorded_at
    FROM event_log
    WHERE shard = $1 AND namespace = $2 AND type = 'DagVersionSubmitted' AND {_IS_RARE}
      AND position <= $3 AND dag_id > $4
    ORDER BY dag_id, position DESC LIMIT $5
"""  # noqa: S608
_PAUSES = f"""
    SELECT DISTINCT ON (dag_id) dag_id, type, coalesce(data->>'reason', '') AS reason
    FROM event_log
    WHERE shard = $1 AND namespace = $2 AND type IN ('DagPaused', 'DagUnpaused') AND {_IS_RARE}
      AND position <= $3 AND dag_id = ANY($4)
    ORDER BY dag_id, position DESC
"""  # noqa: S608
_COUNT_DAGS = f"""
    SELECT count(DISTINCT dag_id) FROM event_log
    WHERE shard = $1 AND namespace = $2 AND type = 'DagVersionSubmitted' AND {_IS_RARE}
      AND position <= $3
"""  # noqa: S608
_COUNT_PAUSED = f"""
    SELECT count(*) FROM (
        SELECT DISTINCT ON (dag_id) type FROM event_log
        WHERE shard = $1 AND namespace = $2 AND type IN ('DagPaused', 'DagUnpaused')
          AND {_IS_RARE} AND position <= $3
        ORDER BY dag_id, position DESC) AS last
    WHERE type = 'DagPaused'
"""  # noqa: S608
_NAMES = f"""
    SELECT name, value FROM (
        SELECT DISTINCT ON (data->>$4) data->>$4 AS name, type, (data->>$5)::bigint AS value
        FROM event_log
        WHERE shard = $1 AND namespace = $2 AND type IN ($6, $7) AND {_IS_RARE} AND position <= $3
        ORDER BY data->>$4, position DESC) AS last
    WHERE type = $6 ORDER BY name LIMIT {MOST_NAMES}
"""  # noqa: S608

Found = tuple[str, str, int]


async def runs_created(
    rows: Any, shard: int, namespace: str, dag_id: str, before: int, most: int
) -> list[Found]:
    """The DAG, the id and the position of runs that were created before a position, the newest
    first."""
    found = await rows.fetch(_CREATED, shard, before, namespace, dag_id, most)
    return [(row["dag_id"], row["run_id"], row["position"]) for row in found]


async def runs_in_states(
    rows: Any,
    shard: int,
    namespace: str,
    dag_id: str,
    before: int,
    most: int,
    position: int,
    states: Sequence[str],
) -> tuple[list[Found], int]:
    """As :func:`runs_created`, of the next so many runs those that were in one of the states at
    ``position``; and the position from which to go on, 0 for nowhere."""
    arguments = (shard, before, namespace, dag_id, MOST_LOOKED_AT)
    floor, count = await rows.fetchrow(_FLOOR, *arguments)
    types = [name for name, state in STATE_OF.items() if state in states]
    found = await rows.fetch(_IN_STATES, *arguments, position, types)
    runs = [(row["dag_id"], row["run_id"], row["position"]) for row in found]
    if len(runs) > most:
        return runs[:most], runs[most - 1][2]
    return runs, floor if count == MOST_LOOKED_AT else 0


async def events_of_runs(
    rows: Any, shard: int, namespace: str, runs: Iterable[RunKey], position: int
) -> list[Event]:
    """What happened to the runs themselves, and not to their tasks."""
    keys = list(runs)
    found = await rows.fetch(
        _EVENTS_OF_RUNS,
        *(shard, namespace, [key[1] for key in keys], [key[2] for key in keys], position),
    )
    return [to_event(stored_from(row).record) for row in found]


async def run_counts(rows: Any, shard: int, namespace: str, position: int) -> dict[str, int]:
    """How many runs were in which state."""
    counts: dict[str, int] = {}
    for row in await rows.fetch(_LAST_TYPES, shard, namespace, position):
        state = STATE_OF[row["type"]]
        counts[state] = counts.get(state, 0) + row["count"]
    return counts


async def dags_at(
    rows: Any, shard: int, namespace: str, position: int, after: str, most: int
) -> list[dict[str, Any]]:
    """DAGs by id: dag_id, version, recorded_at, is_paused, reason."""
    found = await rows.fetch(_DAGS, shard, namespace, position, after, most)
    ids = [row["dag_id"] for row in found]
    pauses = {
        row["dag_id"]: row for row in await rows.fetch(_PAUSES, shard, namespace, position, ids)
    }
    dags = []
    for row in found:
        pause = pauses.get(row["dag_id"])
        is_paused = pause is not None and pause["type"] == "DagPaused"
        reason = pause["reason"] if is_paused and pause is not None else ""
        dags.append(dict(row) | {"is_paused": is_paused, "reason": reason})
    return dags


async def dag_counts(rows: Any, shard: int, namespace: str, position: int) -> tuple[int, int]:
    """How many DAGs there were, and how many of them were paused."""
    arguments = (shard, namespace, position)
    count = await rows.fetchval(_COUNT_DAGS, *arguments)
    return count, await rows.fetchval(_COUNT_PAUSED, *arguments)


async def names_at(
    rows: Any, shard: int, namespace: str, position: int, kind: str, field: str, value: str
) -> list[tuple[str, int]]:
    """What was there of ``kind`` (Variable, Connection or Pool): names, and what ``value`` says in
    their last event."""
    found = await rows.fetch(
        _NAMES, shard, namespace, position, field, value, f"{kind}Set", f"{kind}Deleted"
    )
    return [(row["name"], row["value"]) for row in found]
