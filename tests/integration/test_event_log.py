"""The event log on a real Postgres: one writer, nothing changed, every outcome known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
import pytest

from millstream.adapters.event_log import EventLog, Head, Refusal, Stored
from millstream.adapters.postgres import Database, MigrationMismatch, connect, migrate
from millstream.adapters.secret_table import Sealed, SecretRow, SecretTable
from millstream.adapters.shard_lock import ShardLock
from millstream.core.errors import Fenced, Unavailable
from millstream.core.wire import Record, canonical_bytes, chain_digest, check_chain
from millstream.embedded.run import RunningServers

pytestmark = pytest.mark.asyncio

_shards = count(100)


def record(position: int, epoch: int = 1, data: bytes = b"{}", **options: object) -> Record:
    fields = {
        "type": "RunStarted",
        "namespace": "default",
        "dag_id": "etl",
        "run_id": "r1",
        "task_id": "",
        "map_index": (),
        "attempt": 0,
        "actor": "test",
        "causation": f"c{position}",
        "trace": "",
        "recorded_at": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    } | options
    return Record(position=position, epoch=epoch, data=msgspec.Raw(data), **fields)  # type: ignore[arg-type]


def chained(head: Head, *records: Record) -> list[Stored]:
    digest, batch = head.digest, []
    for one in records:
        digest = chain_digest(digest, canonical_bytes(one))
        batch.append(Stored(one, digest))
    return batch


@asynccontextmanager
async def opened(url: str, shard: int) -> AsyncIterator[EventLog]:
    database = Database(url)
    try:
        yield EventLog(database, shard)
    finally:
        await database.close()


@asynccontextmanager
async def plain(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def new_log(servers: RunningServers) -> AsyncIterator[tuple[EventLog, Head]]:
    """A shard of its own for the test, with the epoch raised."""
    async with plain(servers.database_url) as connection:
        await migrate(connection)
    async with opened(servers.database_url, next(_shards)) as log:
        yield log, await log.raise_epoch()


@asynccontextmanager
async def new_database(servers: RunningServers, name: str) -> AsyncIterator[str]:
    async with plain(servers.database_url) as connection:
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_migrations_are_applied_once(servers: RunningServers) -> None:
    async with new_database(servers, "twice") as url, plain(url) as connection:
        first = await migrate(connection)
        assert first > 0
        assert await migrate(connection) == 0
        await connection.execute("UPDATE migration SET checksum = 'other' WHERE name LIKE '0001%'")
        with pytest.raises(MigrationMismatch, match="was changed"):
            await migrate(connection)
        await connection.execute(
            "UPDATE migration SET name = '9999_newer.sql' WHERE name LIKE '0001%'"
        )
        with pytest.raises(MigrationMismatch, match="newer release"):
            await migrate(connection)


async def test_migrations_of_many_processes_at_once(servers: RunningServers) -> None:
    async with new_database(servers, "at_once") as url:
        connections = [await connect(url) for _ in range(5)]
        counts = await asyncio.gather(*map(migrate, connections))
        assert sorted(counts)[:-1] == [0] * 4
        assert sorted(counts)[-1] > 0
        for connection in connections:
            await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event_log SET actor = 'me'",
        "UPDATE event_log SET actor = 'me' WHERE false",
        "DELETE FROM event_log WHERE position = 1",
        "TRUNCATE event_log",
        "TRUNCATE shard, event_log",
    ],
)
async def test_the_log_is_append_only(servers: RunningServers, statement: str) -> None:
    async with new_log(servers) as (log, head), plain(servers.database_url) as connection:
        batch = chained(head, record(1))
        await log.append(head.epoch, 0, batch)
        with pytest.raises(asyncpg.RaiseError, match="append only"):
            await connection.execute(statement)
        assert await log.read(1) == batch


@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET actor = 'me'", "DELETE FROM {}", "TRUNCATE {}"]
)
async def test_nor_can_its_partitions_be_changed(servers: RunningServers, statement: str) -> None:
    async with new_log(servers) as (log, head), plain(servers.database_url) as connection:
        batch = chained(head, record(1))
        await log.append(head.epoch, 0, batch)
        with pytest.raises(asyncpg.RaiseError, match="append only"):
            await connection.execute(statement.format("event_log_p0"))
        assert await log.read(1) == batch


async def test_a_fenced_writer_commits_nothing(servers: RunningServers) -> None:
    async with new_log(servers) as (log, head):
        await log.append(head.epoch, 0, chained(head, record(1)))
        new = await log.raise_epoch()
        assert (new.epoch, new.position) == (head.epoch + 1, 1)
        late = chained(Head(head.epoch, 1, new.digest), record(2), record(3))
        with pytest.raises(Fenced):
            await log.append(head.epoch, 1, late)
        with pytest.raises(Fenced):
            await log.is_committed(head.epoch, 1, late)
        assert await log.head() == new
        assert len(await log.read(1)) == 1
        await log.append(new.epoch, 1, chained(new, record(2, epoch=new.epoch)))


@pytest.mark.parametrize("wrong", [0, 2])
async def test_a_writer_that_is_wrong_about_the_end_commits_nothing(
    servers: RunningServers, wrong: int
) -> None:
    async with new_log(servers) as (log, head):
        await log.append(head.epoch, 0, chained(head, record(1)))
        batch = chained(head, record(wrong + 1))
        with pytest.raises(Fenced):
            await log.append(head.epoch, wrong, batch)
        assert len(await log.read(1)) == 1


async def test_a_batch_over_the_border_of_partitions(servers: RunningServers) -> None:
    async with new_log(servers) as (log, head), plain(servers.database_url) as connection:
        last = 9_999_998
        await connection.execute(
            "UPDATE shard SET last_position = $1 WHERE epoch = $2 AND last_position = 0 "
            "AND shard = (SELECT max(shard) FROM shard)",
            last,
            head.epoch,
        )
        batch = chained(head, *(record(last + n) for n in (1, 2, 3)))
        await log.append(head.epoch, last, batch)
        assert await log.read(last) == batch


class Meddler:
    """Between a writer and Postgres: cuts the connection when the answer to an append comes."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.is_cutting = False
        self.marker = b"INSERT 0"
        self.cuts = 0
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Meddler]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        login = self._target.netloc.rpartition("@")[0]
        self.url = urlunsplit(self._target._replace(netloc=f"{login}@127.0.0.1:{port}"))
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, theirs[1], is_answer=False))
                group.create_task(self._pump(theirs[0], writer, is_answer=True))
        except* ConnectionError:
            pass
        finally:
            writer.close()
            theirs[1].close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        while data := await source.read(65536):
            if is_answer and self.is_cutting and self.marker in data:
                self.cuts += 1
                raise ConnectionResetError
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError


async def test_a_commit_whose_answer_was_lost_is_known_to_be_committed(
    servers: RunningServers,
) -> None:
    async with (
        new_log(servers) as (log, head),
        Meddler(servers.database_url).running() as meddler,
        opened(meddler.url, log._shard) as cut_off,
    ):
        meddler.is_cutting = True
        batch = chained(head, record(1), record(2))
        with pytest.raises(Unavailable):
            await cut_off.append(head.epoch, 0, batch)
        assert meddler.cuts == 1
        meddler.is_cutting = False
        assert await cut_off.is_committed(head.epoch, 0, batch)
        assert await cut_off.read(1) == batch


async def test_values_are_committed_with_their_events_or_not_at_all(
    servers: RunningServers,
) -> None:
    async with (
        new_log(servers) as (log, head),
        Meddler(servers.database_url).running() as meddler,
        opened(meddler.url, log._shard) as cut_off,
    ):
        table = SecretTable(log._database, log._shard)
        batch = chained(head, record(1))
        value = SecretRow("default", "variable", "k", 1, 1, "sealed")
        for marker, is_committed in ((b"INSERT 0", False), (b"COMMIT", True)):
            meddler.is_cutting, meddler.marker = True, marker
            with pytest.raises(Unavailable):
                await cut_off.append(head.epoch, 0, batch, [value])
            meddler.is_cutting = False
            assert await cut_off.is_committed(head.epoch, 0, batch) is is_committed
            found = await table.find("default", "variable", "k")
            assert found == (Sealed(1, "sealed") if is_committed else None)
        newer = msgspec.structs.replace(value, version=2, sealed="newer")
        gone = msgspec.structs.replace(value, sealed=None)
        other = msgspec.structs.replace(value, kind="connection")
        second = chained(Head(head.epoch, 1, batch[-1].digest), record(2))
        with pytest.raises(Fenced):
            await log.append(head.epoch + 1, 1, second, [gone])
        await log.append(head.epoch, 1, second, [newer, other])
        assert await table.find("default", "variable", "k") == Sealed(2, "newer")
        third = chained(Head(head.epoch, 2, second[-1].digest), record(3))
        await log.append(head.epoch, 2, third, [newer, gone])
        assert await table.find("default", "variable", "k") is None
        assert await table.find("default", "connection", "k") == Sealed(1, "sealed")
        assert await table.find("other", "connection", "k") is None


async def test_what_a_request_said_is_committed_with_its_events(servers: RunningServers) -> None:
    async with new_log(servers) as (log, head):
        first = chained(head, record(1))
        with pytest.raises(Fenced):
            await log.append(head.epoch + 1, 0, first, (), {"one": "a", "two": "b"})
        assert await log.contents_of(["one", "two"]) == {}
        await log.append(head.epoch, 0, first, (), {"one": "a", "two": "b"})
        assert await log.contents_of(["one", "two", "three"]) == {"one": "a", "two": "b"}
        second = chained(Head(head.epoch, 1, first[-1].digest), record(2))
        await log.append(head.epoch, 1, second, (), {"one": "another", "three": "c"})
        assert await log.contents_of(["one", "three"]) == {"one": "a", "three": "c"}
        assert await log.contents_of([]) == {}


async def test_a_commit_that_was_cut_short_is_known_not_to_be_committed(
    servers: RunningServers,
) -> None:
    """The append waits for a lock on the shard's row when its backend is ended."""
    url = servers.database_url
    async with new_log(servers) as (log, head), plain(url) as holder, plain(url) as other:
        batch = chained(head, record(1), record(2))
        async with holder.transaction():
            await holder.execute("SELECT FROM shard WHERE shard = $1 FOR UPDATE", log._shard)
            appending = asyncio.create_task(log.append(head.epoch, 0, batch))
            async with asyncio.timeout(10):
                while not await other.fetchval(  # noqa: ASYNC110 - Postgres tells nobody
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO event_log%' "
                    "AND pid <> pg_backend_pid()"
                ):
                    await asyncio.sleep(0.01)
            with pytest.raises(Unavailable):
                await appending
        assert not await log.is_committed(head.epoch, 0, batch)
        await log.append(head.epoch, 0, batch)
        assert await log.is_committed(head.epoch, 0, batch)
        assert await log.read(1) == batch


async def test_a_connection_that_is_cut_between_two_appends(servers: RunningServers) -> None:
    async with new_log(servers) as (log, head), plain(servers.database_url) as other:
        first = chained(head, record(1))
        await log.append(head.epoch, 0, first)
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE '%INSERT INTO event_log%' AND pid <> pg_backend_pid()"
        )
        second = chained(await _head_of(other, log), record(2))
        try:
            await log.append(head.epoch, 1, second)
        except Unavailable:
            assert not await log.is_committed(head.epoch, 1, second)
            await log.append(head.epoch, 1, second)
        assert await log.read(1) == [*first, *second]


async def _head_of(connection: asyncpg.Connection, log: EventLog) -> Head:
    row = await connection.fetchrow(
        "SELECT epoch, last_position, digest FROM shard WHERE shard = $1", log._shard
    )
    assert row is not None
    return Head(row["epoch"], row["last_position"], row["digest"])


async def test_reads_are_filtered_bounded_and_in_order(servers: RunningServers) -> None:
    async with new_log(servers) as (log, head):
        batch = chained(
            head,
            *(
                record(n, namespace=f"n{n % 2}", dag_id=f"d{n % 3}", run_id=f"r{n % 5}")
                for n in range(1, 61)
            ),
        )
        await log.append(head.epoch, 0, batch)
        assert await log.read(1) == batch
        assert await log.read(10, 5) == batch[9:14]
        assert await log.read(10, last=12) == batch[9:12]
        assert await log.read(61) == []
        for n in (1, 2, 30):
            expected = [s for s in batch if s.record.position % 30 == n % 30]
            found = await log.read(1, namespace=f"n{n % 2}", dag_id=f"d{n % 3}", run_id=f"r{n % 5}")
            assert found == expected
        assert [s.record.position for s in await log.read(1, run_id="r3", last=20)] == [
            3,
            8,
            13,
            18,
        ]
        assert [s async for s in log.read_all(5, 55)] == batch[4:55]


async def test_what_a_command_caused_is_found_again(servers: RunningServers) -> None:
    async with new_log(servers) as (log, head):
        batch = chained(
            head,
            record(1, type="DagVersionSubmitted", causation="submit", run_id="", actor="api/a"),
            record(2, type="RunCreated", causation="trigger", actor="api/b"),
            record(3, type="RunStarted", causation="trigger", actor="api/b"),
            record(4, type="TaskStarted", causation="report", run_id="r1"),
            record(5, type="TaskStarted", causation="report", run_id="r2"),
            record(6, type="VariableSet", causation="variable", run_id="", dag_id=""),
        )
        await log.append(head.epoch, 0, batch)
        found = await log.caused_by(["submit", "trigger", "report", "nobody", "variable"])
        assert found == {
            "submit": [batch[0]],
            "trigger": batch[1:3],
            "variable": [batch[5]],
        }
        assert await log.caused_by(["report", "trigger"], ["r2"]) == {"report": [batch[4]]}
        assert await log.caused_by([]) == {}
        runs = [("default", "etl", "r1"), ("default", "etl", "r9"), ("other", "etl", "r1")]
        assert await log.existing_runs(runs) == {("default", "etl", "r1")}


UNUSUAL = [
    rb'{"text":"a\u0000b"}',
    '{"text":"🚂 Ünïcödé \u2028 \u202e"}'.encode(),
    rb'{"b":1,"a":2,"a":3}',
    b'{"spaces" :  [ 1 ,2 ]}',
    b'{"numbers":[1e400,-0.0,123456789012345678901234567890,1.10]}',
    rb'{"escapes":"\/\u0041\ud83d\ude80"}',
    b'{"large":"%s"}' % (b"x" * 100_000),
    b'{"deep":%s%s}' % (b"[" * 500, b"]" * 500),
]


async def test_unusual_texts_survive_byte_for_byte(servers: RunningServers) -> None:
    async with new_log(servers) as (log, head):
        names: dict[str, Any] = {
            "task_id": "Schrödinger-✓",
            "actor": "worker/w",
            "trace": "'; DROP TABLE --",
        }
        batch = chained(
            head,
            *(record(n, data=data, map_index=(0, n), **names) for n, data in enumerate(UNUSUAL, 1)),
        )
        await log.append(head.epoch, 0, batch)
        digest = head.digest
        for stored, data in zip(await log.read(1), UNUSUAL, strict=True):
            assert bytes(stored.record.data) == data
            canonical = canonical_bytes(stored.record)
            check_chain(digest, canonical, stored.digest, stored.record.position)
            digest = stored.digest


async def test_refusals_are_kept_whatever_they_say(servers: RunningServers) -> None:
    async with new_log(servers) as (log, _), plain(servers.database_url) as connection:
        await log.refuse([Refusal("id\0", "who", "what", "WHY", "a\0b 🚂")])
        row = await connection.fetchrow("SELECT * FROM refused_command WHERE reason = 'WHY'")
        assert row is not None
        assert (row["command_id"], row["message"]) == ("id\\0", "a\\0b 🚂")


async def test_the_second_waits_for_the_lock_until_the_first_dies(servers: RunningServers) -> None:
    first, second, elsewhere = (
        ShardLock(servers.database_url, "tester", shard, 2.0) for shard in (7, 7, 8)
    )
    stopping = asyncio.Event()
    async with asyncio.timeout(20):
        assert await first.acquire(stopping)
        assert await elsewhere.acquire(stopping)
        waiting = asyncio.create_task(second.acquire(stopping))
        async with plain(servers.database_url) as connection:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not await connection.fetchval(query):  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)
            assert not waiting.done()
            began = time.monotonic()
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                "AND granted AND objid = 7"
            )
        assert await waiting
        assert time.monotonic() - began < 5
        with pytest.raises(Fenced):
            await first.keep()
    for lock in (first, second, elsewhere):
        await lock.release()


async def test_who_waits_for_the_lock_can_be_stopped(servers: RunningServers) -> None:
    first, second = (ShardLock(servers.database_url, "stopped", 7, 15.0) for _ in range(2))
    stopping = asyncio.Event()
    async with asyncio.timeout(20):
        assert await first.acquire(stopping)
        waiting = asyncio.create_task(second.acquire(stopping))
        await asyncio.sleep(0)
        stopping.set()
        assert not await waiting
        await first.release()
        await second.release()
