"""Medians and percentiles: of what was seen, the smallest value at or below which the part lies."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], part: float) -> float:
    """The value at or below which ``part`` of them lie. ``part`` is above 0 and at most 1."""
    if not values:
        raise ValueError("there is no quantile of nothing")
    return sorted(values)[math.ceil(part * len(values)) - 1]
