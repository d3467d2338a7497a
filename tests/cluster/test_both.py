"""A NATS cluster and a Postgres with a standby under one system: the part that is always run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest

from cluster.cluster_stack import ClusterStack
from cluster.load import Load
from cluster.nats_cluster import NatsCluster
from cluster.postgres_pair import PostgresPair, Server
from integration.verify import verify_log
from millstream.adapters.event_log import EventLog, Stored
from millstream.adapters.postgres import Database, migrate
from millstream.core.errors import Unavailable
from millstream.core.wire import GENESIS, Record, canonical_bytes, chain_digest

SHARD = 7
SHARD_ROW = "SELECT epoch || ' ' || last_position FROM shard WHERE shard = 0"


def one_event(epoch: int) -> list[Stored]:
    record = Record(
        1, epoch, "EpochBegan", "", "", "", "", (), 0, "test", "epoch/1", "",
        datetime.now(UTC), msgspec.Raw(b"{}"),
    )  # fmt: skip
    return [Stored(record, chain_digest(GENESIS, canonical_bytes(record)))]


@pytest.fixture(scope="class")
def stack(
    nats_cluster: NatsCluster,
    postgres_pair: PostgresPair,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterStack]:
    data_dir = tmp_path_factory.mktemp("stack") / "a stack"
    with ClusterStack(data_dir, nats_cluster, postgres_pair).running() as stack:
        yield stack


class TestBoth:
    """In this order: the last test leaves the first primary behind."""

    def test_a_commit_of_unknown_outcome_counts_when_the_standby_has_it(
        self, postgres_pair: PostgresPair
    ) -> None:
        """A wait for the standby that is broken off leaves a commit that is to be seen, and that
        would be lost with the primary."""
        asyncio.run(self._break_off(postgres_pair))

    async def _break_off(self, pair: PostgresPair) -> None:
        database = Database(pair.url)
        async with database.use() as connection:
            await migrate(connection)
        log = EventLog(database, SHARD)
        head = await log.raise_epoch()
        batch = one_event(head.epoch)
        pair.standby.signal_all(signal.SIGSTOP)
        try:
            committing = asyncio.create_task(log.append(head.epoch, 0, batch))
            await self._end_wait(pair.primary)
            with pytest.raises(Unavailable):
                await committing
            assert (await log.head()).position == 1  # to be seen, on one server only
            asking = asyncio.create_task(log.is_committed(head.epoch, 0, batch))
            await self._sync_wait(pair.primary)
            assert not asking.done()
        finally:
            pair.standby.signal_all(signal.SIGCONT)
        assert await asking
        await database.close()

    async def _sync_wait(self, primary: Server) -> int:
        """The pid of a commit that waits for the standby."""
        async with asyncio.timeout(20):
            connection = await asyncpg.connect(primary.url)
            query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            while (pid := await connection.fetchval(query)) is None:
                await connection.fetchval("SELECT pg_sleep(0.02)")
            await connection.close()
        return int(pid)

    async def _end_wait(self, primary: Server) -> None:
        pid = await self._sync_wait(primary)
        connection = await asyncpg.connect(primary.url)
        await connection.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        await connection.close()

    def test_the_leader_of_the_stream_is_killed(
        self, nats_cluster: NatsCluster, stack: ClusterStack
    ) -> None:
        victim = nats_cluster.leader("EVENTS_0")
        with Load(stack) as load:
            victim.kill()
            load.wait_for_more(1)
        load.assert_all_succeed()
        victim.start()
        nats_cluster.wait_healthy()

    def test_the_primary_is_killed_and_comes_back_when_the_standby_was_promoted(
        self, postgres_pair: PostgresPair, stack: ClusterStack
    ) -> None:
        """Nothing that was acknowledged is lost, and nobody has to do anything but promote. The old
        primary is one of its own timeline then, and could be written to by anybody."""
        with Load(stack) as load:
            postgres_pair.primary.kill()
            postgres_pair.promote()
            load.wait_for_more(1)
            postgres_pair.primary.start()
            before = postgres_pair.primary.ask(SHARD_ROW)
            stack.wait_restarted("scheduler", stack.kill("scheduler"))
            load.wait_for_more(1)
        load.assert_all_succeed()
        assert postgres_pair.primary.ask(SHARD_ROW) == before
        postgres_pair.primary.kill()
        verify_log(stack)
