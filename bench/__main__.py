"""``python -m bench [--quick] [--only NAME]``: run the workloads, print a table, append JSON
lines. ``--compare FILE``: against what is in such a file. ``--core``: the cost rule of the core."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import compare, core
from bench.calibration import calibrate
from bench.figures import Workload
from bench.installation import HERE
from bench.results import Result, append, latest, result_of
from bench.rig import Options, Rig
from bench.workloads import WORKLOADS

WIDTH = 130


def main() -> int:
    parsed = arguments()
    if parsed.core:
        return core.main()
    if parsed.list:
        show_list()
        return 0
    old = latest(parsed.compare) if parsed.compare else {}
    options = Options(
        slots=parsed.slots,
        soak_minutes=parsed.soak_minutes,
        scale=parsed.scale,
        is_quick=parsed.quick,
    )
    results: list[Result] = []
    try:
        with Rig(options) as rig:
            for workload in chosen(parsed.only, parsed.quick):
                found = measure(workload, rig)
                append(parsed.results, found)
                results += found
    finally:
        # What was measured before something went wrong is a result, too.
        show(results)
    if old:
        Console().print(compare.table(compare.changes(old, results)))
    return 0


def arguments() -> argparse.Namespace:
    names = [workload.name for workload in WORKLOADS]
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument(
        "--list", action="store_true", help="say what there is, and measure nothing"
    )
    parser.add_argument("--quick", action="store_true", help="only what takes moments")
    parser.add_argument("--only", action="append", metavar="NAME", choices=names)
    parser.add_argument("--slots", type=int, default=4, help="attempts at a time (default: 4)")
    parser.add_argument("--soak-minutes", type=float, default=30.0, help="(default: 30)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the large ones, to try them")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="with results of another time")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "results.jsonl")
    parser.add_argument("--core", action="store_true", help="only the cost rule of the core")
    return parser.parse_args()


def chosen(only: list[str] | None, is_quick: bool) -> list[Workload]:
    """Those that are named; else the quick ones, or all but those that want to be named."""
    if only:
        return [workload for workload in WORKLOADS if workload.name in only]
    return [w for w in WORKLOADS if w.in_all and (w.in_quick or not is_quick)]


def measure(workload: Workload, rig: Rig) -> list[Result]:
    """Between two calibrations."""
    before = calibrate()
    figures = workload.measure(rig)
    calibration = before.between(calibrate())
    return [
        result_of(figure, calibration, rig.options.slots, rig.options.scale) for figure in figures
    ]


def show_list() -> None:
    table = Table("workload", "what", "when", box=None)
    for workload in WORKLOADS:
        when = "--quick" if workload.in_quick else "all" if workload.in_all else "by its name"
        table.add_row(workload.name, workload.what, when)
    Console().print(table)


def show(results: list[Result]) -> None:
    table = Table("workload", "what", box=None)
    for name in ("median", "range", "reach"):
        table.add_column(name, justify="right")
    table.add_column("unit")
    table.add_column("beside")
    for r in results:
        sign = "≥" if r.more_is_better else "≤"
        style = {True: "green", False: "red", None: ""}[r.is_reached]
        table.add_row(
            r.workload,
            r.what,
            f"{r.median:.4g}",
            f"{r.least:.4g} .. {r.most:.4g}" if r.repeats > 1 else "",
            f"{sign} {r.reach:g}" if r.reach is not None else "",
            r.unit,
            ", ".join(f"{name} {value:.4g}" for name, value in r.beside.items()),
            style=style,
        )
    Console(width=WIDTH).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
