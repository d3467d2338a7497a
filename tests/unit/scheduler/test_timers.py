"""The heap of instants: in order, after a restart as before it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from millstream.core.commands import ReadyAgain, RetryAttempt, TimerCommand
from millstream.core.state import State
from millstream_scheduler.timers import Timers
from shard import Shard, dag, fold, task

pytestmark = pytest.mark.asyncio


async def fired(timers: Timers, count: int) -> list[TimerCommand]:
    """The first commands that the timers submit."""
    commands: list[TimerCommand] = []
    enough = asyncio.Event()

    def submit(command: TimerCommand) -> None:
        commands.append(command)
        if len(commands) >= count:
            enough.set()

    running = asyncio.create_task(timers.run(submit))
    try:
        async with asyncio.timeout(5):
            await enough.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return commands


def failing_shard(*names: str) -> Shard:
    shard = Shard()
    shard.begin(dag(*(task(name, retries=1, retry_delay_s=0.0) for name in names)))
    return shard


def tasks_of(commands: list[TimerCommand]) -> list[str]:
    return [c.where.task_id for c in commands if isinstance(c, RetryAttempt | ReadyAgain)]


async def test_retries_fire_in_the_order_of_their_instants() -> None:
    shard = failing_shard("a", "b", "c")
    timers = Timers(State(), 1e9)
    for name in ("b", "a", "c"):
        for event in shard.fail(name):
            timers.note(event)
    assert tasks_of(await fired(timers, 3)) == ["b", "a", "c"]


async def test_a_restart_finds_the_same_timers_in_the_state() -> None:
    shard = failing_shard("a", "b")
    shard.fail("b")
    shard.fail("a")
    assert tasks_of(await fired(Timers(fold(shard.log), 1e9), 2)) == ["b", "a"]


async def test_an_instant_in_the_future_waits() -> None:
    shard = failing_shard("a")
    shard.now = datetime.now(UTC) + timedelta(seconds=0.1)
    timers = Timers(State(), 1e9)
    began = datetime.now(UTC)
    for event in shard.fail("a"):
        timers.note(event)
    assert tasks_of(await fired(timers, 1)) == ["a"]
    assert datetime.now(UTC) - began > timedelta(seconds=1)


async def test_what_nobody_claims_is_made_ready_again() -> None:
    shard = failing_shard("a", "b")
    shard.start("a")
    commands = await fired(Timers(shard.state, 1.0), 1)
    assert tasks_of(commands) == ["b"]
    assert isinstance(commands[0], ReadyAgain)


async def test_what_is_asked_for_twice_fires_once() -> None:
    shard = failing_shard("a", "b")
    timers = Timers(State(), 1e9)
    for event in [*shard.fail("a"), *shard.log[-1:], *shard.fail("b")]:
        timers.note(event)
    assert tasks_of(await fired(timers, 2)) == ["a", "b"]
