"""XComs between real processes: pulled from every place that they can be in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integration.running_stack import RunningStack, assert_success
from millstream.client import Client
from millstream.core.spec import BashAction, DagSpec, MapSource, TaskSpec

DAG_FILE = """\
from millstream import DAG, PythonOperator


def says(dag_run):
    return dag_run.conf.get("word")


with DAG(dag_id="speaks", schedule=None):
    PythonOperator(task_id="says", python_callable=says)


def hears(ti, dag_run):
    return ti.xcom_pull("says", **dag_run.conf["arguments"])


with DAG(dag_id="hears", schedule=None):
    PythonOperator(task_id="hears", python_callable=hears)

"""


@pytest.fixture(scope="module")
def client(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Client:
    folder: Path = tmp_path_factory.mktemp("dags")
    (folder / "words.py").write_text(DAG_FILE)
    client = stack.client()
    client.submit_file(folder / "words.py")
    return client


def result(client: Client, dag_id: str, task_id: str, **trigger: Any) -> Any:
    run = client.trigger(dag_id, **trigger)
    assert_success(client, run)
    found = {xcom.task_id: xcom for xcom in client.xcoms(client.get_run(run))}
    return client.xcom(client.get_run(run), task_id) if task_id in found else None


def test_from_a_run_that_is_over(client: Client) -> None:
    said = client.trigger("speaks", {"word": "hello"})
    assert_success(client, said)
    arguments = {"dag_id": "speaks", "run_id": said.run_id}
    assert result(client, "hears", "hears", conf={"arguments": arguments}) == "hello"
    arguments = {"dag_id": "speaks", "run_id": "no such run", "default": "silence"}
    assert result(client, "hears", "hears", conf={"arguments": arguments}) == "silence"
    assert result(client, "hears", "hears", conf={"arguments": {"default": "own run"}}) == "own run"


def test_from_prior_dates(client: Client) -> None:
    def hear(day: int) -> Any:
        arguments = {"dag_id": "speaks", "include_prior_dates": True, "default": "nothing"}
        date = datetime(2020, 1, day, tzinfo=UTC)
        conf = {"arguments": arguments}
        return result(client, "hears", "hears", conf=conf, logical_date=date)

    for day, word in ((2, "two"), (7, "seven"), (5, None), (4, "four")):
        date = datetime(2020, 1, day, tzinfo=UTC)
        run = client.trigger("speaks", {"word": word}, logical_date=date)
        assert_success(client, run)
    assert hear(1) == "nothing"
    assert hear(2) == "two"
    assert hear(6) == "four", "the run of the 5th has no value"
    assert hear(8) == "seven"


def test_from_a_mapped_task(client: Client) -> None:
    """Unmapped after mapped: the values as a list, also if they fill several messages."""
    many = 40
    pull = "{{ ti.xcom_pull('each', map_indexes=7) | length }}"
    pull_all = "{{ ti.xcom_pull('each') | map('length') | list | length }}"
    each = TaskSpec(
        task_id="each",
        action=BashAction(command="head -c 30000 /dev/zero | tr '\\0' x"),
        mapped_over=(MapSource(length=many),),
    )
    one = TaskSpec(task_id="one", action=BashAction(command=f"echo {pull}"), upstream=("each",))
    every = TaskSpec(
        task_id="every", action=BashAction(command=f"echo {pull_all}"), upstream=("each",)
    )
    client.submit_spec(DagSpec(dag_id="maps", tasks=(each, one, every)))
    run = client.trigger("maps")
    assert_success(client, run)
    assert client.xcom(client.get_run(run), "one") == "30000"
    assert client.xcom(client.get_run(run), "every") == str(many)
