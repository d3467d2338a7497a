"""STARTUP: from ``millstream up`` to the first trigger that is accepted, on what is there."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.figures import Figure
from bench.installation import DAGS, down, running, up
from bench.rig import Rig
from millstream.client import Client

REPEATS = 5
DAG_ID = "ml5"


def measure(rig: Rig) -> list[Figure]:
    rig.clear()
    slots = rig.options.slots
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory:
        data_dir = Path(directory)
        with running(data_dir, slots) as installation:
            installation.client.submit_file(DAGS)
            installation.client.wait(installation.client.trigger(DAG_ID))
        started = [seconds_to_trigger(data_dir, slots) for _ in range(REPEATS)]
    return [
        Figure(
            name="STARTUP",
            what="`millstream up` to the first trigger",
            unit="s",
            samples=[accepted for _, accepted in started],
            reach=2,
            beside={"of which up": sum(ready for ready, _ in started) / REPEATS},
        )
    ]


def seconds_to_trigger(data_dir: Path, slots: int) -> tuple[float, float]:
    """Until the command returned, and until the trigger was accepted after it."""
    began = time.perf_counter()
    up(data_dir, slots, workers=1)
    try:
        ready = time.perf_counter() - began
        with Client(data_dir=data_dir, timeout_s=60) as client:
            run = client.trigger(DAG_ID)
            accepted = time.perf_counter() - began
            client.wait(run, timeout_s=60)
    finally:
        down(data_dir)
    return ready, accepted
