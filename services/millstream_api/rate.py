"""How often one principal may call: a bucket for each, which fills with time."""

from __future__ import annotations

import time
from collections import OrderedDict

from millstream_api.admission import Overloaded

MOST_BUCKETS = 10_000


class RateLimited(Overloaded):
    """This principal calls too often; others are not concerned."""

    reason = "RATE_LIMITED"


class Rate:
    """``per_s`` calls a second on the average, ``burst`` at once; 0 a second: any number."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(max(burst, 1))
        # What is left, and as of when; those who called last are at the end.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, principal: str, now: float | None = None) -> None:
        """Raises :class:`RateLimited`."""
        if self._per_s <= 0:
            return
        now = time.monotonic() if now is None else now
        left, since = self._buckets.pop(principal, (self._burst, now))
        left = min(left + max(now - since, 0.0) * self._per_s, self._burst)
        self._buckets[principal] = (max(left - 1.0, 0.0) if left >= 1.0 else left, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if left < 1.0:
            raise RateLimited(
                f"You call more than {self._per_s:g} times a second; try again later."
            )
