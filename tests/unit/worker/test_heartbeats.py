"""Heartbeats of workers with few and with many claims, and what the guard makes of them."""

from __future__ import annotations

import asyncio
from typing import Any

from millstream.adapters.heartbeat import Heartbeat, decode_heartbeat
from millstream.adapters.settings import Settings
from millstream.core.errors import Unavailable
from millstream_worker.capacity import Capacity
from millstream_worker.guard import Guard
from millstream_worker.heartbeats import Heartbeats, Held

LARGEST_MESSAGE = 1024 * 1024


class Recorder:
    """A bus that keeps what is sent; without an answer if it ``is_cut``."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_cut = False

    def send(self, subject: str, payload: bytes) -> None:
        self.sent.append(payload)

    async def flush(self, timeout_s: float) -> None:
        if self.is_cut:
            raise Unavailable("cut")


def beat(held: Held, name: str = "w", *, is_stopping: bool = False) -> list[Heartbeat]:
    bus: Any = Recorder()
    settings = Settings(instance=name)
    capacity = Capacity.from_settings(settings)
    heartbeats = Heartbeats(bus, settings, f"{name}-1", capacity, lambda: held)
    asyncio.run(heartbeats.beat(is_stopping))
    assert max(map(len, bus.sent)) < LARGEST_MESSAGE
    return [decode_heartbeat(data) for data in bus.sent]


def test_one_message_a_worker() -> None:
    held = Held(runs=["w-1-1", "w-1-2"], claimed=["w-1-1"], reported=["w-0-9", "w-1-0"])
    (message,) = beat(held)
    assert set(message.attempts) == {"w-1-1", "w-1-2", "w-0-9", "w-1-0"}
    assert message.claimed == ("w-1-1",)


def test_thousands_of_claims_and_a_long_name() -> None:
    """Each message can be sent, together they name everything, and what is left of an earlier life
    is in each: that is lost where it is not named."""
    name = "w" * 100
    runs = [f"{name}-1-{number:x}" for number in range(20_000)]
    early = [f"{name}-0-{number:x}" for number in range(50)]
    messages = beat(Held(runs, runs, early), name)
    assert len(messages) > 1
    named = [token for message in messages for token in message.attempts]
    assert set(named) == {*runs, *early}
    assert {token for message in messages for token in message.claimed} == set(runs)
    assert all(set(early) <= set(message.attempts) for message in messages)


def test_the_last_word_names_only_what_is_still_to_be_reported() -> None:
    held = Held(runs=["w-1-1"], claimed=["w-1-1"], reported=["w-1-2"])
    (message,) = beat(held, is_stopping=True)
    assert message.is_stopping
    assert message.attempts == ("w-1-2",)


def test_contact_is_lost_and_found_again() -> None:
    async def play() -> None:
        bus: Any = Recorder()
        told: list[float] = []
        settings = Settings(instance="w", lease_s=0.2)
        held = Held([], [], [])
        capacity = Capacity.from_settings(settings)
        heartbeats = Heartbeats(bus, settings, "w-1", capacity, lambda: held, told.append)
        began_at = heartbeats.last_contact
        bus.is_cut = True
        lost = asyncio.Event()
        async with asyncio.timeout(10):
            while not lost.is_set():
                await heartbeats.beat()
                await asyncio.sleep(0.01)
                if heartbeats.is_contact_lost:
                    lost.set()
        assert told == []
        assert heartbeats.was_lost_since(began_at)
        bus.is_cut = False
        await heartbeats.beat()
        assert told == [heartbeats.last_contact]
        assert heartbeats.was_lost_since(began_at), "it was, in between"
        assert not heartbeats.was_lost_since(heartbeats.last_contact + 60)

    asyncio.run(play())


def test_the_guard_ends_what_is_exclusive_without_contact_and_only_that() -> None:
    guard = Guard(patience_s=3.0, now=100.0)
    guard.hear(b"child 7\nchild 8\nexclu")
    guard.hear(b"sive 8\ncontact 101.5\n")
    assert guard.too_late(104.4) == []
    assert guard.too_late(104.5) == [8]
    assert guard.too_late(105.0) == [], "once is enough"
    guard.hear(b"gone 8\nchild 9\nexclusive 9\nshared 9\n")
    assert guard.too_late(200.0) == []
    assert list(guard.sessions) == [7, 9]
