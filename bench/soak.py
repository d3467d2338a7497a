"""SOAK: half of the highest rate for as long as is asked: does memory grow, and do waits?

The load is runs of ML5 at a steady pace. Beside it runs of one task come, whose waits are what is
told. The start is the second tenth of the time, when all is warm; the end is the last one.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.arrivals import LATE_S, Waits, measure_waits, summed, trigger_steadily
from bench.figures import Figure
from bench.idle import own_memory
from bench.installation import SERVERS, Installation, fresh
from bench.memory import pss_of_tree
from bench.rig import Rig
from bench.timed import RUNS100, WARM_UPS
from millstream.client import Client

FLAT = 1.1
PARTS = 10
TASKS_A_RUN = 5
PROBES = 10.0
HIGHEST_REPEATS = 5
SHARE = 0.5


class Part(msgspec.Struct, frozen=True):
    """A tenth of the time: the waits of its probes, and megabytes by process at its end."""

    waits: Waits
    memory: dict[str, float]


def measure(rig: Rig) -> list[Figure]:
    rig.clear()
    seconds = rig.options.soak_minutes * 60 / PARTS
    with (
        fresh(slots=rig.options.slots) as installation,
        tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory,
    ):
        rate = SHARE * highest_rate(installation.client)
        with steady_load(installation.data_dir, rate / TASKS_A_RUN, seconds * PARTS):
            parts = [one_part(installation, seconds, Path(directory)) for _ in range(PARTS)]
        status = installation.client.status()
    behind = status.log_position - status.projected_position
    return figures(parts, rate, rig.options.soak_minutes, behind)


def highest_rate(client: Client) -> float:
    """Tasks a second."""
    for _ in range(WARM_UPS):
        RUNS100.seconds(client)
    return statistics.median(
        RUNS100.tasks / RUNS100.seconds(client) for _ in range(HIGHEST_REPEATS)
    )


@contextmanager
def steady_load(data_dir: Path, runs_a_second: float, seconds: float) -> Iterator[None]:
    """Runs of ML5 from a client in a process of its own, so that it holds up nobody else."""
    work = (data_dir, runs_a_second, seconds)
    process = multiprocessing.get_context("spawn").Process(target=load, args=work)
    process.start()
    try:
        yield
        process.join(LATE_S)
    finally:
        process.kill()
        process.join()
    if process.exitcode:
        raise SystemExit("the load did not end well, or not in time")


def load(data_dir: Path, runs_a_second: float, seconds: float) -> None:
    with Client(data_dir=data_dir, timeout_s=60) as client:
        trigger_steadily(client, "ml5", runs_a_second, seconds)


def one_part(installation: Installation, seconds: float, folder: Path) -> Part:
    waits = measure_waits(installation.client, "latency", PROBES, seconds, folder)
    servers = {name: pss_of_tree(installation.pids[name]) / 1e6 for name in SERVERS}
    return Part(summed(waits), own_memory(installation) | servers)


def figures(parts: list[Part], rate: float, minutes: float, behind: int) -> list[Figure]:
    """Each as a multiple of what it was at the start."""
    start, end = parts[1], parts[-1]
    what = f"{minutes:g} min at {rate:.0f} tasks/s"
    found = [
        grown("SOAK p50", what, "ms", start.waits.p50, end.waits.p50),
        grown("SOAK p99", what, "ms", start.waits.p99, end.waits.p99),
    ]
    own = [name for name in end.memory if name not in SERVERS]
    memory = (sum(part.memory[name] for name in own) for part in (start, end))
    found.append(grown("SOAK memory", "all our processes", "MB", *memory))
    found += [
        grown(f"SOAK memory of {name}", "", "MB", start.memory[name], size, is_aimed=name in own)
        for name, size in end.memory.items()
    ]
    found[0].beside["events that readers lack"] = behind
    return found


def grown(
    name: str, what: str, unit: str, start: float, end: float, *, is_aimed: bool = True
) -> Figure:
    return Figure(
        name=name,
        what=what,
        unit="times",
        samples=[end / start],
        reach=FLAT if is_aimed else None,
        about_speed=False,
        beside={f"{unit} at the start": start, f"{unit} at the end": end},
    )
