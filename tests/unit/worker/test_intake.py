"""What is asked for, what starts, and what is handed back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from millstream.adapters.bus_client import Delivery
from millstream.adapters.settings import Settings
from millstream_worker.capacity import Capacity
from millstream_worker.intake import OFFER_S, Intake
from millstream_worker.places import Place


class QuietBus:
    """Nothing comes by itself."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[Delivery], None]] = {}

    def new_inbox(self) -> str:
        return "_INBOX.x"

    def when_reconnected(self, callback: Callable[[], None]) -> None:
        pass


class Worker:
    """An intake whose attempts end when the test says so."""

    def __init__(self, *lanes: str, slots: int = 2, **settings: Any) -> None:
        self.started: list[str] = []
        self.handed_back: list[str] = []
        self.behind: dict[str, Place] = {}
        self._ends: dict[str, asyncio.Event] = {}
        asked = Settings(slots=slots, resources={"cpu": 4, "gpu": 1}, **settings)
        self.children = SimpleNamespace(most_behind=0)
        tools: Any = SimpleNamespace(
            bus=QuietBus(), settings=asked, shard=0, reports=(), children=self.children
        )
        triggers: Any = SimpleNamespace(want=0)
        self.intake = Intake(tools, Capacity.from_settings(asked), triggers, self._start, self._say)
        self.intake._on_new_lanes(Delivery("", "", msgspec.json.encode(lanes), b""))

    async def _start(self, delivery: Delivery, place: Place) -> None:
        name = delivery.reply
        if place.is_behind:
            self.behind[name] = place
        else:
            self.started.append(name)
        self._ends[name] = asyncio.Event()
        await self._ends[name].wait()

    def _say(self, delivery: Delivery, word: bytes) -> None:
        assert word == b"-NAK"
        self.handed_back.append(delivery.reply)

    async def arrives(self, lane: str, *names: str) -> None:
        for name in names:
            one = self.intake._lanes[lane]
            self.intake._on_message(one, Delivery("", name, b"", b""))
            await asyncio.sleep(0)

    async def ends(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        for _ in range(4):
            await asyncio.sleep(0)

    def wants(self) -> dict[str, int]:
        """How many of each lane are asked for now."""
        self.intake.tune()
        self.intake._tune_asking()
        return {name: lane.puller._want for name, lane in self.intake._lanes.items()}

    def attempts_are_short(self, seconds: float = 0.03) -> None:
        self.intake._short_s = seconds


@pytest.mark.asyncio
async def test_it_learns_the_lanes_that_it_could_ever_serve() -> None:
    worker = Worker("default=cpu-4", "default=cpu-5", "other=gpu-1", "default=tpu-1", "rubbish=")
    assert list(worker.wants()) == ["default", "default=cpu-4"]


@pytest.mark.asyncio
async def test_only_what_could_start_is_asked_for() -> None:
    worker = Worker("default=cpu-3", "default=gpu-1", slots=3)
    assert worker.wants() == {"default": 3, "default=cpu-3": 1, "default=gpu-1": 1}
    await worker.arrives("default=gpu-1", "g")
    assert worker.wants() == {"default": 2, "default=cpu-3": 1, "default=gpu-1": 0}
    await worker.arrives("default", "a", "b")
    assert worker.wants() == {"default": 0, "default=cpu-3": 0, "default=gpu-1": 0}
    await worker.ends("g")
    assert worker.wants() == {"default": 1, "default=cpu-3": 1, "default=gpu-1": 1}


@pytest.mark.asyncio
async def test_short_attempts_are_asked_for_ahead_but_none_that_ask_for_something() -> None:
    worker = Worker("default=gpu-1", slots=2)
    worker.attempts_are_short()
    assert worker.wants() == {"default": 18, "default=gpu-1": 1}


@pytest.mark.asyncio
async def test_what_does_not_fit_after_all_is_handed_back_and_is_next() -> None:
    worker = Worker("default=gpu-1", slots=1)
    await worker.arrives("default", "plain")
    await worker.arrives("default=gpu-1", "g")
    assert worker.handed_back == ["g"]
    await worker.ends("plain")
    assert worker.wants() == {"default": 0, "default=gpu-1": 1}, "the slot is kept for it"
    await worker.arrives("default=gpu-1", "g")
    await worker.ends("g")
    assert worker.wants() == {"default": 1, "default=gpu-1": 1}


@pytest.mark.asyncio
async def test_short_attempts_that_wait_here_let_the_next_one_pass() -> None:
    worker = Worker("default=gpu-1", slots=1)
    worker.attempts_are_short()
    await worker.arrives("default", "a", "b", "c")
    await worker.arrives("default=gpu-1", "g")
    await worker.ends("a")
    assert worker.started == ["a"]
    await worker.arrives("default=gpu-1", "g")
    await worker.ends("g")
    await worker.ends("b")
    assert worker.started == ["a", "g", "b", "c"]


@pytest.mark.asyncio
async def test_what_is_kept_free_in_vain_is_free_again_after_a_while() -> None:
    worker = Worker("default=gpu-1", slots=1)
    await worker.arrives("default", "plain")
    await worker.arrives("default=gpu-1", "g")
    await worker.ends("plain")
    worker.intake.tend(100.0)
    assert worker.wants()["default"] == 0
    worker.intake.tend(100.0 + OFFER_S * 1.1)
    assert worker.wants() == {"default": 1, "default=gpu-1": 1}


@pytest.mark.asyncio
async def test_those_who_were_passed_over_come_one_after_the_other() -> None:
    worker = Worker("default=gpu-1", "default=cpu-1", slots=1)
    await worker.arrives("default", "plain")
    await worker.arrives("default=gpu-1", "g")
    await worker.arrives("default=cpu-1", "c")
    await worker.ends("plain")
    assert worker.wants() == {"default": 0, "default=gpu-1": 1, "default=cpu-1": 0}
    await worker.arrives("default=gpu-1", "g")
    await worker.ends("g")
    assert worker.wants() == {"default": 0, "default=gpu-1": 0, "default=cpu-1": 1}


@pytest.mark.asyncio
async def test_queues_take_turns() -> None:
    worker = Worker(slots=1, queues=("a", "b"))
    worker.attempts_are_short()
    await worker.arrives("a", "a1", "a2", "a3")
    await worker.arrives("b", "b1", "b2")
    for name in ("a1", "b1", "a2", "b2", "a3"):
        assert worker.started[-1] == name
        await worker.ends(name)


@pytest.mark.asyncio
async def test_a_full_queue_is_asked_for_nothing_and_the_others_go_on() -> None:
    worker = Worker(slots=3, queues=("a", "b"), queue_slots={"a": 1})
    await worker.arrives("a", "a1")
    assert worker.wants() == {"a": 0, "b": 1}
    await worker.arrives("b", "b1", "b2")
    assert worker.started == ["a1", "b1", "b2"]


@pytest.mark.asyncio
async def test_async_tasks_take_no_slot() -> None:
    worker = Worker("default=async-1", slots=1, async_capacity=3)
    await worker.arrives("default", "plain")
    assert worker.wants() == {"default": 0, "default=async-1": 3}
    await worker.arrives("default=async-1", "x", "y", "z")
    assert worker.started == ["plain", "x", "y", "z"]
    assert worker.wants() == {"default": 0, "default=async-1": 0}


@pytest.mark.asyncio
async def test_a_worker_that_stops_asks_for_nothing_and_hands_back_what_waits() -> None:
    worker = Worker("default=gpu-1", slots=1)
    worker.attempts_are_short()
    await worker.arrives("default", "a", "b")
    worker.intake.close()
    assert worker.wants() == {"default": 0, "default=gpu-1": 0}
    assert worker.handed_back == ["b"]
    await worker.ends("a")
    assert worker.started == ["a"]


@pytest.mark.asyncio
async def test_very_short_attempts_wait_in_lines_and_more_are_asked_for() -> None:
    worker = Worker(slots=2)
    worker.attempts_are_short(0.01)
    worker.children.most_behind = 2
    await worker.arrives("default", "a", "b", "c", "d", "e")
    assert (worker.started, list(worker.behind)) == (["a", "b"], ["c", "d"])
    assert worker.wants() == {"default": 16 - 3}
    worker.attempts_are_short(0.001)
    assert worker.wants() == {"default": 64 - 3}


@pytest.mark.asyncio
async def test_who_comes_to_its_turn_takes_the_slot_of_the_one_before() -> None:
    worker = Worker(slots=1)
    worker.attempts_are_short(0.01)
    worker.children.most_behind = 1
    await worker.arrives("default", "a", "b", "c")
    worker.behind["b"].begin()
    assert worker.intake.capacity.free_slots == -1, "until the worker is done with the one before"
    await worker.ends("a")
    assert worker.intake.capacity.free_slots == 0
    assert list(worker.behind) == ["b", "c"], "there is room behind it again"


@pytest.mark.asyncio
async def test_who_does_not_come_to_its_turn_has_the_next_slot() -> None:
    worker = Worker(slots=1)
    worker.attempts_are_short(0.01)
    worker.children.most_behind = 1
    await worker.arrives("default", "a", "b", "c")
    waiting = asyncio.ensure_future(worker.behind["b"].slot())
    await asyncio.sleep(0)
    await worker.ends("a")
    await waiting
    assert worker.intake.capacity.free_slots == 0
    assert worker.started == ["a"], "c waits longer"


@pytest.mark.asyncio
async def test_a_slot_that_nobody_waits_for_any_more_is_free() -> None:
    worker = Worker(slots=1)
    worker.attempts_are_short(0.01)
    worker.children.most_behind = 1
    await worker.arrives("default", "a", "b")
    place = worker.behind["b"]
    waiting = asyncio.ensure_future(place.slot())
    await asyncio.sleep(0)
    worker.intake._coming_back[0][1].set_result(None)
    worker.intake.capacity.take(place.need)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await worker.ends("a", "b")
    assert worker.intake.capacity.free_slots == 1


@pytest.mark.asyncio
async def test_no_line_where_somebody_else_is_next() -> None:
    worker = Worker("default=gpu-1", slots=1)
    worker.children.most_behind = 6
    await worker.arrives("default", "plain")
    await worker.arrives("default=gpu-1", "g")
    worker.attempts_are_short(0.01)
    await worker.arrives("default", "more")
    assert not worker.behind
