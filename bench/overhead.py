"""WINDMILL10: what orchestration adds to tasks that have much to compute, against the same work in
plain Python on the same interpreter, in turns."""

from __future__ import annotations

import itertools
import statistics
import time

from bench.dags import fib
from bench.figures import Figure
from bench.rig import Rig
from bench.timed import run_once

TURNS = 5
TASKS = 10
REACH = 1.02


def measure(rig: Rig) -> list[Figure]:
    client = rig.shared().client
    run_windmill = run_once("windmill10")
    plain = [plain_python()]
    windmill = []
    for _ in range(TURNS):
        windmill.append(run_windmill(client))
        plain.append(plain_python())
    return [
        Figure(name="WINDMILL10", what="ten times fib(33)", unit="s", samples=windmill),
        Figure(name="PLAIN10", what="the same in plain Python", unit="s", samples=plain),
        Figure(
            name="WINDMILL10 / PLAIN10",
            what="how much longer",
            unit="times",
            samples=against_neighbours(windmill, plain),
            reach=REACH,
            about_speed=False,
        ),
    ]


def against_neighbours(turns: list[float], around: list[float]) -> list[float]:
    """Each turn by the mean of what came before and after it, so that a machine that becomes
    slower meanwhile changes nothing. ``around`` has one more."""
    return [
        turn / statistics.mean(pair)
        for turn, pair in zip(turns, itertools.pairwise(around), strict=True)
    ]


def plain_python() -> float:
    began = time.perf_counter()
    for _ in range(TASKS):
        fib(33)
    return time.perf_counter() - began
