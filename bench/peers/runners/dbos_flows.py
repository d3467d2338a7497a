"""The workloads as DBOS workflows; each task is a step, which is checkpointed when it has ended."""

from __future__ import annotations

import asyncio

from dbos import DBOS

from bench.peers.runners.shapes import FIB_OF, fib


@DBOS.step()
def add_one(previous: int) -> int:
    return previous + 1


@DBOS.step()
async def add_one_beside_others(previous: int) -> int:
    return previous + 1


@DBOS.step()
def windmill_step() -> int:
    return fib(FIB_OF)


@DBOS.workflow()
def chain(length: int) -> int:
    value = 0
    for _ in range(length):
        value = add_one(value)
    return value


@DBOS.workflow()
def windmill(length: int) -> int:
    value = 0
    for _ in range(length):
        value = windmill_step()
    return value


@DBOS.workflow()
async def fanout(width: int) -> int:
    """Steps of one workflow at once: of the ways that the documentation names it was the fastest
    here, ahead of a child workflow for each, started or put into a queue."""
    start = await add_one_beside_others(0)
    found = await asyncio.gather(*(add_one_beside_others(0) for _ in range(width)))
    await add_one_beside_others(start)
    return sum(found)
