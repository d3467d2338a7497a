"""From messages and files to a log: each line once, in order, and a word on what is missing."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from millstream.adapters.log_lines import LogHeader, LogLine
from millstream.core.errors import InvalidArgument, NotFound
from millstream.core.event_parts import Where
from millstream.rpc.v1 import logs_pb2
from millstream_api import finished_logs
from millstream_api.admission import Overloaded
from millstream_api.finished_logs import read_finished
from millstream_api.log_merge import NOTE, Filter, LogMerge, Numbered, note, wanted
from millstream_api.log_rows import AttemptState, check_attempt
from millstream_api.logs import (
    MOST_LINES,
    MOST_READERS,
    MOST_TEXT,
    LogService,
    _filter,
    _goes_on,
    _parts,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WHERE = Where("default", "etl", "r1", "load", (), 1)


def line(text: str, level: str = "", source: str = "stdout") -> LogLine:
    return LogLine(at=NOW, source=source, text=text, level=level)


def part(first: int, count: int, name: str = "") -> list[LogLine]:
    return [line(f"{name}{number}") for number in range(first, first + count)]


def shown(lines: list[Numbered]) -> list[tuple[int, str]]:
    return [(number, one.text) for number, one in lines]


class TestMerge:
    def test_what_comes_again_is_taken_once(self) -> None:
        # given a log in messages, of which a worker sent some again, in pieces of other sizes
        merge = LogMerge()
        sent = [(0, 4), (4, 3), (2, 4), (0, 7), (7, 1), (6, 4)]
        # when they are taken
        taken = [
            n for first, count in sent for n in merge.take(LogHeader(first), part(first, count))
        ]
        # then each line is there once
        assert shown(taken) == [(number, str(number)) for number in range(10)]

    @pytest.mark.parametrize("seed", range(20))
    def test_any_split_and_any_repeat_give_the_same_log(self, seed: int) -> None:
        chance = random.Random(seed)
        merge = LogMerge()
        taken: list[Numbered] = []
        known = 0
        while known < 200:
            first = chance.randint(max(known - 30, 0), known)
            count = chance.randint(1, 40)
            taken += merge.take(LogHeader(first), part(first, count))
            known = max(known, first + count)
        assert shown(taken) == [(number, str(number)) for number in range(known)]

    def test_a_reader_goes_on_from_a_line(self) -> None:
        merge = LogMerge(from_line=5)
        assert merge.take(LogHeader(0), part(0, 4)) == []
        assert shown(merge.take(LogHeader(4), part(4, 3))) == [(5, "5"), (6, "6")]
        assert merge.next_line == 7

    def test_missing_lines_are_told_once(self) -> None:
        merge = LogMerge()
        merge.take(LogHeader(0), part(0, 2))
        assert merge.gap(LogHeader(12)) == 10
        told, *rest = merge.take(LogHeader(12), part(12, 1))
        assert told.number == NOTE
        assert told.line.text.startswith("10 lines are")
        assert shown(rest) == [(12, "12")]
        assert shown(merge.take(LogHeader(13), part(13, 1))) == [(13, "13")]

    def test_the_end_is_seen_also_without_lines(self) -> None:
        merge = LogMerge()
        merge.take(LogHeader(0), part(0, 1))
        assert not merge.has_ended
        assert merge.take(LogHeader(1, is_end=True), []) == []
        assert merge.has_ended

    def test_the_log_of_a_refused_claim_is_left_out(self) -> None:
        merge = LogMerge()
        assert merge.unknown(["a", "b", "a"]) == ["a", "b"]
        merge.accept(["b"])
        merge.ignore(["a"])
        assert merge.take(LogHeader(0, claim="a"), part(0, 3, "a")) == []
        assert merge.take(LogHeader(3, True, "a"), []) == []
        assert not merge.has_ended
        assert shown(merge.take(LogHeader(0, claim="b"), part(0, 1, "b"))) == [(0, "b0")]

    def test_a_claim_that_was_refused_later_is_told(self) -> None:
        # given the lines of the only claim there was
        merge = LogMerge()
        assert merge.unknown(["a"]) == []
        merge.take(LogHeader(0, claim="a"), part(0, 3, "a"))
        # when another one is the accepted one
        assert merge.unknown(["b"]) == ["b"]
        merge.accept(["b"])
        told, *rest = merge.take(LogHeader(0, claim="b"), part(0, 2, "b"))
        # then its log begins at the beginning, after a note
        assert told.number == NOTE
        assert "refused" in told.line.text
        assert shown(rest) == [(0, "b0"), (1, "b1")]
        assert merge.take(LogHeader(3, claim="a"), part(3, 1, "a")) == []


class TestFilter:
    LINES = (
        Numbered(0, line("printed an error")),
        Numbered(1, line("an error", "ERROR", "task")),
        Numbered(2, line("fine", "INFO", "task")),
        note("lines are missing"),
    )

    @pytest.mark.parametrize(
        ("which", "numbers"),
        [
            (Filter(), [0, 1, 2, NOTE]),
            (Filter(frozenset({"ERROR", "INFO"})), [1, 2, NOTE]),
            (Filter(contains="error"), [0, 1, NOTE]),
            (Filter(frozenset({"INFO"}), "error"), [NOTE]),
        ],
    )
    def test_levels_and_text(self, which: Filter, numbers: list[int]) -> None:
        assert [number for number, _ in wanted(self.LINES, which)] == numbers

    @pytest.mark.parametrize(
        ("request_", "said"),
        [
            (logs_pb2.ReadLogRequest(levels=["error"]), "'error' is no level; use DEBUG"),
            (logs_pb2.ReadLogRequest(contains="x" * 1001), "at most 1000"),
            (logs_pb2.ReadLogRequest(follow_retries=True), "needs follow"),
        ],
    )
    def test_what_is_no_filter(self, request_: logs_pb2.ReadLogRequest, said: str) -> None:
        with pytest.raises(InvalidArgument, match=said):
            _filter(request_)


class TestReaders:
    def test_one_too_many_is_told_to_come_later(self) -> None:
        service = LogService(*[cast(Any, None)] * 6)
        with contextlib.ExitStack() as readers:
            for _ in range(MOST_READERS):
                readers.enter_context(service._counted())
            # many together ask Postgres no more often than a few
            assert service._pause_s() > 2
            with pytest.raises(Overloaded, match="try again later"), service._counted():
                pass
        with service._counted():
            assert service._pause_s() == 0.5


class TestAnswers:
    def test_answers_are_of_a_bounded_size_and_say_where_to_go_on(self) -> None:
        lines = [Numbered(number, line("x")) for number in range(2 * MOST_LINES + 5)]
        answers = list(_parts(lines, 3, 7000))
        assert [len(answer.lines) for answer in answers] == [MOST_LINES, MOST_LINES, 5]
        assert [answer.next_line for answer in answers] == [MOST_LINES, 2 * MOST_LINES, 7000]
        assert {answer.attempt for answer in answers} == {3}

    def test_long_lines_are_few_in_an_answer(self) -> None:
        lines = [Numbered(number, line("x" * (MOST_TEXT // 2))) for number in range(5)]
        assert [len(answer.lines) for answer in _parts(lines, 1, 5)] == [2, 2, 1]


def packed(lines: list[LogLine]) -> bytes:
    return gzip.compress(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))


def read(data: bytes, from_line: int = 0, size: int = 1000) -> tuple[list[Numbered], int, int]:
    """The lines, the number that comes next, and the most lines that were there at once."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), size):
            yield data[start : start + size]

    async def collect() -> tuple[list[Numbered], int, int]:
        found: list[Numbered] = []
        upcoming = most = 0
        async for lines, number in read_finished(pieces(), from_line):
            found += lines
            upcoming, most = number, max(most, len(lines))
        return found, upcoming, most

    return asyncio.run(collect())


class TestFinishedLogs:
    def test_a_file_is_read_in_pieces(self) -> None:
        data = packed(part(0, 50_000))
        lines, number, most = read(data)
        assert number == 50_000
        assert shown(lines) == [(n, str(n)) for n in range(50_000)]
        assert most < 10_000

    def test_from_a_line_on(self) -> None:
        data = packed(part(0, 30_000))
        lines, number, _ = read(data, 29_998)
        assert shown(lines) == [(29_998, "29998"), (29_999, "29999")]
        assert number == 30_000
        assert read(data, 30_000)[0] == read(data, 99_999)[0] == []

    def test_what_unpacks_to_very_much_is_never_there_at_once(self) -> None:
        data = packed([line("x" * 10_000)] * 5000)  # 50 MB in 50 KB
        assert len(data) < 200_000
        lines, number, most = read(data, size=len(data))
        assert (len(lines), number) == (5000, 5000)
        assert most * 10_000 <= 2 * finished_logs.MOST_TEXT

    def test_two_files_in_one(self) -> None:
        lines, _, _ = read(packed(part(0, 3)) + packed(part(3, 2)), size=7)
        assert shown(lines) == [(n, str(n)) for n in range(5)]

    @pytest.mark.parametrize("size", [1, 5, 100_000])
    def test_a_damaged_file_gives_what_it_has_and_a_note(self, size: int) -> None:
        data = packed(part(0, 3000))
        *lines, last = read(data[: len(data) // 2], size=size)[0]
        assert shown(lines) == [(n, str(n)) for n in range(len(lines))]
        assert (last.number, "damaged" in last.line.text) == (NOTE, True)
        only = read(b"no gzip at all", size=size)[0]
        assert [number for number, _ in only] == [NOTE]

    def test_a_line_that_cannot_be_read_keeps_its_number(self) -> None:
        data = gzip.compress(msgspec.json.encode(line("a")) + b"\n{rubbish\n")
        lines, _, _ = read(data)
        assert shown(lines) == [(0, "a"), (1, "This line cannot be read.")]

    def test_an_empty_file_is_an_empty_log(self) -> None:
        assert read(packed([]))[0] == []


def state(**fields: object) -> AttemptState:
    known: dict[str, object] = {
        "run_state": "running",
        "task_state": "running",
        "task_reason": "",
        "latest": 2,
        "attempt": 2,
        "state": "running",
        "worker": "w",
        "reason": "",
        "started_at": NOW,
        "ended_at": None,
    }
    return AttemptState(**(known | fields))  # type: ignore[arg-type]


class TestAttempts:
    @pytest.mark.parametrize(
        ("fields", "is_over"),
        [
            ({}, False),
            ({"attempt": 1, "state": "failed"}, True),
            ({"attempt": 1}, True),
            ({"task_state": "up_for_retry", "state": "failed"}, True),
            ({"task_state": "queued", "state": "queued"}, False),
            ({"task_state": "deferred", "state": "deferred"}, False),  # its trigger
            ({"task_state": "deferred", "state": "deferred", "ended_at": NOW}, True),
            ({"task_state": "deferred", "state": "lost"}, True),
            ({"task_state": "scheduled", "state": "deferred", "ended_at": NOW}, True),
            ({"task_state": "success", "state": "success"}, True),
            ({"run_state": "failed", "task_state": "none", "state": "stopped"}, True),
        ],
    )
    def test_when_an_attempt_is_over(self, fields: dict[str, object], is_over: bool) -> None:
        assert state(**fields).is_over is is_over

    @pytest.mark.parametrize(
        ("fields", "alone", "with_retries"),
        [
            ({"task_state": "success", "state": "success"}, False, False),
            ({"task_state": "up_for_retry", "state": "failed"}, False, True),
            ({"task_state": "scheduled", "state": "deferred"}, True, True),
            ({"task_state": "deferred", "state": "lost"}, True, True),
            ({"task_state": "up_for_retry", "state": "lost"}, False, True),
            ({"task_state": "up_for_reschedule", "state": "up_for_reschedule"}, True, True),
            ({"attempt": 1, "state": "failed"}, False, True),
            ({"attempt": 1, "state": "deferred", "task_state": "success"}, True, True),
            ({"task_state": "failed", "state": "deferred"}, False, False),
        ],
    )
    def test_what_is_followed_into_the_next_attempt(
        self, fields: dict[str, object], alone: bool, with_retries: bool
    ) -> None:
        assert _goes_on(state(**fields), False) is alone
        assert _goes_on(state(**fields), True) is with_retries

    @pytest.mark.parametrize(
        ("attempt", "fields", "said"),
        [
            (3, {}, "has no attempt 3; the latest is 2"),
            (
                0,
                {"attempt": 0, "latest": 0, "task_state": "queued"},
                "has not started: it is queued",
            ),
            (
                0,
                {
                    "attempt": 0,
                    "latest": 0,
                    "task_state": "upstream_failed",
                    "task_reason": "x failed",
                },
                "never ran, so it has no log: it is upstream_failed: x failed",
            ),
            (1, {"attempt": 1, "started_at": None}, "Attempt 1 of task 'load' never started"),
        ],
    )
    def test_why_there_is_no_log(self, attempt: int, fields: dict[str, object], said: str) -> None:
        known = {"started_at": None} if fields.get("latest") == 0 else {}
        where, stands = msgspec.structs.replace(WHERE, attempt=attempt), state(**(fields | known))
        with pytest.raises(NotFound, match=said):
            check_attempt(stands, where, is_followed=False)

    def test_a_follower_waits_for_what_can_still_begin(self) -> None:
        waiting = state(attempt=0, latest=0, task_state="none", started_at=None)
        check_attempt(waiting, msgspec.structs.replace(WHERE, attempt=0), is_followed=True)
        check_attempt(waiting, WHERE, is_followed=True)
