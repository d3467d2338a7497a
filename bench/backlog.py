"""BACKLOG: FANOUT before and while a hundred thousand other tasks are blocked or waiting."""

from __future__ import annotations

import statistics
import time

from bench.cpu import cpu_seconds
from bench.dags import BEHIND, CLOSED, COLUMNS
from bench.figures import Figure
from bench.installation import Installation, fresh
from bench.rig import Rig
from bench.timed import FANOUT1000, WARM_UPS
from millstream.client import Client

# Half of them are instances that want a pool without slots, half are behind a task that does.
ROWS = 500
GATES = 50
REPEATS = 7
REACH = 1.1
TIMEOUT_S = 300.0
LOOK_S = 0.2


def measure(rig: Rig) -> list[Figure]:
    rig.clear()
    rows, gates = rig.options.scaled(ROWS), rig.options.scaled(GATES)
    with fresh(slots=rig.options.slots) as installation:
        client = installation.client
        client.pools.set(CLOSED, 0)
        alone, used_alone = fanouts(installation)
        fill(client, rows, gates)
        beside, used_beside = fanouts(installation)
    waiting = rows * COLUMNS + gates * BEHIND
    return [
        Figure(
            name="BACKLOG",
            what=f"FANOUT while {waiting:,} wait",
            unit="tasks/s",
            samples=[FANOUT1000.tasks / each for each in beside],
            beside={"tasks/s before": FANOUT1000.tasks / statistics.median(alone)},
        ),
        Figure(
            name="BACKLOG / FANOUT",
            what="how much longer it takes",
            unit="times",
            samples=[each / statistics.median(alone) for each in beside],
            reach=REACH,
            about_speed=False,
            beside={"of processor time": used_beside / used_alone},
        ),
    ]


def fanouts(installation: Installation) -> tuple[list[float], float]:
    """Seconds of each, and the processor time of all."""
    for _ in range(WARM_UPS):
        FANOUT1000.seconds(installation.client)
    used = cpu_seconds(installation.state.pid)
    found = [FANOUT1000.seconds(installation.client) for _ in range(REPEATS)]
    return found, cpu_seconds(installation.state.pid) - used


def fill(client: Client, rows: int, gates: int) -> None:
    """Returns when all of them wait."""
    client.trigger("waits_for_a_pool", conf={"rows": rows})
    for _ in range(gates):
        client.trigger("behind_a_gate")
    wanted = rows * COLUMNS + gates
    deadline = time.monotonic() + TIMEOUT_S
    while client.pools.get(CLOSED).scheduled_slots < wanted:
        if time.monotonic() > deadline:
            raise SystemExit(f"not {wanted:,} tasks want a slot within {TIMEOUT_S:g} s")
        time.sleep(LOOK_S)
