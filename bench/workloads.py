"""The workloads. Each measures from the client's call to the end as the client sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bench.dags import FANOUT, fib
from millstream.client import Client
from millstream.core.statuses import RUN_ENDS

RUN_TIMEOUT_S = 120.0


class Workload(msgspec.Struct, frozen=True):
    """``measure`` returns seconds; ``figure`` turns them into what is quoted, ``unit`` says of
    what. ``tasks``: how many tasks one measurement runs."""

    name: str
    what: str
    unit: str
    measure: Callable[[Client], float]
    figure: Callable[[float], float]
    repeats: int
    tasks: int
    is_quick: bool = True


def run_once(dag_id: str) -> Callable[[Client], float]:
    """One run, triggered and awaited."""

    def measure(client: Client) -> float:
        began = time.perf_counter()
        finished = client.wait(client.trigger(dag_id), timeout_s=RUN_TIMEOUT_S)
        seconds = time.perf_counter() - began
        if finished.state != "success":
            raise SystemExit(f"{dag_id}: the run ended as {finished.state}: {finished.reason}")
        return seconds

    return measure


def many_runs(dag_id: str, count: int) -> Callable[[Client], float]:
    """``count`` runs triggered at once by one client."""

    def measure(client: Client) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(max_workers=16) as pool:
            runs = list(pool.map(lambda _: client.trigger(dag_id), range(count)))
        open_runs = {run.run_id for run in runs}
        ends = client.events(
            dag_id=dag_id,
            from_position=min(run.position for run in runs),
            follow=True,
            types=RUN_ENDS,
            timeout_s=RUN_TIMEOUT_S,
        )
        for event in ends:
            if event.type != "RunSucceeded":
                raise SystemExit(f"{dag_id}: {event.run_id} ended as {event.type}")
            open_runs.discard(event.run_id)
            if not open_runs:
                break
        return time.perf_counter() - began

    return measure


def plain_python(_: Client) -> float:
    """The floor of WINDMILL10: the same work without an orchestrator."""
    began = time.perf_counter()
    for _number in range(10):
        fib(33)
    return time.perf_counter() - began


def milliseconds(seconds: float) -> float:
    return seconds * 1e3


def per_second(tasks: int) -> Callable[[float], float]:
    return lambda seconds: tasks / seconds


WORKLOADS = (
    Workload(
        "CHAIN10", "ten no-op tasks in a row", "ms", run_once("chain10"), milliseconds, 20, 10
    ),
    Workload("ML5", "five tasks in a row", "ms", run_once("ml5"), milliseconds, 20, 5),
    Workload(
        "WINDMILL40", "40 x fib(10) in a row", "ms", run_once("windmill40"), milliseconds, 5, 40
    ),
    Workload(
        "FANOUT",
        f"1 -> {FANOUT} -> 1",
        "tasks/s",
        run_once("fanout"),
        per_second(FANOUT + 2),
        5,
        FANOUT + 2,
    ),
    Workload(
        "RUNS100",
        "100 runs of ML5 at once",
        "tasks/s",
        many_runs("ml5", 100),
        per_second(500),
        5,
        500,
    ),
    Workload("WINDMILL10", "ten times fib(33)", "s", run_once("windmill10"), float, 1, 10, False),
    Workload("PLAIN10", "the same in plain Python", "s", plain_python, float, 1, 10, False),
)
