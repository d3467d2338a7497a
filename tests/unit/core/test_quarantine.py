"""What our own code fails on: its run or its DAG is put aside, nobody else, and the log goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from millstream.core import evolve as evolve_module
from millstream.core import handle as handle_module
from millstream.core import react as react_module
from millstream.core import run_queue as run_queue_module
from millstream.core.asset_conditions import AssetRef
from millstream.core.assets import Assets
from millstream.core.commands import ClearTasks, Quarantine, SetDagPaused, StartRuns
from millstream.core.events import DagPaused, Event, Fact, RunQuarantined, RunStarted
from millstream.core.evolve import evolve
from millstream.core.quarantine import where_of
from millstream.core.react import react
from millstream.core.state import State
from millstream.core.task_events import TaskSucceeded
from millstream.core.timers import timers_after, timers_of
from millstream.core.timetable import AssetSchedule
from shard import Shard, dag, dump, fold, kinds, task
from world import HOUR, T0, World


def fail_after(monkeypatch: pytest.MonkeyPatch, cls: type, run_id: str = "") -> None:
    """What follows from an event of a type (in a run) cannot be told."""

    def broken(state: State, event: Event, now: datetime) -> Iterator[Fact]:
        if isinstance(event.data, cls) and run_id in ("", event.where.run_id):
            raise ZeroDivisionError("oops")
        return react(state, event, now)

    monkeypatch.setattr(handle_module, "react", broken)


@pytest.fixture
def shard() -> Shard:
    return Shard()


def fail(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("oops")


class TestDecisions:
    def test_a_run_whose_start_fails_does_not_harm_the_one_that_made_room(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The command is about a run that is over by then."""
        shard.begin(dag(task("a"), max_active_runs=1))
        shard.trigger("r2")
        shard.trigger("r3")
        fail_after(monkeypatch, RunStarted, "r2")
        events = shard.succeed("a")
        runs = [event.where.run_id for event in events]
        assert [*map(" ".join, zip(kinds(events), runs, strict=True))] == [
            *("TaskSucceeded a r1", "RunSucceeded r1"),
            *("RunStarted r2", "RunQuarantined r2"),
        ]
        ((_, next_start),) = timers_after(shard.state, events[-1])
        assert kinds(shard.handle(next_start)) == ["RunStarted", "TaskReady a"]
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_two_failures_in_one_round(self, shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
        shard.submit(dag(task("a")))
        shard.handle(SetDagPaused(id="p", namespace="default", dag_id="etl", is_paused=True))
        for run_id in ("r1", "r2", "r3"):
            shard.trigger(run_id)
        original = react_module.make_ready

        def broken(run: Any, *rest: Any) -> Fact:
            return fail() if run.key[2] != "r2" else original(run, *rest)

        monkeypatch.setattr("millstream.core.gate.make_ready", broken)
        monkeypatch.setattr(handle_module, "make_ready", broken)
        events = shard.handle(
            SetDagPaused(id="u", namespace="default", dag_id="etl", is_paused=False)
        )
        aside = [e.where.run_id for e in events if isinstance(e.data, RunQuarantined)]
        assert aside == ["r1", "r3"]
        assert list(shard.state.runs) == [("default", "etl", "r2")]
        assert kinds(events)[-1] in ("TaskReady a", "RunQuarantined")
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_a_client_is_refused_and_harms_nobody(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shard.begin(dag(task("a")))
        with monkeypatch.context() as patch:
            patch.setattr(handle_module, "decide", fail)
            assert shard.refused("trigger", "r2") == "INTERNAL"
        assert kinds(shard.succeed("a"))[-1] == "RunSucceeded"

    def test_a_new_dag_whose_schedule_cannot_be_reckoned_begins_paused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = World()
        with monkeypatch.context() as patch:
            patch.setattr(run_queue_module, "next_times", fail)
            events = world.submit(dag(task("a"), schedule="@hourly"))
        assert kinds(events) == ["DagVersionSubmitted", "DagPaused"]
        assert events[-1].data == DagPaused(reason="quarantined: ZeroDivisionError('oops')")
        world.restart()
        assert kinds(world.pause(False)) == ["DagUnpaused", "NextRunPlanned"]
        world.go_on(T0 + 2 * HOUR)
        assert "RunCreated" in kinds(world.log)

    def test_a_dag_that_fails_again_when_it_goes_on_is_paused_again(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run_queue_module, "next_times", fail)
        shard.submit(dag(task("a"), schedule="@hourly"))
        go_on = SetDagPaused(id="u", namespace="default", dag_id="etl", is_paused=False)
        assert kinds(shard.handle(go_on)) == ["DagUnpaused", "DagPaused"]

    def test_an_own_command_that_fails_pauses_its_dag(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else nobody would ever see that it does nothing any more."""
        shard.submit(dag(task("a")))
        command = StartRuns(id="s", namespace="default", dag_id="etl", at=T0)
        monkeypatch.setattr(handle_module, "decide", fail)
        assert kinds(shard.handle(command)) == ["DagPaused"]

    def test_a_dag_that_fails_on_an_asset_is_not_the_one_that_updated_it(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table = AssetRef(name="x", uri="x://x")
        reader = dag(task("r"), dag_id="reader", schedule=AssetSchedule(condition=table))
        shard.submit(reader)
        shard.begin(dag(task("a", outlets=(table,))))
        monkeypatch.setattr(Assets, "is_met", fail)
        events = shard.succeed("a")
        assert [f"{event.where.dag_id} {type(event.data).__name__}" for event in events] == [
            *("etl TaskSucceeded", "etl AssetUpdated", "etl RunSucceeded", "reader DagPaused")
        ]


class TestTheWayOut:
    def test_a_clear_lets_a_run_go_on_that_never_began(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shard.submit(dag(task("a"), task("b", "a")))
        with monkeypatch.context() as patch:
            fail_after(patch, RunStarted)
            assert kinds(shard.trigger())[-1] == "RunQuarantined"
        clear = ClearTasks(id="c", namespace="default", dag_id="etl", run_id="r1", only_failed=True)
        assert kinds(shard.handle(clear)) == ["RunReopened", "RunStarted", "TaskReady a"]
        shard.succeed("a")
        assert kinds(shard.succeed("b"))[-1] == "RunSucceeded"
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_an_attempt_that_was_under_way_is_made_anew(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shard.begin(dag(task("a"), task("b")))
        shard.start("a")
        with monkeypatch.context() as patch:
            fail_after(patch, TaskSucceeded)
            assert kinds(shard.succeed("b"))[-1] == "RunQuarantined"
        assert shard.refused("succeed", "a") == "RUN_CLOSED"
        clear = ClearTasks(id="c", namespace="default", dag_id="etl", run_id="r1", only_failed=True)
        events = shard.handle(clear)
        assert kinds(events) == ["RunReopened", "RunStarted", "TaskReady a"]
        assert events[-1].where.attempt == 2
        shard.succeed("a", 2)
        assert kinds(shard.log)[-1] == "RunSucceeded"


class TestTheLog:
    def test_an_event_that_cannot_be_folded_stops_nobody(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shard.begin(dag(task("a")))
        shard.trigger("r2")
        original = evolve_module._start_run

        def broken(state: State, event: Event, data: RunStarted) -> None:
            if event.where.run_id == "r1":
                raise ZeroDivisionError("oops")
            original(state, event, data)

        monkeypatch.setattr(evolve_module, "_start_run", broken)
        state = State()
        errors = [evolve(state, event) for event in shard.log]
        assert [repr(error) for error in errors if error] == ["ZeroDivisionError('oops')"]
        assert state.position == shard.state.position
        assert ("default", "etl", "r2") in {key[:3] for key in state.ready}

    def test_what_was_not_folded_is_put_aside_by_a_command(self, shard: Shard) -> None:
        shard.begin(dag(task("a")))
        where = shard.log[-1].where
        run = Quarantine(id="q", where=where, error="oops")
        assert kinds(shard.handle(run)) == ["RunQuarantined"]
        assert kinds(shard.handle(run)) == ["DagPaused"]
        assert shard.handle(run) == []


class TestTimers:
    def test_after_a_commit(self, shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is no way back then: the event is in the log."""
        shard.begin(dag(task("a")))
        ended = shard.succeed("a")[-1]
        monkeypatch.setattr("millstream.core.timers.commands_after", fail)
        ((instant, command),) = timers_after(shard.state, ended)
        assert instant < datetime(2000, 1, 1, tzinfo=UTC)
        assert isinstance(command, Quarantine)
        assert kinds(shard.handle(command)) == ["DagPaused"]

    def test_at_a_takeover(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        world.submit(dag(task("a"), schedule="@hourly"))
        monkeypatch.setattr(run_queue_module, "creation_of", fail)
        ((_, command),) = list(timers_of(world.state))
        assert isinstance(command, Quarantine)
        assert where_of(command) == command.where
        assert kinds(world.do(command)) == ["DagPaused"]
