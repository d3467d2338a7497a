"""The hub and its watchers: each event once, in order, whatever the stream does."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from itertools import product
from typing import Any, cast

import msgspec
import pytest

from millstream.adapters.event_log import EventLog, Head, Stored
from millstream.core.errors import Unavailable
from millstream.core.wire import Record, canonical_bytes, published_bytes
from millstream_api import hub as hub_module
from millstream_api.hub import Fanout, Hub, Scope, Watcher
from millstream_api.watch import watch
from unit.api.local_hub import LocalHub

DIGEST = bytes(32)
OFTEN = 5


def record(
    position: int, run_id: str = "r1", dag_id: str = "etl", kind: str = "TaskReady"
) -> Record:
    return Record(
        position,
        1,
        kind,
        "default",
        dag_id,
        run_id,
        "t",
        (),
        1,
        "api/1",
        "c",
        "",
        datetime(2026, 1, 1, tzinfo=UTC),
        msgspec.Raw(b"{}"),
    )


def message(position: int, run_id: str = "r1", dag_id: str = "etl") -> bytes:
    return message_of(record(position, run_id, dag_id))


def message_of(one: Record) -> bytes:
    return published_bytes(canonical_bytes(one), DIGEST)


def positions(watcher: Watcher) -> list[int]:
    return [one.position for one in watcher._queue]


def joined(fanout: Fanout, scope: Scope, most: int = 100) -> Watcher:
    watcher = Watcher(scope, most)
    fanout.add(watcher)
    return watcher


class TestFanout:
    def test_each_watcher_gets_what_it_asked_for(self) -> None:
        fanout = Fanout()
        everything = joined(fanout, Scope())
        of_run = joined(fanout, Scope("default", "etl", "r1"))
        of_dag = joined(fanout, Scope(dag_id="other"))
        for position, (run_id, dag_id) in enumerate(
            [("r1", "etl"), ("r2", "etl"), ("r1", "other")], start=1
        ):
            fanout.offer(position, message(position, run_id, dag_id))
        assert positions(everything) == [1, 2, 3]
        assert positions(of_run) == [1]
        assert positions(of_dag) == [3]

    def test_what_comes_again_is_dropped(self) -> None:
        fanout = Fanout()
        watcher = joined(fanout, Scope())
        for position in (1, 2, 1, 2, 3):
            fanout.offer(position, message(position))
        assert positions(watcher) == [1, 2, 3]

    def test_a_gap_loses_every_watcher_until_it_resumes(self) -> None:
        fanout = Fanout()
        watcher = joined(fanout, Scope())
        fanout.offer(1, message(1))
        fanout.offer(3, message(3))
        assert watcher.is_lost
        assert positions(watcher) == []
        watcher.resume()
        fanout.offer(4, message(4))
        assert positions(watcher) == [4]

    def test_a_slow_watcher_is_lost_alone(self) -> None:
        fanout = Fanout()
        slow, quick = joined(fanout, Scope(), most=3), joined(fanout, Scope())
        for position in range(1, 8):
            fanout.offer(position, message(position))
        assert slow.is_lost
        assert positions(slow) == []
        assert positions(quick) == [1, 2, 3, 4, 5, 6, 7]

    def test_a_slow_watcher_is_bounded_in_bytes_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hub_module, "MOST_QUEUED_BYTES", 5)
        fanout = Fanout()
        slow = joined(fanout, Scope())
        for position in range(1, 5):
            fanout.offer(position, message(position))  # its data has two bytes
        assert slow.is_lost

    @pytest.mark.parametrize(
        "foreign",
        [b"{", b"\xff\xfe", b'{"position":1,"type":"\xff"}', b'{"data":' + b'{"a":' * 20_000],
    )
    def test_a_message_that_cannot_be_read_is_read_from_postgres(self, foreign: bytes) -> None:
        fanout = Fanout()
        watcher = joined(fanout, Scope())
        fanout.offer(1, foreign)
        assert watcher.is_lost
        assert fanout.position == 1

    def test_each_gets_the_types_and_the_scope_it_asked_for(self) -> None:
        """Whoever comes and goes meanwhile."""
        rng = random.Random(7)
        fanout, present = Fanout(), dict[Watcher, list[int]]()
        scopes = [
            Scope(*parts) for parts in product(("", "default"), ("", "etl"), ("", "r1", "r2"))
        ]
        for position in range(1, 600):
            if rng.random() < 0.3:
                types = frozenset(rng.sample(["TaskReady", "TaskStarted"], rng.randrange(3)))
                watcher = Watcher(rng.choice(scopes), 1000, types)
                fanout.add(watcher)
                present[watcher] = []
            if present and rng.random() < 0.3:
                gone = rng.choice(list(present))
                assert positions(gone) == present.pop(gone)
                fanout.remove(gone)
                fanout.remove(gone)
            one = record(position, rng.choice(["r1", "r2"]), rng.choice(["etl", "other"]))
            one = msgspec.structs.replace(one, type=rng.choice(["TaskReady", "TaskStarted"]))
            fanout.offer(position, message_of(one))
            for watcher, expected in present.items():
                scope = watcher.scope
                if (
                    (not watcher.types or one.type in watcher.types)
                    and scope.namespace in ("", one.namespace)
                    and scope.dag_id in ("", one.dag_id)
                    and scope.run_id in ("", one.run_id)
                ):
                    expected.append(position)
        assert all(positions(watcher) == expected for watcher, expected in present.items())
        for watcher in list(present):
            fanout.remove(watcher)
        assert not any((fanout._types, fanout._shapes, fanout._watchers))

    def test_who_left_gets_nothing(self) -> None:
        fanout = Fanout()
        watcher = joined(fanout, Scope())
        fanout.remove(watcher)
        fanout.offer(1, message(1))
        assert positions(watcher) == []
        assert not fanout._watchers


class Log:
    """A log in memory; every read takes a turn of the loop, as Postgres does."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.reads = 0
        self.looked_at = 0
        self.was_read_often = asyncio.Event()

    async def read(
        self, first: int, limit: int, *, run_id: str, types: frozenset[str], **scope: str
    ) -> list[Stored]:
        self.reads += 1
        if self.reads == OFTEN:
            self.was_read_often.set()
        self.looked_at += sum(r.position >= first for r in self.records)
        found = [r for r in self.records if r.position >= first]
        found = [r for r in found if run_id in ("", r.run_id) and (not types or r.type in types)]
        await asyncio.sleep(0)
        return [Stored(r, DIGEST) for r in found[:limit]]

    async def head(self) -> Head:
        return Head(1, len(self.records), DIGEST)


async def take(
    hub: Hub, log: Log, scope: Scope, first: int, last: int, types: frozenset[str] = frozenset()
) -> list[int]:
    found: list[int] = []
    async for event in watch(hub, cast(EventLog, log), scope, first, types):
        found.append(event.position)
        await asyncio.sleep(0)
        if event.position >= last:
            break
    return found


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.asyncio
async def test_watchers_see_each_event_once_in_order(seed: int) -> None:
    """Commits, relays, repeats and gaps at random, with queues that overflow."""
    rng = random.Random(seed)
    log, hub = Log(), LocalHub()
    hub.most = rng.choice([1, 3, 50])
    last = 200

    async def run_scheduler() -> None:
        relayed = 0
        while relayed < last:
            for _ in range(rng.randrange(5)):
                if len(log.records) < last:
                    position = len(log.records) + 1
                    kind = rng.choice(["TaskReady", "TaskReady", "TaskStarted"])
                    run_id = rng.choice(["r1", "r2"])
                    log.records.append(record(position, run_id, kind=kind))
            while relayed < len(log.records) and rng.random() < 0.7:
                relayed += 1
                if rng.random() > 0.05:  # else the stream loses it
                    hub.relay(relayed, message_of(log.records[relayed - 1]))
                if rng.random() < 0.1:
                    hub.relay(max(relayed - 2, 1), message(max(relayed - 2, 1), "r1"))
            await asyncio.sleep(0)
        # One more, which is surely relayed: it ends the watches.
        log.records.append(record(last + 1, "r1"))
        hub.relay(last + 1, message(last + 1, "r1"))

    first = rng.randrange(50)
    async with asyncio.timeout(10):
        _, everything, of_run, of_type = await asyncio.gather(
            run_scheduler(),
            take(hub, log, Scope(), first, last + 1),
            take(hub, log, Scope(run_id="r1"), 0, last + 1),
            take(hub, log, Scope(), first, last + 1, frozenset({"TaskReady"})),
        )
    assert everything == list(range(max(first, 1), last + 2))
    assert of_run == [r.position for r in log.records if r.run_id == "r1"]
    ready = [r.position for r in log.records if r.type == "TaskReady"]
    assert of_type == [position for position in ready if position >= first]
    assert not hub.is_watched


@pytest.mark.asyncio
async def test_a_stopping_server_tells_its_watchers() -> None:
    log, hub = Log(), LocalHub()
    events: Any = watch(hub, cast(EventLog, log), Scope(), 0)
    waiting = asyncio.ensure_future(anext(events))
    for _ in range(10):  # until it has read the log and waits
        await asyncio.sleep(0)
    assert log.reads == 1
    hub.stop()
    with pytest.raises(Unavailable, match="stops"):
        await waiting
    assert not hub.is_watched


@pytest.mark.asyncio
async def test_what_was_heard_and_not_wanted_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A watcher of rare events looks into the log now and then, whatever it was told."""
    monkeypatch.setattr("millstream_api.watch.LOOK_AGAIN_S", 0.01)
    log, hub = Log(), LocalHub()
    for position in range(1, 501):
        log.records.append(record(position))
        hub.relay(position, message(position))
    rare: Any = watch(hub, cast(EventLog, log), Scope(), 0, frozenset({"DagPaused"}))
    waiting = asyncio.ensure_future(anext(rare))
    async with asyncio.timeout(10):
        await log.was_read_often.wait()
    assert log.looked_at == 500
    log.records.append(record(501, kind="DagPaused"))
    assert (await waiting).position == 501, "the log tells, although the stream is silent"
    await rare.aclose()


class Stream:
    """In the place of a follower: what it gives, and where it was told to go on."""

    def __init__(self, *_: object) -> None:
        self.given: list[list[tuple[int, bytes]]] = []
        self.starts: list[int] = []
        self.went_back = asyncio.Event()

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def take(self, timeout_s: float) -> list[tuple[int, bytes]]:
        await asyncio.sleep(0)
        return self.given.pop(0) if self.given else []

    def rewind(self, start: int) -> None:
        self.starts.append(start)
        self.went_back.set()


async def take_all(events: Any) -> None:
    async for _ in events:
        pass


@pytest.mark.asyncio
async def test_what_the_stream_held_beyond_the_log_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was put there by somebody else, or Postgres is an older backup: the stream is made again
    from an earlier position, and what comes then is news."""
    log, stream = Log(), Stream()
    log.records += [record(position) for position in (1, 2, 3)]
    stream.given.append([(position, message(position)) for position in (4, 5, 6)])

    async def end(*_: object) -> Any:
        return await log.head()

    monkeypatch.setattr(hub_module, "Follower", lambda *_: stream)
    monkeypatch.setattr(hub_module, "end_of_log", end)
    hub = Hub(cast(Any, None), cast(EventLog, log), 0)
    running = asyncio.create_task(hub.run())
    found: Any = watch(hub, cast(EventLog, log), Scope(), 4)
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable, match="watch again"):
            await take_all(found)
        await stream.went_back.wait()
        assert (stream.starts, hub.position) == ([4], 3)
        again: Any = watch(hub, cast(EventLog, log), Scope(), 4)
        upcoming = asyncio.ensure_future(anext(again))
        log.records.append(record(4))
        stream.given.append([(4, message(4))])
        assert (await upcoming).position == 4
    await again.aclose()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
