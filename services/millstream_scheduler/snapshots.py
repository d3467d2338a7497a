"""Snapshots of the log every so many events, so that the next scheduler starts quickly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from millstream.adapters.event_log import EventLog
from millstream.core.errors import Unavailable

log = structlog.get_logger(__name__)

EVERY_EVENTS = 50_000
LOOK_S = 5.0
# What is worth a snapshot when the scheduler stops, and how long that may take.
LEAST_EVENTS = 1000
AT_STOP_S = 5.0


class Snapshots:
    """Takes them beside the writer's work, on a connection of its own. ``position`` says how far
    the log is known to go."""

    def __init__(self, event_log: EventLog, position: Callable[[], int]) -> None:
        self._log = event_log
        self._position = position
        self._taken_at = position()

    async def run(self) -> None:
        """Forever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._position() - self._taken_at >= EVERY_EVENTS:
                await self._take()

    async def last(self) -> None:
        """One more before the end."""
        if self._position() - self._taken_at < LEAST_EVENTS:
            return
        try:
            async with asyncio.timeout(AT_STOP_S):
                await self._take()
        except TimeoutError:
            log.warning("no_last_snapshot")

    async def _take(self) -> None:
        try:
            head = await self._log.head()
            kept = await self._log.take_snapshot(head.position)
        except Unavailable as error:
            log.warning("snapshot_waits", error=str(error))
            return
        self._taken_at = head.position
        log.info("snapshot_taken", position=head.position, kept=kept)
