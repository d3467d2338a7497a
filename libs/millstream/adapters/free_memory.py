"""Memory that a burst took goes back to the system.

glibc keeps what was freed in the middle of its arenas, however much it is: two thousand connections
left an api with a hundred free megabytes that nobody else could use.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable

LOOK_S = 5.0
# Who has grown by that much may have something to give back soon; it is looked for so many times.
GROWTH_BYTES = 8 << 20
TIMES = 6

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def trim() -> None:
    """What is free goes back; nothing where the C library has no such function."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


def resident_bytes() -> int:
    """What this process holds."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE_BYTES


class FreeMemory:
    """``look`` now and then. It trims in a thread, since that takes some milliseconds."""

    def __init__(
        self, resident: Callable[[], int] = resident_bytes, trim: Callable[[], None] = trim
    ) -> None:
        self._resident = resident
        self._trim = trim
        self._least = 0
        self._left = 0

    async def look(self) -> None:
        """Trim, if this process has grown of late."""
        now = self._resident()
        if now > self._least + GROWTH_BYTES:
            self._least, self._left = now, TIMES
        if self._left:
            self._left -= 1
            await asyncio.to_thread(self._trim)
            now = self._resident()
        self._least = min(self._least, now)

    async def run(self) -> None:
        """Forever."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()
