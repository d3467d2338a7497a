"""How far the read tables are: heard from the projector, so that a read can wait for a position."""

from __future__ import annotations

import asyncio

import msgspec

from millstream.adapters.bus_client import Delivery
from millstream.core.errors import Unavailable

LONGEST_WAIT_S = 10.0
# A message may be lost: whoever waits looks for itself that often.
LOOK_AGAIN_S = 0.25


class _Projected(msgspec.Struct, frozen=True):
    position: int


_decoder = msgspec.json.Decoder(_Projected)


class Progress:
    """The highest position that the projector has announced."""

    def __init__(self) -> None:
        self.position = 0
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

    async def wait(self, position: int, timeout_s: float) -> None:
        """Until ``position`` is announced or a moment has passed; the caller looks for itself."""
        if self.position >= position:
            return
        try:
            async with asyncio.timeout(min(timeout_s, LOOK_AGAIN_S)):
                while self.position < position:
                    await self._moved.wait()
        except TimeoutError:
            return


def behind(position: int, reached: int) -> Unavailable:
    return Unavailable(
        f"The read tables are at position {reached} and do not hold position {position} yet; "
        f"try again."
    )
