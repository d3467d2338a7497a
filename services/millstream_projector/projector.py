"""The loop: take events, fold them, write the rows and the checkpoint in one transaction, say
so."""

from __future__ import annotations

import asyncio

import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.event_log import READ_BATCH, EventLog
from millstream.adapters.failpoints import reach
from millstream.adapters.feed import Feed, end_of_log
from millstream.adapters.follow import Follower
from millstream.adapters.postgres import Connection, Database, Record
from millstream.adapters.run_fold import lend_origins
from millstream.adapters.settings import Settings
from millstream.adapters.subjects import projected_subject
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.events import Event
from millstream.core.state import RunKey
from millstream.core.wire import GENESIS
from millstream.projection.changes import Changes
from millstream.projection.projection import Projection, reopened
from millstream.projection.rows import Row
from millstream_projector.awaited import Awaited
from millstream_projector.lookups import Lookups
from millstream_projector.states import States
from millstream_projector.tables import (
    READ_SCHEMA,
    Step,
    ensure_tables,
    read_open_rows,
    read_rows_of,
    write_step,
)

# Not while somebody waits for what comes.
PAUSE_S = 0.005
BUSY_EVENTS = 20
BUSY_PAUSE_S = 0.01
WARM_EVERY_S = 5.0
MOVED = (
    "The read tables were rebuilt or are written by another projector; this process ends and "
    "starts anew from them."
)

log = structlog.get_logger(__name__)


class CheckpointMoved(MillstreamError):
    """The read tables are not as this process left them: they were rebuilt, or another one writes
    them."""

    reason = "CHECKPOINT_MOVED"


class Projector:
    """The active projector of a shard. ``events`` is a connection for nothing but the stream, which
    it reads now and then; workers are answered through ``bus`` at once."""

    def __init__(self, bus: Bus, events: Bus, settings: Settings) -> None:
        self._bus = bus
        self._events = events
        self._settings = settings
        self._shard = settings.shard
        self._database = Database(
            settings.database_url, schema=READ_SCHEMA, name="projector", is_durable=False
        )
        self._log_database = Database(settings.database_url, name="projector-log")
        self._log = EventLog(self._log_database, settings.shard)
        self._projection = Projection()
        self._generation = 0
        self.awaited = Awaited()
        self.lookups = Lookups(bus, self._projection, settings, self.awaited)
        self.states = States(bus, settings)

    async def stand_by(self) -> None:
        """While another one is active: have the connections ready, until cancelled. The tables are
        left alone, which may be those of another release."""
        while True:
            try:
                for database in (self._database, self._log_database):
                    async with database.use() as connection:
                        await connection.execute("SELECT 1")
            except Unavailable as error:
                log.debug("not_ready", error=str(error))
            await asyncio.sleep(WARM_EVERY_S)

    async def start(self) -> tuple[Feed, Follower]:
        """Load where the tables stand, and fold what the log holds beyond that. Waits for Postgres
        as long as it takes. Raises :class:`StoreBehindStream`."""
        while True:
            try:
                async with self._database.use() as connection:
                    await _wait_for_log(connection)
                    await end_of_log(self._events, self._log, self._shard)
                    await ensure_tables(connection, READ_SCHEMA)
                    # The row is locked, so that nobody writes before the others are read.
                    async with connection.transaction():
                        row = await self._checkpoint(connection)
                        rows = await read_open_rows(connection)
                break
            except Unavailable as error:
                log.warning("start_waits", error=str(error))
                await asyncio.sleep(0.2)
        self._projection.restore(rows)
        self._generation = row["generation"]
        feed = Feed(
            self._log, Follower(self._events, self._shard, 1), row["position"], bytes(row["digest"])
        )
        events = await feed.catch_up()
        while events:
            await self._fold(events, feed)
            # The end is never reached under load: the stream has what is left, and look-ups wait.
            events = await feed.catch_up() if len(events) == READ_BATCH else []
        follower = Follower(self._events, self._shard, feed.position + 1)
        log.info("caught_up", position=feed.position)
        return Feed(self._log, follower, feed.position, feed.digest), follower

    async def _checkpoint(self, connection: Connection) -> Record:
        row = await connection.fetchrow(
            "INSERT INTO checkpoint (shard, position, digest, generation) VALUES ($1, 0, $2, 0) "
            "ON CONFLICT (shard) DO UPDATE SET shard = excluded.shard "
            "RETURNING position, digest, generation",
            self._shard,
            GENESIS,
        )
        assert row is not None, "INSERT .. RETURNING returns a row"
        return row

    async def run(self, feed: Feed) -> None:
        """Fold what comes, forever."""
        await self._tell(feed.position)
        while True:
            events = await feed.take()
            await self._fold(events, feed)
            # The first event is never kept waiting, and those that follow it share a write: under
            # load a task's three events become one write of its row.
            if len(events) > BUSY_EVENTS:
                await asyncio.sleep(BUSY_PAUSE_S)
            else:
                await self._events.rest(PAUSE_S, self.awaited.event)

    async def check_log(self, feed: Feed) -> None:
        """Postgres may be another server than before: does it hold what was folded?"""
        await self._log.check_holds(feed.position)

    async def close(self) -> None:
        await self._database.close()
        await self._log_database.close()

    async def _fold(self, events: list[Event], feed: Feed) -> None:
        if not events:
            return
        before = events[0].position - 1
        for run in reopened(events):
            if run not in self._projection.runs:
                self._projection.restore(await self._rows_of(run, before))
        await self._lend(events)
        for event in events:
            apply(self._projection, event)
        # Look-ups may see the rows now: the events are in the log already.
        self.lookups.advance(feed.position)
        changes = self._projection.take_changes()
        await self._write(changes, before, feed)
        self.lookups.wrote(feed.position)
        self.states.wrote(changes, feed.position)
        self.awaited.reach(feed.position)
        await self._tell(feed.position)

    async def _lend(self, events: list[Event]) -> None:
        """What these events take over from other runs, however long Postgres is away."""
        while True:
            try:
                await lend_origins(self._log, self._projection, events)
                return
            except Unavailable as error:
                log.warning("read_waits", error=str(error))
                await asyncio.sleep(0.2)

    async def _rows_of(self, run: RunKey, before: int) -> list[Row]:
        """The rows of a run that comes back, as they are at ``before``, however long Postgres is
        away."""
        while True:
            try:
                async with self._database.use() as connection, connection.transaction():
                    at = await connection.fetchrow(
                        "SELECT position, digest, generation FROM checkpoint "
                        "WHERE shard = $1 FOR UPDATE",
                        self._shard,
                    )
                    if at is None or (at["position"], at["generation"]) != (
                        before,
                        self._generation,
                    ):
                        raise CheckpointMoved(MOVED)
                    return await read_rows_of(connection, run)
            except Unavailable as error:
                log.warning("read_waits", error=str(error))
                await asyncio.sleep(0.2)

    async def _write(self, changes: Changes, before: int, feed: Feed) -> None:
        """Write, however long Postgres is away. The rows are whole, so writing them again does no
        harm."""
        step = Step(self._shard, feed.position, feed.digest, self._generation, before)
        while True:
            try:
                async with self._database.use() as connection:
                    reach("projector.before_commit")
                    if not await write_step(connection, step, changes):
                        raise CheckpointMoved(MOVED)
                reach("projector.committed")
                return
            except Unavailable as error:
                log.warning("write_waits", error=str(error))
                await asyncio.sleep(0.2)

    async def _tell(self, position: int) -> None:
        try:
            await self._bus.publish(projected_subject(self._shard), b'{"position":%d}' % position)
        except Unavailable:
            pass  # the next one says more


def apply(projection: Projection, event: Event) -> None:
    """Fold an event. One that our own code fails on leaves its own rows as they were, and no
    others: a release that can read it makes them by a rebuild."""
    try:
        projection.apply(event)
    except Exception:
        where = event.where
        log.exception(
            "event_not_projected",
            position=event.position,
            type=type(event.data).__name__,
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
        )


async def _wait_for_log(connection: Connection) -> None:
    """The scheduler migrates the database; a projector that is quicker waits."""
    while not await connection.fetchval(  # noqa: ASYNC110 - another process makes it
        "SELECT to_regclass('public.event_log')"
    ):
        await asyncio.sleep(0.05)
