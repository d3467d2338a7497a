"""The event log as it is at one moment, for whoever reads all of it while it grows on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import msgspec

from millstream.adapters.postgres import AWAY, Connection, connect
from millstream.core.errors import MillstreamError, Unavailable
from millstream.verify.rows import Row

_BATCH = 5000
_ROWS = """
SELECT position, epoch, type, namespace, dag_id, run_id, task_id, map_index, attempt, actor,
       causation, trace, recorded_at, data::text, digest
FROM event_log WHERE shard = $1 AND position >= $2 ORDER BY position
"""


@dataclass(frozen=True)
class End:
    """What the row of a shard's writer says: where its log ends."""

    position: int
    epoch: int
    digest: bytes


class LogSnapshot:
    """``id`` lets another process read the same moment, as long as this one is open."""

    def __init__(self, connection: Connection, shard: int, snapshot_id: str, end: End) -> None:
        self._connection = connection
        self._shard = shard
        self.id = snapshot_id
        self.end = end

    async def rows(self, first: int = 0) -> AsyncIterator[list[Row]]:
        """All rows from position ``first`` on, in order, some thousands at a time. Raises
        :class:`Unavailable`."""
        try:
            cursor = await self._connection.cursor(_ROWS, self._shard, first)
            while records := await cursor.fetch(_BATCH):
                yield [_row(record) for record in records]
        except AWAY as error:
            raise Unavailable(f"Postgres went away while the log was read: {error!r}") from error


@asynccontextmanager
async def open_snapshot(url: str, shard: int, snapshot_id: str = "") -> AsyncIterator[LogSnapshot]:
    """Holds a snapshot: a new one, or the one that another process holds. Raises
    :class:`Unavailable`, and :class:`MillstreamError` where there is no log."""
    connection = await connect(url, name="verify")
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if snapshot_id:
                # An id of pg_export_snapshot; the statement takes no parameters.
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot_id}'")
            else:
                snapshot_id = await connection.fetchval("SELECT pg_export_snapshot()")
            yield LogSnapshot(connection, shard, snapshot_id, await _end(connection, shard))
    finally:
        await connection.close()


async def _end(connection: Connection, shard: int) -> End:
    try:
        row = await connection.fetchrow(
            "SELECT last_position, epoch, digest FROM shard WHERE shard = $1", shard
        )
    except asyncpg.UndefinedTableError as error:
        raise MillstreamError(
            "This database has no event log: no scheduler ever used it."
        ) from error
    if row is None:
        raise MillstreamError(f"This database has no log of shard {shard}.")
    return End(row["last_position"], row["epoch"], bytes(row["digest"]))


def _row(record: asyncpg.Record) -> Row:
    values = list(record)
    values[7] = tuple(values[7])
    values[13] = msgspec.Raw(values[13].encode())
    values[14] = values[14].hex()
    return Row(*values)
