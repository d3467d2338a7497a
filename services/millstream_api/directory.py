"""Users, roles and tokens as this process knows them: folded from the log, kept up to date by the
stream, asked for every call and read for none.

An event about access is announced by its very publication; then what is new is read from Postgres.
An announcement may be lost, so Postgres is also asked every few seconds. While that fails, what is
known counts for a bounded time, and then nobody is let in.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import EventLog
from millstream.adapters.subjects import event_subject
from millstream.adapters.visibility import everything_visible
from millstream.core.access_state import ACCESS_TYPES, Access, Token, fold_access, is_legal_access
from millstream.core.errors import Unavailable
from millstream.core.events import AccessData
from millstream.core.wire import decode_data

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 5.0
RETRY_S = 0.25
# A change was announced and cannot be read; or nothing can be read at all.
LONGEST_BEHIND_S = 5.0
LONGEST_UNKNOWN_S = 60.0
LEAST_BETWEEN_S = 0.05


class Directory:
    """``version`` grows with every change."""

    def __init__(self, bus: Bus, event_log: EventLog, shard: int) -> None:
        self._bus = bus
        self._log = event_log
        self._shard = shard
        self._access = Access()
        self._position = 0
        self._announced_at: float | None = None
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._stirred = asyncio.Event()
        self.changed = asyncio.Event()
        self.version = 0

    async def start(self) -> None:
        """Listen, then read what there is. Without Postgres nobody is let in until it is back."""
        for kind in ACCESS_TYPES:
            await self._bus.listen(event_subject(self._shard, kind), self._on_event)
        try:
            await self.refresh()
        except Unavailable as error:
            log.warning("access_unknown", error=str(error))

    async def run(self) -> None:
        """Keep up, for ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._stirred.wait()
            except TimeoutError:
                pass
            self._stirred.clear()
            try:
                await self.refresh()
            except Unavailable as error:
                log.warning("access_not_read", error=str(error))
                await asyncio.sleep(RETRY_S)
                self._stirred.set()

    def check_fresh(self) -> None:
        """Raises :class:`Unavailable` where too much may have changed meanwhile."""
        now = time.monotonic()
        announced = self._announced_at
        if announced is not None and now - announced > LONGEST_BEHIND_S:
            raise _unknown()
        if now - self._read_at > LONGEST_UNKNOWN_S:
            raise _unknown()

    def find_token(self, token_id: str) -> Token | None:
        return self._access.tokens.get(token_id)

    @property
    def access(self) -> Access:
        """To be read, not to be changed."""
        return self._access

    async def look_again(self) -> None:
        """Read what is new, unless that was done just now. Raises :class:`Unavailable`."""
        if time.monotonic() - self._read_at > LEAST_BETWEEN_S:
            await self.refresh()

    async def refresh(self, position: int = 0) -> None:
        """Read what is new, at least up to ``position``. Raises :class:`Unavailable`."""
        async with self._reading:
            if 0 < position <= self._position:
                return
            announced, began = self._announced_at, time.monotonic()
            with everything_visible():
                found = await self._log.read_types(self._position + 1, ACCESS_TYPES)
            for stored in found:
                self._fold(stored.record.type, bytes(stored.record.data))
                self._position = stored.record.position
            self._read_at = began
            if self._announced_at == announced:
                self._announced_at = None
            if found:
                self.version += 1
                self.changed.set()

    def _fold(self, kind: str, data: bytes) -> None:
        try:
            event = decode_data(kind, data)
            assert isinstance(event, AccessData), kind
            if is_legal_access(self._access, event):
                fold_access(self._access, event)
        except Exception:
            log.exception("access_event_not_folded", type=kind)

    def _on_event(self, delivery: Delivery) -> None:
        if self._announced_at is None:
            self._announced_at = time.monotonic()
        self._stirred.set()


def _unknown() -> Unavailable:
    return Unavailable("Who may do what cannot be read now, so nobody is let in; try again.")
