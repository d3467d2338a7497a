"""Frames and output lines, whatever the pieces in which the bytes come; and reports with spool."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import millstream_worker.intake as intake_module
import millstream_worker.worker as worker_module
from millstream.adapters.bus import Bus, TooLarge
from millstream.adapters.bus_client import Delivery
from millstream.adapters.pull import Puller
from millstream.adapters.settings import Settings
from millstream.core.errors import Unavailable
from millstream.core.event_parts import Where
from millstream.core.receipts import Receipt, encode_receipts
from millstream.core.reports import StartAttempt, SucceedAttempt
from millstream.embedded.pids import identify, wait_until_gone
from millstream_worker import reports as reporting
from millstream_worker.frames import (
    LENGTH,
    MAX_FRAME_BYTES,
    FrameReader,
    Pulled,
    encode_frame,
    to_child_decoder,
)
from millstream_worker.reports import Reports
from millstream_worker.sessions import kill_session
from millstream_worker.spool import LIVE

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def pieces(data: bytes, order: Random) -> list[bytes]:
    cuts = sorted(order.choices(range(len(data) + 1), k=order.randint(0, 6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


ORDERS = st.integers(0, 2**32).map(Random)


@given(st.lists(st.text(max_size=40)), ORDERS)
def test_frames_come_out_as_they_went_in(texts: list[str], order: Random) -> None:
    sent = [Pulled(msgspec.Raw(msgspec.json.encode(text)), text) for text in texts]
    reader = FrameReader()
    data = b"".join(map(encode_frame, sent))
    got = [body for piece in pieces(data, order) for body in reader.feed(piece)]
    assert [to_child_decoder.decode(body) for body in got] == sent


def test_an_endless_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        list(FrameReader().feed(LENGTH.pack(MAX_FRAME_BYTES + 1)))


def test_a_session_is_killed_whole() -> None:
    command = "trap '' TERM HUP; (set -m; sleep 600 & sleep 600 & echo ready; wait) & wait"
    process = subprocess.Popen(
        ["bash", "-c", command], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    members = [
        identify(int(path.name))
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and session_of(path) == process.pid
    ]
    assert len(members) >= 4
    assert len(kill_session(process.pid)) >= 4
    process.wait(5)
    process.stdout.close()
    assert wait_until_gone(members, 5) == []
    assert not kill_session(process.pid)


def session_of(path: Path) -> int:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return 0


class FakeBus:
    """Keeps what is sent; ``is_away`` makes it fail like a lost connection."""

    largest_command = 10_000

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.doubts = 0
        self.is_away = False
        self._stirred = asyncio.Event()
        self.handlers: dict[str, Callable[[Delivery], None]] = {}

    def send(self, subject: str, payload: bytes, *_: object) -> None:
        if self.is_away:
            raise Unavailable("away")
        self.sent.append(payload)
        self._stirred.set()

    async def has_sent(self, count: int) -> None:
        """Wait until that many messages were sent."""
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                self._stirred.clear()
                await self._stirred.wait()

    async def publish(self, subject: str, payload: bytes, **_: object) -> None:
        self.send(subject, payload)

    async def listen(self, subject: str, handler: Callable[[Delivery], None]) -> int:
        self.handlers[subject] = handler
        return 1

    async def unlisten(self, listener: int) -> None:
        pass

    async def flush(self, timeout_s: float = 1.0) -> None:
        pass

    def new_inbox(self) -> str:
        return "_INBOX.x"

    def doubt(self) -> None:
        self.doubts += 1

    def when_reconnected(self, callback: Callable[[], None]) -> None:
        pass

    def answer(self, *receipts: Receipt) -> None:
        self.handlers["ms.rcpt.worker.w"](Delivery("", "", encode_receipts([*receipts]), b""))


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def live(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.read_bytes()[:1] == LIVE)


def make_reports(bus: Any, spool: Path) -> Reports:
    return Reports(bus, 0, "w", spool)


def result(number: int, **options: Any) -> SucceedAttempt:
    where = Where("default", "etl", "r1", f"t{number}", (), 1)
    return SucceedAttempt(
        id=f"w-1-{number}/end",
        where=where,
        worker="w",
        token=f"w-1-{number}",
        started_at=NOW,
        ended_at=NOW,
        **options,
    )


class TestReports:
    def test_a_result_is_in_the_spool_until_its_receipt_comes(self, tmp_path: Path) -> None:
        async def play() -> None:
            bus = FakeBus()
            reports = make_reports(bus, tmp_path)
            await reports.start()
            bus.is_away = True
            receipt = reports.send(result(1))
            assert live(tmp_path) == ["w-1-1.result"]
            assert reports.tokens == ("w-1-1",)
            assert bus.sent == []
            bus.is_away = False
            running = asyncio.create_task(reports.run())
            await bus.has_sent(1)
            running.cancel()
            bus.answer(Receipt(id="somebody else's"), Receipt(id="w-1-1/end", position=7))
            assert (await receipt).position == 7
            assert live(tmp_path) == []
            assert len(reports) == 0
            assert await reports.settle(0.1)

        asyncio.run(play())

    def test_what_is_no_receipt_changes_nothing(self, tmp_path: Path) -> None:
        async def play() -> None:
            bus = FakeBus()
            reports = make_reports(bus, tmp_path)
            await reports.start()
            receipt = reports.send(result(1))
            for rubbish in (b"", b"\xff\x00", b"{}", b"[" * 5000, b'[{"id":7}]'):
                bus.handlers["ms.rcpt.worker.w"](Delivery("", "", rubbish, b""))
            assert live(tmp_path) == ["w-1-1.result"]
            bus.answer(Receipt(id="w-1-1/end", position=7))
            assert (await receipt).position == 7

        asyncio.run(play())

    def test_after_a_rest_reports_are_sent_again_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reporting, "FIRST_RESEND_S", 0.02)

        async def play() -> None:
            bus = FakeBus()
            reports = make_reports(bus, tmp_path)
            await reports.start()
            running = asyncio.create_task(reports.run())
            for number in (1, 2):
                bus.sent.clear()
                reports.send(result(number))
                async with asyncio.timeout(5):
                    await bus.has_sent(3)
                bus.answer(Receipt(id=f"w-1-{number}/end", position=number))
                await asyncio.sleep(0.03)
            running.cancel()

        asyncio.run(play())

    def test_the_next_life_sends_what_the_last_one_left(self, tmp_path: Path) -> None:
        async def play() -> None:
            bus = FakeBus()
            reports = make_reports(bus, tmp_path)
            await reports.start()
            reports.send(result(1))
            reports.send(result(2))
            claim = StartAttempt(
                id="s", where=result(3).where, worker="w", token="w-1-3", started_at=NOW
            )
            reports.send(claim)
            (tmp_path / "torn.json").write_bytes(b'{"type":"Succ')
            (tmp_path / "half.draft").write_bytes(b"")
            after = FakeBus()
            again = make_reports(after, tmp_path)
            assert await again.start() == 2
            assert sorted(after.sent) == sorted(bus.sent[:2])
            assert list(again.tokens) == ["w-1-1", "w-1-2"]
            after.answer(Receipt(id="w-1-1/end", reason="RUN_CLOSED", message="too late"))
            assert list(again.tokens) == ["w-1-2"]
            assert files(tmp_path) == ["unreadable", "w-1-2.result"]
            assert files(tmp_path / "unreadable") == ["half.draft", "torn.json"]

        asyncio.run(play())

    def test_what_nats_would_not_take_is_refused_before_it_is_kept(self, tmp_path: Path) -> None:
        async def play() -> None:
            reports = make_reports(FakeBus(), tmp_path)
            with pytest.raises(TooLarge):
                reports.send(msgspec.structs.replace(result(1), id="x" * 20_000))
            assert files(tmp_path) == []
            assert len(reports) == 0

        asyncio.run(play())


class TestPullStatus:
    """What the server says in place of a message."""

    @pytest.mark.parametrize(
        ("status", "is_missing"),
        [
            (b"404 No Messages", False),
            (b"408 Request Timeout", False),
            (b"409 Consumer Deleted", True),
            (b"409 Message Size Exceeds MaxBytes", False),
            (b"503", True),
        ],
    )
    def test_a_request_ends_and_a_missing_consumer_is_told(
        self, status: bytes, is_missing: bool
    ) -> None:
        async def play() -> None:
            bus: Any = FakeBus()
            told = asyncio.Event()
            got: list[Delivery] = []
            puller = Puller(bus, "S", "c", got.append, told.set)
            puller.set_want(10)
            running = asyncio.create_task(puller.run())
            try:
                async with asyncio.timeout(5):
                    await bus.has_sent(1)
                    assert puller.outstanding == 10
                    answer = bus.handlers["_INBOX.x.*"]
                    answer(Delivery("_INBOX.x.1", "", b"", b"NATS/1.0 100 Idle\r\n\r\n"))
                    assert puller.outstanding == 10
                    answer(Delivery("ms.in.0.api.a", "$JS.ACK.S.c.1.1.1.0.9", b"1", b""))
                    assert puller.outstanding == 9
                    answer(Delivery("_INBOX.x.1", "", b"", b"NATS/1.0 " + status + b"\r\n\r\n"))
                    assert puller.outstanding == 0
                    await bus.has_sent(2)
                assert told.is_set() == is_missing
                assert bool(bus.doubts) == is_missing
                assert [delivery.data for delivery in got] == [b"1"]
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        asyncio.run(play())

    def test_a_message_that_says_it_is_a_status_is_a_message(self) -> None:
        bus: Any = FakeBus()
        got: list[Delivery] = []
        puller = Puller(bus, "S", "c", got.append)
        header = b"NATS/1.0 409 Consumer Deleted\r\n\r\n"
        puller._on_delivery(Delivery("ms.in.0.api.a", "$JS.ACK.S.c.1.1.1.0.9", b"1", header))
        assert [delivery.data for delivery in got] == [b"1"]


@pytest.mark.asyncio
async def test_a_worker_pulls_again_when_its_reports_are_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage all slots are free, and nothing but the receipts says that it is over."""
    monkeypatch.setattr(intake_module, "MOST_UNREPORTED", 0)
    bus = FakeBus()
    settings = Settings(blob_url=str(tmp_path), state_dir=str(tmp_path), instance="w", slots=2)
    worker = worker_module.Worker(cast(Bus, bus), settings)
    await worker.reports.start()
    report = StartAttempt(
        id="r1",
        where=Where("n", "d", "r", "t", (), 1),
        worker="w",
        token="t1",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    worker.reports.send(report)
    wants: list[int] = []
    pulls_again = asyncio.Event()

    def set_want(want: int, low_water: int | None = None) -> None:
        wants.append(want)
        if want:
            pulls_again.set()

    monkeypatch.setattr(worker.intake._plain[0].puller, "set_want", set_want)
    running = asyncio.create_task(worker.run())
    try:
        worker.intake.tune()
        assert wants == [0]
        bus.answer(Receipt(id="r1", position=1))
        async with asyncio.timeout(10):
            await pulls_again.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
