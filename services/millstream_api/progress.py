"""How far the read tables are: heard from the projector, so that a read can wait for a position."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import msgspec

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import EventLog
from millstream.adapters.subjects import awaited_subject
from millstream.core.errors import Unavailable

LONGEST_WAIT_S = 10.0
# A message may be lost: whoever waits looks for itself that often.
LOOK_AGAIN_S = 0.25


class _Projected(msgspec.Struct, frozen=True):
    position: int


_decoder = msgspec.json.Decoder(_Projected)


class Progress:
    """The highest position that the projector has announced. ``ask`` tells the projector that
    somebody waits for a later one, which makes it hurry."""

    def __init__(self, ask: Callable[[int], None] = lambda position: None) -> None:
        self.position = 0
        self._ask = ask
        self._moved = asyncio.Event()

    def on_message(self, delivery: Delivery) -> None:
        try:
            self.advance(_decoder.decode(delivery.data).position)
        except msgspec.MsgspecError:
            return  # not from a projector

    def advance(self, position: int) -> None:
        if position > self.position:
            self.position = position
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

    def hasten(self, position: int) -> None:
        """Have the projector know that ``position`` is waited for."""
        if position > self.position:
            self._ask(position)

    async def wait(self, position: int, timeout_s: float) -> None:
        """Until ``position`` is announced or a moment has passed; the caller looks for itself."""
        if self.position >= position:
            return
        self.hasten(position)
        try:
            async with asyncio.timeout(min(timeout_s, LOOK_AGAIN_S)):
                while self.position < position:
                    await self._moved.wait()
        except TimeoutError:
            return


def ask_projector(bus: Bus, shard: int, position: int) -> None:
    """Somebody waits for the read tables to be at ``position``."""
    with contextlib.suppress(Unavailable):  # it gets there all the same
        bus.send(awaited_subject(shard), b'{"position":%d}' % position)


class Behind(Unavailable):
    """What would be read is older than the caller asked for; ``min_position`` is what he asked."""

    reason = "BEHIND"


def behind(position: int, reached: int, what: str = "The read tables are") -> Behind:
    return Behind(f"{what} at position {reached} and not at {position} yet; try again.")


async def end_at_least(event_log: EventLog, position: int, timeout_s: float) -> int:
    """The position of the last event, when that is ``position`` or later. Raises
    :class:`Behind`."""
    deadline = time.monotonic() + min(timeout_s, LONGEST_WAIT_S)
    while True:
        reached = (await event_log.head()).position
        if reached >= position:
            return reached
        left = deadline - time.monotonic()
        if left <= 0:
            raise behind(position, reached, "The log ends")
        await asyncio.sleep(min(LOOK_AGAIN_S, left))
