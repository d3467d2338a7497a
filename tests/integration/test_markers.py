"""Clears that follow an ExternalTaskMarker into the runs of other DAGs, over real services."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from integration.running_stack import RunningStack, assert_success, bash, bash_dag
from integration.verify import verify_log
from millstream.client import Client, Controlled, RunRef
from millstream.core.errors import Refused
from millstream.core.spec import DagSpec, EmptyAction, MarkedTask, TaskSpec

DAY = datetime(2026, 1, 1, tzinfo=UTC)
OTHER_DAY = datetime(2026, 1, 2, tzinfo=UTC)

DAG_FILE = """\
from millstream import DAG, BashOperator, EmptyOperator, ExternalTaskMarker, ExternalTaskSensor

with DAG(dag_id="parent", schedule=None):
    first = EmptyOperator(task_id="first")
    marker = ExternalTaskMarker(
        task_id="marker", external_dag_id="child", external_task_id="waits"
    )
    templated = ExternalTaskMarker(
        task_id="templated",
        external_dag_id="child",
        external_task_id="apart",
        logical_date="{{ ds }}",
    )
    nowhere = ExternalTaskMarker(
        task_id="nowhere", external_dag_id="missing", external_task_id="t"
    )
    first >> [marker, templated, nowhere]

with DAG(dag_id="child", schedule=None):
    waits = ExternalTaskSensor(
        task_id="waits", external_dag_id="parent", external_task_id="marker"
    )
    waits >> BashOperator(task_id="after", bash_command="true")
    BashOperator(task_id="apart", bash_command="true")
"""


def marker(task_id: str, dag_id: str, marked: str) -> TaskSpec:
    return TaskSpec(
        task_id=task_id, action=EmptyAction(), marks=MarkedTask(dag_id=dag_id, task_id=marked)
    )


def of(controlled: Controlled) -> list[tuple[str, str, str]]:
    return [(task.dag_id, task.run_id, task.task_id) for task in controlled.tasks]


def ran(client: Client, dag_id: str, run_id: str, when: datetime) -> RunRef:
    run = client.trigger(dag_id, run_id=run_id, logical_date=when)
    assert_success(client, run)
    return run


def test_a_clear_goes_on_in_the_run_of_the_same_date(stack: RunningStack, tmp_path: Path) -> None:
    client = stack.client()
    file = tmp_path / "marked.py"
    file.write_text(DAG_FILE)
    submitted = stack.run("submit", str(file))
    assert submitted.returncode == 0, submitted.stderr
    parent = ran(client, "parent", "same", DAY)
    child = ran(client, "child", "same", DAY)
    ran(client, "parent", "other", OTHER_DAY)
    ran(client, "child", "other", OTHER_DAY)

    shown = stack.run(
        "tasks", "clear", "same", "--dag", "parent", "-t", "marker", "--all", "--dry-run"
    )
    assert shown.stdout.splitlines() == [
        "same  marker",
        "same  waits  (DAG child)",
        "same  after  (DAG child)",
        "3 tasks would be cleared.",
    ]
    expected = [
        *(("parent", "same", name) for name in ("first", "marker", "templated", "nowhere")),
        *(("child", "same", name) for name in ("waits", "after")),
    ]
    options = {"downstream": True, "only_failed": False, "request_id": "clear-marked"}
    done = client.clear(parent, ["first"], **options)  # type: ignore[arg-type]
    assert of(done) == expected
    assert [task.task_id for task in done.not_followed] == ["templated"]
    assert client.wait(parent, timeout_s=30).state == "success"
    assert client.wait(child, timeout_s=30).state == "success"
    assert client.clear(parent, ["first"], **options) == done  # type: ignore[arg-type]
    assert client.clear(parent, ["first"], dry_run=True).tasks == ()  # nothing failed
    reopened = [e for e in client.events(child.run_id, child.dag_id) if e.type == "RunReopened"]
    assert len(reopened) == 1
    verify_log(stack)


def test_a_chain_of_dags_and_a_circle(stack: RunningStack) -> None:
    client = stack.client()
    a = DagSpec(dag_id="a", tasks=(marker("m", "b", "m"),))
    b = DagSpec(dag_id="b", tasks=(marker("m", "c", "t"),))
    for spec in (a, b, bash_dag("c", bash("t", "true"), bash("x", "true"))):
        client.submit_spec(spec)
    runs = [ran(client, name, f"run_{name}", DAY) for name in ("a", "b", "c")]
    expected = [("a", "run_a", "m"), ("b", "run_b", "m"), ("c", "run_c", "t")]
    assert of(client.clear(runs[0], only_failed=False)) == expected
    for run in runs:
        assert client.wait(run, timeout_s=30).state == "success"

    client.submit_spec(DagSpec(dag_id="round", tasks=(marker("m", "round", "m"),)))
    run = ran(client, "round", "r", DAY)
    with pytest.raises(Refused, match="Maximum recursion depth 10 reached"):
        client.clear(run, only_failed=False)
    assert client.get_run(run).state == "success"
