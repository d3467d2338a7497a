"""The primary lost and its standby promoted under load; old primaries that come back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest

from cluster.cluster_stack import ClusterStack
from cluster.conftest import MakePair
from cluster.load import Load
from cluster.postgres_pair import PostgresPair, Server
from integration.running_stack import eventually
from integration.verify import verify_log
from millstream.adapters.event_log import EventLog, Stored
from millstream.adapters.postgres import Database, migrate
from millstream.adapters.service import EXIT_FATAL
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.wire import GENESIS, Record, canonical_bytes, chain_digest

SHARD = 7


@pytest.fixture(scope="class")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresPair]:
    made = PostgresPair(tmp_path_factory.mktemp("pair") / "a pair")
    try:
        made.start(is_synchronous=True)
        yield made
    finally:
        made.stop()


def one_event(epoch: int) -> list[Stored]:
    record = Record(
        1, epoch, "EpochBegan", "", "", "", "", (), 0, "test", "epoch/1", "",
        datetime.now(UTC), msgspec.Raw(b"{}"),
    )  # fmt: skip
    return [Stored(record, chain_digest(GENESIS, canonical_bytes(record)))]


class TestSynchronous:
    """In this order: the last test promotes the standby."""

    def test_a_commit_of_unknown_outcome_counts_when_the_standby_has_it(
        self, pair: PostgresPair
    ) -> None:
        """A wait for the standby that is broken off leaves a commit that is to be seen, and that
        would be lost with the primary."""
        asyncio.run(self._break_off(pair))

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

    def test_promoted_after_the_primary_was_killed(
        self, pair: PostgresPair, pair_stack: ClusterStack
    ) -> None:
        """Nothing that was acknowledged is lost, and nobody has to do anything but promote."""
        with Load(pair_stack) as load:
            load.wait_for_more(2)
            pair.primary.kill()
            known = len(load.runs)
            pair.promote()
            load.wait_for_more(2)
        assert len(load.runs) > known
        load.assert_all_succeed()
        verify_log(pair_stack)
        self._assert_old_one_is_left_alone(pair, pair_stack)

    def _assert_old_one_is_left_alone(self, pair: PostgresPair, stack: ClusterStack) -> None:
        """It comes back as a primary of its own timeline, and can be written to by anybody."""
        pair.primary.start()
        before = pair.primary.ask(SHARD_ROW)
        stack.wait_restarted("scheduler", stack.kill("scheduler"))
        stack.wait_restarted("api", stack.kill("api"))
        with Load(stack) as load:
            pass
        load.assert_all_succeed()
        assert pair.primary.ask(SHARD_ROW) == before
        pair.primary.kill()
        verify_log(stack)


SHARD_ROW = "SELECT epoch || ' ' || last_position FROM shard WHERE shard = 0"


@pytest.fixture(scope="class")
def pair_stack(
    pair: PostgresPair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterStack]:
    stack = ClusterStack(tmp_path_factory.mktemp("stack") / "a stack", postgres=pair)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def refusals(stack: ClusterStack) -> int:
    return stack.log("scheduler").count("STORE_BEHIND_STREAM")


@pytest.mark.soak
@pytest.mark.timeout(600)
class TestAsynchronous:
    def test_lost_commits_are_refused_and_the_old_primary_has_them(
        self, make_pair: MakePair
    ) -> None:
        pair, stack = make_pair(False)
        with Load(stack) as load:
            load.wait_for_more(1)
            pair.stop_following()
            load.wait_for_more(2)
        load.assert_all_succeed()
        log = verify_log(stack)
        had = len(log.rows)
        pair.primary.kill()
        pair.promote()
        kept = pair.position(pair.standby)
        assert 0 < kept < had
        said = (
            f"Postgres ends at position {kept}, but the stream EVENTS already holds position {had}"
        )
        eventually("the scheduler refuses", lambda: said in stack.log("scheduler"), 60)
        client = stack.client()
        with pytest.raises(MillstreamError):
            client.trigger("dozen")
        assert pair.position(pair.standby) == kept
        # The operator takes the old primary after all: nothing is lost.
        pair.standby.kill()
        stack.down()
        pair.primary.start()
        stack.up()
        with Load(stack) as after:
            pass
        after.assert_all_succeed()
        assert len(verify_log(stack).rows) > had

    def test_a_scheduler_that_reaches_the_old_primary_alone_goes_nowhere(
        self, make_pair: MakePair
    ) -> None:
        """The stream is the witness: it holds what the new primary's scheduler has committed."""
        pair, stack = make_pair(False)
        with Load(stack) as load:
            pair.primary.kill()
            pair.promote()
            load.wait_for_more(2)
            pair.primary.start()
            before = pair.position(pair.primary)
            lost = OneScheduler(stack, pair.primary.url)
            assert lost.process.wait(60) == EXIT_FATAL, lost.said()
            assert "STORE_BEHIND_STREAM" in lost.said() or "FOREIGN_STREAM" in lost.said()
            assert pair.position(pair.primary) == before
            load.wait_for_more(2)
        load.assert_all_succeed()
        pair.primary.kill()
        verify_log(stack)


@pytest.mark.soak
@pytest.mark.timeout(600)
class TestHanging:
    def test_a_primary_that_hangs_is_left(self, make_pair: MakePair) -> None:
        """As a machine that answers nothing; then it goes on where it stood."""
        pair, stack = make_pair(True)
        with Load(stack) as load:
            pair.primary.signal_all(signal.SIGSTOP)
            pair.promote()
            load.wait_for_more(2, 120)
            pair.primary.signal_all(signal.SIGCONT)
            load.wait_for_more(4, 120)
        load.assert_all_succeed()
        pair.primary.kill()
        verify_log(stack)


class OneScheduler:
    """A scheduler beside those of a stack, on another Postgres."""

    def __init__(self, stack: ClusterStack, database_url: str) -> None:
        settings = {
            "NATS_URL": stack.nats_url,
            "DATABASE_URL": database_url,
            "INSTANCE": "lost",
            "STATE_DIR": str(stack.data_dir / "lost"),
        }
        self._log = stack.data_dir / "logs" / "lost.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "millstream_scheduler"],
                env=stack.environment | {f"MILLSTREAM_{k}": v for k, v in settings.items()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        return self._log.read_text()
