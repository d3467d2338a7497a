"""``python -m bench.worker``: what a worker does in a second, what its children cost, and how much
waits in it."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench import worker_dags
from bench.installation import HERE, fresh
from bench.memory import MIB, pss_bytes
from bench.processes import descendants
from millstream.client import Client
from millstream.core.event_parts import RunInfo
from millstream.core.spec import PythonAction
from millstream.sdk.attempts import Attempt
from millstream.version import __version__
from millstream_worker.children import Child
from millstream_worker.frames import Run

REPEATS = 3
COLD_STARTS = 7
RUN_TIMEOUT_S = 300.0
COLD_DAG = """{first}
from millstream import DAG, task
with DAG("cold"):
    task(task_id="t")(lambda: None)()
"""


class Figure(msgspec.Struct, frozen=True):
    """One line of the table."""

    name: str
    value: float
    unit: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.worker")
    parser.add_argument("--only", action="append", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--results", type=Path, default=HERE / "results" / "worker.jsonl")
    parsed = parser.parse_args()
    figures: list[Figure] = []
    for name, measure in PARTS.items():
        if not parsed.only or name in parsed.only:
            figures += measure()
    table = Table("what", "figure", "unit", box=None)
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.4g}", figure.unit)
    Console().print(table)
    parsed.results.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "cpus": os.cpu_count(),
    }
    with parsed.results.open("a") as file:
        for figure in figures:
            file.write(json.dumps(msgspec.to_builtins(figure) | about) + "\n")
    return 0


@contextmanager
def installation(slots: int) -> Iterator[tuple[Client, int]]:
    """A fresh one with one worker, and the pid of its supervisor."""
    with fresh(HERE / "worker_dags.py", slots) as made:
        yield made.client, made.state.pid


def seconds_of(client: Client, dag_id: str) -> float:
    began = time.perf_counter()
    finished = client.wait(client.trigger(dag_id), timeout_s=RUN_TIMEOUT_S)
    seconds = time.perf_counter() - began
    if finished.state != "success":
        raise SystemExit(f"{dag_id}: the run ended as {finished.state}: {finished.reason}")
    return seconds


def median_seconds(client: Client, dag_id: str) -> float:
    seconds_of(client, dag_id)  # warms up
    return statistics.median(seconds_of(client, dag_id) for _ in range(REPEATS))


def of_kind(pid: int, kind: str) -> list[int]:
    """The processes below ``pid`` that run this module."""
    return [p for p in descendants(pid) if kind in _command(p)]


def _command(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


# --- the parts


def measure_attempts() -> list[Figure]:
    """No-op attempts with few and many children, and what a child weighs."""
    figures = []
    for slots in (1, 4, 16):
        with installation(slots) as (client, pid):
            rate = worker_dags.NOOPS / median_seconds(client, "worker_noops")
            figures.append(Figure(f"no-op attempts, {slots} children", rate, "attempts/s"))
            children = of_kind(pid, "millstream_worker.child")
            if children:
                weight = statistics.median(map(pss_bytes, children)) / MIB
                figures.append(Figure(f"memory of a child, {slots} children", weight, "MiB PSS"))
    return figures


def measure_fresh() -> list[Figure]:
    """A process for each attempt, against warm ones."""
    with installation(4) as (client, _):
        shared = median_seconds(client, "worker_shared") / worker_dags.FRESH
        fresh = median_seconds(client, "worker_fresh") / worker_dags.FRESH
    return [
        Figure("an attempt in a warm child", shared * 1e3, "ms"),
        Figure('an attempt with isolation="fresh"', fresh * 1e3, "ms"),
    ]


def measure_cold() -> list[Figure]:
    """From nothing to the end of a first attempt, without a system around it."""
    figures = []
    for first in ("", "import pandas"):
        seconds = [_cold_start(first) for _ in range(COLD_STARTS)]
        name = f"cold child to the end of its first attempt{', with pandas' if first else ''}"
        figures.append(Figure(name, statistics.median(seconds) * 1e3, "ms"))
    return figures


def _cold_start(first: str) -> float:
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory:
        Path(directory, "dag.py").write_text(COLD_DAG.format(first=first))
        return asyncio.run(_first_attempt(directory))


async def _first_attempt(directory: str) -> float:
    attempt = Attempt(
        namespace="default",
        dag_id="cold",
        run_id="r",
        task_id="t",
        map_index=(),
        attempt=1,
        tries=1,
        max_tries=1,
        action=PythonAction(),
        run=RunInfo(run_type="manual", run_after=datetime.now(UTC)),
        do_xcom_push=True,
        conf={},
    )
    began = time.perf_counter()
    child = Child(Path(directory), {})
    await child.start()
    try:
        done = await child.give(Run(attempt, directory, "dag.py"), _no_answer, _no_output).done
    finally:
        child.kill()
        await child.ended()
    if done.outcome.kind != "success":
        raise SystemExit(f"the cold attempt failed: {done.outcome.message}")
    return time.perf_counter() - began


async def _no_answer(question: Any) -> Any:
    raise SystemExit(f"a no-op asked {question!r}")


def _no_output(source: str, data: bytes) -> None:
    sys.stderr.buffer.write(data)


def measure_lines() -> list[Figure]:
    """A task that prints: from the trigger to the end of its run."""
    with installation(2) as (client, _):
        rate = worker_dags.LINES / median_seconds(client, "worker_lines")
    return [Figure("log lines of one task", rate, "lines/s")]


def measure_deferred() -> list[Figure]:
    return _measure_waiting("deferred tasks", "worker_deferred", "TriggerStarted", 10_000)


def measure_async() -> list[Figure]:
    return _measure_waiting("async tasks", "worker_async", "TaskStarted", 1000)


def _measure_waiting(what: str, dag_id: str, begins: str, count: int) -> list[Figure]:
    """Tasks that wait in an event loop: how soon all do, and what the worker weighs then."""
    with installation(4) as (client, pid):
        workers = of_kind(pid, "millstream_worker")
        before = sum(map(pss_bytes, workers))
        began = time.perf_counter()
        run = client.trigger(dag_id)
        events = client.events(
            dag_id=dag_id,
            run_id=run.run_id,
            from_position=run.position,
            follow=True,
            types=(begins,),
            timeout_s=RUN_TIMEOUT_S,
        )
        for _ in itertools.islice(events, count):
            pass
        seconds = time.perf_counter() - began
        after = sum(map(pss_bytes, of_kind(pid, "millstream_worker")))
        client.cancel(run)
    return [
        Figure(f"{count} {what}, until all wait", seconds, "s"),
        Figure(f"{count} {what}, memory more than before", (after - before) / MIB, "MiB PSS"),
    ]


PARTS: dict[str, Callable[[], list[Figure]]] = {
    "attempts": measure_attempts,
    "fresh": measure_fresh,
    "cold": measure_cold,
    "lines": measure_lines,
    "deferred": measure_deferred,
    "async": measure_async,
}

if __name__ == "__main__":
    raise SystemExit(main())
