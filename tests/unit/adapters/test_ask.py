"""A question on the bus has its answer, or is given up in time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from millstream.adapters.bus import Bus, NobodyListens
from millstream.adapters.bus_client import Delivery
from millstream.core.errors import Unavailable


class Client:
    """Keeps the subjects on which answers are awaited."""

    def __init__(self) -> None:
        self.replies: list[str] = []

    def new_inbox(self) -> str:
        return "_INBOX.x"

    def send(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        self.replies.append(reply)


def make_bus() -> tuple[Bus, Client]:
    client: Any = Client()
    return Bus(client), client


def answer(bus: Bus, client: Client, number: int, data: bytes, header: bytes = b"") -> None:
    bus._on_reply(Delivery(client.replies[number], "", data, header))


@pytest.mark.asyncio
async def test_each_question_has_its_own_answer() -> None:
    bus, client = make_bus()
    asked = [asyncio.ensure_future(bus.ask("s", b"", 5.0)) for _ in range(3)]
    await asyncio.sleep(0)
    answer(bus, client, 1, b"second")
    answer(bus, client, 0, b"first")
    answer(bus, client, 0, b"again")
    answer(bus, client, 2, b"", b"NATS/1.0 503\r\n\r\n")
    assert await asked[0] == b"first"
    assert await asked[1] == b"second"
    with pytest.raises(NobodyListens):
        await asked[2]
    assert not bus._waiting


@pytest.mark.asyncio
@pytest.mark.parametrize("timeout_s", [0.01, 0.0])
async def test_silence_ends_in_time(timeout_s: float) -> None:
    bus, client = make_bus()
    with pytest.raises(Unavailable, match=f"No answer from s within {timeout_s:g} s") as caught:
        await bus.ask("s", b"", timeout_s)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert not bus._waiting
    answer(bus, client, 0, b"too late")


@pytest.mark.asyncio
async def test_who_is_cancelled_asks_no_more() -> None:
    bus, client = make_bus()
    asking = asyncio.ensure_future(bus.ask("s", b"", 5.0))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not bus._waiting
    answer(bus, client, 0, b"too late")


@pytest.mark.asyncio
async def test_the_timeout_around_a_question_is_another_one() -> None:
    bus, _ = make_bus()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await bus.ask("s", b"", 5.0)
    assert not bus._waiting
