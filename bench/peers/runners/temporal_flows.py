"""The workloads as Temporal workflows; each task is an activity, or a local one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from bench.peers.runners.shapes import FIB_OF, fib

QUEUE = "peers"
PATIENCE = timedelta(minutes=5)


@activity.defn
async def add_one(previous: int) -> int:
    return previous + 1


@activity.defn
async def windmill_step(_: int) -> int:
    return fib(FIB_OF)


ACTIVITIES = [add_one, windmill_step]


async def run(name: str, value: int, is_local: bool) -> int:
    execute = workflow.execute_local_activity if is_local else workflow.execute_activity
    found: int = await execute(name, value, start_to_close_timeout=PATIENCE, result_type=int)
    return found


@workflow.defn
class Chain:
    @workflow.run
    async def run(self, length: int, is_local: bool) -> int:
        value = 0
        for _ in range(length):
            value = await run("add_one", value, is_local)
        return value


@workflow.defn
class Windmill:
    @workflow.run
    async def run(self, length: int, is_local: bool) -> int:
        value = 0
        for _ in range(length):
            value = await run("windmill_step", 0, is_local)
        return value


@workflow.defn
class Fanout:
    @workflow.run
    async def run(self, width: int, is_local: bool) -> int:
        start = await run("add_one", 0, is_local)
        found = await asyncio.gather(*(run("add_one", 0, is_local) for _ in range(width)))
        await run("add_one", start, is_local)
        return sum(found)


WORKFLOWS = [Chain, Windmill, Fanout]
