"""The workloads that take moments: each is timed some times on the installation that all share,
from the client's call to the end as the client sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bench.cpu import cpu_seconds
from bench.dags import FANOUT
from bench.figures import Figure
from bench.rig import Rig
from millstream.client import Client
from millstream.core.statuses import RUN_ENDS

RUN_TIMEOUT_S = 120.0
WARM_UPS = 2


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """``seconds`` does it once; ``tasks``: how many tasks that is. The figure is a time in
    milliseconds, or tasks a second."""

    name: str
    what: str
    seconds: Callable[[Client], float]
    tasks: int
    repeats: int
    reach: float
    is_rate: bool = False

    def measure(self, rig: Rig) -> list[Figure]:
        """Warm, and then the repeats."""
        installation = rig.shared()
        for _ in range(WARM_UPS):
            self.seconds(installation.client)
        used = cpu_seconds(installation.state.pid)
        found = [self.seconds(installation.client) for _ in range(self.repeats)]
        used = cpu_seconds(installation.state.pid) - used
        return [
            Figure(
                name=self.name,
                what=self.what,
                unit="tasks/s" if self.is_rate else "ms",
                samples=[self.tasks / each if self.is_rate else each * 1e3 for each in found],
                reach=self.reach,
                beside={"CPU ms a task": used * 1e3 / (self.repeats * self.tasks)},
            )
        ]


def run_once(dag_id: str, timeout_s: float = RUN_TIMEOUT_S) -> Callable[[Client], float]:
    """One run, triggered and awaited."""

    def seconds(client: Client) -> float:
        began = time.perf_counter()
        finished = client.wait(client.trigger(dag_id), timeout_s=timeout_s)
        taken = time.perf_counter() - began
        if finished.state != "success":
            raise SystemExit(f"{dag_id}: the run ended as {finished.state}: {finished.reason}")
        return taken

    return seconds


def many_runs(dag_id: str, count: int) -> Callable[[Client], float]:
    """``count`` runs triggered at once by one client."""

    def seconds(client: Client) -> float:
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

    return seconds


CHAIN10 = Timed(
    name="CHAIN10",
    what="ten no-op tasks in a row",
    seconds=run_once("chain10"),
    tasks=10,
    repeats=20,
    reach=20,
)
ML5 = Timed(
    name="ML5",
    what="five tasks in a row",
    seconds=run_once("ml5"),
    tasks=5,
    repeats=20,
    reach=12,
)
WINDMILL40 = Timed(
    name="WINDMILL40",
    what="40 x fib(10) in a row",
    seconds=run_once("windmill40"),
    tasks=40,
    repeats=5,
    reach=90,
)
FANOUT1000 = Timed(
    name="FANOUT",
    what=f"1 -> {FANOUT} -> 1",
    seconds=run_once("fanout"),
    tasks=FANOUT + 2,
    repeats=5,
    reach=2500,
    is_rate=True,
)
RUNS100 = Timed(
    name="RUNS100",
    what="100 runs of ML5 at once",
    seconds=many_runs("ml5", 100),
    tasks=500,
    repeats=5,
    reach=2500,
    is_rate=True,
)
