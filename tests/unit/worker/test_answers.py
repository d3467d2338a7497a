"""A task that asks gets an answer, also where the worker itself fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from millstream.core.commands import Receipt
from millstream.core.event_parts import RunInfo, Where
from millstream.core.xcoms import XComPull
from millstream_worker.answers import Answers
from millstream_worker.frames import Change, Fetch, Find, Pull, Question, Store
from millstream_worker.tools import Tools


class Broken:
    """Whatever is looked for here is a fault of ours."""

    scratch = Path("nowhere")

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("a fault of ours")


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
    def claim() -> asyncio.Future[Receipt]:
        raise RuntimeError("a fault of ours")

    where = Where(namespace="default", dag_id="d", run_id="r", task_id="t", attempt=1)
    run = cast(RunInfo, Broken())
    answers = Answers(cast(Tools, Broken()), where, run, 1, "token", claim)
    answer = asyncio.run(answers.answer(question))
    assert "RuntimeError: a fault of ours" in answer.error
