"""Logs of a million events, made by the core and written to a real Postgres within minutes: runs
that are over, and runs that go on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import structlog

from bench.installation import CommandFailed, running
from bench.verify import Shard, task
from millstream.adapters.event_log import EventLog, Stored
from millstream.adapters.postgres import Database, connect_patiently, migrate
from millstream.core.commands import SetPool, SubmitDag, TriggerRun
from millstream.core.events import Event
from millstream.core.spec import DagSpec, MapSource, TaskSpec
from millstream.core.wire import canonical_bytes, chain_digest, to_record
from millstream.embedded.run import running_servers

BATCH = 2000
# As a scheduler does; the last one is as old as it is on average when a scheduler starts.
SNAPSHOT_EVERY = 50_000
SNAPSHOT_OFFSET = 25_000
NAMESPACE = "default"
ACTIVE_DAG = "active"
ROOMY = "roomy"
TASKS = 10
ENDED = 5
FAILING = 0.001
UNDER_WAY = 8
SETTLE_S = 900.0
SPAN = timedelta(minutes=15)


class LargeLog(msgspec.Struct, frozen=True):
    """What a data directory holds."""

    data_dir: Path
    events: int
    active: int


def make(data_dir: Path, events: int, active: int) -> LargeLog:
    """An installation that does not run, with such a log, of which everything knows."""
    # What is said of migrations is no part of a benchmark.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with running_servers(data_dir) as servers:
        end = asyncio.run(write(servers.database_url, make_events(events, active)))
    log = LargeLog(data_dir, end, active)
    settle(log)
    return log


def past_dags() -> list[DagSpec]:
    """Of the runs that are over: a chain, and one with a mapped task."""
    mapped = task("work", "list", mapped_over=(MapSource(length=10),))
    fan = (task("list"), mapped, task("total", "work"))
    return [
        DagSpec(dag_id=name, tasks=tasks, max_active_runs=UNDER_WAY, max_active_tasks=64)
        for name, tasks in (("fan", fan), ("chain", chain(12)))
    ]


def chain(length: int, **options: Any) -> tuple[TaskSpec, ...]:
    return tuple(task(f"t{n}", *((f"t{n - 1}",) if n else ()), **options) for n in range(length))


def new_shard() -> Shard:
    """Whose events end about now: what a scheduler does about old ones is no part of this."""
    began = datetime.now(UTC) - SPAN
    return Shard(
        specs=past_dags(), namespace=NAMESPACE, under_way=UNDER_WAY, failing=FAILING, now=began
    )


def make_events(count: int, active: int) -> Iterator[Event]:
    """About ``count``, of which the last ones are those of ``active`` runs of ten tasks, five of
    which have ended and one of which is ready."""
    one, two = (sum(1 for _ in active_runs(new_shard(), runs)) for runs in (1, 2))
    of_one = two - one
    shard = new_shard()
    for event in shard.events():
        yield event
        # Not in the middle of what one command led to: the state has all of it.
        if event.position >= count - active * of_one and event.position == shard.state.position:
            break
    while shard.ready:
        yield from shard.step()
    if active:
        yield from active_runs(shard, active)


def active_runs(shard: Shard, count: int) -> Iterator[Event]:
    """A DAG and as many runs of it, half-way."""
    spec = DagSpec(
        dag_id=ACTIVE_DAG,
        tasks=chain(TASKS, pool=ROOMY),
        max_active_runs=count,
        max_active_tasks=count,
    )
    yield from shard.ask(SubmitDag, namespace=NAMESPACE, spec=spec)
    yield from shard.ask(SetPool, namespace=NAMESPACE, name=ROOMY, slots=-1)
    for _ in range(count):
        yield from shard.ask(TriggerRun, namespace=NAMESPACE, dag_id=ACTIVE_DAG)
        for _ in range(ENDED):
            yield from shard.succeed(shard.ready.popleft().where)
        shard.ready.clear()


async def write(url: str, made: Iterable[Event]) -> int:
    """Write such a log into a new database. Returns the position of its end."""
    connection = await connect_patiently(url, name="bench")
    await migrate(connection)
    await connection.close()
    database = Database(url, name="bench")
    log = EventLog(database, 0)
    head = await log.raise_epoch()
    position, digest = head.position, head.digest
    batches = iter(made)
    while batch := list(islice(batches, BATCH)):
        stored = []
        for event in batch:
            record = to_record(event)
            digest = chain_digest(digest, canonical_bytes(record))
            stored.append(Stored(record, digest))
        await log.append(head.epoch, position, stored)
        before, position = position, position + len(stored)
        if snapshots_up_to(position) > snapshots_up_to(before):
            await log.take_snapshot(position)
    await database.close()
    return position


def settle(log: LargeLog) -> None:
    """Have everything know the log: the stream, and the read tables. `up` waits a minute for the
    projector to fold what it has not; the next one goes on from there."""
    deadline = time.monotonic() + SETTLE_S * max(1, log.events / 1e6)
    while True:
        try:
            with running(log.data_dir, workers=0) as installation:
                while installation.client.status().projected_position < log.events:
                    check_patience(deadline)
                    time.sleep(1)
            return
        except CommandFailed:
            check_patience(deadline)


def check_patience(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise SystemExit("the read tables do not come to the end of the log")


def snapshots_up_to(position: int) -> int:
    """How many a scheduler would have taken."""
    return (position + SNAPSHOT_OFFSET) // SNAPSHOT_EVERY
