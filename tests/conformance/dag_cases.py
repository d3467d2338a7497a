"""Plays recorded DAG cases through the pure core with scripted outcomes.

A case is a DAG, the outcome of each try of each task, and the states in which Airflow 3.3.2 itself
left the run and its tasks.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from millstream.core.commands import RetryAttempt, SubmitDag, TriggerRun
from millstream.core.event_parts import Choice, Where, XCom
from millstream.core.events import Event, RunFailed, RunQuarantined, RunSucceeded
from millstream.core.handle import Cause, begin, follow
from millstream.core.reports import FailAttempt, SkipAttempt, SucceedAttempt
from millstream.core.spec import BashAction, DagSpec, EmptyAction, MapSource, TaskSpec, TriggerRule
from millstream.core.state import State
from millstream.core.statuses import FINISHED_TASK, next_status
from millstream.core.task_events import TaskFailed, TaskReady, TaskStarted, TaskSucceeded

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOST_STEPS = 10_000
Mismatch = tuple[str, str, object, object, object]


def judge(line: str) -> tuple[str, list[str]]:
    """The id of a case, and a sentence for each mismatch."""
    case = json.loads(line)
    return case["id"], [
        f"task {task_id}, map index {index}: expected {wanted}, got {got}"
        for _, task_id, index, wanted, got in play_dag_case(case)
    ]


def play_dag_case(case: dict[str, Any]) -> list[Mismatch]:
    """(case, task, map index, expected, got) for everything that is not as it was recorded."""
    played = _Player(case)
    played.run()
    return played.mismatches()


class _Player:
    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.tasks = {task["id"]: task for task in case["tasks"]}
        self.state = State()
        self.count = 0
        self.waiting: list[Event] = []
        self.states: dict[tuple[str, tuple[int, ...]], str] = {}
        self.tries: dict[tuple[str, tuple[int, ...]], int] = {}
        self.run_state = "stuck"

    def run(self) -> None:
        """Airflow decided, ran all that was ready to its end, decided again, and so on. What it
        had decided about other tasks it saw only the next time (``cases/README.md``)."""
        self._begin(SubmitDag(id=self._id(), namespace="n", spec=spec_of(self.case), bundle="b"))
        news = self._begin(TriggerRun(id=self._id(), namespace="n", dag_id=self.case["id"]))
        for _ in range(MOST_STEPS):
            news = self._decide(news)
            ready, self.waiting = self.waiting, []
            for event in ready:
                news += self._begin(self._report(event))
            if not news:
                return

    def _decide(self, news: list[Event]) -> list[Event]:
        """What follows now; returns the ends of tasks among it, from which more will follow."""
        ends: list[Event] = []
        while news:
            done: list[Event] = []
            followed = follow(self.state, news, self._cause(), done)
            for event in done:
                self._note(event)
            ended = [next_status(event.data) in FINISHED_TASK for event in followed]
            ends += [event for event, is_end in zip(followed, ended, strict=True) if is_end]
            news = [event for event, is_end in zip(followed, ended, strict=True) if not is_end]
        return ends

    def mismatches(self) -> list[Mismatch]:
        expected, name = self.case["expected"], self.case["id"]
        if expected == "stuck":
            got = self.run_state
            return [(name, "", "", "an end", got)] if got == "stuck" else []
        found: list[Mismatch] = []
        if self.run_state != expected["run"]:
            found.append((name, "(run)", "", expected["run"], self.run_state))
        for task_id, instances in expected["tasks"].items():
            wanted: dict[tuple[int, ...], tuple[str | None, int]] = {
                (() if i["map_index"] < 0 else (i["map_index"],)): (i["state"], i["tries"])
                for i in instances
            }
            got_all: dict[tuple[int, ...], tuple[str | None, int]] = {
                path: (state, self.tries.get((task, path), 0))
                for (task, path), state in self.states.items()
                if task == task_id
            } or {(): (None, 0)}
            for path in sorted({*wanted, *got_all}):
                if wanted.get(path) != got_all.get(path):
                    shown = path[0] if path else -1
                    found.append((name, task_id, shown, wanted.get(path), got_all.get(path)))
        return found

    def _report(self, event: Event) -> Any:
        """The scripted outcome of an attempt."""
        where, ready = event.where, event.data
        assert isinstance(ready, TaskReady)
        task = self.tasks[where.task_id]
        outcome = _outcome(task, where, ready.tries)
        about: dict[str, Any] = {
            "id": self._id(),
            "where": where,
            "worker": "w",
            "token": f"token-{self.count}",
            "started_at": NOW,
            "ended_at": NOW,
        }
        if outcome == "fail":
            return FailAttempt(**about, error_type="Scripted", message="as scripted")
        if outcome == "skip":
            return SkipAttempt(**about, reason="as scripted")
        return SucceedAttempt(**about, choice=_choice(task), xcoms=_xcoms(task))

    def _begin(self, command: Any) -> list[Event]:
        """What the command itself says."""
        events: list[Event] = []
        begin(self.state, command, self._cause(), events)
        for event in events:
            self._note(event)
        return events

    def _cause(self) -> Cause:
        return Cause(self._id(), "", "player", NOW, 1)

    def _note(self, event: Event) -> None:
        key = (event.where.task_id, event.where.map_index)
        match event.data:
            case RunSucceeded():
                self.run_state = "success"
            case RunFailed() | RunQuarantined():
                self.run_state = "failed"
            case TaskReady():
                self.waiting.append(event)
            case TaskSucceeded() if not event.where.attempt:
                self.tries[key] = 1  # Airflow counts a try for a task that needs no worker
            case TaskStarted(worker=worker) | TaskSucceeded(worker=worker) if worker:
                self.tries[key] = self.tries.get(key, 0) + 1
        status = next_status(event.data)
        if status is not None:
            self.states[key] = status.value
        if isinstance(event.data, TaskFailed) and event.data.retry_at is not None:
            self._begin(RetryAttempt(id=self._id(), where=event.where))

    def _id(self) -> str:
        self.count += 1
        return f"c{self.count}"


def spec_of(case: dict[str, Any]) -> DagSpec:
    """The case's DAG. What its tasks do is scripted, so the commands are never run."""
    return DagSpec(dag_id=case["id"], tasks=tuple(_task(task) for task in case["tasks"]))


def _task(task: dict[str, Any]) -> TaskSpec:
    is_teardown = task.get("teardown", False)
    rule = TriggerRule.ALL_DONE_SETUP_SUCCESS if is_teardown else TriggerRule(task["trigger_rule"])
    upstream = [*task["upstream"]]
    if "xcom" in task.get("over", {}):
        upstream.append(task["over"]["xcom"])
    upstream += _as_list(task.get("teardown_of", []))
    return TaskSpec(
        task_id=task["id"],
        action=EmptyAction() if task["kind"] == "empty" else BashAction(command="true"),
        upstream=tuple(dict.fromkeys(upstream)),
        trigger_rule=rule,
        retries=task["retries"],
        retry_delay_s=0.0,
        mapped_over=_sources(task),
        is_setup=task.get("setup", False),
        is_teardown=is_teardown,
        on_failure_fail_dagrun=task.get("on_failure_fail_dagrun", False),
    )


def _sources(task: dict[str, Any]) -> tuple[MapSource, ...]:
    if task["kind"] != "mapped":
        return ()
    over = task["over"]
    return (
        MapSource(task_id=over["xcom"]) if "xcom" in over else MapSource(length=over["literal"]),
    )


def _as_list(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _outcome(task: dict[str, Any], where: Where, tries: int) -> str:
    scripted = task.get("outcomes", ["success"])
    if task["kind"] == "mapped":
        scripted = task["element_outcomes"][where.map_index[0]]
    return str(scripted[min(tries, len(scripted)) - 1])


def _choice(task: dict[str, Any]) -> Choice | None:
    if task["kind"] == "branch":
        return Choice(follow=tuple(task["choose"]))
    if task["kind"] == "short_circuit" and not task["condition"]:
        return Choice(skip="all" if task["ignore_downstream_trigger_rules"] else "direct")
    return None


def _xcoms(task: dict[str, Any]) -> dict[str, XCom]:
    if "returns_list" in task:
        items = task["returns_list"]
        return {"return_value": XCom(value=msgspec.Raw(b"[]"), size=2, length=items)}
    return {"return_value": XCom(value=msgspec.Raw(b'"ok"'), size=4)}
