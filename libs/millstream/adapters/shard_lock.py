"""Which of several processes is the active one: a Postgres advisory lock on a connection of its
own.

The lock elects; it does not protect. What protects is the epoch that each commit checks. So it may
be taken from a process that says nothing for a lease: from one that stands still, or whose machine
is gone without a word, which Postgres would otherwise wait for, for hours.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import asyncpg
import structlog

from millstream.adapters.postgres import AWAY, connect, connect_patiently
from millstream.core.errors import Fenced, Unavailable

log = structlog.get_logger(__name__)

CHECKS_PER_LEASE = 4
WAIT_STEP_S = 20.0


# A lock of two keys, as pg_locks shows it: the keys as unsigned numbers.
_HOLDERS = """
SELECT l.granted, a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = $1 AND l.objid = $2
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY a.backend_start
"""


class Holders(NamedTuple):
    """Who has the lock of a role, "" for nobody, and how many wait for it."""

    active: str
    standing_by: int


async def holders(connection: asyncpg.Connection, role: str, shard: int) -> Holders:
    """Who is active on a shard, by the instance that :class:`ShardLock` was given, "?" where it was
    given none."""
    first, second = (key & 0xFFFFFFFF for key in _keys(role, shard))
    rows = await connection.fetch(_HOLDERS, first, second)
    before = len(_application(role, ""))
    active = [str(row["name"])[before:].strip() or "?" for row in rows if row["granted"]]
    return Holders(active[0] if active else "", len(rows) - len(active))


def _keys(role: str, shard: int) -> tuple[int, int]:
    return zlib.crc32(f"millstream/{role}".encode()) - 2**31, shard


def _application(role: str, instance: str) -> str:
    return f"{role}-lock {instance}".strip()[:63]


class ShardLock:
    """The lock for one role on one shard. Postgres ends the session of a holder that is silent for
    ``lease_s``."""

    def __init__(self, url: str, role: str, shard: int, lease_s: float, instance: str = "") -> None:
        """``instance`` is what :func:`holders` calls this process."""
        self._url = url
        self._role = role
        self._lease_s = lease_s
        self._name = _application(role, instance)
        self._keys = _keys(role, shard)
        self._connection: asyncpg.Connection | None = None
        self._is_waiting = asyncio.Event()

    async def acquire(
        self, stopping: asyncio.Event, meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> bool:
        """Wait for the lock; False if ``stopping`` was set first. ``meanwhile`` runs while another
        process has the lock, and is cancelled when it is ours; it must not end by itself."""
        waiting = asyncio.ensure_future(self._wait())
        stop = asyncio.ensure_future(stopping.wait())
        held_by_other = asyncio.ensure_future(self._is_waiting.wait())
        tasks: list[asyncio.Future[Any]] = [waiting, stop, held_by_other]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if meanwhile is not None and not waiting.done() and not stop.done():
                tasks.append(asyncio.ensure_future(meanwhile()))
            await asyncio.wait(
                [task for task in tasks if task is not held_by_other],
                return_when=asyncio.FIRST_COMPLETED,
            )
            if stop.done() and not waiting.done():
                return False
            if not waiting.done():
                tasks[-1].result()  # what ran meanwhile failed
            waiting.result()
            return True
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self) -> None:
        while True:
            connection = await connect_patiently(self._url, name=self._name)
            try:
                await self._set_lease(connection)
                if not await connection.fetchval(
                    "SELECT pg_try_advisory_lock($1, $2)", *self._keys
                ):
                    log.info("standing_by", role=self._role)
                    self._is_waiting.set()
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

    async def _set_lease(self, connection: asyncpg.Connection) -> None:
        await connection.execute(
            f"SET idle_session_timeout = '{int(self._lease_s * 1000)}ms'; "
            "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; "
            "SET tcp_keepalives_count = 3"
        )

    async def keep(self, check_log: Callable[[], Awaitable[None]] | None = None) -> None:
        """Watch the connection; when it was lost, take the lock again. ``check_log`` is asked then:
        the server may be another one, a standby that was promoted, and it raises if that does not
        hold what this process knows to be committed. Raises :class:`Fenced` if another process has
        the lock by then. Never returns."""
        while True:
            await asyncio.sleep(self._lease_s / CHECKS_PER_LEASE)
            if self._connection is not None:
                try:
                    await self._connection.execute("SELECT 1")
                    continue
                except AWAY:
                    self._connection.terminate()
                    self._connection = None
            try:
                connection = await connect(self._url, name=self._name)
                await self._set_lease(connection)
                held = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *self._keys)
            except (Unavailable, *AWAY):
                continue
            if not held:
                connection.terminate()
                raise Fenced(f"Another {self._role} became the active one while Postgres was away.")
            self._connection = connection
            try:
                if check_log is not None:
                    await check_log()
            except Unavailable:  # ask again
                self._connection.terminate()
                self._connection = None

    async def release(self) -> None:
        if self._connection is not None:
            try:
                await self._connection.close(timeout=2)
            except AWAY:
                self._connection.terminate()
            self._connection = None
