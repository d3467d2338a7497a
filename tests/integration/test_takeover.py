"""What a takeover rests on: a lock that a silent holder loses, messages that the one before had and
did not settle, connections that are ready."""

from __future__ import annotations

import asyncio
import time

import pytest

from integration.test_bus import connected, until
from integration.test_event_log import chained, new_log, record
from millstream.adapters.bus_client import Delivery
from millstream.adapters.pull import Puller, read_meta
from millstream.adapters.settings import Settings
from millstream.adapters.shard_lock import ShardLock
from millstream.adapters.streams import provision
from millstream.adapters.subjects import INBOX, inbox_subject, scheduler_consumer
from millstream.core.errors import Fenced
from millstream.embedded.run import RunningServers
from millstream_scheduler.reclaim import Reclaim

pytestmark = pytest.mark.asyncio

LEASE_S = 0.4


async def test_a_silent_holder_loses_the_lock_and_one_that_speaks_keeps_it(
    servers: RunningServers,
) -> None:
    first, second = (ShardLock(servers.database_url, "silent", 0, LEASE_S) for _ in range(2))
    stopping = asyncio.Event()
    async with asyncio.timeout(30):
        assert await first.acquire(stopping)
        keeping = asyncio.create_task(first.keep())
        waiting = asyncio.create_task(second.acquire(stopping))
        done, _ = await asyncio.wait({waiting, keeping}, timeout=LEASE_S * 4)
        assert not done
        # As in a process that stands still.
        keeping.cancel()
        assert await waiting
        with pytest.raises(Fenced):
            await first.keep()
        await second.release()


async def test_what_the_one_before_did_not_settle_is_had_at_once(servers: RunningServers) -> None:
    """The rest is left alone: what is settled, and what the new one has itself."""
    settings = Settings(shard=3)
    async with connected(servers) as before, connected(servers) as after:
        await provision(before, settings)
        theirs: list[Delivery] = []
        old = Puller(before, INBOX, scheduler_consumer(3), theirs.append)
        old.set_want(6)
        pulling = asyncio.create_task(old.run())
        for number in range(6):
            await before.store(inbox_subject(3, "api", "me"), b"%d" % number, 5.0)
        await until("the old one has all", lambda: len(theirs) == 6)
        pulling.cancel()
        for delivery in (theirs[1], theirs[4]):
            before.send(delivery.reply, b"+ACK")
        await before.flush()

        ours: list[Delivery] = []
        reclaim = Reclaim(after, 3)

        def on_message(delivery: Delivery) -> None:
            reclaim.note(delivery)
            ours.append(delivery)

        new = Puller(after, INBOX, scheduler_consumer(3), on_message)
        new.set_want(100)
        began = time.monotonic()
        tasks = [asyncio.create_task(new.run()), asyncio.create_task(reclaim.run())]
        await until("the new one has the others", lambda: len(ours) == 4, 4.0)
        took_s = time.monotonic() - began
        await before.store(inbox_subject(3, "api", "me"), b"6", 5.0)
        await until("it is over", lambda: not reclaim.is_running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for delivery in ours:
            after.send(delivery.reply, b"+ACK")
        await after.flush()
    assert took_s < 2.0, "INBOX gives it again by itself after five"
    assert sorted(delivery.data for delivery in ours) == [b"0", b"2", b"3", b"5", b"6"]
    assert read_meta(ours[-1].reply).deliveries == 1


async def test_to_be_ready_changes_nothing(servers: RunningServers) -> None:
    async with new_log(servers) as (log, head):
        batch = chained(head, record(1))
        await log.append(head.epoch, 0, batch)
        before = await log.head()
        await log.warm()
        assert await log.head() == before
        assert await log.read(1) == batch
