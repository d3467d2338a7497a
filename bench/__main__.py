"""``python -m bench [--quick] [--only NAME]``: run the workloads, print a table, append JSON
lines. ``python -m bench --core``: the cost rule of the core."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import core
from bench.cpu import cpu_seconds
from bench.installation import HERE, Installation, fresh
from bench.workloads import WORKLOADS, Workload
from millstream.version import __version__

WARM_UPS = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="leave out the long ones")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this workload")
    parser.add_argument("--slots", type=int, default=4, help="attempts at a time (default: 4)")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "results.jsonl")
    parser.add_argument("--core", action="store_true", help="only the cost rule of the core")
    parsed = parser.parse_args()
    if parsed.core:
        return core.main()
    chosen = [w for w in WORKLOADS if (not parsed.only or w.name in parsed.only)]
    if parsed.quick:
        chosen = [w for w in chosen if w.is_quick]
    with fresh(slots=parsed.slots) as installation:
        results = [measure(installation, workload, parsed.slots) for workload in chosen]
    show(results)
    parsed.results.parent.mkdir(parents=True, exist_ok=True)
    with parsed.results.open("a") as file:
        for result in results:
            file.write(json.dumps(result) + "\n")
    return 0


def measure(installation: Installation, workload: Workload, slots: int) -> dict[str, object]:
    """The median of the repeats, with the range."""
    client, pid = installation.client, installation.state.pid
    warm_ups = WARM_UPS if workload.repeats > 1 else 0
    for _ in range(warm_ups):
        workload.measure(client)
    used = cpu_seconds(pid)
    seconds = [workload.measure(client) for _ in range(workload.repeats)]
    used = cpu_seconds(pid) - used
    figures = sorted(workload.figure(each) for each in seconds)
    return {
        "workload": workload.name,
        "what": workload.what,
        "unit": workload.unit,
        "median": round(statistics.median(figures), 3),
        "least": round(figures[0], 3),
        "most": round(figures[-1], 3),
        "cpu_ms_per_task": round(used * 1e3 / (workload.repeats * workload.tasks), 3),
        "repeats": workload.repeats,
        "slots": slots,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
    }


def show(results: list[dict[str, object]]) -> None:
    table = Table("workload", "what", "median", "range", "unit", "CPU ms/task", box=None)
    for r in results:
        table.add_row(
            str(r["workload"]),
            str(r["what"]),
            f"{r['median']:.4g}",
            f"{r['least']:.4g} .. {r['most']:.4g}",
            str(r["unit"]),
            str(r["cpu_ms_per_task"]),
        )
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
