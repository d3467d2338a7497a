"""How long to wait before a process that ended is started again."""

from __future__ import annotations

FIRST_S = 0.1
LONGEST_S = 5.0
LIVED_S = 10.0


class Backoff:
    """0.1 s, doubled up to 5 s; from the start again after a life of 10 s."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def after(self, lifetime_s: float) -> float:
        """Seconds to wait, given how long the process lived."""
        if lifetime_s >= LIVED_S:
            self._next_s = FIRST_S
        delay_s = self._next_s
        self._next_s = min(delay_s * 2, LONGEST_S)
        return delay_s
