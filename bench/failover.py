"""``make bench-failover``: two of every service under load. The active scheduler is killed a
hundred times, the active projector some times, then everything is restarted: what is felt of it."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from failover.deployment import Deployment, deployed
from failover.kills import kill_projectors, kill_schedulers, quantile
from failover.load import Load, Watch
from failover.rolling import restart_all

HERE = Path(__file__).resolve().parent
ROW_LENGTH = 40
CALM_S = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.failover")
    parser.add_argument("--kills", type=int, default=100, help="of schedulers (default: 100)")
    parser.add_argument("--projectors", type=int, default=20, help="kills of them (default: 20)")
    parser.add_argument("--restarts", type=int, default=1, help="of everything (default: 1)")
    parser.add_argument("--rows", type=int, default=8, help="runs at a time (default: 8)")
    parser.add_argument("--seconds", type=float, default=0.05, help="of each task (default: 0.05)")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "failover.jsonl")
    parsed = parser.parse_args()
    waits: dict[str, list[float]] = {}
    loads: list[Load] = []
    with tempfile.TemporaryDirectory(prefix="millstream-failover-") as directory:
        with deployed(Path(directory) / "a folder") as deployment:
            watch = Watch(deployment.nats_url)

            def new_load(name: str) -> Load:
                loads.append(Load(deployment, parsed.rows, ROW_LENGTH, parsed.seconds, name))
                loads[-1].start()
                return loads[-1]

            if parsed.kills:
                load = new_load("killed schedulers")
                waits |= schedulers(deployment, watch, load, parsed.kills, Random(parsed.seed))
            if parsed.projectors:
                load = new_load("killed projectors")
                found = kill_projectors(deployment, watch, parsed.projectors, Random(parsed.seed))
                waits["projector killed: to the next change that readers see"] = found
                load.stop()
            for number in range(parsed.restarts):
                rolling = restart_all(deployment, new_load(f"restart {number}"), CALM_S)
                for role, found in rolling.waits_s.items():
                    name = f"rolling restart: wait of a task, {role}"
                    waits.setdefault(name, []).extend(found)
            watch.close()
        result = summary(waits, loads, watch.restarts())
    show(result)
    parsed.results.parent.mkdir(parents=True, exist_ok=True)
    with parsed.results.open("a") as file:
        file.write(json.dumps(result) + "\n")
    is_well = all(result[name] == 0 for name in ("run twice", "restarted", "failed calls"))
    return 0 if is_well else 1


def schedulers(
    deployment: Deployment, watch: Watch, load: Load, count: int, random: Random
) -> dict[str, list[float]]:
    """Seconds, by what they are."""
    kills = kill_schedulers(deployment, watch, load, count, random, CALM_S)
    return {
        "before: wait of a task": kills.calm_waits_s,
        "scheduler killed: to the new epoch": [each.to_epoch_s for each in kills.takeovers],
        "scheduler killed: to the first dispatch": [each.to_dispatch_s for each in kills.takeovers],
        "scheduler killed: longest wait of a task": [
            each.longest_wait_s for each in kills.takeovers
        ],
    }


def summary(waits: dict[str, list[float]], loads: list[Load], restarted: int) -> dict[str, object]:
    """The figures, in milliseconds."""
    states = {state for load in loads for state in load.ended}
    return {
        "tasks": sum(len(load.executions()) for load in loads),
        "run twice": sum(load.run_twice() for load in loads),
        "restarted": restarted,
        "failed calls": sum(len(load.failures) for load in loads),
        "runs": {state: sum(load.ended[state] for load in loads) for state in sorted(states)},
        "load average": round(os.getloadavg()[1], 1),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "ms": {name: quantiles(values) for name, values in waits.items()},
    }


def quantiles(values: list[float]) -> dict[str, float]:
    found = {f"p{round(part * 100)}": quantile(values, part) for part in (0.5, 0.9, 0.99)}
    found |= {"max": max(values)}
    return {name: round(value * 1e3, 1) for name, value in found.items()} | {"n": len(values)}


def show(result: dict[str, object]) -> None:
    table = Table("ms", "n", "median", "p90", "p99", "max", box=None)
    figures = result.pop("ms")
    assert isinstance(figures, dict)
    for name, each in figures.items():
        table.add_row(name, *(str(each[key]) for key in ("n", "p50", "p90", "p99", "max")))
    console = Console(width=110)
    console.print(table)
    console.print(", ".join(f"{name}: {value}" for name, value in result.items()))
    result["ms"] = figures


if __name__ == "__main__":
    raise SystemExit(main())
