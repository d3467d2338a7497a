"""A standby whose Postgres turns out to hold another history than the one that it followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from millstream.adapters import feed
from millstream.adapters.event_log import Head, Stored
from millstream.core.errors import ChainBroken, MillstreamError, StoreBehindStream, Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import Event, PoolSet
from millstream.core.state import State
from millstream.core.wire import GENESIS, canonical_bytes, chain_digest, to_record
from millstream_scheduler.takeover import Standby


def history(*pools: str) -> list[Stored]:
    """A log in which these pools are set, one after the other."""
    digest, stored = GENESIS, []
    for position, name in enumerate(pools, 1):
        data = PoolSet(name=name, slots=1)
        where = Where("default", "")
        record = to_record(
            Event(position, 1, where, data, "t", name, datetime(2026, 1, 1, tzinfo=UTC))
        )
        digest = chain_digest(digest, canonical_bytes(record))
        stored.append(Stored(record, digest))
    return stored


class FakeLog:
    """A log in memory, which may become another one."""

    def __init__(self, rows: list[Stored]) -> None:
        self.rows = rows

    async def head(self) -> Head:
        return Head(1, len(self.rows), self.rows[-1].digest if self.rows else GENESIS)

    raise_epoch = head

    async def warm(self) -> None:
        """Nothing to be ready for."""

    async def read(self, first: int, limit: int = 2000, *, last: int | None = None) -> list[Stored]:
        return self.rows[first - 1 : last][:limit]

    async def read_open(self, last: int) -> AsyncIterator[Stored]:
        for stored in self.rows[:last]:
            yield stored

    async def read_all(self, first: int, last: int) -> AsyncIterator[Stored]:
        for stored in self.rows[first - 1 : last]:
            yield stored


class NoBus:
    async def jetstream(self, *_: object) -> Any:
        raise Unavailable("no stream")


BEFORE = history("a", "b")
LOST = history("a", "b", "lost", "lost too")


@pytest.mark.parametrize(
    ("after", "error"),
    [
        (history("a", "b"), StoreBehindStream),
        (history("a", "b", "c"), StoreBehindStream),
        (history("a", "b", "c", "d"), ChainBroken),
        (history("a", "b", "c", "d", "e"), ChainBroken),
        (history("a", "b", "lost", "lost too"), None),
        (history("a", "b", "lost", "lost too", "e"), None),
    ],
)
def test_a_log_that_does_not_hold_what_was_followed_is_refused(
    after: list[Stored], error: type[MillstreamError] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "IDLE_CHECK_S", 0.01)
    log: Any = FakeLog(BEFORE)
    bus: Any = NoBus()
    standby = Standby(bus, log, log, 0)

    async def play() -> State:
        following = asyncio.create_task(standby.follow())
        async with asyncio.timeout(10):
            while standby._state is None:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
            log.rows = LOST
            while standby._state.position < len(LOST):  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        log.rows = after
        return await standby.take_over()

    if error is None:
        state = asyncio.run(play())
        assert (state.position, state.digest) == (len(after), after[-1].digest)
    else:
        with pytest.raises(error):
            asyncio.run(play())
