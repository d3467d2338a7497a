"""What the api hears: receipts, heartbeats, how far the projector is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.bus_client import Delivery
from millstream.adapters.heartbeat import Heartbeat
from millstream.adapters.streams import STORE_FAILED
from millstream.core.commands import TriggerRun, decode_command
from millstream.core.errors import MillstreamError, Refused, Unavailable
from millstream.core.receipts import Receipt, encode_receipts
from millstream_api.commands import Commands
from millstream_api.heartbeats import Workers
from millstream_api.progress import Progress

T0 = datetime(2026, 1, 1, tzinfo=UTC)
COMMAND = TriggerRun(id="q1", namespace="default", dag_id="etl")


def delivery(data: bytes) -> Delivery:
    return Delivery("subject", "", data, b"")


class Scheduler:
    """Stands in for the bus: answers what is stored, after ``deaf`` times of silence."""

    def __init__(self, answer: Receipt | None, deaf: int = 0, error: Exception | None = None):
        self.answer = answer
        self.deaf = deaf
        self.error = error
        self.stored: list[str] = []
        self.largest_command = 12_000
        self.seconds_away = 0.0
        self.commands = Commands(cast(Bus, self), 0, "api-1")

    async def store(self, subject: str, payload: bytes, timeout_s: float) -> int:
        self.stored.append(decode_command(payload).id)
        if len(self.stored) <= self.deaf:
            raise Unavailable("away")
        if self.error is not None:
            raise self.error
        if self.answer is not None:
            self.commands.on_receipts(delivery(encode_receipts([self.answer])))
        return 1


class TestCommands:
    @pytest.mark.asyncio
    async def test_the_same_command_is_sent_until_its_receipt_comes(self) -> None:
        scheduler = Scheduler(Receipt(id="q1", position=7, run_id="r"), deaf=2)
        receipt = await scheduler.commands.send(COMMAND, 5)
        assert receipt.position == 7
        assert scheduler.stored == ["q1"] * 3

    @pytest.mark.asyncio
    async def test_two_calls_with_one_id_get_one_answer(self) -> None:
        scheduler = Scheduler(Receipt(id="q1", position=7))
        sent = [scheduler.commands.send(COMMAND, 5) for _ in range(2)]
        assert [r.position for r in await asyncio.gather(*sent)] == [7, 7]
        assert not scheduler.commands._waiting

    @pytest.mark.asyncio
    async def test_no_answer_names_the_request_id(self) -> None:
        scheduler = Scheduler(None)
        with pytest.raises(Unavailable, match="request_id 'q1'"):
            await scheduler.commands.send(COMMAND, 0.05)
        assert not scheduler.commands._waiting

    @pytest.mark.asyncio
    async def test_a_refusal_keeps_its_reason(self) -> None:
        scheduler = Scheduler(Receipt(id="q1", reason="RUN_EXISTS", message="twice"))
        with pytest.raises(Refused) as caught:
            await scheduler.commands.send(COMMAND, 5)
        assert caught.value.reason == "RUN_EXISTS"

    @pytest.mark.asyncio
    async def test_a_long_absence_of_nats_is_said_at_once(self) -> None:
        scheduler = Scheduler(None, deaf=1000)
        scheduler.seconds_away = 4.0
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable, match="NATS is away"):
            await scheduler.commands.send(COMMAND, 30.0)
        assert asyncio.get_running_loop().time() - began < 5.0

    @pytest.mark.asyncio
    async def test_a_full_inbox_is_overload(self) -> None:
        error = JetStreamError("x", 503, STORE_FAILED, "maximum bytes exceeded")
        with pytest.raises(MillstreamError) as caught:
            await Scheduler(None, error=error).commands.send(COMMAND, 5)
        assert caught.value.reason == "OVERLOADED"

    @pytest.mark.asyncio
    async def test_what_could_not_be_relayed_is_not_even_stored(self) -> None:
        scheduler = Scheduler(Receipt(id="q1", position=7))
        large = TriggerRun(id="q1", namespace="default", dag_id="etl", note="x" * 12_000)
        with pytest.raises(MillstreamError) as caught:
            await scheduler.commands.send(large, 5)
        assert caught.value.reason == "TOO_LARGE"
        assert scheduler.stored == []

    def test_garbage_on_the_subject_is_ignored(self) -> None:
        Scheduler(None).commands.on_receipts(delivery(b"\xff{"))


def heartbeat(worker: str) -> Heartbeat:
    return Heartbeat(worker=worker, incarnation="1", queues=("default",), slots=2, attempts=("t1",))


class TestWorkers:
    def test_a_silent_worker_is_forgotten(self) -> None:
        workers = Workers()
        workers.hear(heartbeat("b"), 0.0, T0)
        workers.hear(heartbeat("a"), 10.0, T0)
        assert [h.heartbeat.worker for h in workers.alive(14.0)] == ["a", "b"]
        assert [h.heartbeat.worker for h in workers.alive(16.0)] == ["a"]
        assert workers.alive(30.0) == []

    def test_garbage_is_no_worker(self) -> None:
        workers = Workers()
        workers.on_message(delivery(b"[]"))
        assert workers.alive(0.0) == []


class TestProgress:
    def test_only_the_highest_counts(self) -> None:
        progress = Progress()
        for data in (b'{"position":5}', b'{"position":3}', b"nonsense", b'{"position":"9"}'):
            progress.on_message(delivery(data))
        assert progress.position == 5

    @pytest.mark.asyncio
    async def test_who_waits_is_woken(self) -> None:
        progress = Progress()
        waiting: Any = asyncio.ensure_future(progress.wait(5, 10))
        await asyncio.sleep(0)
        progress.advance(5)
        await waiting

    @pytest.mark.asyncio
    async def test_only_who_has_to_wait_asks_the_projector(self) -> None:
        asked: list[int] = []
        progress = Progress(asked.append)
        progress.advance(4)
        await progress.wait(4, 0.01)
        await progress.wait(6, 0.01)
        assert asked == [6]

    @pytest.mark.asyncio
    async def test_the_wait_is_short_even_without_news(self) -> None:
        async with asyncio.timeout(2):
            await Progress().wait(5, 0.01)
