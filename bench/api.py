"""``make bench-api``: what callers of the api wait for, on a database of a thousand DAGs and a
million task instances; and how late five hundred watchers see an event.

The DAGs are submitted, and runs triggered, as anybody does it. The runs of the past are written
into the read tables by SQL, and as many events into the event log, under another shard: what
matters for a query is how large its tables and indexes are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import grpc
from rich.console import Console
from rich.table import Table

from failover.kills import quantile
from integration.many_rows import dag_id, fill_runs, run_id
from integration.running_stack import RunningStack
from millstream.adapters.postgres import connect
from millstream.core.spec import DagSpec, EmptyAction, TaskSpec
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import (
    dags_pb2,
    dags_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
    system_pb2,
    system_pb2_grpc,
)

HERE = Path(__file__).resolve().parent
READ_SCHEMA = "millstream_read"
OTHER_SHARD = 9
STREAMS_A_CONNECTION = 100
OWN = (("grpc.use_local_subchannel_pool", 1),)
_EVENTS = """
INSERT INTO event_log (shard, position, epoch, type, namespace, dag_id, run_id, task_id, map_index,
                       attempt, actor, causation, trace, recorded_at, data, digest)
SELECT $1, n, 1, (ARRAY['RunCreated', 'TaskReady', 'TaskStarted', 'TaskSucceeded'])[1 + n % 4],
    'default', 'dag_' || lpad((1 + n % $3)::text, 4, '0'),
    'manual__' || lpad((n / 40)::text, 6, '0'), 't' || (1 + n % 10), '{}', 1, 'api/past',
    'past/' || n, '',
    '2025-01-01'::timestamptz + interval '1 second' * n, '{"worker": "worker-1"}', '\\x00'
FROM generate_series(1, $2::bigint) n
"""

Ask = Callable[[int], Awaitable[Any]]


class Sizes(NamedTuple):
    dags: int
    runs: int
    tasks: int


class Found(NamedTuple):
    """What callers waited for, in milliseconds."""

    name: str
    calls: int
    p50: float
    p99: float
    most: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.api")
    parser.add_argument("--dags", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=100, help="of each DAG (default: 100)")
    parser.add_argument("--tasks", type=int, default=10, help="of each run (default: 10)")
    parser.add_argument("--calls", type=int, default=500, help="of each kind (default: 500)")
    parser.add_argument("--callers", type=int, default=4, help="at a time (default: 4)")
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--watched", type=int, default=100, help="runs that they see begin")
    parser.add_argument("--processes", type=int, default=1, help="of the api (default: 1)")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "api.jsonl")
    parsed = parser.parse_args()
    sizes = Sizes(parsed.dags, parsed.runs, parsed.tasks)
    environment = {"MILLSTREAM_API_PROCESSES": str(parsed.processes)}
    with tempfile.TemporaryDirectory(prefix="millstream-api-") as directory:
        stack = RunningStack(Path(directory) / "a folder", environment)
        try:
            stack.up()
            found = asyncio.run(measure(stack, sizes, parsed))
            found.append(watch_latency(stack, sizes, parsed.subscribers, parsed.watched))
        finally:
            stack.down()
    show(sizes, found)
    parsed.results.parent.mkdir(parents=True, exist_ok=True)
    with parsed.results.open("a") as file:
        row = {"at": time.time(), **sizes._asdict(), "processes": parsed.processes}
        file.write(json.dumps(row | {"found": [one._asdict() for one in found]}) + "\n")
    return 0


def show(sizes: Sizes, found: list[Found]) -> None:
    instances = sizes.dags * sizes.runs * sizes.tasks
    table = Table(title=f"{sizes.dags} DAGs, {instances} task instances: milliseconds")
    for name in ("call", "calls", "p50", "p99", "longest"):
        table.add_column(name, justify="left" if name == "call" else "right")
    for one in found:
        table.add_row(
            one.name, str(one.calls), *(f"{ms:.1f}" for ms in (one.p50, one.p99, one.most))
        )
    Console().print(table)


async def measure(stack: RunningStack, sizes: Sizes, parsed: argparse.Namespace) -> list[Found]:
    random = Random(parsed.seed)
    async with grpc.aio.insecure_channel(stack.address, options=OWN) as channel:
        calls = Calls(channel, sizes, random)
        found = [await timed("submit: a new DAG", calls.submit_new, sizes.dags, parsed.callers)]
        await fill(stack.database_url, sizes)
        for name, ask in calls.all():
            await timed(name, ask, 20, parsed.callers)  # plans are made, pages are read
            found.append(await timed(name, ask, parsed.calls, parsed.callers))
            print(found[-1], flush=True)
    return found


async def fill(url: str, sizes: Sizes) -> None:
    began = time.monotonic()
    connection = await connect(url, schema=READ_SCHEMA)
    await fill_runs(connection, *sizes, versions=1)
    events = sizes.dags * sizes.runs * sizes.tasks
    await connection.execute(_EVENTS, OTHER_SHARD, events, sizes.dags, timeout=1800)
    await connection.execute("ANALYZE public.event_log", timeout=600)
    await connection.close()
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)


async def timed(name: str, ask: Ask, count: int, callers: int) -> Found:
    """So many calls by so many callers, each of whom waits for the answer to the last one."""
    waits: list[float] = []
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            began = time.perf_counter()
            await ask(number)
            waits.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return summary(name, waits)


def summary(name: str, waits: list[float]) -> Found:
    ms = [wait * 1000 for wait in waits]
    return Found(name, len(ms), quantile(ms, 0.5), quantile(ms, 0.99), max(ms))


class Calls:
    """What is asked, about DAGs and runs drawn at random."""

    def __init__(self, channel: grpc.aio.Channel, sizes: Sizes, random: Random) -> None:
        self._dags: Any = dags_pb2_grpc.DagServiceStub(channel)  # type: ignore[no-untyped-call]
        self._runs: Any = runs_pb2_grpc.RunServiceStub(channel)  # type: ignore[no-untyped-call]
        self._system: Any = system_pb2_grpc.SystemServiceStub(channel)  # type: ignore[no-untyped-call]
        self._sizes = sizes
        self._random = random

    def all(self) -> list[tuple[str, Ask]]:
        state, ask = runs_pb2.RunState, self._runs
        runs, tasks = runs_pb2.ListRunsRequest, runs_pb2.ListTaskInstancesRequest

        def by(method: Any, make: Callable[[], Any]) -> Ask:
            return lambda number: method(make())

        return [
            ("submit: a new version", self.submit_again),
            ("trigger", self.trigger),
            (
                "get a DAG",
                by(self._dags.GetDag, lambda: dags_pb2.GetDagRequest(dag_id=self._dag())),
            ),
            ("get a run", by(ask.GetRun, lambda: runs_pb2.GetRunRequest(**self._run()))),
            (
                "get a task instance",
                by(
                    ask.GetTaskInstance,
                    lambda: runs_pb2.GetTaskInstanceRequest(**self._run(), task_id="t1"),
                ),
            ),
            ("list 100 DAGs", by(self._dags.ListDags, dags_pb2.ListDagsRequest)),
            (
                "list 100 DAGs, each with 10 runs",
                by(self._dags.ListDags, lambda: dags_pb2.ListDagsRequest(recent_runs=10)),
            ),
            ("list 100 runs, the newest", by(ask.ListRuns, runs)),
            (
                "list 100 runs that failed",
                by(ask.ListRuns, lambda: runs(states=[state.RUN_STATE_FAILED])),
            ),
            ("list 100 runs of a DAG", by(ask.ListRuns, lambda: runs(dag_id=self._dag()))),
            (
                "grid of 100 runs of a DAG",
                by(ask.GetGrid, lambda: runs_pb2.GetGridRequest(dag_id=self._dag())),
            ),
            ("overview", by(self._system.GetOverview, system_pb2.GetOverviewRequest)),
            ("list the tasks of a run", by(ask.ListTaskInstances, lambda: tasks(**self._run()))),
            (
                "list a task in 100 runs",
                by(
                    ask.ListTaskInstances,
                    lambda: tasks(dag_id=self._dag(), task_ids=["t2"]),
                ),
            ),
        ]

    async def submit_new(self, number: int) -> None:
        await self._submit(dag_id(number + 1), "the first version")

    async def submit_again(self, number: int) -> None:
        await self._submit(self._dag(), f"version {uuid.uuid4()}")

    async def trigger(self, number: int) -> None:
        await self._runs.TriggerRun(
            runs_pb2.TriggerRunRequest(request_id=uuid.uuid4().hex, dag_id=self._dag())
        )

    async def _submit(self, name: str, description: str) -> None:
        tasks = tuple(
            TaskSpec(task_id=f"t{n + 1}", action=EmptyAction()) for n in range(self._sizes.tasks)
        )
        spec = DagSpec(dag_id=name, tasks=tasks, description=description, tags=("bench",))
        await self._dags.SubmitDag(dags_pb2.SubmitDagRequest(spec=spec_to_proto(spec)))

    def _dag(self) -> str:
        return dag_id(self._random.randint(1, self._sizes.dags))

    def _run(self) -> dict[str, Any]:
        return {"dag_id": self._dag(), "run_id": run_id(self._random.randint(1, self._sizes.runs))}


def watch_latency(stack: RunningStack, sizes: Sizes, subscribers: int, runs: int) -> Found:
    """From the commit of a run's first event until a subscriber has it, over all of them. They are
    a process of their own, so that they keep the one who triggers from nothing."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    is_watching = context.Event()
    process = context.Process(
        target=subscribe_apart, args=(stack.address, subscribers, runs, is_watching, theirs)
    )
    process.start()
    try:
        assert is_watching.wait(120), "the subscribers do not get ready"
        asyncio.run(trigger_slowly(stack.address, sizes, runs))
        assert ours.poll(300), "the subscribers do not see the end"
        waits: list[float] = ours.recv()
        process.join(30)
    finally:
        process.kill()
    return summary(f"watch: {subscribers} subscribers", waits)


async def trigger_slowly(address: str, sizes: Sizes, runs: int) -> None:
    async with grpc.aio.insecure_channel(address, options=OWN) as channel:
        calls = Calls(channel, sizes, Random("watched"))
        for number in range(runs):
            await calls.trigger(number)
            await asyncio.sleep(0.2)


def subscribe_apart(
    address: str, count: int, runs: int, is_watching: Event, pipe: Connection
) -> None:
    pipe.send(asyncio.run(subscribe(address, count, runs, is_watching)))


async def subscribe(address: str, count: int, runs: int, is_watching: Event) -> list[float]:
    """The waits of ``count`` subscribers for the first events of ``runs`` runs."""
    waits: list[float] = []
    channels = [
        grpc.aio.insecure_channel(address, options=OWN)
        for _ in range(-(-count // STREAMS_A_CONNECTION))
    ]
    system: Any = system_pb2_grpc.SystemServiceStub(channels[0])  # type: ignore[no-untyped-call]
    head = (await system.GetStatus(system_pb2.GetStatusRequest())).log_position
    request = events_pb2.WatchEventsRequest(from_position=head + 1, types=["RunCreated"])

    async def one(channel: grpc.aio.Channel, opened: asyncio.Event) -> None:
        stub: Any = events_pb2_grpc.EventServiceStub(channel)  # type: ignore[no-untyped-call]
        stream = stub.WatchEvents(request)
        opened.set()
        seen = 0
        async for answer in stream:
            at = answer.event.recorded_at.ToDatetime(tzinfo=UTC).timestamp()
            waits.append(time.time() - at)
            seen += 1
            if seen == runs:
                stream.cancel()
                return

    opened = [asyncio.Event() for _ in range(count)]
    running = [
        asyncio.create_task(one(channels[number % len(channels)], opened[number]))
        for number in range(count)
    ]
    await asyncio.gather(*(event.wait() for event in opened))
    await asyncio.sleep(2)  # until the api has all of them
    is_watching.set()
    await asyncio.gather(*running)
    for channel in channels:
        await channel.close()
    return waits


if __name__ == "__main__":
    raise SystemExit(main())
