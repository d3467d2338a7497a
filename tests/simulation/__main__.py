"""``python -m simulation [--seeds N] [--first N] [--seed S --loud]``: play seeds, say which
fail."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from simulation import play as playing
from simulation import stage
from simulation.mutants import MUTANTS, Mutant
from simulation.play import Report, play

BATCH = 20
# What a mutant has not done by then, it will not do.
MUTANT_ENDS_WITHIN_S = 100.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation")
    parser.add_argument("--seeds", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default: 0)")
    parser.add_argument("--seed", help="only this one")
    parser.add_argument("--loud", action="store_true", help="with the services' own log")
    parser.add_argument("--mutant", help="with this fault put in, by its name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parsed = parser.parse_args()
    stage.LOUD = parsed.loud
    with tempfile.TemporaryDirectory(prefix="millstream-sim-") as directory:
        if parsed.seed is not None:
            chosen = [each for each in MUTANTS if each.name == parsed.mutant]
            mutant = chosen[0] if chosen else None
            report = next(play_each([parsed.seed], 1, Path(directory), mutant))
            show(report)
            return int(bool(report.error))
        return play_all(parsed.first, parsed.seeds, parsed.jobs, Path(directory))


def play_all(first: int, count: int, jobs: int, directory: Path) -> int:
    began = time.monotonic()
    failed: list[Report] = []
    events = executions = 0
    simulated_s = 0.0
    for report in play_many(first, count, jobs, directory):
        events += report.events
        executions += report.executions
        simulated_s += report.simulated_s
        if report.error:
            failed.append(report)
            show(report)
    seconds = time.monotonic() - began
    print(
        f"{count} seeds in {seconds:.0f} s: {events} events, {executions} attempts, "
        f"{simulated_s / 3600:.1f} simulated hours; {len(failed)} failed"
    )
    for report in failed:
        print(f"  make sim SEED={report.seed}")
    return int(bool(failed))


def play_many(first: int, count: int, jobs: int, directory: Path) -> Iterator[Report]:
    """The reports of seeds, in their order."""
    return play_each([str(seed) for seed in range(first, first + count)], jobs, directory)


def play_each(
    seeds: list[str], jobs: int, directory: Path, mutant: Mutant | None = None
) -> Iterator[Report]:
    """Each in a process that ends without cleaning up: to clean up would run the code of processes
    that were killed."""
    context = get_context("fork")
    batches = [seeds[begin : begin + BATCH] for begin in range(0, len(seeds), BATCH)]
    running: deque[tuple[Any, Any]] = deque()
    for batch in batches:
        if len(running) == jobs:
            yield from _reports_of(*running.popleft())
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_play_batch, args=(batch, directory, theirs, mutant))
        process.start()
        theirs.close()
        running.append((process, ours))
    while running:
        yield from _reports_of(*running.popleft())


def _reports_of(process: Any, pipe: Any) -> list[Report]:
    try:
        reports: list[Report] = pipe.recv()
    finally:
        process.join()
    return reports


def _play_batch(seeds: list[str], directory: Path, pipe: Any, mutant: Mutant | None) -> None:
    gc.disable()
    if mutant is not None:
        playing.HEALED_WITHIN_S = MUTANT_ENDS_WITHIN_S
    with mutant.applied() if mutant is not None else nullcontext():
        pipe.send([play(seed, directory) for seed in seeds])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def show(report: Report) -> None:
    print(
        f"seed {report.seed}: {report.error or 'well'}\n  {report.events} events, "
        f"{report.executions} attempts, {report.simulated_s:.1f} s, {report.steps} steps, "
        f"history {report.fingerprint}"
    )
    if report.error:
        print(f"  faults: {'; '.join(report.faults[:40])}")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
