"""Plays recorded DAG cases through real services: a worker's children do what the cases say."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from conformance.dag_cases import NOW
from integration.running_stack import ForkedStack
from millstream.client import Client, Event, Run, RunRef, TaskInstance
from millstream.core.commands import AnyCommand, RetryAttempt, SubmitDag, TriggerRun
from millstream.core.event_parts import Where
from millstream.core.handle import handle_whole
from millstream.core.reports import FailAttempt, SkipAttempt, SucceedAttempt
from millstream.core.state import State
from millstream.core.statuses import next_status
from millstream.core.task_events import TaskFailed, TaskSkipped, TaskSucceeded
from millstream.core.wire import decode_data

RUN_S = 120.0
# So few runs that none of their tasks waits for a slot: what ends first decides.
AT_ONCE = 5


def judge_all(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The id of each case, and a sentence for each mismatch."""
    with (
        tempfile.TemporaryDirectory(prefix="live cases ") as folder,
        ForkedStack(Path(folder) / "data", slots=AT_ONCE * 3).running() as stack,
    ):
        client = stack.client()
        _submit(client, Path(folder) / "dags", lines)
        for first in range(0, len(lines), AT_ONCE):
            cases = [json.loads(line) for line in lines[first : first + AT_ONCE]]
            runs = [client.trigger(case["id"]) for case in cases]
            for case, run in zip(cases, runs, strict=True):
                yield case["id"], _judge(client, run, case)


def _submit(client: Client, folder: Path, lines: Sequence[str]) -> None:
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("live_dags.py"), folder)
    (folder / "cases.jsonl").write_text("\n".join(lines), encoding="utf-8")
    client.submit_file(folder / "live_dags.py", root=folder)


def _judge(client: Client, ref: RunRef, case: dict[str, Any]) -> list[str]:
    run = client.wait(ref, timeout_s=RUN_S)
    expected = case["expected"]
    if expected == "stuck":
        return []
    tasks = client.list_task_instances(run)
    problems = []
    if run.state != expected["run"]:
        problems.append(f"task (run), map index : expected {expected['run']}, got {run.state}")
    wanted: dict[tuple[str, tuple[int, ...]], tuple[str | None, int]] = {
        (task_id, (i["map_index"],) if i["map_index"] >= 0 else ()): (i["state"], i["tries"])
        for task_id, instances in expected["tasks"].items()
        for i in instances
    }
    got = {(one.task_id, one.map_index): _outcome(one) for one in tasks}
    for task_id, path in sorted({*wanted, *got}):
        here = wanted.get((task_id, path)), got.get((task_id, path))
        if here[0] != here[1]:
            index = path[0] if path else -1
            problems.append(f"task {task_id}, map index {index}: expected {here[0]}, got {here[1]}")
    if problems and _is_by_order(client, run, tasks):
        print(f"{case['id']}: two results of one moment were decided one after the other")
        return []
    return problems


def _is_by_order(client: Client, run: Run, tasks: Sequence[TaskInstance]) -> bool:
    """Airflow decided about all results of a moment at once; here one came first. Does the pure
    core end as the services did, if the results come to it in their order?"""
    spec = client.get_dag(run.dag_id, run.version).spec
    assert spec is not None
    state, statuses = State(), dict[tuple[str, tuple[int, ...]], str]()

    def play(command: AnyCommand) -> None:
        for event in handle_whole(state, command, "order", NOW, 1):
            status = next_status(event.data)
            if status is not None:
                statuses[event.where.task_id, event.where.map_index] = status.value
            if isinstance(event.data, TaskFailed) and event.data.retry_at is not None:
                play(RetryAttempt(id=f"retry/{event.position}", where=event.where))

    play(SubmitDag(id="submit", namespace=run.namespace, spec=spec, bundle="b"))
    play(TriggerRun(id="run", namespace=run.namespace, dag_id=run.dag_id, run_id=run.run_id))
    for event in client.events(run.run_id, run.dag_id):
        if event.attempt and event.type in RESULTS:
            where = Where(
                run.namespace, run.dag_id, run.run_id, event.task_id, event.map_index, event.attempt
            )
            play(_report(event, where))
    return all(statuses.get((t.task_id, t.map_index), "none") == t.state for t in tasks)


RESULTS = ("TaskSucceeded", "TaskFailed", "TaskSkipped")


def _report(event: Event, where: Where) -> AnyCommand:
    about: dict[str, Any] = {
        "id": f"report/{event.position}",
        "where": where,
        "worker": "w",
        "token": f"token/{event.position}",
        "started_at": NOW,
        "ended_at": NOW,
    }
    data = decode_data(event.type, msgspec.json.encode(event.data))
    match data:
        case TaskSucceeded():
            return SucceedAttempt(**about, choice=data.choice, xcoms=data.xcoms)
        case TaskSkipped():
            return SkipAttempt(**about, reason="as it was")
        case _:
            return FailAttempt(**about, error_type="E", message="as it was")


def _outcome(one: TaskInstance) -> tuple[str | None, int]:
    """The state and the tries; Airflow counts a try for a task that needs no worker."""
    state = None if one.state == "none" else one.state
    tries = one.attempt
    if state == "success" and not tries:
        tries = 1
    return state, tries
