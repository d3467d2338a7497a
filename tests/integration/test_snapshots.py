"""Snapshots of real logs: with any of them, and without one, the same events are folded, and these
make the state of the scheduler that wrote the log."""

from __future__ import annotations

from random import Random
from typing import Any

import asyncpg
import pytest

from integration.test_event_log import new_log, plain
from millstream.adapters.event_log import EventLog, Stored
from millstream.core.asset_conditions import AssetRef
from millstream.core.events import Event
from millstream.core.spec import PythonAction
from millstream.core.timetable import AssetSchedule
from millstream.core.wire import GENESIS, canonical_bytes, chain_digest, to_record
from millstream.embedded.run import RunningServers
from millstream_scheduler.takeover import fold_open
from shard import Shard, dag, dump, task

pytestmark = pytest.mark.asyncio

RUNS = 12


def store(log: list[Event], epoch: int) -> list[Stored]:
    digest, stored = GENESIS, []
    for event in log:
        record = to_record(event)
        digest = chain_digest(digest, canonical_bytes(record))
        stored.append(Stored(record, digest))
    return stored


def a_log(order: Random) -> Shard:
    """Runs of which some are over, some came back, and some go on; and DAGs that wait for an
    asset."""
    shard = Shard()
    orders = AssetRef(name="orders", uri="orders")
    most: dict[str, Any] = {"max_consecutive_failed_dag_runs": 99}
    python = {"action": PythonAction(), "callbacks": ("failure",)}
    tasks = (task("a", **python), task("b", "a", outlets=(orders,)))
    shard.submit(dag(*tasks, file="f.py", callbacks=("success",), **most), "0" * 64)
    condition = AssetSchedule(condition=orders)
    shard.submit(dag(task("x"), dag_id="waits", schedule=condition, **most))
    for _ in range(RUNS):
        if ("default", "etl", "r1") not in shard.state.runs:
            if any(event.where.run_id == "r1" for event in shard.log):
                shard.clear()
            else:
                shard.trigger()
        for name in ("a", "b"):
            run = shard.state.runs.get(("default", "etl", "r1"))
            found = run.find(name) if run is not None else None
            if found is not None and found[1].status == "queued":
                getattr(shard, order.choice(["succeed", "succeed", "fail", "start"]))(
                    name, found[1].attempt
                )
        for namespace, dag_id, run_id, name, _ in list(shard.state.callbacks):
            if (namespace, dag_id, run_id) == ("default", "etl", "r1") and order.random() < 0.5:
                shard.succeed(name)
        if order.random() < 0.3:
            shard.mark_run(order.choice(["success", "failed"]))
        shard.trigger(f"other{len(shard.log)}")
    return shard


async def positions(log: EventLog, last: int) -> list[int]:
    return [stored.record.position async for stored in log.read_open(last)]


@pytest.mark.parametrize("seed", range(6))
async def test_the_same_with_any_snapshot(servers: RunningServers, seed: int) -> None:
    order = Random(seed)
    shard = a_log(order)
    async with new_log(servers) as (log, head):
        stored = store(shard.log, head.epoch)
        await log.append(head.epoch, 0, stored)
        end = len(stored)
        expected = await positions(log, end)
        for last in sorted(order.sample(range(1, end + 1), 6)):
            plain_at = await positions(log, last)
            assert await log.take_snapshot(last) == len(plain_at)
            assert await positions(log, last) == plain_at
            assert await positions(log, end) == expected
        state = await fold_open(log, await log.head())
        state.recorded_at, state.epoch = shard.state.recorded_at, shard.state.epoch
        assert dump(state) == dump(shard.state)
        assert repr(state.callbacks) == repr(shard.state.callbacks)
        assert state.ready == shard.state.ready
        assert repr(state.assets.watches) == repr(shard.state.assets.watches)


async def test_a_snapshot_of_another_log_or_release_is_ignored(servers: RunningServers) -> None:
    shard = a_log(Random(1))
    async with new_log(servers) as (log, head):
        stored = store(shard.log, head.epoch)
        await log.append(head.epoch, 0, stored)
        expected = await positions(log, len(stored))
        await log.take_snapshot(len(stored) // 2)
        async with plain(servers.database_url) as connection:
            for change in ("kept = '{}', digest = '\\x00'", "kept = '{}', rule = 'older'"):
                await spoil(connection, change)
                assert await positions(log, len(stored)) == expected
                await log.take_snapshot(len(stored) // 2)


async def spoil(connection: asyncpg.Connection, change: str) -> None:
    await connection.execute(f"UPDATE snapshot SET {change}")
