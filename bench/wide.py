"""FANOUT100K: one run of a hundred thousand mapped instances, and the memory it takes."""

from __future__ import annotations

import time

from bench.cpu import cpu_seconds
from bench.dags import COLUMNS
from bench.figures import Figure
from bench.installation import fresh
from bench.memory import peak_bytes
from bench.rig import Rig

ROWS = 1000
TIMEOUT_S = 900.0


def measure(rig: Rig) -> list[Figure]:
    rig.clear()
    rows = rig.options.scaled(ROWS)
    tasks = rows * COLUMNS + 2
    with fresh(slots=rig.options.slots) as installation:
        client = installation.client
        client.wait(client.trigger("mapped", conf={"rows": 1}), timeout_s=TIMEOUT_S)  # warms up
        scheduler = installation.pids["scheduler"]
        used, before = cpu_seconds(installation.state.pid), peak_bytes(scheduler)
        began = time.perf_counter()
        finished = client.wait(client.trigger("mapped", conf={"rows": rows}), timeout_s=TIMEOUT_S)
        seconds = time.perf_counter() - began
        used = cpu_seconds(installation.state.pid) - used
        peak = peak_bytes(scheduler)
    if finished.state != "success":
        raise SystemExit(f"the run ended as {finished.state}: {finished.reason}")
    what = f"1 -> {tasks - 2:,} mapped -> 1"
    return [
        Figure(
            name="FANOUT100K",
            what=what,
            unit="tasks/s",
            samples=[tasks / seconds],
            reach=2000,
            beside={"CPU ms a task": used * 1e3 / tasks},
        ),
        Figure(
            name="FANOUT100K memory",
            what="the scheduler's most",
            unit="MB",
            samples=[peak / 1e6],
            reach=300,
            about_speed=False,
            beside={"MB before": before / 1e6},
        ),
    ]
