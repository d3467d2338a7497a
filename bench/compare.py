"""What has become faster or slower since a file of results, told in the calibration's loops."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec
from rich.table import Table

from bench.results import Result

# Less than that is how one run differs from the next.
NOISE = 0.1


class Change(msgspec.Struct, frozen=True):
    """How many times better: 2.0 is twice as fast, or half of the memory. ``by_python`` and
    ``by_fsync`` as the loops of each time tell it, None where there is nothing to divide by."""

    workload: str
    old: Result
    new: Result
    times: float
    by_python: float | None
    by_fsync: float | None

    @property
    def word(self) -> str:
        """Whether it matters."""
        found = self.times if self.by_python is None else self.by_python
        if abs(found - 1) <= NOISE:
            return ""
        return "better" if found > 1 else "worse"


def changes(old: Mapping[str, Result], new: Iterable[Result]) -> list[Change]:
    """Of what is in both and was measured in the same size."""
    return [
        _change(before, after)
        for after in new
        if (before := old.get(after.workload)) is not None
        and (before.unit, before.scale) == (after.unit, after.scale)
    ]


def _change(old: Result, new: Result) -> Change:
    def times(before: float, after: float) -> float:
        better, than = (after, before) if new.more_is_better else (before, after)
        if better == than:
            return 1.0
        return better / than if than else math.inf

    if old.ratios is None or new.ratios is None:
        return Change(new.workload, old, new, times(old.median, new.median), None, None)
    return Change(
        new.workload,
        old,
        new,
        times(old.median, new.median),
        times(old.ratios.python, new.ratios.python),
        times(old.ratios.fsync, new.ratios.fsync),
    )


def table(found: Iterable[Change]) -> Table:
    shown = Table("workload", "unit", "old", "new", "times better", "", box=None)
    shown.add_column("by the Python loop", justify="right")
    shown.add_column("by the fsync loop", justify="right")
    for change in found:
        shown.add_row(
            change.workload,
            change.new.unit,
            f"{change.old.median:.4g}",
            f"{change.new.median:.4g}",
            f"{change.times:.2f}",
            change.word,
            *(
                "" if each is None else f"{each:.2f}"
                for each in (change.by_python, change.by_fsync)
            ),
        )
    return shown
