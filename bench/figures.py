"""What a workload says of itself: one figure or several, each with what it should reach."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bench.rig import Rig


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table: each sample in ``unit``. ``reach``: what is aimed at. ``about_speed``:
    it would be another one on a faster machine. ``beside``: what else was seen meanwhile."""

    name: str
    what: str
    unit: str
    samples: Sequence[float]
    reach: float | None = None
    about_speed: bool = True
    beside: dict[str, float] = {}

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def more_is_better(self) -> bool:
        """A rate is to be high; times, sizes and what is told in times are to be low."""
        return self.unit.endswith("/s")

    @property
    def is_reached(self) -> bool | None:
        """Of the median; None if nothing is aimed at."""
        if self.reach is None:
            return None
        return self.median >= self.reach if self.more_is_better else self.median <= self.reach


class Workload(msgspec.Struct, frozen=True):
    """``in_quick`` and ``in_all``: whether it is measured unless it is asked for by name."""

    name: str
    what: str
    measure: Callable[[Rig], list[Figure]]
    in_quick: bool = False
    in_all: bool = True
