"""When a snapshot is worth its while."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from millstream.adapters.event_log import Head
from millstream.core.errors import Unavailable
from millstream.core.wire import GENESIS
from millstream_scheduler.snapshots import EVERY_EVENTS, LEAST_EVENTS, Snapshots


class Log:
    def __init__(self) -> None:
        self.position = 10
        self.taken: list[int] = []
        self.is_away = False

    async def head(self) -> Head:
        if self.is_away:
            raise Unavailable("away")
        return Head(1, self.position, GENESIS)

    async def take_snapshot(self, last: int) -> int:
        self.taken.append(last)
        return 1


def made() -> tuple[Log, Snapshots]:
    log = Log()
    event_log: Any = log
    return log, Snapshots(event_log, lambda: log.position)


@pytest.mark.parametrize(("more", "taken"), [(LEAST_EVENTS - 1, 0), (LEAST_EVENTS, 1)])
def test_the_last_one_is_taken_if_much_has_happened(more: int, taken: int) -> None:
    log, snapshots = made()
    log.position += more
    asyncio.run(snapshots.last())
    assert len(log.taken) == taken


def test_every_so_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millstream_scheduler.snapshots.LOOK_S", 0)
    log, snapshots = made()

    async def run() -> None:
        running = asyncio.ensure_future(snapshots.run())
        for _ in range(3):
            log.position += EVERY_EVENTS
            log.is_away = True
            for _ in range(20):
                await asyncio.sleep(0)
            log.is_away = False
            for _ in range(20):
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert log.taken == [10 + EVERY_EVENTS * times for times in (1, 2, 3)]
