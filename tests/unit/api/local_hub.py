"""A hub without NATS."""

from __future__ import annotations

from typing import cast

from millstream.adapters.bus import Bus
from millstream.adapters.event_log import EventLog
from millstream_api.hub import Hub, Scope, Watcher


class LocalHub(Hub):
    """A hub that is fed by the test."""

    def __init__(self) -> None:
        super().__init__(cast(Bus, None), cast(EventLog, None), 0)
        self._started.set()
        self.most = 1000

    async def join(self, scope: Scope, types: frozenset[str] = frozenset()) -> Watcher:
        watcher = Watcher(scope, self.most, types)
        self._fanout.add(watcher)
        return watcher

    def relay(self, position: int, message: bytes) -> None:
        self._fanout.offer(position, message)

    @property
    def is_watched(self) -> bool:
        return bool(self._fanout._watchers)
