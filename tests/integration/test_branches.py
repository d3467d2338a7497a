"""Branches and short circuits through the real services."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.running_stack import RunningStack
from integration.verify import verify_log

SOURCE = """
from millstream import DAG, BranchPythonOperator, EmptyOperator, PythonOperator, task

with DAG("forks") as dag:
    fork = BranchPythonOperator(task_id="fork", python_callable=lambda: "left")
    left = PythonOperator(task_id="left", python_callable=lambda: 1)
    right = PythonOperator(task_id="right", python_callable=lambda: 2)
    join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    fork >> [left, right] >> join

with DAG("gates") as gates:
    @task.short_circuit
    def gate():
        return False

    gate() >> EmptyOperator(task_id="next") >> EmptyOperator(
        task_id="last", trigger_rule="all_done"
    )

with DAG("lost") as lost:
    BranchPythonOperator(task_id="fork", python_callable=lambda: "nowhere") >> EmptyOperator(
        task_id="left"
    )
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("dag_id", "run_state", "states"),
    [
        (
            "forks",
            "success",
            {"fork": "success", "left": "success", "right": "skipped", "join": "success"},
        ),
        ("gates", "success", {"gate": "success", "next": "skipped", "last": "skipped"}),
        ("lost", "failed", {"fork": "failed", "left": "upstream_failed"}),
    ],
)
def test_what_is_cut_off_does_not_run(
    stack: RunningStack, tmp_path: Path, dag_id: str, run_state: str, states: dict[str, str]
) -> None:
    file = tmp_path / "forks.py"
    file.write_text(SOURCE)
    client = stack.client()
    client.submit_file(file)
    run = client.wait(client.trigger(dag_id), timeout_s=60)
    assert run.state == run_state
    assert {t.task_id: t.state for t in client.list_task_instances(run)} == states
    verify_log(stack)
