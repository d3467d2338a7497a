"""What a task asks of its worker, and what it need not ask."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from millstream.core.event_parts import RunInfo, XCom
from millstream.core.spec import EmptyAction
from millstream.core.xcoms import XComPull, XComQuery
from millstream.sdk.attempts import Attempt
from millstream_worker.frames import Answer, Pull, Pulled, Question, Run
from millstream_worker.task_line import TaskLine

A_RUN = RunInfo(run_type="manual", run_after=datetime(2026, 1, 2, tzinfo=UTC))


class Line(TaskLine):
    """Keeps what it is asked, and knows one answer."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return Pulled(msgspec.Raw(b'{"found":[]}'))


def test_who_asks_again_asks_the_worker() -> None:
    """It waits for something new."""
    attempt = Attempt(
        namespace="default", dag_id="d", run_id="r", task_id="b", action=EmptyAction(), run=A_RUN
    )
    five = XCom(value=msgspec.Raw(b"5"), size=1)
    run = Run(attempt, "", "", known={"a": {"return_value": five}})
    own = XComPull(queries=(XComQuery("a"),))
    line = Line()
    for _ in range(2):
        line.serve(run)
        line.asked.clear()
        assert line.pull_xcoms(own).found
        assert line.asked == []
        assert not line.pull_xcoms(own).found
        assert line.asked == [Pull(own)]


def test_what_came_with_the_ready_event_is_not_asked_for() -> None:
    five = XCom(value=msgspec.Raw(b"5"), size=1)
    attempt = Attempt(
        namespace="default", dag_id="d", run_id="r", task_id="b", action=EmptyAction(), run=A_RUN
    )
    run = Run(attempt, "", "", known={"a": {"return_value": five}})
    own = XComPull(queries=(XComQuery("a"),))
    line = Line()
    line.serve(run)
    for pull in (own, replace(own, dag_id="d", run_id="r")):
        assert [found.xcom for found in line.pull_xcoms(pull).found] == [five]
    assert line.asked == []
    others = [
        replace(own, dag_id="e"),
        replace(own, run_id="s"),
        XComPull(queries=(XComQuery("c"),)),
    ]
    for pull in others:
        assert line.pull_xcoms(pull).found == ()
    assert line.asked == [Pull(pull) for pull in others]
    line.serve(None)
    line.pull_xcoms(own)
    assert line.asked[-1] == Pull(own), "a thread that was left behind knows nothing of it"
