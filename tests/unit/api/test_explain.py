"""What is said where no scheduler answers, and what becomes of an answer that the log does not
hold."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from millstream.adapters.bus import NobodyListens
from millstream.adapters.event_log import Head, Stored
from millstream.adapters.explaining import ExplainAnswer, encode_answer
from millstream.core.errors import MillstreamError, NotFound, Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import DagVersionSubmitted, Event
from millstream.core.explanation import Blocker, Code, Explanation
from millstream.core.wire import GENESIS, to_record
from millstream_api.admission import Overloaded
from millstream_api.explain import ExplainService
from shard import RUN, Shard, dag, task


class FakeBus:
    """Gives the answers one after the other, the last one for ever."""

    is_connected = True

    def __init__(self, *answers: ExplainAnswer | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def ask(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        assert subject == "ms.look.0.scheduler.explain"
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return encode_answer(answer)


class FakeLog:
    """The log of a shard. It grows by one event with each look at its end, up to all of it."""

    def __init__(self, log: list[Event], position: int | None = None, epoch: int = 1) -> None:
        self.log = log
        self.position = len(log) if position is None else position
        self.epoch = epoch

    async def head(self) -> Head:
        head = Head(self.epoch, self.position, GENESIS)
        self.position = min(self.position + 1, len(self.log))
        return head

    async def last_of_run(self, *key: str) -> int:
        of_run = [e.position for e in self.log if e.where.run_id == key[2]]
        return max(of_run, default=0)

    async def read(self, first: int, limit: int, **names: str) -> list[Stored]:
        found = [e for e in self.log if e.where.run_id == names["run_id"] and e.position >= first]
        return [Stored(to_record(event), GENESIS) for event in found[:limit]]

    async def dag_versions(self, *key: Any) -> list[Stored]:
        return [
            Stored(to_record(e), GENESIS)
            for e in self.log
            if isinstance(e.data, DagVersionSubmitted) and e.data.version in key[2]
        ]

    async def read_at(self, positions: list[int]) -> list[Stored]:
        return [Stored(to_record(e), GENESIS) for e in self.log if e.position in positions]


def service(bus: FakeBus, log: FakeLog) -> Any:
    made: Any = ExplainService(bus, log, None, 0)  # type: ignore[arg-type]
    return made


def ask(made: Any, where: Where, min_position: int = 0, timeout_s: float = 5.0) -> Explanation:
    deadline = time.monotonic() + timeout_s
    found: Explanation = asyncio.run(made._explain(where, min_position, deadline))
    return found


def codes(found: Explanation) -> list[Code]:
    return [blocker.code for blocker in found.blockers]


@pytest.fixture
def shard() -> Shard:
    made = Shard()
    made.begin(dag(task("a"), task("b", "a"), task("c")))
    made.start("a")
    return made


def answer(shard: Shard, **fields: Any) -> ExplainAnswer:
    values: dict[str, Any] = {
        "where": RUN.task("a"),
        "state": "running",
        "run_state": "running",
        "position": shard.state.position,
        "epoch": 1,
        "blockers": (Blocker(code=Code.RUNNING, text=("It is running.",)),),
    }
    return ExplainAnswer(explanation=Explanation(**values | fields))


@pytest.mark.parametrize(
    ("error", "is_connected", "code"),
    [
        (NobodyListens("nobody"), True, Code.NO_SCHEDULER),
        (Unavailable("late"), True, Code.SCHEDULER_SILENT),
        (Unavailable("away"), False, Code.NATS_AWAY),
    ],
)
def test_without_a_scheduler_the_events_of_the_run_say_what_they_know(
    shard: Shard, error: Exception, is_connected: bool, code: Code
) -> None:
    bus = FakeBus(error)
    bus.is_connected = is_connected
    made = service(bus, FakeLog(shard.log))
    assert codes(ask(made, RUN.task("a"))) == [code, Code.RUNNING]
    assert codes(ask(made, RUN.task("b"))) == [code, Code.UPSTREAM_NOT_FINISHED]
    assert codes(ask(made, RUN.task("c"))) == [code, Code.NOT_CLAIMED]


def test_what_is_over_needs_no_scheduler(shard: Shard) -> None:
    shard.fail("a", token="t")
    made = service(FakeBus(NobodyListens("nobody")), FakeLog(shard.log))
    assert codes(ask(made, RUN.task("a"))) == [Code.FAILED]
    assert codes(ask(made, RUN.task("b"))) == [Code.UPSTREAM_FAILED]


def test_a_run_that_is_over_is_folded_once_as_long_as_nothing_happens_to_it(shard: Shard) -> None:
    shard.succeed("c")
    shard.fail("a", token="t")
    not_there = ExplainAnswer(reason="RUN_NOT_FOUND", message="gone")
    made = service(FakeBus(not_there), FakeLog(shard.log))
    assert codes(ask(made, RUN.task("b"))) == [Code.UPSTREAM_FAILED]
    kept = dict(made._past._kept)
    assert len(kept) == 1
    assert codes(ask(made, RUN.task("c"))) == [Code.SUCCEEDED]
    assert made._past._kept == kept
    shard.clear("a", include_downstream=True)
    shard.succeed("a", 2)
    shard.succeed("b", 1)
    assert codes(ask(made, RUN.task("b"))) == [Code.SUCCEEDED]


def test_an_answer_waits_until_the_log_holds_what_it_rests_on(shard: Shard) -> None:
    bus = FakeBus(answer(shard))
    log = FakeLog(shard.log, position=len(shard.log) - 3)
    assert ask(service(bus, log), RUN.task("a")).state == "running"
    assert (bus.asked, log.position) == (1, len(shard.log))


def test_a_scheduler_that_was_fenced_is_not_believed(shard: Shard) -> None:
    bus = FakeBus(answer(shard, epoch=1), answer(shard, epoch=2, state="queued"))
    log = FakeLog(shard.log, epoch=2)
    assert ask(service(bus, log), RUN.task("a")).state == "queued"


def test_never_older_than_was_asked_for(shard: Shard) -> None:
    bus = FakeBus(answer(shard, position=3), answer(shard))
    made = service(bus, FakeLog(shard.log))
    assert ask(made, RUN.task("a"), min_position=5).position == shard.state.position
    with pytest.raises(Unavailable):
        ask(made, RUN.task("a"), min_position=99, timeout_s=0.1)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("TASK_NOT_FOUND", NotFound), ("OVERLOADED", Overloaded), ("INTERNAL", MillstreamError)],
)
def test_what_the_scheduler_refuses(shard: Shard, reason: str, kind: type[Exception]) -> None:
    bus = FakeBus(ExplainAnswer(reason=reason, message="so"))
    with pytest.raises(kind, match="so"):
        ask(service(bus, FakeLog(shard.log)), RUN.task("zz"))


def test_no_such_run(shard: Shard) -> None:
    bus = FakeBus(ExplainAnswer(reason="RUN_NOT_FOUND", message="gone"))
    made = service(bus, FakeLog(shard.log))
    for where in (Where("default", "etl", "r9", "a"), Where("default", "", "r9", "a")):
        with pytest.raises(NotFound) as caught:
            ask(made, where)
        assert caught.value.reason == "RUN_NOT_FOUND"
