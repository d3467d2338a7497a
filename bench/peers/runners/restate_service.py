"""The workloads as handlers of one Restate service; each task is a journaled ``ctx.run``."""

from __future__ import annotations

import restate

from bench.peers.runners.shapes import FIB_OF, fib

service = restate.Service("Flows")


async def add_one(previous: int) -> int:
    return previous + 1


async def windmill_step() -> int:
    return fib(FIB_OF)


@service.handler()
async def chain(ctx: restate.Context, length: int) -> int:
    value = 0
    for _ in range(length):
        value = await ctx.run_typed("add_one", add_one, previous=value)
    return value


@service.handler()
async def windmill(ctx: restate.Context, length: int) -> int:
    value = 0
    for _ in range(length):
        value = await ctx.run_typed("windmill_step", windmill_step)
    return value


@service.handler()
async def fanout(ctx: restate.Context, width: int) -> int:
    await ctx.run_typed("start", add_one, previous=0)
    futures = [ctx.run_typed("add_one", add_one, previous=0) for _ in range(width)]
    done = await restate.gather(*futures)
    total: int = sum([await future for future in done])
    await ctx.run_typed("end", add_one, previous=0)
    return total


app = restate.app([service])
