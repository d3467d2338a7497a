"""The consumers of the lanes: made before they are needed, made again where somebody deleted them,
and removed when no DAG names them any more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.streams import (
    consumer_names,
    ensure_lane,
    lane_consumers,
    lane_waits,
    remove_lane,
)
from millstream.adapters.subjects import lane_subject, worker_lane
from millstream.core.lanes import asks
from millstream.core.state import State

log = structlog.get_logger(__name__)

TIDY_EVERY_S = 3600.0
# Lanes that are made beside each other.
MOST_AT_ONCE = 50


class Lanes:
    """The lanes of a shard. All methods raise :class:`Unavailable` and
    :class:`JetStreamError`."""

    def __init__(self, bus: Bus, shard: int, state: State) -> None:
        self._bus = bus
        self._shard = shard
        self._state = state
        self._made: set[str] = set()
        # Of ready events that are not relayed yet.
        self._missing: set[str] = set()
        self._tidied_at = 0.0

    def note(self, lane: str) -> None:
        """A ready event goes out on this lane."""
        if lane not in self._made:
            self._missing.add(lane)

    @property
    def is_any_missing(self) -> bool:
        return bool(self._missing)

    async def recover(self) -> None:
        """Make all that may be needed: what there is, and with which settings, nobody knows."""
        self._made.clear()
        await self.make(self._state.lanes() | {"default"})
        await self._tidy()

    async def make(self, lanes: Iterable[str] = ()) -> None:
        """Create the consumers of those of these lanes, and of the missing ones, that have none,
        and tell the workers, who ask for what they missed when they connect."""
        new = sorted({*lanes, *self._missing} - self._made)
        for first in range(0, len(new), MOST_AT_ONCE):
            some = new[first : first + MOST_AT_ONCE]
            await asyncio.gather(*(ensure_lane(self._bus, self._shard, lane) for lane in some))
            self._made.update(some)
            self._missing.difference_update(some)
        announced = [lane for lane in new if asks(lane)]
        if announced:
            self._bus.send(lane_subject(self._shard), msgspec.json.encode(announced))

    async def check(self) -> None:
        """Now and then: where somebody deleted a consumer, its workers wait and cannot say so."""
        names = await consumer_names(self._bus, self._shard)
        gone = [lane for lane in sorted(self._made) if not _has_consumers(lane, names)]
        self._made.difference_update(gone)
        await self.make(gone)
        if asyncio.get_running_loop().time() - self._tidied_at > TIDY_EVERY_S:
            await self._tidy()

    async def _tidy(self) -> None:
        """Remove the lanes that only older versions of DAGs name. Where such a version comes back,
        its first ready event makes its lane again."""
        self._tidied_at = asyncio.get_running_loop().time()
        names = await consumer_names(self._bus, self._shard)
        exist = [lane for lane in map(worker_lane, sorted(names)) if asks(lane)]
        needed = self._state.lanes() | self._missing
        for lane in exist:
            if lane in needed or await lane_waits(self._bus, self._shard, lane, with_pulled=True):
                continue
            await remove_lane(self._bus, self._shard, lane)
            self._made.discard(lane)
            log.info("lane_removed", lane=lane)
        # One that was asked for meanwhile.
        await self.make(self._state.lanes() & set(exist))


def _has_consumers(lane: str, names: Collection[str]) -> bool:
    return all(name in names for _, name in lane_consumers(lane))
