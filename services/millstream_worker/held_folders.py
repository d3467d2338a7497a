"""Folders of a cache that this process uses: each is held from its first use on, so that no other
process removes it, until it has been idle for a while or room is needed."""

from __future__ import annotations

import time
from dataclasses import dataclass

from millstream.sdk.folder_cache import FolderCache, Hold

IDLE_S = 60.0


@dataclass(slots=True)
class _Held:
    hold: Hold
    users: int = 0
    used_at: float = 0.0
    touched_at: float = 0.0


class HeldFolders:
    """What this process holds of ``cache``."""

    def __init__(self, cache: FolderCache) -> None:
        self.cache = cache
        self._held: dict[str, _Held] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def add(self, hold: Hold) -> None:
        """From now on it is held here."""
        known = self._held.get(hold.name)
        if known is not None:
            hold.close()
            return
        self._held[hold.name] = _Held(hold, 0, time.monotonic(), time.monotonic())

    def take(self, name: str) -> None:
        """It has a user more, who will `give_back`."""
        held = self._held[name]
        held.users += 1

    def give_back(self, name: str) -> None:
        held = self._held.get(name)
        if held is None:  # all were let go: the worker stops
            return
        held.users -= 1
        held.used_at = time.monotonic()

    def tend(self, now: float) -> None:
        """Now and then: what is idle may be removed by others, and what is used stays young."""
        for name, held in list(self._held.items()):
            if not held.users and now - held.used_at > IDLE_S:
                self._let_go(name)
            elif now - held.touched_at > IDLE_S:
                held.touched_at = now
                self.cache.touch(name)

    def let_idle_go(self) -> None:
        """Whatever nobody uses at this moment may be removed."""
        for name, held in list(self._held.items()):
            if not held.users:
                self._let_go(name)

    def close(self) -> None:
        for name in list(self._held):
            self._let_go(name)

    def _let_go(self, name: str) -> None:
        self.cache.touch(name)
        self._held.pop(name).hold.close()
