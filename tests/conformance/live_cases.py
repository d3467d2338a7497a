"""Plays recorded DAG cases through real services: a worker's children do what the cases say."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from integration.running_stack import RunningStack
from millstream.client import Client, RunRef, TaskInstance

RUN_S = 120.0


def judge_all(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The id of each case, and a sentence for each mismatch. All runs go on side by side."""
    with tempfile.TemporaryDirectory(prefix="live cases ") as folder:
        stack = RunningStack(Path(folder) / "data")
        try:
            stack.up()
            client = stack.client()
            runs = _begin(client, Path(folder) / "dags", lines)
            for line in lines:
                case = json.loads(line)
                yield case["id"], _judge(client, runs[case["id"]], case)
        finally:
            stack.down()


def _begin(client: Client, folder: Path, lines: Sequence[str]) -> dict[str, RunRef]:
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("live_dags.py"), folder)
    (folder / "cases.jsonl").write_text("\n".join(lines), encoding="utf-8")
    submitted = client.submit_file(folder / "live_dags.py", root=folder)
    return {one.dag_id: client.trigger(one.dag_id) for one in submitted}


def _judge(client: Client, ref: RunRef, case: dict[str, Any]) -> list[str]:
    run = client.wait(ref, timeout_s=RUN_S)
    expected = case["expected"]
    if expected == "stuck":
        return []
    problems = []
    if run.state != expected["run"]:
        problems.append(f"task (run), map index : expected {expected['run']}, got {run.state}")
    found = {(one.task_id, one.map_index): _outcome(one) for one in client.list_task_instances(run)}
    for task_id, instances in expected["tasks"].items():
        wanted: dict[tuple[str, tuple[int, ...]], tuple[str | None, int]] = {
            (task_id, (i["map_index"],) if i["map_index"] >= 0 else ()): (i["state"], i["tries"])
            for i in instances
        }
        got = {key: outcome for key, outcome in found.items() if key[0] == task_id}
        for key in sorted({*wanted, *got}):
            if wanted.get(key) != got.get(key):
                index = key[1][0] if key[1] else -1
                problems.append(
                    f"task {task_id}, map index {index}: expected {wanted.get(key)}, "
                    f"got {got.get(key)}"
                )
    return problems


def _outcome(one: TaskInstance) -> tuple[str | None, int]:
    """The state and the tries; Airflow counts a try for a task that needs no worker."""
    state = None if one.state == "none" else one.state
    tries = one.attempt
    if state == "success" and not tries:
        tries = 1
    return state, tries
