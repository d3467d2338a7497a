"""The worker's life signs: one message for all that it holds, and when the last one is known to
have arrived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from millstream.adapters.bus import Bus, TooLarge
from millstream.adapters.heartbeat import Heartbeat, encode_heartbeat
from millstream.adapters.settings import Settings
from millstream.adapters.subjects import heartbeat_subject
from millstream.core.errors import Unavailable
from millstream_worker.capacity import Capacity

log = structlog.get_logger(__name__)

BEATS_PER_LEASE = 5
# After this part of a lease without contact, what must not run twice is ended.
EXCLUSIVE_PART = 0.75
# Far below what any server takes; a worker with thousands of claims sends several.
MOST_BYTES = 256 * 1024
LONGEST_FLUSH_S = 5.0


def now_s() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps: the leases
    do."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Held:
    """Tokens of claims: of what ``runs``, of those the ones that are ``claimed`` for sure, and of
    the results that still have to be ``reported``; ``dropped`` are those whose attempts it lost
    itself."""

    runs: Iterable[str]
    claimed: Iterable[str]
    reported: Iterable[str]
    dropped: Iterable[str] = ()


class Heartbeats:
    """The heartbeats of one life of a worker. ``held`` says what it holds, ``on_contact`` is told
    when a heartbeat that has arrived was sent (:func:`now_s`)."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        incarnation: str,
        capacity: Capacity,
        held: Callable[[], Held],
        on_contact: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._incarnation = incarnation
        self._capacity = capacity
        self._held = held
        self._on_contact = on_contact
        self._every_s = settings.lease_s / BEATS_PER_LEASE
        self._is_due = asyncio.Event()
        self.last_contact = now_s()
        self._regained_at = -1.0
        # Told to stop; what runs may end.
        self.is_draining = False

    async def run(self) -> None:
        """Beat, forever."""
        while True:
            await self.beat()
            try:
                async with asyncio.timeout(self._every_s):
                    await self._is_due.wait()
            except TimeoutError:
                pass
            self._is_due.clear()

    def hasten(self) -> None:
        """Beat at once: the connection is back."""
        self._is_due.set()

    @property
    def is_contact_lost(self) -> bool:
        """Must what is exclusive be ended, because somebody else may be given it soon?"""
        return now_s() - self.last_contact >= self._settings.lease_s * EXCLUSIVE_PART

    def was_lost_since(self, at: float) -> bool:
        """Was contact lost for so long at some time since then?"""
        return self.is_contact_lost or self._regained_at >= at

    async def beat(self, is_stopping: bool = False) -> None:
        """Say what is held. It counts as heard from when it was sent: the server, which confirms
        it, may have had it for a while."""
        sent_at = now_s()
        try:
            for heartbeat in self._parts(is_stopping):
                subject = heartbeat_subject(heartbeat.worker)
                self._bus.send(subject, encode_heartbeat(heartbeat))
            await self._bus.flush(min(max(self._every_s, 0.2), LONGEST_FLUSH_S))
        except Unavailable:
            return
        except TooLarge as error:
            log.error("heartbeat_too_large", error=str(error))
            return
        if self.is_contact_lost:
            self._regained_at = now_s()
        self.last_contact = max(self.last_contact, sent_at)
        self._on_contact(sent_at)

    def _parts(self, is_stopping: bool) -> list[Heartbeat]:
        """What is left of an earlier life is in each: that is lost where it is not named. A last
        word is one message, for the same reason, with no more than the reports."""
        held = self._held()
        mine = self._incarnation + "-"
        reported = dict.fromkeys(held.reported)
        early = [token for token in reported if not token.startswith(mine)]
        runs = [] if is_stopping else held.runs
        tokens = list(dict.fromkeys([*runs, *(t for t in reported if t.startswith(mine))]))
        claimed = set(held.claimed)
        most = MOST_BYTES // (2 * max(map(len, tokens), default=1) + 6)
        if is_stopping:
            most = max(len(tokens), 1)
        return [
            Heartbeat(
                worker=self._settings.instance,
                incarnation=self._incarnation,
                queues=self._settings.queues,
                slots=self._capacity.slots,
                resources=self._capacity.offered,
                attempts=(*part, *early),
                claimed=tuple(token for token in part if token in claimed),
                is_stopping=is_stopping,
                is_draining=self.is_draining,
                dropped=tuple(held.dropped),
            )
            for part in (tokens[i : i + most] for i in range(0, max(len(tokens), 1), most))
        ]
