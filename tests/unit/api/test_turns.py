"""Streams share the turns of the event loop."""

from __future__ import annotations

import asyncio

import pytest

from millstream_api.turns import Turns

pytestmark = pytest.mark.asyncio


class Counted:
    """Streams that always have an answer; ``most``: how many went out in one turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._turn = 0
        self._in_turn: dict[int, int] = {}
        self.sent: list[int] = []

    @property
    def most(self) -> int:
        return max(self._in_turn.values())

    async def stream(self, number: int, answers: int) -> None:
        for _ in range(answers):
            await self._turns.take()
            self._in_turn[self._turn] = self._in_turn.get(self._turn, 0) + 1
            self.sent.append(number)
            await asyncio.sleep(0)

    async def count(self) -> None:
        while True:
            self._turn += 1
            await asyncio.sleep(0)


async def run(turns: Turns, streams: int, answers: int) -> Counted:
    counted = Counted(turns)
    counting = asyncio.create_task(counted.count())
    async with asyncio.timeout(10):
        await asyncio.gather(*(counted.stream(number, answers) for number in range(streams)))
    counting.cancel()
    return counted


async def test_no_more_than_so_many_go_out_in_a_turn() -> None:
    counted = await run(Turns(4), 50, 5)
    assert counted.most == 4
    assert len(counted.sent) == 250


async def test_nobody_waits_for_long_behind_others() -> None:
    counted = await run(Turns(4), 20, 5)
    for first in range(0, 100, 20):
        assert len(set(counted.sent[first : first + 20])) >= 16


async def test_one_alone_waits_for_nobody() -> None:
    turns = Turns(1)
    async with asyncio.timeout(1):
        for _ in range(100):
            await turns.take()


async def test_a_waiter_that_is_cancelled_takes_no_place() -> None:
    turns = Turns(1)
    await turns.take()
    waiting = [asyncio.create_task(turns.take()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting[1:])
    await turns.take()


async def test_while_nobody_asks_nothing_is_done() -> None:
    class Renewed(Turns):
        times = 0

        def _renew(self) -> None:
            self.times += 1
            super()._renew()

    turns = Renewed(1)
    await asyncio.gather(*(turns.take() for _ in range(4)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert turns.times == 3, "the first of four goes at once"
