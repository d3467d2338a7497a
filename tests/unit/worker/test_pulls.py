"""What attempts of a run find out for each other, and what they do not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from millstream.core.event_parts import RunInfo, Where, XCom
from millstream.core.xcoms import FoundXCom, Place, XComAnswer, XComPull, XComQuery
from millstream_worker import pulls as module
from millstream_worker.answers import Answers
from millstream_worker.frames import Pull
from millstream_worker.pulls import FRESH_S, Key, Pulls

pytestmark = pytest.mark.asyncio

PULL = XComPull(queries=(XComQuery("rows"), XComQuery("columns")))
KEY: Key = ("default", "etl", "r1", PULL)
VALUE = XCom(value=msgspec.Raw(b"[1,2]"), size=5)
WHOLE = XComAnswer((FoundXCom(0, (), VALUE), FoundXCom(1, (), VALUE)), position=10)


class Projector:
    """Counts how often it is asked."""

    def __init__(self, answer: XComAnswer) -> None:
        self.answer = answer
        self.asked = 0

    async def ask(self) -> bytes:
        self.asked += 1
        return msgspec.json.encode(self.answer)


async def asked(answer: XComAnswer, *positions: int) -> int:
    """How often the projector is asked by attempts that are ready at these positions."""
    pulls, projector = Pulls(), Projector(answer)
    for position in positions:
        assert await pulls.get(KEY, position, projector.ask) == msgspec.json.encode(answer)
    return projector.asked


async def test_one_asks_for_those_that_were_ready_by_then() -> None:
    assert await asked(WHOLE, 5, 6, 10, 1) == 1


async def test_who_was_ready_later_asks() -> None:
    assert await asked(WHOLE, 5, 11, 11) == 3


async def test_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of the loop, which says here what it is told."""
    pulls, projector = Pulls(), Projector(WHOLE)
    with monkeypatch.context() as clock:
        for now, times_asked in (
            (0.0, 1),
            (FRESH_S * 0.9, 1),
            (FRESH_S * 1.1, 2),
            (FRESH_S * 2, 2),
        ):
            clock.setattr(asyncio.get_running_loop(), "time", lambda now=now: now)
            await pulls.get(KEY, 5, projector.ask)
            assert projector.asked == times_asked


@pytest.mark.parametrize(
    "answer",
    [
        msgspec.structs.replace(WHOLE, found=WHOLE.found[:1]),
        msgspec.structs.replace(WHOLE, found=()),
        msgspec.structs.replace(WHOLE, after=Place(1, ())),
        msgspec.structs.replace(WHOLE, position=0),
    ],
)
async def test_what_is_not_whole_is_not_kept(answer: XComAnswer) -> None:
    """A value that is missing may come at any moment."""
    assert await asked(answer, 0, 0) == 2


async def test_each_run_and_each_pull_has_its_own() -> None:
    pulls, projector = Pulls(), Projector(WHOLE)
    other = msgspec.structs.replace(PULL, queries=(XComQuery("rows", "n"), XComQuery("columns")))
    for key in (KEY, ("default", "etl", "r2", PULL), ("default", "etl", "r1", other), KEY):
        await pulls.get(key, 1, projector.ask)
    assert projector.asked == 3


async def test_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    pulls, projector = Pulls(), Projector(WHOLE)
    for run_id in ("r1", "r2", "r3", "r3", "r2", "r1"):
        await pulls.get(("default", "etl", run_id, PULL), 1, projector.ask)
    assert projector.asked == 4
    monkeypatch.setattr(module, "MOST_KEPT_BYTES", 10)
    assert await asked(WHOLE, 1, 1) == 2


async def test_who_begins_then_gets_it_along(monkeypatch: pytest.MonkeyPatch) -> None:
    pulls, projector = Pulls(), Projector(WHOLE)
    run = KEY[:3]
    assert pulls.known(run, 1) == {}
    with monkeypatch.context() as clock:
        clock.setattr(asyncio.get_running_loop(), "time", lambda: 0.0)
        await pulls.get(KEY, 1, projector.ask)
        known = {"rows": {"return_value": VALUE}, "columns": {"return_value": VALUE}}
        assert pulls.known(run, 10) == known
        assert pulls.known(run, 11) == {}, "it was ready later"
        assert pulls.known(("default", "etl", "r2"), 1) == {}
        clock.setattr(asyncio.get_running_loop(), "time", lambda: FRESH_S * 1.1)
        assert pulls.known(run, 10) == {}, "for a moment"


async def test_what_only_the_one_who_asked_may_want_is_not_given() -> None:
    pulls = Pulls()
    of_before = msgspec.structs.replace(PULL, include_prior_dates=True)
    await pulls.get((*KEY[:3], of_before), 1, Projector(WHOLE).ask)
    assert pulls.known(KEY[:3], 1) == {}
    of_mapped = XComAnswer(
        (FoundXCom(0, (0,), VALUE), FoundXCom(0, (1,), VALUE), FoundXCom(1, (), VALUE)), position=10
    )
    await pulls.get(KEY, 1, Projector(of_mapped).ask)
    assert pulls.known(KEY[:3], 1) == {"columns": {"return_value": VALUE}}


async def test_large_values_are_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_GIVEN_BYTES", 10)
    pulls = Pulls()
    await pulls.get(KEY, 1, Projector(WHOLE).ask)
    assert pulls.known(KEY[:3], 1) == {}


class Asked:
    """NATS, and the projector behind it."""

    def __init__(self) -> None:
        self.count = 0

    async def ask(self, subject: str, question: bytes, timeout_s: float) -> bytes:
        self.count += 1
        return msgspec.json.encode(WHOLE)


async def test_who_asks_again_is_told_what_is_new() -> None:
    """A task may wait for what another one hands on while both run."""
    bus, pulls = Asked(), Pulls()
    tools: Any = SimpleNamespace(bus=bus, pulls=pulls, shard=0)
    info = RunInfo(run_type="manual", run_after=datetime(2026, 1, 1, tzinfo=UTC))

    def attempt(task_id: str) -> Answers:
        where = Where("default", "etl", "r1", task_id, (), 1)
        return Answers(tools, where, info, 10, "w-1", lambda: pytest.fail("no claim is needed"))

    first, second = attempt("a"), attempt("b")
    await first.answer(Pull(PULL))
    await second.answer(Pull(PULL))
    assert bus.count == 1
    for asked_before in (1, 2, 3):
        await second.answer(Pull(PULL))
        assert bus.count == asked_before + 1
    await first.answer(Pull(msgspec.structs.replace(PULL, include_prior_dates=True)))
    assert bus.count == 5
