"""LATENCY: runs of one task at a hundred a second, from the moment when each is due to the first
line of the task's code."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.arrivals import measure_waits, summed
from bench.cpu import cpu_seconds
from bench.figures import Figure
from bench.rig import Rig

DAG_ID = "latency"
RATE = 100.0
SECONDS = 30.0
QUICK_SECONDS = 10.0
WARM_UP_S = 2.0


def measure(rig: Rig) -> list[Figure]:
    installation = rig.shared()
    seconds = QUICK_SECONDS if rig.options.is_quick else SECONDS
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory:
        folder = Path(directory)
        measure_waits(installation.client, DAG_ID, RATE, WARM_UP_S, folder)
        used = cpu_seconds(installation.state.pid)
        waits = measure_waits(installation.client, DAG_ID, RATE, seconds, folder)
        used = cpu_seconds(installation.state.pid) - used
    found = summed(waits)
    what = f"one task at {RATE:g}/s: to its first line"
    return [
        Figure(
            name="LATENCY p50",
            what=what,
            unit="ms",
            samples=[found.p50],
            reach=5,
            beside={"CPU ms a task": used * 1e3 / len(waits)},
        ),
        Figure(
            name="LATENCY p99",
            what=what,
            unit="ms",
            samples=[found.p99],
            reach=15,
            beside={"longest": found.most},
        ),
    ]
