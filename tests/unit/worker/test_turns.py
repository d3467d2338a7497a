"""The line before a child: who has begun, who is taken back, and who is to blame when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import millstream_worker.turns as turns_module
from millstream.core.event_parts import RunInfo
from millstream.core.spec import EmptyAction
from millstream.sdk.attempts import Attempt, Outcome
from millstream_worker.children import ChildDied
from millstream_worker.frames import Done, Run
from millstream_worker.turns import LARGEST_MESSAGE, Line, Recalled, Turn, TurnQueue, next_turn

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DONE = Done(Outcome(kind="success"), NOW, NOW)


def a_run(task_id: str = "t", **conf: Any) -> Run:
    info = RunInfo(run_type="manual", run_after=NOW)
    attempt = Attempt(
        namespace="default",
        dag_id="d",
        run_id="r",
        task_id=task_id,
        action=EmptyAction(),
        run=info,
        conf=conf,
    )
    return Run(attempt, "", "")


@pytest.fixture
def queue() -> Iterator[TurnQueue]:
    made = TurnQueue()
    yield made
    made.close()


class TestQueue:
    def test_attempts_come_in_their_order_and_say_whether_they_waited(
        self, queue: TurnQueue
    ) -> None:
        assert queue.put(a_run("a"), is_behind=False)
        assert queue.put(a_run("b"), is_behind=True)
        assert next_turn(queue.theirs) == (a_run("a"), False)
        assert next_turn(queue.theirs) == (a_run("b"), True)

    def test_a_long_one_comes_through_the_link_and_waits_behind_nobody(
        self, queue: TurnQueue
    ) -> None:
        long = a_run(text="x" * LARGEST_MESSAGE)
        assert not queue.put(long, is_behind=False)
        assert next_turn(queue.theirs) == (None, False)
        with pytest.raises(BlockingIOError):
            queue.put(long, is_behind=True)

    def test_what_is_taken_back_the_child_does_not_get(self, queue: TurnQueue) -> None:
        for name in "abc":
            queue.put(a_run(name), is_behind=name != "a")
        next_turn(queue.theirs)
        next_turn(queue.theirs)
        assert queue.take_back(2) == 1
        queue.put(a_run("d"), is_behind=False)
        assert next_turn(queue.theirs) == (a_run("d"), False)

    def test_the_first_one_stays_for_a_process_that_is_about_to_start(
        self, queue: TurnQueue
    ) -> None:
        for name in "abc":
            queue.put(a_run(name), is_behind=name != "a")
        assert queue.take_back(2) == 2
        assert next_turn(queue.theirs) == (a_run("a"), False)

    def test_the_worker_is_gone(self, queue: TurnQueue) -> None:
        theirs = queue.theirs.dup()
        queue.close()
        with pytest.raises(EOFError):
            next_turn(theirs)
        theirs.close()


class Process:
    """A child as its line sees it. ``taken``: how many it has read."""

    pid = 1

    def __init__(self) -> None:
        self.line = Line(self.take_back)
        self.given = self.taken = 0
        self.ended: list[str] = []

    def give(self) -> Turn:
        turn = Turn(self, None)  # type: ignore[arg-type]
        self.given += 1
        self.line.add(turn)
        return turn

    def take_back(self, most: int) -> int:
        count = min(self.given - self.taken, most)
        self.given -= count
        return count

    def is_at(self, turn: Turn) -> bool:
        return self.line.is_at(turn)

    def kill(self) -> None:
        self.ended.append("killed")

    def stop(self, grace_s: float, why: str, *, is_timeout: bool) -> None:
        self.ended.append(why)


@pytest.mark.asyncio
class TestLine:
    async def test_one_after_the_other(self) -> None:
        child = Process()
        a, b = child.give(), child.give()
        assert (a.has_begun, b.has_begun) == (True, False)
        child.line.end_first(DONE)
        assert a.done.result() is DONE
        assert b.has_begun
        assert len(child.line) == 1

    async def test_nobody_is_kept_waiting_behind_a_long_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turns_module, "PATIENCE_S", 0.0)
        child = Process()
        a, b, c = child.give(), child.give(), child.give()
        child.taken = 1
        for turn in (b, c):
            with pytest.raises(Recalled):
                await turn.began
        assert child.line.first is a

    async def test_a_child_of_no_more_use_gives_all_back(self) -> None:
        child = Process()
        _, b, c = child.give(), child.give(), child.give()
        child.taken = 1
        child.line.end_first(Done(Outcome(kind="success"), NOW, NOW, spent="it leaks"))
        for turn in (b, c):
            assert isinstance(turn.began.exception(), Recalled)
        assert not child.line

    async def test_the_process_is_killed_for_the_one_that_it_is_at(self) -> None:
        child = Process()
        a, b = child.give(), child.give()
        child.taken = 1
        a.kill()
        assert child.ended == ["killed"]
        assert isinstance(b.began.exception(), Recalled), "it is not to blame"

    async def test_it_is_not_killed_for_one_that_is_over_already(self) -> None:
        child = Process()
        a, b = child.give(), child.give()
        child.taken = 2  # the word that a is over is on its way
        a.kill()
        a.stop(1.0)
        assert child.ended == []
        child.line.end_first(DONE)
        b.stop(1.0, "too late")
        assert child.ended == ["too late"]

    async def test_one_that_has_not_begun_is_taken_out_of_the_line(self) -> None:
        child = Process()
        child.give()
        b = child.give()
        child.taken = 1
        b.kill()
        assert child.ended == []
        assert isinstance(b.began.exception(), Recalled)

    async def test_only_the_one_that_it_was_at_fails_with_it(self) -> None:
        child = Process()
        a, b = child.give(), child.give()
        child.taken = 1
        child.line.fail(ChildDied("killed by SIGSEGV"))
        assert isinstance(a.done.exception(), ChildDied)
        assert isinstance(b.began.exception(), Recalled)

    async def test_one_that_nobody_waits_for_any_more_holds_up_nobody(self) -> None:
        child = Process()
        a, b = child.give(), child.give()
        child.taken = 2
        b.began.cancel()
        child.line.end_first(DONE)
        assert a.done.result() is DONE
        assert child.line.first is b
