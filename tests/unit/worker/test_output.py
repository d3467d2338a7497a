"""From what a task prints to the lines of its log."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.adapters.log_lines import LogLine
from millstream.sdk.masking import Masker
from millstream_worker.log_records import marked_lines
from millstream_worker.output import LONGEST_LINE, TAIL_BYTES, UNFINISHED, Output

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + UNFINISHED
PLENTY = 1 << 30


def output_of(*pieces: bytes, most: int = PLENTY, source: str = "stdout") -> Output:
    output = Output(Masker(), most)
    for piece in pieces:
        output.feed(source, piece, NOW)
    return output


def ended(output: Output) -> list[LogLine]:
    output.finish(LATER)
    return output.take()


def texts(lines: Iterable[LogLine], source: str = "stdout") -> list[str]:
    return [line.text for line in lines if line.source == source]


def pieces(data: bytes, order: Random) -> list[bytes]:
    cuts = sorted(order.choices(range(len(data) + 1), k=order.randint(0, 6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r\x1e", codec="utf-8"))),
    st.integers(0, 2**32).map(Random),
)
def test_it_is_cut_at_line_ends_only(given_texts: list[str], order: Random) -> None:
    data = "".join(f"{text}\n" for text in given_texts).encode()
    assert texts(ended(output_of(*pieces(data, order)))) == given_texts


@given(st.lists(st.binary(max_size=40)), st.integers(0, 2**32).map(Random))
def test_no_bytes_are_too_odd(parts: list[bytes], order: Random) -> None:
    output = Output(Masker(), 200)
    for part in [*parts, b"\x1eIlog\x1e", b"\r", b"\xff\xfe\0\n"]:
        output.feed(order.choice(["stdout", "stderr"]), part, NOW)
        output.release(NOW + order.choice([timedelta(0), UNFINISHED]))
    for line in ended(output):
        assert "\n" not in line.text
        assert len(line.text) <= LONGEST_LINE


def test_what_is_no_text_is_made_text() -> None:
    assert texts(ended(output_of(b"\xff\xfe\0\n\x1b[31mred\x1b[0m\n"))) == [
        "\ufffd\ufffd\0", "\x1b[31mred\x1b[0m"
    ]  # fmt: skip


class TestUnfinished:
    def test_it_waits_for_its_end(self) -> None:
        output = output_of(b"half")
        output.feed("stderr", b"other\n", NOW)
        output.release(NOW + UNFINISHED / 2)
        assert [(line.source, line.text) for line in output.take()] == [("stderr", "other")]
        output.feed("stdout", b" and half\n", LATER)
        assert texts(ended(output)) == ["half and half"]

    def test_it_is_shown_when_it_has_waited(self) -> None:
        output = output_of(b"loading ...")
        assert output.is_unfinished
        output.release(LATER)
        assert texts(output.take()) == ["loading ..."]
        assert not output.is_unfinished

    @pytest.mark.parametrize("end", [b"\n", b"\r\n"])
    def test_its_end_alone_is_no_line(self, end: bytes) -> None:
        output = output_of(b"loading ...")
        output.release(LATER)
        output.take()
        output.feed("stdout", end + b"next\n", LATER)
        assert texts(ended(output)) == ["next"]

    def test_no_character_is_cut_in_two(self) -> None:
        data = "prix: 3\u20ac".encode()
        output = output_of(data[:-1])
        output.release(LATER)
        output.feed("stdout", data[-1:] + b"\n", LATER)
        assert texts(ended(output)) == ["prix: 3", "\u20ac"]

    def test_of_a_progress_bar_the_last_state_is_shown(self) -> None:
        output = output_of(b"\r 1%|#", b"\r 2%|##", b"\r 3%|###")
        output.release(LATER)
        assert texts(output.take()) == [" 3%|###"]
        output.feed("stdout", b"\r99%|####\r100%|#####\n", LATER)
        assert texts(ended(output)) == ["100%|#####"]

    def test_a_progress_bar_does_not_grow(self) -> None:
        output = output_of(*(b"\r%08d%s" % (n, b"#" * 100) for n in range(2000)))
        (line,) = texts(ended(output))
        assert line.startswith("00001999#")


class TestLongLines:
    def test_a_line_of_a_megabyte_becomes_several(self) -> None:
        text = "".join(Random(1).choices("abcdefgh \u20ac", k=1 << 20))
        data = text.encode() + b"\nnext\n"
        for size in (len(data), 65536, 1000):
            output = output_of(*(data[at : at + size] for at in range(0, len(data), size)))
            *long, last = texts(ended(output))
            assert "".join(long) == text
            assert max(map(len, long)) <= LONGEST_LINE
            assert last == "next"

    def test_of_a_long_record_each_piece_has_its_level(self) -> None:
        output = output_of(b"\x1eWbig\x1e", *[b"x" * 10_000] * 10, b"\n", b"plain\n")
        lines = ended(output)
        assert {line.level for line in lines[:-1]} == {"WARNING"}
        assert sum(len(line.text) for line in lines[:-1]) == 100_000
        assert (lines[-1].level, lines[-1].text) == ("", "plain")


def record(level: int, text: str, name: str = "etl") -> bytes:
    made = logging.LogRecord(name, level, "file.py", 1, text, None, None)
    return marked_lines(made, text).encode()


class TestRecords:
    def test_level_and_logger(self) -> None:
        data = b"before\n" + record(logging.ERROR, "bad\nsecond line") + b"after\n"
        lines = ended(output_of(data))
        assert [(line.source, line.level, line.logger, line.text) for line in lines] == [
            ("stdout", "", "", "before"),
            ("task", "ERROR", "etl", "bad"),
            ("task", "ERROR", "etl", "second line"),
            ("stdout", "", "", "after"),
        ]  # fmt: skip

    def test_a_record_within_a_printed_line_is_a_line_of_its_own(self) -> None:
        output = output_of(b"50% ...", record(logging.INFO, "saved"), b" 100%\n")
        assert [(line.level, line.text) for line in ended(output)] == [
            ("", "50% ..."), ("INFO", "saved"), ("", " 100%")
        ]  # fmt: skip

    def test_the_end_of_a_line_that_a_record_came_into_is_no_line(self) -> None:
        parts = (b"50% ...", record(logging.INFO, "saved"), b"\n", b"\nnext\n", b"\n")
        for output in (output_of(*parts), output_of(b"".join(parts))):
            assert [line.text for line in ended(output)] == ["50% ...", "saved", "", "next", ""]

    @pytest.mark.parametrize(
        ("level", "shown"),
        [
            (5, "DEBUG"),
            (10, "DEBUG"),
            (20, "INFO"),
            (25, "INFO"),
            (30, "WARNING"),
            (99, "CRITICAL"),
        ],
    )
    def test_levels_of_ones_own(self, level: int, shown: str) -> None:
        assert ended(output_of(record(level, "x")))[0].level == shown

    @pytest.mark.parametrize("name", ["a\x1eb", "a\nb", "n" * 1000, "\ud800", ""])
    def test_odd_names_of_loggers(self, name: str) -> None:
        data = marked_lines(logging.LogRecord(name, 30, "", 1, "x", None, None), "x")
        (line,) = ended(output_of(data.encode("utf-8", "backslashreplace")))
        assert (line.level, line.text) == ("WARNING", "x")

    def test_what_only_looks_like_a_mark_stays(self) -> None:
        data = b'\x1e{"json": "sequence"}\n\x1eno mark\n\x1eXetl\x1eno level\n'
        assert texts(ended(output_of(data))) == data.decode().split("\n")[:-1]

    def test_prints_and_records_of_a_process_are_in_order(self) -> None:
        code = """
import contextlib, io, logging, os, sys
from millstream_worker.log_records import log_to_worker
log_to_worker()
print("one")
logging.getLogger("etl").warning("two %d", 2)
with contextlib.redirect_stdout(io.StringIO()):
    logging.info("three")
os.system("echo four")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("five \\ud800")
logging.debug("not shown")
print("six", end="")
"""
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env=environment
        )
        assert done.stderr == b""
        lines = ended(output_of(done.stdout))
        said = [(line.level, line.logger, line.text) for line in lines]
        assert said[:5] == [
            ("", "", "one"),
            ("WARNING", "etl", "two 2"),
            ("INFO", "root", "three"),
            ("", "", "four"),
            ("ERROR", "root", "five \\ud800"),
        ]
        assert said[5] == ("ERROR", "root", "Traceback (most recent call last):")
        assert said[-2] == ("ERROR", "root", "ZeroDivisionError: division by zero")
        assert said[-1] == ("", "", "six")


class TestCap:
    MOST = 100_000

    def test_the_beginning_and_the_end_are_whole(self) -> None:
        printed = [f"line {number} of many" for number in range(50_000)]
        data = "".join(f"{text}\n" for text in printed).encode()
        for size in (100, 65536, len(data)):
            chunks = (data[at : at + size] for at in range(0, len(data), size))
            lines = ended(output_of(*chunks, most=self.MOST))
            told, left_out = texts(lines, "millstream")
            first = next(n for n, line in enumerate(lines) if line.text == told)
            head, tail = texts(lines[:first]), texts(lines[first:])
            assert head == printed[: len(head)]
            assert self.MOST - 100 < sum(len(text) + 1 for text in head) <= self.MOST
            assert tail == printed[-len(tail) :]
            assert TAIL_BYTES - 100 < sum(len(text) + 1 for text in tail) <= TAIL_BYTES
            gone = printed[len(head) : -len(tail)]
            size_gone = sum(len(text) + 1 for text in gone)
            assert f"{len(gone)} lines ({size_gone} bytes) are left out" in left_out
            assert f"has its {self.MOST} bytes" in told

    def test_a_little_too_much_is_shown_whole(self) -> None:
        data = b"x" * 99 + b"\n"
        lines = ended(output_of(*[data] * 1200, most=self.MOST))
        assert len(lines) == 1200
        assert texts(lines, "millstream") == []

    def test_one_endless_line(self) -> None:
        lines = ended(output_of(*[b"0123456789" * 1000] * 500, most=self.MOST))
        size = sum(map(len, texts(lines)))
        assert self.MOST <= size <= self.MOST + 2 * TAIL_BYTES
        assert lines[-1].text.endswith("789")
        assert len(texts(lines, "millstream")) == 2

    def test_both_sources_are_in_the_end(self) -> None:
        output = Output(Masker(), 1000)
        for number in range(30_000):
            source = "stderr" if number % 3 == 0 else "stdout"
            output.feed(source, f"{number}\n".encode(), NOW)
        lines = [line for line in ended(output) if line.source != "millstream"]
        tail = [int(line.text) for line in lines if int(line.text) > 20_000]
        assert tail == list(range(tail[0], 30_000))
        assert all((line.source == "stderr") == (int(line.text) % 3 == 0) for line in lines)

    def test_it_holds_no_more_than_that_in_memory(self) -> None:
        output = Output(Masker(), 1000)
        for _ in range(200_000):
            output.feed("stdout", b"x\n", NOW)
        assert output._tail is not None
        assert output._tail._size <= 2 * TAIL_BYTES
        assert len(output._tail._chunks) < 100
