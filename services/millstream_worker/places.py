"""What an attempt has of its worker: a slot and devices, or as yet only the hope for a slot."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from millstream_worker.capacity import Capacity, Grant, Need


class Slots(Protocol):
    """Who gives slots."""

    capacity: Capacity

    async def wait_for_slot(self, need: Need) -> Grant:
        """Before all that has not started."""
        ...

    def count_behind(self, change: int) -> None:
        """So many more attempts wait behind others without a slot."""
        ...

    def away(self, grant: Grant) -> AbstractAsyncContextManager[None]:
        """Within it others may have what was granted."""
        ...


class Place:
    """Of one attempt. Without a ``grant`` it is to wait in the line of a child: it takes its slot
    when the child comes to it, from the one before it."""

    def __init__(self, slots: Slots, need: Need, grant: Grant | None) -> None:
        self._slots = slots
        self.need = need
        self._grant = grant
        if grant is None:
            slots.count_behind(1)

    @property
    def is_behind(self) -> bool:
        return self._grant is None

    @property
    def environment(self) -> Mapping[str, str]:
        """What the attempt's process is told of its devices."""
        return {} if self._grant is None else self._grant.environment

    def begin(self) -> None:
        """The child is at it. The slot may still be booked for the one before it."""
        if self._grant is None:
            self._take(self._slots.capacity.take(self.need))

    async def slot(self) -> None:
        """Wait for a slot, if it has none."""
        if self._grant is None:
            self._take(await self._slots.wait_for_slot(self.need))

    def away(self) -> AbstractAsyncContextManager[None]:
        """For an attempt that waits for something before it can start: within it others have what
        it was granted. After it, it has that again."""
        return nullcontext() if self._grant is None else self._slots.away(self._grant)

    def close(self) -> None:
        """The attempt is over."""
        if self._grant is None:
            self._slots.count_behind(-1)
        else:
            self._slots.capacity.give_back(self._grant)

    def _take(self, grant: Grant) -> None:
        self._grant = grant
        self._slots.count_behind(-1)
