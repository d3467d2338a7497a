"""The relay's steady state, with a stream that is told what to say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest

from millstream.adapters.bus import Bus
from millstream.adapters.event_log import EventLog, Stored
from millstream.adapters.settings import Settings
from millstream.core.state import State
from millstream.core.wire import Record
from millstream_scheduler.relay import Relay, Settlement

pytestmark = pytest.mark.asyncio


class Stream:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        self.sent.append(payload)

    def new_inbox(self) -> str:
        return "_INBOX.x"

    def when_reconnected(self, callback: object) -> None:
        pass


def stored(position: int) -> Stored:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    names = ("default", "etl", "r1", "", (), 0, "api/1", "c", "")
    return Stored(Record(position, 1, "RunStarted", *names, at, msgspec.Raw(b"{}")), bytes(32))


async def relayed(acknowledged: int, *positions: int) -> list[bytes]:
    """What is sent of the events that were just committed, if the stream has some already."""
    stream = Stream()
    relay = Relay(cast(Bus, stream), cast(EventLog, None), Settings(), State())
    relay._acked = relay._published = acknowledged
    payloads = [b"%d" % position for position in positions]
    relay.push([stored(one) for one in positions], payloads, Settlement(positions[-1], [], []), {})
    running = asyncio.create_task(relay._stream())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not running.done(), running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return stream.sent


async def test_what_is_committed_is_sent_in_order() -> None:
    assert await relayed(2, 3, 4, 5) == [b"3", b"4", b"5"]


async def test_what_another_scheduler_has_relayed_is_not_sent_again() -> None:
    """One that was replaced while its commit was under way finds that out later."""
    assert await relayed(4, 3, 4, 5, 6) == [b"5", b"6"]
    assert await relayed(9, 3, 4, 5) == []
