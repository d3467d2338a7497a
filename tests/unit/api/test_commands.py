"""How many commands one api has at the scheduler, and what becomes of one too many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from millstream.adapters.bus_client import Delivery
from millstream.core.commands import SetDagPaused
from millstream.core.errors import Unavailable
from millstream.core.receipts import Receipt, encode_receipts
from millstream_api import commands as commands_module
from millstream_api.admission import Overloaded
from millstream_api.commands import Commands


class FakeBus:
    """Stores everything; nobody answers."""

    largest_command = 1_000_000

    def __init__(self) -> None:
        self.stored: list[bytes] = []

    async def store(self, subject: str, payload: bytes, timeout_s: float) -> int:
        self.stored.append(payload)
        return len(self.stored)


def pause(command_id: str) -> SetDagPaused:
    return SetDagPaused(id=command_id, namespace="default", dag_id="etl", is_paused=True)


def answer(commands: Commands, command_id: str) -> None:
    receipts = [Receipt(id=command_id, position=7)]
    commands.on_receipts(Delivery("ms.rcpt.api.a", "", encode_receipts(receipts), b""))


def make_commands() -> tuple[Commands, FakeBus]:
    fake = FakeBus()
    bus: Any = fake
    return Commands(bus, 0, "a"), fake


def test_one_command_too_many_is_refused_until_another_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands_module, "MOST_UNANSWERED", 2)

    async def run() -> None:
        commands, bus = make_commands()
        waiting = [asyncio.create_task(commands.send(pause(name), 5)) for name in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="2 requests of this api"):
            await commands.send(pause("c"), 5)
        # The same request once more is no more work.
        waiting.append(asyncio.create_task(commands.send(pause("a"), 5)))
        await asyncio.sleep(0)
        answer(commands, "a")
        assert (await waiting[0]).position == (await waiting[2]).position == 7
        fourth = asyncio.create_task(commands.send(pause("c"), 5))
        await asyncio.sleep(0)
        for name in "bc":
            answer(commands, name)
        await asyncio.gather(waiting[1], fourth)
        assert len(bus.stored) == 4

    asyncio.run(run())


def test_a_command_that_nobody_waits_for_any_more_is_work_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Callers that give up and come back with something else would fill INBOX."""
    monkeypatch.setattr(commands_module, "MOST_UNANSWERED", 1)

    async def run() -> None:
        commands, _ = make_commands()
        with pytest.raises(Unavailable):
            await commands.send(pause("a"), 0.01)
        with pytest.raises(Overloaded):
            await commands.send(pause("b"), 0.01)
        answer(commands, "a")
        with pytest.raises(Unavailable):
            await commands.send(pause("b"), 0.01)
        monkeypatch.setattr(commands_module, "UNANSWERED_S", 0.0)
        with pytest.raises(Unavailable):  # it comes back for its answer, and gives up again
            await commands.send(pause("b"), 0.01)
        with pytest.raises(Unavailable):  # what was lost with NATS is not waited for for ever
            await commands.send(pause("c"), 0.01)

    asyncio.run(run())


def test_without_a_receipt_the_command_is_sent_again_ever_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands_module, "SEND_AGAIN_S", 0.01)
    monkeypatch.setattr(commands_module, "SEND_AGAIN_LATEST_S", 0.02)

    async def run() -> None:
        commands, bus = make_commands()
        waited: list[float] = []
        settled = commands_module._settled

        async def wait(future: asyncio.Future[Receipt], wait_s: float) -> None:
            waited.append(wait_s)
            if len(waited) == 4:
                answer(commands, "a")
            await settled(future, wait_s)

        monkeypatch.setattr(commands_module, "_settled", wait)
        assert (await commands.send(pause("a"), 5)).position == 7
        assert waited == [0.01, 0.02, 0.02, 0.02]
        assert len(bus.stored) == 4

    asyncio.run(run())


def test_a_receipt_ends_the_wait_at_once_and_giving_up_leaves_nothing() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        receipt: asyncio.Future[Receipt] = loop.create_future()
        waits = [asyncio.create_task(commands_module._settled(receipt, 60)) for _ in range(2)]
        await asyncio.sleep(0)
        waits[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits[0]
        await commands_module._settled(receipt, 0.01)
        assert not receipt.done(), "others wait for it too"
        receipt.set_result(Receipt(id="a"))
        async with asyncio.timeout(5):
            await waits[1]
            await commands_module._settled(receipt, 60)

    asyncio.run(run())
