"""Claims whose attempts this worker lost itself: said so in heartbeats, so that nobody waits for
their leases."""

from __future__ import annotations

MOST_AT_ONCE = 1000
# The first word may come before the claim is in the log, or be lost.
TIMES = 3


class Dropped:
    """Tokens, each to be named in some heartbeats."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._left)

    def add(self, token: str) -> None:
        self._left[token] = TIMES

    def take(self) -> list[str]:
        """What the next heartbeat names."""
        tokens = list(self._left)[:MOST_AT_ONCE]
        for token in tokens:
            left = self._left.pop(token) - 1
            if left:
                self._left[token] = left
        return tokens
