"""A log between a task and the blob store: kept, published without holes, and never in the way."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.log_lines import (
    LogHeader,
    LogLine,
    decode_log_file,
    decode_log_header,
    decode_log_lines,
    log_path,
    log_subject,
)
from millstream.adapters.streams import ROLL_UP
from millstream.core.errors import NotFound, Unavailable
from millstream.core.event_parts import Where
from millstream_worker import log_files
from millstream_worker.log_files import LogFiles

WHERE = Where("default", "etl", "r1", "load", (), 1)
OTHER = Where("default", "etl", "r1", "load", (), 2)


class FakeBus:
    """Stores what is published. ``is_away``: like a lost connection; ``refuses``: like a stream
    that takes nothing; ``forgets``: stores it and loses the acknowledgement, so many times."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, LogHeader, list[LogLine]]] = []
        self.rolled_up: list[tuple[str, LogHeader, list[LogLine]]] = []
        self.is_connected = True
        self.refuses = False
        self.forgets = 0

    async def store(self, subject: str, payload: bytes, timeout_s: float, headers: bytes) -> int:
        await asyncio.sleep(0)
        if not self.is_connected:
            raise Unavailable("away")
        if self.refuses:
            raise JetStreamError("x", 503, 10077, "maximum bytes exceeded")
        stored = (subject, decode_log_header(headers), decode_log_lines(payload))
        if ROLL_UP in headers:
            self.rolled_up.append(stored)
            return len(self.stored)
        self.stored.append(stored)
        if self.forgets:
            self.forgets -= 1
            raise Unavailable("no acknowledgement")
        return len(self.stored)

    def lines(self) -> list[LogLine]:
        """As a reader puts them together, without holes."""
        lines: list[LogLine] = []
        for _, header, part in self.stored:
            assert header.first_line <= len(lines), "a hole"
            lines += part[len(lines) - header.first_line :]
        return lines


class Kept:
    """A worker's log files, of several lives."""

    def __init__(self, root: Path, url: str = "") -> None:
        self.directory = root / "state dir" / "logs"
        self.blobs = FsspecBlobs(url or str(root / "blobs"))
        self.bus = FakeBus()

    def live(self, most_bytes: int = 1 << 24) -> LogFiles:
        files = LogFiles(cast(Bus, self.bus), self.blobs, 0, "w", self.directory, most_bytes)
        files.start()
        return files

    async def finished(self, where: Where = WHERE) -> list[LogLine]:
        return decode_log_file(gzip.decompress(await self.blobs.get_named(log_path(0, where))))

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(log_files, "LONGEST_RETRY_S", 0.02)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - files and a store announce nothing
            await asyncio.sleep(0.005)


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines if line.source != "millstream"]


@pytest.mark.asyncio
async def test_an_attempt_that_says_nothing_leaves_nothing(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    assert log.is_empty
    log.finish()
    await files.close(5)
    assert kept.bus.stored == []
    assert kept.names == []
    with pytest.raises(NotFound):
        await kept.finished()


@pytest.mark.asyncio
async def test_lines_are_published_while_it_runs_and_stored_at_the_end(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    log.feed("stdout", b"one\ntw")
    await until(lambda: texts(kept.bus.lines()) == ["one"])
    log.feed("stdout", b"o\n")
    await until(lambda: texts(kept.bus.lines()) == ["one", "two"])
    assert not any(header.is_end for _, header, _ in kept.bus.stored)
    log.feed("stderr", b"the end")
    log.finish()
    await files.close(5)
    subject, header, _ = kept.bus.stored[-1]
    assert subject == log_subject(0, "w", WHERE)
    assert (header.is_end, header.claim) == (True, "w-1")
    assert kept.bus.lines()[0].text == "Attempt 1 of load (DAG etl, run r1)"
    assert texts(kept.bus.lines()) == ["one", "two", "the end"]
    assert await kept.finished() == kept.bus.lines()
    assert kept.names == []
    assert kept.bus.rolled_up == []


@pytest.mark.asyncio
async def test_the_end_is_told_also_where_all_was_published(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    log.feed("stdout", b"one\n")
    await until(lambda: texts(kept.bus.lines()) == ["one"])
    log.finish()
    await files.close(5)
    assert [header.is_end for _, header, _ in kept.bus.stored] == [False, True]
    assert kept.bus.stored[-1][1].first_line == len(kept.bus.lines())


@pytest.mark.asyncio
async def test_after_an_outage_it_goes_on_where_it_was(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    wanted = [f"line {number} {'x' * 60}" for number in range(6000)]
    for number, text in enumerate(wanted):
        log.feed("stdout", f"{text}\n".encode())
        if number % 1000 == 0:
            kept.bus.is_connected = number % 2000 == 0
            kept.bus.forgets = 1
            await asyncio.sleep(0.05)
    kept.bus.is_connected = False
    log.finish()
    await asyncio.sleep(0.05)
    assert kept.names == ["w-1.jsonl"]
    kept.bus.is_connected = True
    await files.close(10)
    assert texts(kept.bus.lines()) == wanted
    assert texts(await kept.finished()) == wanted


@pytest.mark.asyncio
async def test_messages_are_bounded(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    wanted = ["\x00" * 16_000] * 20 + ["x"] * 1000
    log.feed("stdout", "".join(f"{text}\n" for text in wanted).encode())
    log.finish()
    await files.close(10)
    assert texts(kept.bus.lines()) == wanted
    assert max(len(lines) for _, _, lines in kept.bus.stored) <= 200
    sizes = [len(json.dumps([line.text for line in lines])) for _, _, lines in kept.bus.stored]
    assert max(sizes) <= 256 * 1024


@pytest.mark.asyncio
async def test_of_a_long_log_the_stream_keeps_the_last_message(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    log.feed("stdout", b"x" * 99 + b"\n")
    for _ in range(3000):
        log.feed("stdout", b"x" * 99 + b"\n")
    log.finish()
    await files.close(10)
    (rolled_up,) = kept.bus.rolled_up
    assert rolled_up == (log_subject(0, "w", WHERE), LogHeader(3002, is_end=True, claim="w-1"), [])
    assert len(texts(await kept.finished())) == 3001


@pytest.mark.asyncio
async def test_a_killed_worker_leaves_its_logs_to_its_next_life(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    kept.bus.is_connected = False
    log.feed("stdout", b"before the end\n")
    await until(lambda: kept.names == ["w-1.jsonl"])
    await files.close(0)  # as if it were killed: nothing is published, and the file stays
    with (kept.directory / "w-1.jsonl").open("ab") as file:
        file.write(b'{"at":"2026-01-02T00:00:00Z","sou')  # it was writing
    (kept.directory / "rubbish.jsonl").write_bytes(b"\xff\n{}")
    (kept.directory / "w-1.gz").write_bytes(b"half")
    await kept.live().close(10)
    assert texts(await kept.finished()) == ["before the end"]
    assert kept.names == []


@pytest.mark.asyncio
async def test_a_leftover_does_not_replace_the_log_of_who_had_the_attempt(kept: Kept) -> None:
    files = kept.live()
    kept.bus.is_connected = False
    loser = files.open(WHERE, "w-1")
    loser.feed("stdout", b"loser\n")
    await until(lambda: kept.names == ["w-1.jsonl"])
    await files.close(0)
    kept.bus.is_connected = True
    other = LogFiles(
        cast(Bus, kept.bus), kept.blobs, 0, "o", kept.directory.with_name("o"), 1 << 20
    )
    other.start()
    winner = other.open(WHERE, "w-2")
    winner.feed("stdout", b"winner\n")
    winner.finish()
    await other.close(10)
    await kept.live().close(10)
    assert texts(await kept.finished()) == ["winner"]
    assert kept.names == []


@pytest.mark.asyncio
async def test_a_lost_claim_leaves_nothing(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    log.feed("stdout", b"said too early\n")
    await until(lambda: len(kept.bus.stored) == 1)
    log.discard()
    log.feed("stdout", b"more\n")
    log.note("more", "ERROR")
    log.finish()
    await files.close(5)
    assert len(kept.bus.stored) == 1
    assert kept.names == []
    with pytest.raises(NotFound):
        await kept.finished()


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["full", "gone"])
async def test_a_disk_that_takes_nothing_does_not_stop_a_log(kept: Kept, kind: str) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    if kind == "full":
        (kept.directory / "w-1.jsonl").symlink_to("/dev/full")
    else:
        kept.directory.rmdir()
    wanted = [f"line {number}" for number in range(5000)]
    for text in wanted:
        log.feed("stdout", f"{text}\n".encode())
        if text.endswith("00"):
            await asyncio.sleep(0.005)
    log.finish()
    await files.close(10)
    assert texts(kept.bus.lines()) == wanted
    assert kept.bus.stored[-1][1].is_end


@pytest.mark.asyncio
async def test_a_disk_that_becomes_full_loses_no_line(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    kept.bus.is_connected = False
    first = [f"first {number} {'x' * 50}" for number in range(3000)]
    log.feed("stdout", "".join(f"{text}\n" for text in first).encode())
    path = kept.directory / "w-1.jsonl"
    written = path.read_bytes()
    path.unlink()
    path.symlink_to("/dev/full")
    log_store = log._store
    assert log_store is not None
    log_store._unread = bytearray(written[log_store._at :])
    log.feed("stdout", b"second\n")
    log.finish()
    kept.bus.is_connected = True
    await files.close(10)
    assert texts(kept.bus.lines()) == [*first, "second"]


@pytest.mark.asyncio
async def test_without_disk_and_nats_memory_is_bounded_and_the_loss_is_told(kept: Kept) -> None:
    files = kept.live()
    log = files.open(WHERE, "w-1")
    (kept.directory / "w-1.jsonl").symlink_to("/dev/full")
    kept.bus.is_connected = False
    for number in range(40_000):
        log.feed("stdout", f"{number} {'x' * 90}\n".encode())
    store = log._store
    assert store is not None
    assert store._unread is not None
    assert len(store._unread) < 2 * log_files.MOST_IN_MEMORY
    kept.bus.is_connected = True
    await until(lambda: len(kept.bus.lines()) > 5000 and not store._unread)
    log.feed("stdout", b"later\n")
    log.finish()
    await files.close(10)
    lines = kept.bus.lines()
    (told,) = [line for line in lines if "are lost" in line.text]
    assert (told.level, told.source) == ("ERROR", "millstream")
    assert int(told.text.split()[0]) + len(texts(lines)) == 40_001
    assert texts(lines)[-1] == "later"


@pytest.mark.asyncio
async def test_a_store_that_is_away_is_tried_again(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where the directory should be")
    files = kept.live()
    for where, claim in ((WHERE, "w-1"), (OTHER, "w-2")):
        log = files.open(where, claim)
        log.feed("stdout", claim.encode())
        log.finish()
    await until(lambda: len([1 for _, header, _ in kept.bus.stored if header.is_end]) == 2)
    await until(lambda: kept.names == ["w-1.jsonl", "w-2.jsonl"])  # each try packs them beside
    (tmp_path / "blobs").unlink()
    await until(lambda: kept.names == [])
    assert texts(await kept.finished(WHERE)) == ["w-1"]
    assert texts(await kept.finished(OTHER)) == ["w-2"]
    await files.close(5)


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was removed while one looked
        return 0


@pytest.mark.asyncio
async def test_what_no_store_takes_does_not_fill_the_disk(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "MOST_LEFT_BYTES", 20_000)
    (tmp_path / "blobs").write_bytes(b"a file where the directory should be")
    files = kept.live()
    for number in range(6):
        log = files.open(WHERE, f"w-{number}")
        log.feed("stdout", b"x" * 6000)
        log.finish()
    await until(lambda: len([1 for _, header, _ in kept.bus.stored if header.is_end]) == 6)
    await until(lambda: sum(map(size_of, kept.directory.iterdir())) <= 21_000)
    await files.close(5)


@pytest.mark.asyncio
async def test_a_stream_that_takes_nothing_does_not_keep_a_log_from_the_store(kept: Kept) -> None:
    files = kept.live()
    kept.bus.refuses = True
    log = files.open(WHERE, "w-1")
    log.feed("stdout", b"one\n")
    log.finish()
    await until(lambda: kept.names == [] and not files._publishing)
    assert texts(await kept.finished()) == ["one"]
    await files.close(5)


@pytest.mark.asyncio
async def test_a_store_elsewhere(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "memory://finished-logs")
    files = kept.live()
    log = files.open(WHERE, "w-1")
    log.feed("stdout", b"one\n")
    log.note("ValueError: no", "ERROR")
    log.finish()
    await files.close(5)
    lines = await kept.finished()
    assert [(line.source, line.level) for line in lines[1:]] == [
        ("stdout", ""),
        ("millstream", "ERROR"),
    ]


@pytest.mark.asyncio
async def test_a_gigabyte_costs_neither_memory_nor_disk_nor_the_stream(kept: Kept) -> None:
    """A tenth of it here: all beyond the cap is one path."""
    files = kept.live(most_bytes=1 << 20)
    log = files.open(WHERE, "w-1")
    chunk = b"a line of what is printed much too often\n" * 1600
    for _ in range(1600):
        log.feed("stdout", chunk)
    await asyncio.sleep(0)
    size = (kept.directory / "w-1.jsonl").stat().st_size
    log.finish()
    await files.close(20)
    assert size < 4 << 20
    lines = await kept.finished()
    assert sum(len(line.text) for line in lines) < (1 << 20) + 70_000
    assert [line.level for line in lines if line.level == "WARNING"] == ["WARNING"] * 2
