"""A task that asks gets an answer, also where the worker itself fails."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from millstream.core.errors import Unavailable
from millstream.core.event_parts import RunInfo, Where
from millstream.core.receipts import Receipt
from millstream.core.xcoms import XComPull
from millstream_worker.answers import Answers
from millstream_worker.frames import Change, Fetch, Find, Pull, Pulled, Question, Store
from millstream_worker.pulls import Pulls
from millstream_worker.tools import Tools


class Broken:
    """Whatever is looked for here is a fault of ours."""

    scratch = Path("nowhere")

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("a fault of ours")


class Deserted:
    """A bus on which nobody listens for some time."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    async def ask(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable(f"Nobody listens on {subject}.")
        return b"{}"


class Waiting(Broken):
    shard = 0

    def __init__(self, refusals: int) -> None:
        self.bus = Deserted(refusals)
        self.pulls = Pulls()


def answers_of(tools: Broken) -> Answers:
    def claim() -> asyncio.Future[Receipt]:
        raise RuntimeError("a fault of ours")

    where = Where(namespace="default", dag_id="d", run_id="r", task_id="t", attempt=1)
    run = RunInfo(run_type="manual", run_after=datetime(2026, 1, 1, tzinfo=UTC))
    return Answers(cast(Tools, tools), where, run, 1, "token", claim)


def test_a_projector_that_is_away_for_long_fails_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """That nobody listens is said at once, so patience is counted in time and not in tries."""
    monkeypatch.setattr("millstream_worker.answers.LOOKUP_PAUSE_S", 0.001)
    pulled = asyncio.run(answers_of(Waiting(300)).answer(Pull(XComPull(queries=()))))
    assert isinstance(pulled, Pulled)
    assert (bytes(pulled.answer), pulled.error) == (b"{}", "")
    monkeypatch.setattr("millstream_worker.answers.LOOKUP_PATIENCE_S", 0.01)
    pulled = asyncio.run(answers_of(Waiting(300)).answer(Pull(XComPull(queries=()))))
    assert "Nobody listens" in pulled.error


@pytest.mark.parametrize(
    "question",
    [
        Pull(XComPull(queries=())),
        Fetch("0" * 64),
        Store("file"),
        Find("variable", "key"),
        Change("key", "1"),
    ],
)
def test_an_error_that_nobody_expects_is_an_answer(question: Question) -> None:
    answer = asyncio.run(answers_of(Broken()).answer(question))
    assert "RuntimeError: a fault of ours" in answer.error
