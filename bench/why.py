"""``python -m bench.why``: how long an explanation takes on a log of a million events.

The log is made by the core and written to a real Postgres; then everything is started on it, and
the api is asked about tasks that wait for one thing or another, and about runs that are long over.
Run it with ``PYTHONPATH=tests``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import quantiles

from rich.console import Console
from rich.table import Table

import failover.deployment as deployments
from bench.large_log import write
from bench.verify import Shard, task
from failover.deployment import Deployment
from integration.running_stack import eventually
from millstream.client import Client
from millstream.core.commands import SetDagPaused, SetPool, SubmitDag, TriggerRun
from millstream.core.event_parts import Where
from millstream.core.events import Event, RunCreated
from millstream.core.explain import explain
from millstream.core.explanation import Surroundings
from millstream.core.spec import DagSpec, MapSource
from millstream.core.statuses import FINISHED_TASK
from millstream.embedded.run import running_servers

EVENTS = 1_000_000
MOST_MS = 50.0
WIDE = 10_000
DAGS = 200
Question = tuple[str, str, str, tuple[int, ...]]
QUESTIONS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "the pool does not exist": ("blocked0", "pool", ()),
    "upstream is not finished": ("blocked1", "below", ()),
    "no worker of the queue": ("blocked2", "queue", ()),
    "the DAG is paused": ("paused", "a", ()),
    "one of 10,000 instances": ("wide", "m", (WIDE - 1,)),
    "10,000 instances together": ("wide", "m", ()),
}


def blocked(number: int) -> DagSpec:
    return DagSpec(
        dag_id=f"blocked{number}",
        tasks=(
            task("pool", pool="missing"),
            task("below", "pool", "queue"),
            task("queue", queue="nobody", pool="roomy"),
        ),
    )


def events(shard: Shard, count: int) -> Iterator[Event]:
    """About ``count`` of runs that go on or are over, and then those of tasks that wait."""
    for event in shard.events():
        yield event
        # Not in the middle of what one command led to: the state has all of it.
        if event.position >= count and event.position == shard.state.position:
            break
    yield from shard.ask(SetPool, namespace="n", name="roomy", slots=-1)
    wide = DagSpec(
        dag_id="wide",
        tasks=(task("m", pool="missing", mapped_over=(MapSource(length=WIDE),)),),
    )
    paused = DagSpec(dag_id="paused", tasks=(task("a", pool="roomy"),))
    for spec in (*map(blocked, range(DAGS)), wide, paused):
        yield from shard.ask(SubmitDag, namespace="n", spec=spec)
        if spec is paused:
            yield from shard.ask(SetDagPaused, namespace="n", dag_id="paused", is_paused=True)
        run_id = f"run-{spec.dag_id}"
        yield from shard.ask(TriggerRun, namespace="n", dag_id=spec.dag_id, run_id=run_id)


async def fill(url: str, shard: Shard, count: int) -> dict[tuple[str, str], None]:
    """Write the log. Returns the runs that are over, in the order in which they began."""
    runs: dict[tuple[str, str], None] = {}

    def noted() -> Iterator[Event]:
        for event in events(shard, count):
            if isinstance(event.data, RunCreated):
                runs[event.where.dag_id, event.where.run_id] = None
            yield event

    await write(url, noted())
    live = {(dag_id, run_id) for _, dag_id, run_id in shard.state.runs}
    return {run: None for run in runs if run not in live}


def inside(shard: Shard) -> list[float]:
    """Milliseconds of the core alone, for what waits in the state."""
    places = [
        Where(*run.key, spec.task_id, path)
        for run in shard.state.runs.values()
        for spec, tree in zip(run.version.graph.tasks, run.instances, strict=True)
        for path, leaf in islice(tree.leaves(), 200)
        if leaf.status not in FINISHED_TASK
    ]
    now, around = datetime.now(UTC), Surroundings()
    return [timed(partial(explain, shard.state, where, now, around)) for where in places]


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def wait_until_told(client: Client) -> None:
    """A scheduler that has just begun does not know yet that nobody serves a queue, and has much to
    put on the stream."""

    def is_told() -> bool:
        time.sleep(1)
        blocker = client.why("run-blocked2", "queue", dag_id="blocked2").blockers[0]
        return blocker.code == "NO_WORKER"

    eventually("nobody serves the queue", is_told, timeout_s=300)


def ask(client: Client, times: int, over: list[tuple[str, str]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name, (dag_id, task_id, path) in QUESTIONS.items():
        one = partial(client.why, f"run-{dag_id}", task_id, dag_id=dag_id, map_index=path)
        one()
        found[name] = [timed(one) for _ in range(times)]
    last = {"etl": "report", "fan": "total", "chain": "t11"}
    each = [over[index * len(over) // times] for index in range(times)]
    past = [partial(client.why, run, last[dag_id], dag_id=dag_id) for dag_id, run in each]
    found["runs that are over, each another one"] = [timed(one) for one in past]
    found["a run that is over, again"] = [timed(past[0]) for _ in range(times)]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.why", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--times", type=int, default=300, help="each question (default: 300)")
    parser.add_argument("--results", type=Path, default=None, help="append the figures here")
    parsed = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with all that it started
    deployments.READY_S = 1200.0  # a log without a snapshot
    shard = Shard()
    with tempfile.TemporaryDirectory(prefix="millstream-why-") as directory:
        data = Path(directory) / "a stack"
        began = time.perf_counter()
        with running_servers(data) as servers:
            over = list(asyncio.run(fill(servers.database_url, shard, parsed.events)))
            made_s = time.perf_counter() - began
            alone = inside(shard)
            deployment = Deployment(servers, data, {})
            try:
                for role in ("scheduler", "api"):
                    deployment.members[role][0].start().wait_ready()
                client = Client(f"127.0.0.1:{deployment.ports[0]}", "n", timeout_s=60.0)
                head = client.status().log_position
                wait_until_told(client)
                found = ask(client, parsed.times, over)
                client.close()
            finally:
                deployment.close()
    rows = {"the core alone": alone, **found}
    show(rows, head, made_s)
    if parsed.results is not None:
        summary = {name: summed(times) for name, times in rows.items()}
        with parsed.results.open("a") as file:
            file.write(json.dumps({"bench": "why", "events": head, "ms": summary}) + "\n")
    return 0 if all(summed(times)["p99"] < MOST_MS for times in rows.values()) else 1


def summed(times: list[float]) -> dict[str, float]:
    cuts = quantiles(times, n=100)
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2), "most": round(max(times), 2)}


def show(rows: dict[str, list[float]], head: int, made_s: float) -> None:
    console = Console()
    console.print(f"A log of {head:,} events, made in {made_s:.0f} s.")
    table = Table("question", "count", "p50 ms", "p99 ms", "most ms")
    for name, times in rows.items():
        one = summed(times)
        table.add_row(name, str(len(times)), *(str(value) for value in one.values()))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
