"""A figure as a JSON line: beside what was measured, what the machine was like, and the figure as a
multiple of the calibration's loops, which is what may be compared with other days and machines."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.calibration import Calibration
from bench.figures import Figure
from millstream.version import __version__

_SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}


class Ratios(msgspec.Struct, frozen=True):
    """A time in rounds of each loop; a rate in things for each round."""

    python: float
    fsync: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line. ``ratios`` is None for what does not depend on how fast the machine is."""

    workload: str
    what: str
    unit: str
    median: float
    least: float
    most: float
    repeats: int
    calibration: Calibration
    ratios: Ratios | None = None
    more_is_better: bool = False
    reach: float | None = None
    is_reached: bool | None = None
    beside: dict[str, float] = {}
    slots: int = 0
    scale: float = 1.0
    at: str = ""
    version: str = __version__
    python: str = platform.python_version()
    cpus: int | None = os.cpu_count()


def ratios(value: float, unit: str, calibration: Calibration) -> Ratios:
    """Of a time in seconds, milliseconds or microseconds, or of a rate a second."""
    rounds_ms = (calibration.python_ms, calibration.fsync_ms)
    if unit in _SECONDS:
        found = [value * _SECONDS[unit] * 1e3 / each for each in rounds_ms]
    elif unit.endswith("/s"):
        found = [value * each / 1e3 for each in rounds_ms]
    else:
        raise ValueError(f"{unit} is neither a time nor a rate")
    return Ratios(*(float(f"{each:.5g}") for each in found))


def result_of(figure: Figure, calibration: Calibration, slots: int, scale: float) -> Result:
    return Result(
        workload=figure.name,
        what=figure.what,
        unit=figure.unit,
        median=round(figure.median, 4),
        least=round(min(figure.samples), 4),
        most=round(max(figure.samples), 4),
        repeats=len(figure.samples),
        calibration=calibration,
        ratios=ratios(figure.median, figure.unit, calibration) if figure.about_speed else None,
        more_is_better=figure.more_is_better,
        reach=figure.reach,
        is_reached=figure.is_reached,
        beside={name: round(value, 3) for name, value in figure.beside.items()},
        slots=slots,
        scale=scale,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def append(path: Path, results: Iterable[msgspec.Struct]) -> None:
    """Each as a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(msgspec.json.encode(each) + b"\n" for each in results)


def latest(path: Path) -> dict[str, Result]:
    """The last line of each workload. Lines of earlier releases that say less are left out."""
    found: dict[str, Result] = {}
    for line in path.read_bytes().splitlines():
        try:
            result = msgspec.json.decode(line, type=Result)
        except msgspec.ValidationError:
            continue
        found[result.workload] = result
    return found
