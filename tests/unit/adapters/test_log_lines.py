"""The log of an attempt: its lines, its messages and its names."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.log_lines import (
    LogHeader,
    LogLine,
    decode_log_file,
    decode_log_header,
    decode_log_lines,
    encode_log_lines,
    log_path,
    log_subject,
)
from millstream.core.errors import NotFound, Unavailable
from millstream.core.event_parts import Where

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WHERE = Where("default", "etl", "scheduled__2026-01-02T00:00:00+00:00", "load.rows", (3, 1), 2)


def test_a_line_comes_back_and_names_no_defaults() -> None:
    lines = [
        LogLine(at=NOW, source="stdout", text="plain"),
        LogLine(at=NOW, source="task", text="bad", level="ERROR", logger="etl.load"),
    ]
    data = encode_log_lines(lines)
    assert decode_log_lines(data) == lines
    assert b"level" not in data.split(b"},")[0]


def test_a_message_of_an_older_release_can_be_read() -> None:
    data = b'[{"at":"2026-01-02T00:00:00Z","source":"stderr","text":"old"}]'
    assert decode_log_lines(data) == [LogLine(at=NOW, source="stderr", text="old")]
    assert decode_log_header(b"") == LogHeader(0)


def test_a_file_holds_one_line_a_line() -> None:
    lines = [LogLine(at=NOW, source="stdout", text=text) for text in ("a\u2028b", "", "\x00")]
    data = b"".join(encode_log_lines([line])[1:-1] + b"\n" for line in lines)
    assert decode_log_file(data) == lines


@pytest.mark.parametrize(
    "header", [LogHeader(0), LogHeader(7, claim="worker-1-a-1"), LogHeader(2**40, True, "w-2")]
)
def test_a_header_comes_back(header: LogHeader) -> None:
    raw = b"NATS/1.0\r\n" + header.encode() + b"\r\n"
    assert decode_log_header(raw) == header


@given(st.binary())
def test_a_header_of_rubbish_says_nothing(rubbish: bytes) -> None:
    assert decode_log_header(rubbish).first_line >= 0


def test_names_say_whose_log_it_is() -> None:
    run = "scheduled__2026-01-02T00=3a=00=3a=00=2b=00=3a=00"
    assert log_subject(0, "w", WHERE) == f"ms.log.0.w.default.etl.{run}.load=2e=rows.3-1.2"
    assert log_path(0, WHERE) == f"logs/0/default/etl/{run}/load=2e=rows/3-1/2.jsonl.gz"
    assert log_path(0, Where("n", "d", "r", "t", (), 1)).endswith("/t/_/1.jsonl.gz")


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=250)


@given(NAMES, NAMES)
def test_different_names_are_different_and_fit_into_a_file_system(one: str, other: str) -> None:
    ours, theirs = (Where("n", name, "r", name, (), 1) for name in (one, other))
    assert (log_path(0, ours) == log_path(0, theirs)) == (one == other)
    assert (log_subject(0, "w", ours) == log_subject(0, "w", theirs)) == (one == other)
    assert all(len(part) <= 200 for part in log_path(0, ours).split("/"))
    assert re.fullmatch(r"[A-Za-z0-9_=.-]+", log_subject(0, "w", ours))
    assert log_subject(0, "w", ours).count(".") == log_subject(0, "w", WHERE).count(".")


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["local", "memory://named-logs"])
async def test_a_named_file_is_stored_replaced_and_kept(tmp_path: Path, url: str) -> None:
    blobs = FsspecBlobs(str(tmp_path / "a store") if url == "local" else url)
    file, name = tmp_path / "log", log_path(0, WHERE)
    with pytest.raises(NotFound):
        await blobs.get_named(name)
    for text in (b"first", b"second" * 1000):
        file.write_bytes(gzip.compress(text))
        await blobs.put_named(name, file)
        assert gzip.decompress(await blobs.get_named(name)) == text
    file.write_bytes(gzip.compress(b"third"))
    await blobs.put_named(name, file, is_kept=True)
    assert gzip.decompress(await blobs.get_named(name)) == b"second" * 1000
    assert file.exists()
    if url == "local":
        stored = [path for path in (tmp_path / "a store").rglob("*") if path.is_file()]
        assert [path.name for path in stored] == ["2.jsonl.gz"]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["", "logs", "logs/../x", "../logs/a", "/etc/passwd", "ab/cd"])
async def test_a_name_stays_inside_the_logs(tmp_path: Path, name: str) -> None:
    blobs = FsspecBlobs(str(tmp_path / "store"))
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(NotFound, match="no name"):
        await blobs.put_named(name, tmp_path / "file")
    with pytest.raises(NotFound, match="no name"):
        await blobs.get_named(name)


@pytest.mark.asyncio
async def test_a_store_that_takes_nothing_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"a file where the directory should be")
    blobs = FsspecBlobs(str(tmp_path / "store"))
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Unavailable, match="does not take"):
        await blobs.put_named(log_path(0, WHERE), tmp_path / "file")
