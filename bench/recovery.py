"""RECOVERY: how long a scheduler needs until it serves, with ten thousand active runs in a log of a
million events."""

from __future__ import annotations

import os
import signal
import time

from bench.figures import Figure
from bench.installation import Installation, running
from bench.memory import pss_bytes
from bench.rig import Rig
from millstream.embedded.pids import ProcessId

REPEATS = 5
PATIENCE_S = 120.0
LOOK_S = 0.005
_TICKS = os.sysconf("SC_CLK_TCK")


def measure(rig: Rig) -> list[Figure]:
    """It is told to end and started again by the supervisor, as in an upgrade."""
    rig.clear()
    log = rig.large_log()
    with running(log.data_dir, rig.options.slots, workers=0) as installation:
        seconds = [restart(installation) for _ in range(REPEATS)]
        memory = pss_bytes(installation.pids["scheduler"])
    return [
        Figure(
            name="RECOVERY",
            what=f"{log.active:,} active runs, {log.events:,} events",
            unit="s",
            samples=seconds,
            reach=3,
            beside={"MB after": memory / 1e6},
        )
    ]


def restart(installation: Installation) -> float:
    """Seconds from the start of the new process to the moment when it says that it serves."""
    last = installation.state.process("scheduler").identity
    last.send(signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while not is_replaced(installation, last):
        if time.monotonic() > deadline:
            raise SystemExit(f"the scheduler is not back within {PATIENCE_S:g} s")
        time.sleep(LOOK_S)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    return now - installation.state.process("scheduler").identity.start_ticks / _TICKS


def is_replaced(installation: Installation, last: ProcessId) -> bool:
    """Whether another process serves."""
    process = installation.state.process("scheduler")
    return process.state == "ready" and process.identity != last
