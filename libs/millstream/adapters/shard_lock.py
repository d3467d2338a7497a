"""Which of several processes is the active one: a Postgres advisory lock on a connection of its
own.

The lock elects; it does not protect. What protects is the epoch that each commit checks.
"""

from __future__ import annotations

import asyncio
import zlib

import asyncpg
import structlog

from millstream.adapters.postgres import AWAY, connect, connect_patiently
from millstream.core.errors import Fenced, Unavailable

log = structlog.get_logger(__name__)

CHECK_EVERY_S = 5.0
WAIT_STEP_S = 20.0


class ShardLock:
    """The lock for one role on one shard."""

    def __init__(self, url: str, role: str, shard: int) -> None:
        self._url = url
        self._role = role
        self._keys = (zlib.crc32(f"millstream/{role}".encode()) - 2**31, shard)
        self._connection: asyncpg.Connection | None = None

    async def acquire(self, stopping: asyncio.Event) -> bool:
        """Wait for the lock; False if ``stopping`` was set first."""
        waiting = asyncio.ensure_future(self._wait())
        stop = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait([waiting, stop], return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return False
            waiting.result()
            return True
        finally:
            for task in (waiting, stop):
                task.cancel()
            await asyncio.gather(waiting, stop, return_exceptions=True)

    async def _wait(self) -> None:
        while True:
            connection = await connect_patiently(self._url, name=f"{self._role}-lock")
            try:
                if not await connection.fetchval(
                    "SELECT pg_try_advisory_lock($1, $2)", *self._keys
                ):
                    log.info("standing_by", role=self._role)
                    # A dead server is noticed by the statement's end, so it must have one.
                    await connection.execute(f"SET lock_timeout = '{int(WAIT_STEP_S)}s'")
                    await connection.execute("SELECT pg_advisory_lock($1, $2)", *self._keys)
                self._connection = connection
                log.info("active", role=self._role)
                return
            except asyncpg.LockNotAvailableError:
                await connection.close()
            except AWAY:
                connection.terminate()
                await asyncio.sleep(0.2)

    async def keep(self) -> None:
        """Watch the connection; when it was lost, take the lock again. Raises :class:`Fenced` if
        another process has it by then. Never returns."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            if self._connection is not None:
                try:
                    await self._connection.execute("SELECT 1")
                    continue
                except AWAY:
                    self._connection.terminate()
                    self._connection = None
            try:
                connection = await connect(self._url, name=f"{self._role}-lock")
                held = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *self._keys)
            except (Unavailable, *AWAY):
                continue
            if not held:
                connection.terminate()
                raise Fenced(f"Another {self._role} became the active one while Postgres was away.")
            self._connection = connection

    async def release(self) -> None:
        if self._connection is not None:
            try:
                await self._connection.close(timeout=2)
            except AWAY:
                self._connection.terminate()
            self._connection = None
