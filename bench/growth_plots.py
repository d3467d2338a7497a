"""The plots of how cost grows, from the lines that ``bench.growth`` has written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bench.calibration import Calibration
from bench.chart import Line, Panel, svg
from bench.hops import Hops
from millstream.version import __version__

LABELS = {
    "workers": "worker processes",
    "log": "events in the log",
    "runs": "runs at a time",
}

LOADS = {"runs": "CHAIN10"}


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured with ``x`` workers, events or runs."""

    sweep: str
    x: int
    tasks_per_s: float
    hops: Hops
    slots: int
    calibration: Calibration
    at: str
    version: str = __version__
    cpus: int | None = os.cpu_count()


def points_in(path: Path) -> list[Point]:
    """The last one of each place on each axis, in the order of the axis."""
    found: dict[tuple[str, int], Point] = {}
    for line in path.read_bytes().splitlines():
        point = msgspec.json.decode(line, type=Point)
        found[point.sweep, point.x] = point
    return [found[key] for key in sorted(found)]


def draw(points: Iterable[Point], folder: Path) -> list[Path]:
    """A file for each sweep that was measured. Returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    by_sweep: dict[str, list[Point]] = {}
    for point in points:
        by_sweep.setdefault(point.sweep, []).append(point)
    written = []
    for sweep, of_sweep in by_sweep.items():
        written.append(folder / f"{sweep}.svg")
        written[-1].write_text(svg(panels(sweep, of_sweep)))
    return written


def panels(sweep: str, points: list[Point]) -> list[Panel]:
    """Tasks a second, and hops: on a logarithmic axis where they range widely."""
    hops = [
        Line("median", [(p.x, p.hops.p50) for p in points]),
        Line("p99", [(p.x, p.hops.p99) for p in points]),
    ]
    ms = [value for line in hops for _, value in line.points]
    return [
        Panel(
            title=f"Tasks a second, {LOADS.get(sweep, 'FANOUT')}",
            x_label=LABELS[sweep],
            lines=[Line("tasks/s", [(p.x, p.tasks_per_s) for p in points])],
            has_powers=sweep == "log",
        ),
        Panel(
            title="A hop in milliseconds, CHAIN10",
            x_label=LABELS[sweep],
            lines=hops,
            has_log_y=max(ms) > 30 * min(ms),
            has_powers=sweep == "log",
        ),
    ]
