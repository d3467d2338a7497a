"""Branches and short circuits in the core, and what setups and teardowns wait for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from millstream.core.choices import tasks_cut_off
from millstream.core.commands import SubmitDag, TriggerRun
from millstream.core.event_parts import Choice
from millstream.core.events import Event
from millstream.core.graph import Graph
from millstream.core.handle import handle
from millstream.core.reports import FailAttempt, SucceedAttempt
from millstream.core.spec import BashAction, DagSpec, TaskSpec, TriggerRule
from millstream.core.state import State
from millstream.core.statuses import next_status
from millstream.core.task_events import TaskReady, TaskSkipped

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def task(task_id: str, *upstream: str, rule: str = "all_success", **more: Any) -> TaskSpec:
    return TaskSpec(
        task_id=task_id,
        action=BashAction(command="true"),
        upstream=upstream,
        trigger_rule=TriggerRule(rule),
        **more,
    )


class Played:
    """A run whose attempts end as the test says."""

    def __init__(self, *tasks: TaskSpec) -> None:
        self.state = State()
        self.events: list[Event] = []
        self.count = 0
        spec = DagSpec(dag_id="d", tasks=tasks)
        self._do(SubmitDag(id="s", namespace="n", spec=spec))
        self._do(TriggerRun(id="t", namespace="n", dag_id="d"))

    def end(self, task_id: str, choice: Choice | None = None, is_failure: bool = False) -> None:
        self.count += 1
        where = next(
            event.where
            for event in self.events
            if isinstance(event.data, TaskReady) and event.where.task_id == task_id
        )
        about = {
            "id": f"r{self.count}",
            "where": where,
            "worker": "w",
            "token": f"t{self.count}",
            "started_at": NOW,
            "ended_at": NOW,
        }
        if is_failure:
            self._do(FailAttempt(**about, error_type="E", message="m"))  # type: ignore[arg-type]
        else:
            self._do(SucceedAttempt(**about, choice=choice))  # type: ignore[arg-type]

    def states(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for event in self.events:
            status = next_status(event.data)
            if status is not None:
                found[event.where.task_id] = str(status)
        return found

    def _do(self, command: SubmitDag | TriggerRun | SucceedAttempt | FailAttempt) -> None:
        self.events += handle(self.state, command, "tester", NOW, 1)


DIAMOND = (task("fork"), task("a", "fork"), task("b", "fork"), task("join", "fork", "a"))


@pytest.mark.parametrize(
    ("choice", "cut"),
    [
        (Choice(follow=("a",)), ["b"]),
        (Choice(follow=("b",)), ["a", "join"]),
        (Choice(follow=("a", "b")), []),
        (Choice(follow=("join",)), ["a", "b"]),
        (Choice(follow=()), ["a", "b", "join"]),
        (Choice(follow=("unheard-of",)), ["a", "b", "join"]),
        (Choice(skip="direct"), ["a", "b", "join"]),
        (Choice(), []),
    ],
)
def test_what_is_cut_off(choice: Choice, cut: list[str]) -> None:
    graph = Graph(DagSpec(dag_id="d", tasks=DIAMOND))
    assert [graph.tasks[number].task_id for number, _ in tasks_cut_off(graph, 0, choice)] == cut


def test_a_short_circuit_skips_all_that_follows_whatever_its_rule() -> None:
    played = Played(
        task("gate"),
        task("next", "gate"),
        task("last", "next", rule="all_done"),
        task("other"),
        task("clean", "last", "gate", rule="all_done_setup_success", is_teardown=True),
    )
    played.end("gate", Choice(skip="all"))
    assert played.states() == {
        "gate": "success",
        "next": "skipped",
        "last": "skipped",
        "other": "queued",
        "clean": "queued",
    }


def test_a_short_circuit_in_the_direct_mode_leaves_the_rest_to_the_rules() -> None:
    played = Played(task("gate"), task("next", "gate"), task("last", "next", rule="all_done"))
    played.end("gate", Choice(skip="direct"))
    assert played.states() == {"gate": "success", "next": "skipped", "last": "queued"}


def test_what_runs_already_is_not_cut_off() -> None:
    played = Played(task("gate"), task("eager", "gate", rule="always"))
    played.end("gate", Choice(skip="all"))
    assert played.states()["eager"] == "queued"


def test_the_reason_names_the_branch() -> None:
    played = Played(*DIAMOND)
    played.end("fork", Choice(follow=("b",)))
    reasons = [event.data.reason for event in played.events if isinstance(event.data, TaskSkipped)]
    assert reasons == ["task 'fork' chose not to go on here"] * 2


def test_folding_the_log_again_gives_the_same_cuts() -> None:
    played = Played(*DIAMOND)
    played.end("fork", Choice(follow=("b",)))
    assert (
        played.state.runs[("n", "d", played.events[-1].where.run_id)].instances[1].cut_by == "fork"
    )


PIPELINE = (
    task("setup", is_setup=True),
    task("work", "setup"),
    task("more", "work"),
    task("teardown", "more", "setup", rule="all_done_setup_success", is_teardown=True),
)


def test_a_teardown_runs_after_a_failure_and_does_not_hide_it() -> None:
    played = Played(*PIPELINE)
    played.end("setup")
    played.end("work", is_failure=True)
    assert played.states()["teardown"] == "queued"
    played.end("teardown")
    assert type(played.events[-1].data).__name__ == "RunFailed"


def test_a_failed_setup_stops_what_needs_it_and_its_teardown() -> None:
    played = Played(*PIPELINE)
    played.end("setup", is_failure=True)
    assert played.states() == {
        "setup": "failed",
        "work": "upstream_failed",
        "more": "upstream_failed",
        "teardown": "upstream_failed",
    }


@pytest.mark.parametrize("counts", [False, True])
def test_a_failed_teardown_fails_the_run_only_if_it_shall(counts: bool) -> None:
    played = Played(
        task("setup", is_setup=True),
        task("work", "setup"),
        task(
            "teardown",
            "work",
            "setup",
            rule="all_done_setup_success",
            is_teardown=True,
            on_failure_fail_dagrun=counts,
        ),
    )
    played.end("setup")
    played.end("work")
    played.end("teardown", is_failure=True)
    assert type(played.events[-1].data).__name__ == ("RunFailed" if counts else "RunSucceeded")


def test_a_setup_further_up_is_waited_for_whatever_the_rule_says() -> None:
    """``eager`` could run when ``quick`` is done, but a setup above it is not over."""
    played = Played(
        task("setup", is_setup=True),
        task("slow", "setup"),
        task("quick"),
        task("eager", "slow", "quick", rule="one_success"),
        task("teardown", "eager", "setup", rule="all_done_setup_success", is_teardown=True),
    )
    played.end("quick")
    assert "eager" not in played.states()
    played.end("setup")
    assert played.states()["eager"] == "queued"


def test_a_teardown_waits_for_everything_in_its_scope() -> None:
    """``eager`` ends before ``slow``, which is between setup and teardown as well."""
    played = Played(
        task("setup", is_setup=True),
        task("slow", "setup"),
        task("quick", "setup"),
        task("eager", "slow", "quick", rule="one_success"),
        task("teardown", "eager", "setup", rule="all_done_setup_success", is_teardown=True),
    )
    played.end("setup")
    played.end("quick")
    played.end("eager")
    assert "teardown" not in played.states()
    played.end("slow")
    assert played.states()["teardown"] == "queued"
