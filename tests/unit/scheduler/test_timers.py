"""The heap of instants: in order, after a restart as before it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from millstream.core.commands import ReadyAgain, RetryAttempt, StartRuns, TimerCommand
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


class Clock:
    """Stands for ``datetime`` in the timers; ``offset`` is how wrong it is."""

    offset = timedelta(hours=1)

    def now(self, zone: object) -> datetime:
        return datetime.now(UTC) + self.offset


async def test_a_clock_that_is_set_back_keeps_no_run_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that is due when it is created needs no timer; then it is not due any more."""
    clock = Clock()
    monkeypatch.setattr("millstream_scheduler.timers.datetime", clock)
    monkeypatch.setattr("millstream_scheduler.timers.LONGEST_SLEEP_S", 0.02)
    shard = Shard()
    shard.submit(dag(task("a"), max_active_runs=1))
    timers = Timers(shard.state, 1e9)
    shard.now = clock.now(UTC) - timedelta(seconds=2)  # it moves by a second a command
    for run_id in ("r0", "r1"):
        for event in shard.trigger(run_id):
            timers.note(event)
    running = asyncio.create_task(fired(timers, 1))
    await asyncio.sleep(0.01)
    clock.offset -= timedelta(seconds=1.5)
    assert isinstance((await running)[0], StartRuns)


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
