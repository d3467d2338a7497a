"""Where more wait and fit than one command lets in, others are let in one command after another."""

from __future__ import annotations

import pytest

from millstream.core import gate
from millstream.core.commands import LetIn, SetPool, SubmitDag, TriggerRun
from millstream.core.event_parts import Where
from millstream.core.events import Event
from millstream.core.explain import explain
from millstream.core.explanation import Code, Surroundings
from millstream.core.handle import handle, handle_whole
from millstream.core.reports import SucceedAttempt
from millstream.core.spec import DagSpec, MapSource
from millstream.core.state import State
from millstream.core.task_events import TaskReady, TaskScheduled
from shard import T0, dag, dump, fold, task

WIDE = dag(task("m", mapped_over=(MapSource(length=5),)), dag_id="wide")
SMALL = dag(task("a"), dag_id="small")


class Played:
    """What each command says, with no command sent that nobody asked for."""

    def __init__(self, *specs: DagSpec) -> None:
        self.state = State()
        self.log: list[Event] = []
        for spec in specs:
            self.do(SubmitDag(id=spec.dag_id, namespace="n", spec=spec))

    def do(self, command: object) -> list[Event]:
        events = handle(self.state, command, "test", T0, 1)  # type: ignore[arg-type]
        self.log += events
        return events

    def trigger(self, dag_id: str) -> list[Event]:
        return self.do(TriggerRun(id=f"r/{dag_id}", namespace="n", dag_id=dag_id, run_id="r"))

    def let_in(self) -> list[str]:
        return ready(self.do(LetIn(id="more")))


def ready(events: list[Event]) -> list[str]:
    return [
        f"{event.where.task_id}{list(event.where.map_index)}"
        for event in events
        if isinstance(event.data, TaskReady)
    ]


@pytest.fixture(autouse=True)
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_AT_ONCE", 2)


def test_a_wide_task_is_let_in_two_by_two() -> None:
    played = Played(WIDE)
    begun = played.trigger("wide")
    assert [type(event.data) for event in begun[3:]] == [TaskScheduled, TaskReady, TaskReady]
    assert ready(begun) == ["m[0]", "m[1]"]
    assert played.state.limits.openings
    assert played.let_in() == ["m[2]", "m[3]"]
    assert played.let_in() == ["m[4]"]
    assert not played.state.limits.openings
    assert played.let_in() == []
    assert dump(fold(played.log)) == dump(played.state)


def test_others_wait_for_their_turn_meanwhile() -> None:
    """Else each of many commands would let in as many, and all of them are one commit."""
    played = Played(WIDE, SMALL)
    played.trigger("wide")
    small = played.trigger("small")
    assert ready(small) == []
    assert isinstance(small[-1].data, TaskScheduled)
    first = Where("n", "wide", "r", "m", (0,), 1)
    done = SucceedAttempt(id="d", where=first, worker="w", token="t", started_at=T0, ended_at=T0)
    assert ready(played.do(done)) == []
    assert sorted(played.let_in() + played.let_in()) == ["a[]", "m[2]", "m[3]", "m[4]"]


def test_who_waits_meanwhile_is_told_so() -> None:
    played = Played(WIDE)
    played.trigger("wide")
    found = explain(played.state, Where("n", "wide", "r", "m", (4,)), T0, Surroundings())
    assert [blocker.code for blocker in found.blockers] == [Code.WAITS_FOR_PLACE]
    assert "it is let in soon" in str(found.blockers[0].text)


def test_who_takes_over_knows_that_some_are_left() -> None:
    played = Played(WIDE)
    played.trigger("wide")
    played.state = fold(played.log)
    assert played.state.limits.openings
    assert played.let_in() == ["m[2]", "m[3]"]


def test_a_pool_lets_in_no_more_than_it_has() -> None:
    played = Played()
    played.do(SetPool(id="p", namespace="n", name="default_pool", slots=3))
    played.do(SubmitDag(id="s", namespace="n", spec=WIDE))
    assert ready(played.trigger("wide")) == ["m[0]", "m[1]"]
    assert played.let_in() == ["m[2]"]
    assert not played.state.limits.openings


def test_who_commits_nothing_has_all_of_it_at_once() -> None:
    played = Played(WIDE)
    trigger = TriggerRun(id="r", namespace="n", dag_id="wide", run_id="r")
    events = handle_whole(played.state, trigger, "test", T0, 1)
    assert ready(events) == [f"m[{number}]" for number in range(5)]
