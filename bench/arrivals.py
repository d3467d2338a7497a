"""Triggers at a steady pace, whatever becomes of them: an open loop. Each wait is counted from the
moment when the run was due, so that a client or a server that falls behind is seen to be late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from bench.quantiles import quantile
from millstream.client import Client

CALLERS = 32
LATE_S = 60.0
LOOK_S = 0.05


class Waits(msgspec.Struct, frozen=True):
    """Milliseconds from the moment when a run was due to the first line of its task."""

    p50: float
    p99: float
    most: float


def trigger_steadily(
    client: Client,
    dag_id: str,
    rate: float,
    seconds: float,
    conf: Callable[[float], Mapping[str, Any] | None] = lambda _: None,
) -> int:
    """``rate`` runs a second, each with the conf for the moment when it is due, as
    `time.monotonic` tells it. Returns how many, when all are accepted."""
    asked: list[Future[Any]] = []
    with ThreadPoolExecutor(CALLERS) as callers:
        began = time.monotonic()
        for number in range(round(rate * seconds)):
            due = began + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            asked.append(callers.submit(client.trigger, dag_id, conf(due)))
    for each in asked:
        each.result()
    return len(asked)


def measure_waits(
    client: Client, dag_id: str, rate: float, seconds: float, folder: Path
) -> list[float]:
    """Of runs of a DAG whose one task writes into the file that its conf names when it was due and
    when it began: one clock for all processes of a machine, and no question to the api. Seconds of
    each, in the order in which they began."""
    file = folder / f"began-{time.monotonic_ns()}"
    file.touch()
    count = trigger_steadily(
        client, dag_id, rate, seconds, lambda due: {"due": due, "file": str(file)}
    )
    deadline = time.monotonic() + LATE_S
    while len(found := waits_in(file.read_text().splitlines(keepends=True))) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{dag_id}: {count - len(found)} runs are not begun in {LATE_S:g} s")
        time.sleep(LOOK_S)
    return found


def waits_in(lines: Iterable[str]) -> list[float]:
    """Of what such tasks wrote, one line each; one that ran twice counts from its first time."""
    began: dict[str, float] = {}
    for line in lines:
        if line.endswith("\n"):  # else it is being written
            due, at = line.split()
            began.setdefault(due, float(at))
    return [at - float(due) for due, at in began.items()]


def summed(waits: list[float]) -> Waits:
    ms = [wait * 1e3 for wait in waits]
    return Waits(quantile(ms, 0.5), quantile(ms, 0.99), max(ms))
