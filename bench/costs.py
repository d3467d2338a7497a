"""``make bench-costs``: what a task costs, and whom: microseconds of processor time by process,
messages and bytes through NATS, transactions and bytes of write-ahead log in Postgres.

All is divided by the tasks of all repeats, so what an idle installation does is in it too.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.installation import HERE, Installation, fresh
from bench.meters import counts, cpu
from bench.results import append
from bench.timed import CHAIN10, FANOUT1000, RUNS100, Timed
from millstream.version import __version__

# The kernel tells processor time in ticks of 10 ms, so there has to be a thousand tasks or more.
REPEATS = {CHAIN10: 100, FANOUT1000: 10, RUNS100: 20}
NAMES = [each.name for each in REPEATS]
WARM_UPS = 3
LEAST_US = 0.5


class Costs(msgspec.Struct, frozen=True):
    """Of one task of a workload. ``cpu_us`` by process, ``counts`` by what is counted."""

    workload: str
    tasks: int
    slots: int
    wall_us: float
    cpu_us: dict[str, float]
    counts: dict[str, float]
    at: str
    version: str = __version__
    cpus: int | None = os.cpu_count()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.costs")
    parser.add_argument("--only", action="append", metavar="NAME", choices=NAMES)
    parser.add_argument("--slots", type=int, default=4, help="attempts at a time (default: 4)")
    parser.add_argument("--times", type=float, default=1.0, help="so many times the repeats")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "costs.jsonl")
    parsed = parser.parse_args()
    with fresh(slots=parsed.slots) as installation:
        found = [
            measure(installation, each, max(1, round(repeats * parsed.times)), parsed.slots)
            for each, repeats in REPEATS.items()
            if each.name in (parsed.only or NAMES)
        ]
    show(found)
    append(parsed.results, found)
    return 0


def measure(installation: Installation, workload: Timed, repeats: int, slots: int) -> Costs:
    """The mean of ``repeats``, when all is warm."""
    for _ in range(WARM_UPS):
        workload.seconds(installation.client)
    counted, used = counts(installation), cpu(installation)
    began = time.perf_counter()
    for _ in range(repeats):
        workload.seconds(installation.client)
    wall_s = time.perf_counter() - began
    used_after, counted_after = cpu(installation), counts(installation)
    tasks = repeats * workload.tasks
    return Costs(
        workload=workload.name,
        tasks=tasks,
        slots=slots,
        wall_us=wall_s / tasks * 1e6,
        cpu_us=each_of(tasks, used, used_after, 1e6),
        counts=each_of(tasks, counted, counted_after),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def each_of(
    tasks: int, before: Mapping[str, float], after: Mapping[str, float], scale: float = 1.0
) -> dict[str, float]:
    """What was added for each task. What is new in ``after`` began with nothing."""
    return {
        name: round((value - before.get(name, 0.0)) * scale / tasks, 3)
        for name, value in after.items()
    }


def show(found: list[Costs]) -> None:
    table = Table("of one task", box=None)
    for each in found:
        table.add_column(each.workload, justify="right")
    used = [each.cpu_us for each in found]
    for name in names(used):
        if any(column.get(name, 0.0) >= LEAST_US for column in used):
            add_row(table, f"{name}, µs", [column.get(name, 0.0) for column in used])
    add_row(table, "all processes, µs", [sum(column.values()) for column in used], "bold")
    add_row(table, "wall time, µs", [each.wall_us for each in found], "bold")
    for name in names(each.counts for each in found):
        add_row(table, name, [each.counts.get(name, 0.0) for each in found])
    Console().print(table)


def names(columns: Iterable[Mapping[str, float]]) -> list[str]:
    """Of all columns, in the order in which they come."""
    return list(dict.fromkeys(name for column in columns for name in column))


def add_row(table: Table, name: str, values: Iterable[float], style: str = "") -> None:
    table.add_row(name, *(f"{value:.4g}" for value in values), style=style)


if __name__ == "__main__":
    raise SystemExit(main())
