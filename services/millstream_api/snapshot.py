"""A connection whose reads are all of one moment, at least as new as the caller asked for."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, cast

import structlog

from millstream.adapters.read_pool import ReadPool
from millstream.core.errors import Unavailable
from millstream_api.callers import position_of, seconds_left
from millstream_api.interceptor import Context
from millstream_api.progress import LONGEST_WAIT_S, Progress, behind

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]


class Cursor(Protocol):
    """The rows of a query, in portions."""

    async def fetch(self, most: int) -> Sequence[Row]: ...


class Rows(Protocol):
    """What a read needs of a connection."""

    async def fetch(self, query: str, *args: object) -> Sequence[Row]: ...

    async def fetchrow(self, query: str, *args: object) -> Row | None: ...

    async def cursor(self, query: str, *args: object) -> Cursor: ...


class Snapshots:
    """Opens snapshots of the read tables of one shard. ``submitted``: the position of the latest
    DAG that was submitted through this process."""

    submitted = 0

    def __init__(self, pool: ReadPool, progress: Progress, shard: int) -> None:
        self._pool = pool
        self._progress = progress
        self._shard = shard

    async def start(self) -> None:
        """Learn how far the tables are; later the projector tells."""
        try:
            self._progress.advance(await self.checkpoint())
        except Unavailable as error:
            log.info("checkpoint_unknown", error=str(error))

    def hasten(self, position: int) -> None:
        """Somebody will read what ``position`` leads to."""
        self._progress.hasten(position)

    async def checkpoint(self) -> int:
        """The position of the read tables now, 0 for none."""
        async with self._pool.use() as connection:
            return await _checkpoint(connection, self._shard)

    async def position_in(self, rows: Rows) -> int:
        """Up to where the tables of a snapshot are folded."""
        return await _checkpoint(rows, self._shard)

    def read(self, request: Any, context: Context) -> AbstractAsyncContextManager[Rows]:
        """A snapshot for a request: at least as new as its ``min_position``, within the caller's
        deadline. Raises like :meth:`open`, and :class:`FieldProblem`."""
        return self.open(position_of(request), seconds_left(context))

    @asynccontextmanager
    async def open(self, min_position: int, timeout_s: float) -> AsyncIterator[Rows]:
        """Raises :class:`Unavailable` if ``min_position`` is not reached in time.

        The checkpoint is read in the snapshot itself: what was announced may be gone again, while
        the tables are being rebuilt.
        """
        deadline = time.monotonic() + min(timeout_s, LONGEST_WAIT_S)
        while True:
            if min_position > 0:
                await self._progress.wait(min_position, deadline - time.monotonic())
            async with (
                self._pool.use() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                reached = await _checkpoint(connection, self._shard) if min_position > 0 else 0
                if reached >= min_position:
                    self._progress.advance(reached)
                    yield cast(Rows, connection)
                    return
            if time.monotonic() >= deadline:
                raise behind(min_position, reached)
            if reached < self._progress.position:
                # Announced and yet not there: the tables are being rebuilt. Do not spin.
                self._progress.position = reached


async def _checkpoint(connection: Any, shard: int) -> int:
    row = await connection.fetchrow("SELECT position FROM checkpoint WHERE shard = $1", shard)
    return int(row["position"]) if row is not None else 0
