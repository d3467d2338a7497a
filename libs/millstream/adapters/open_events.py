"""Which events a state needs, and the snapshot that says it for all but the latest ones.

A snapshot is a list of positions: what had to be folded at some position of the log. Whoever starts
looks through these and what came after, and not through the whole log. It is a cache that anybody
may write at any time, made from the log alone: with or without it the same events are read.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Iterator
from dataclasses import dataclass

from millstream.adapters.postgres import Connection, Record

QUERY_TIMEOUT_S = 600
# Events that are asked for at a time.
PART = 5000

# Of an event `e` up to position $2. What is about no run counts, but of the plans of a DAG only the
# latest. A run that is over leaves only what it said to others: about assets, and that it was
# started for some; and all of it while a callback is not over. Of one that was reopened all that
# counts is in that event and after it. So what is not needed at one position is not needed at any
# later one.
_IS_NEEDED = """
    run_id = '' AND type NOT IN ('EpochStarted', 'NextRunPlanned', 'NothingChanged')
    OR type = 'NextRunPlanned' AND NOT EXISTS (
        SELECT FROM event_log p
        WHERE p.shard = e.shard AND p.namespace = e.namespace AND p.dag_id = e.dag_id
          AND p.type = 'NextRunPlanned' AND p.position > e.position AND p.position <= $2)
    OR type = 'AssetUpdated'
    OR type IN ('RunCreated', 'RunSucceeded', 'RunFailed', 'RunQuarantined')
        AND starts_with(run_id, 'asset_triggered__')
    OR run_id <> '' AND NOT EXISTS (
        SELECT FROM event_log o
        WHERE o.shard = e.shard AND o.namespace = e.namespace AND o.dag_id = e.dag_id
          AND o.run_id = e.run_id AND o.position <= $2
          AND o.type IN ('RunSucceeded', 'RunFailed', 'RunQuarantined')
          AND NOT EXISTS (
              SELECT FROM event_log b
              WHERE b.shard = e.shard AND b.namespace = e.namespace AND b.dag_id = e.dag_id
                AND b.run_id = e.run_id AND b.type = 'RunReopened'
                AND b.position > o.position AND b.position <= $2))
        AND NOT EXISTS (
            SELECT FROM event_log r
            WHERE r.shard = e.shard AND r.namespace = e.namespace AND r.dag_id = e.dag_id
              AND r.run_id = e.run_id AND r.type = 'RunReopened'
              AND r.position > e.position AND r.position <= $2)
    OR run_id <> '' AND EXISTS (
        SELECT FROM event_log c
        WHERE c.shard = e.shard AND c.namespace = e.namespace AND c.dag_id = e.dag_id
          AND c.run_id = e.run_id AND c.position <= $2
          AND c.type = 'TaskReady' AND strpos(c.task_id, '@') > 0
          AND NOT EXISTS (
              SELECT FROM event_log d
              WHERE d.run_id = c.run_id AND d.position > c.position AND d.position <= $2
                AND d.shard = c.shard AND d.namespace = c.namespace AND d.dag_id = c.dag_id
                AND d.task_id = c.task_id AND d.map_index = c.map_index
                AND (d.type IN ('TaskSucceeded', 'TaskFailed', 'TaskSkipped')
                     OR d.type = 'TaskLost' AND d.data->>'is_final' = 'true'))
          AND NOT EXISTS (
              SELECT FROM event_log r
              WHERE r.shard = e.shard AND r.namespace = e.namespace AND r.dag_id = e.dag_id
                AND r.run_id = e.run_id AND r.type = 'RunReopened'
                AND r.position > e.position AND r.position <= c.position))
"""
# Two ways to the events that may be needed: one by one those that the snapshot names, and all that
# came after it. In one condition they would cost a look at each event of the whole log.
_NAMED = f"""
    FROM event_log e
    WHERE shard = $1 AND position = ANY($3::bigint[]) AND ({_IS_NEEDED})
"""
_NEWER = f"""
    FROM event_log e
    WHERE shard = $1 AND position > $3 AND position <= $4 AND ({_IS_NEEDED})
"""
_EITHER = f"""
    FROM (TABLE named UNION ALL TABLE newer) e
    WHERE {_IS_NEEDED}
"""
RULE = hashlib.sha256(_IS_NEEDED.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Snapshot:
    """The positions up to ``position`` that are needed there. The empty one knows nothing."""

    position: int = 0
    kept: tuple[int, ...] = ()


async def read_snapshot(connection: Connection, shard: int, last: int) -> Snapshot:
    """The snapshot of this very log, if there is one that is no later than ``last``."""
    row = await connection.fetchrow(
        "SELECT s.position, s.kept FROM snapshot s "
        "JOIN event_log e ON e.shard = s.shard AND e.position = s.position "
        "WHERE s.shard = $1 AND s.position <= $2 AND s.rule = $3 AND s.digest = e.digest",
        shard,
        last,
        RULE,
    )
    return Snapshot(row["position"], tuple(row["kept"])) if row is not None else Snapshot()


async def read_needed(
    connection: Connection, shard: int, last: int, columns: str
) -> AsyncGenerator[Record, None]:
    """The rows of the events that are needed at ``last``, in order. While the caller is at one part
    of them Postgres looks for the next one."""
    known = await read_snapshot(connection, shard, last)
    named = await connection.prepare(f"SELECT {columns} {_NAMED} ORDER BY position")
    newer = await connection.prepare(f"SELECT {columns} {_NEWER} ORDER BY position")

    def parts() -> Iterator[Awaitable[list[Record]]]:
        for first in range(0, len(known.kept), PART):
            some = known.kept[first : first + PART]
            yield named.fetch(shard, last, some, timeout=QUERY_TIMEOUT_S)
        for after in range(known.position, last, PART):
            until = min(after + PART, last)
            yield newer.fetch(shard, last, after, until, timeout=QUERY_TIMEOUT_S)

    asked: asyncio.Future[list[Record]] | None = None
    try:
        for part in parts():
            rows = [] if asked is None else await asked
            asked = asyncio.ensure_future(part)
            await asyncio.sleep(0)  # it is on its way before what came is dealt with
            for row in rows:
                yield row
        for row in [] if asked is None else await asked:
            yield row
    finally:
        if asked is not None:
            asked.cancel()


async def write_snapshot(connection: Connection, shard: int, last: int) -> int:
    """Take a snapshot at ``last``, from the one before. Returns how many events it keeps."""
    before = await read_snapshot(connection, shard, last)
    kept = await connection.fetchval(
        "WITH named AS ("  # noqa: S608 - nothing of it is anybody's input
        "SELECT * FROM event_log WHERE shard = $1 AND position = ANY($4::bigint[])), "
        "newer AS (SELECT * FROM event_log WHERE shard = $1 AND position > $3 AND position <= $2), "
        "kept AS (SELECT coalesce(array_agg(position ORDER BY position), '{}') AS all_of "
        f"{_EITHER}) "
        "INSERT INTO snapshot (shard, position, digest, rule, kept) "
        "SELECT l.shard, l.position, l.digest, $5, kept.all_of FROM kept, event_log l "
        "WHERE l.shard = $1 AND l.position = $2 "
        "ON CONFLICT (shard) DO UPDATE SET position = excluded.position, "
        "digest = excluded.digest, rule = excluded.rule, kept = excluded.kept, taken_at = now() "
        "RETURNING cardinality(kept)",
        *(shard, last, before.position, list(before.kept), RULE),
        timeout=QUERY_TIMEOUT_S,
    )
    return int(kept or 0)
