"""IDLE: what our processes use while nobody asks them for anything, without Postgres and NATS."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.cpu import cpu_seconds, own_cpu_seconds
from bench.figures import Figure
from bench.installation import Installation, running
from bench.memory import pss_bytes, pss_of_tree
from bench.rig import Rig

SECONDS = 60.0


def measure(rig: Rig) -> list[Figure]:
    """A client connects for its answers alone, so here there is none."""
    rig.clear()
    with (
        tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory,
        running(Path(directory), rig.options.slots) as installation,
    ):
        installation.client.close()
        before = own_cpu(installation)
        time.sleep(SECONDS)
        after, memory = own_cpu(installation), own_memory(installation)
    used = {name: after[name] - before[name] for name in after}
    return [
        Figure(
            name="IDLE processor",
            what=f"{SECONDS:g} s of nothing after start",
            unit="s",
            samples=[sum(used.values())],
            reach=0.6,
            beside=used,
        ),
        Figure(
            name="IDLE memory",
            what="PSS of our processes after that",
            unit="MB",
            samples=[sum(memory.values())],
            reach=250,
            about_speed=False,
            beside=memory,
        ),
    ]


def own_cpu(installation: Installation) -> dict[str, float]:
    """Seconds by process. All are below the supervisor, so of that only its own."""
    return {
        name: own_cpu_seconds(pid) if name == "supervisor" else cpu_seconds(pid)
        for name, pid in installation.own_pids.items()
    }


def own_memory(installation: Installation) -> dict[str, float]:
    """Megabytes by process."""
    return {
        name: (pss_bytes(pid) if name == "supervisor" else pss_of_tree(pid)) / 1e6
        for name, pid in installation.own_pids.items()
    }
