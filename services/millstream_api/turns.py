"""How many answers of streams go out in a turn of the event loop.

gRPC's asyncio server accepts one call in a turn. A thousand streams that all have something to send
would make turns so long that new calls wait for half a minute; so streams share what a turn has.
"""

from __future__ import annotations

import asyncio
from collections import deque

MOST_ANSWERS = 16


class Turns:
    """First come, first served."""

    def __init__(self, most: int = MOST_ANSWERS) -> None:
        self._most = most
        self._left = most
        self._is_renewed = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a place in this turn, or in one to come."""
        if not self._is_renewed:
            self._is_renewed = True
            asyncio.get_running_loop().call_soon(self._renew)
        if self._left:
            self._left -= 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        await place

    def _renew(self) -> None:
        self._left = self._most
        while self._waiting and self._left:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                self._left -= 1
        self._is_renewed = bool(self._waiting)
        if self._is_renewed:
            asyncio.get_running_loop().call_soon(self._renew)
