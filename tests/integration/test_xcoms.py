"""XComs between real processes: pulled from every place that they can be in."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.running_stack import RunningStack, assert_success
from millstream.client import Client
from millstream.core.errors import MillstreamError
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

with DAG(dag_id="hands_on", schedule=None):
    PythonOperator(task_id="says", python_callable=says) >> PythonOperator(
        task_id="hears", python_callable=lambda ti: ti.xcom_pull("says")
    )
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


TYPES_FILE = """\
import datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from kinds import Point
from millstream import DAG, task

ROWS = 200_000


class Opaque:
    pass


with DAG(dag_id="types", schedule=None):

    @task
    def small():
        at = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
        return {"at": at, "p": Point(Decimal("1.5"), {2})}

    @task
    def large():
        return {"frame": pd.DataFrame({"a": np.arange(ROWS)}), "raw": b"x" * 100_000}

    @task
    def check(small, large):
        assert small["p"] == Point(Decimal("1.5"), {2}), small
        assert large["frame"]["a"].sum() == ROWS * (ROWS - 1) // 2
        assert large["raw"] == b"x" * 100_000
        return small["at"]

    check(small(), large())

with DAG(dag_id="many", schedule=None):

    @task
    def pushes(ti):
        for n in range(12):
            ti.xcom_push(f"k{n}", str(n % 10) * 40_000)

    @task
    def pulls(ti):
        return [ti.xcom_pull("pushes", key=f"k{n}") == str(n % 10) * 40_000 for n in range(12)]

    pushes() >> pulls()

with DAG(dag_id="no_codec", schedule=None):

    @task
    def opaque():
        return [Opaque()]

    opaque()
"""


def test_values_of_many_types_between_processes(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "types_dag.py").write_text(TYPES_FILE)
    (tmp_path / "kinds.py").write_text(
        "import dataclasses\nfrom typing import Any\n\n\n@dataclasses.dataclass\nclass Point:\n"
        "    x: Any\n    y: Any\n"
    )
    client = stack.client()
    client.submit_file(tmp_path / "types_dag.py")
    run = client.trigger("types")
    assert_success(client, run)
    ref = client.get_run(run)
    found = {xcom.task_id: xcom for xcom in client.xcoms(ref)}
    assert found["small"].codec == "typed:dict"
    assert found["large"].codec == "packed:dict"
    assert found["large"].size > 200_000 * 8
    assert client.xcom(ref, "check") == datetime(2024, 1, 1, tzinfo=UTC)
    shown = client.xcom(ref, "small")
    assert shown["p"]["fields"] == {"x": Decimal("1.5"), "y": {2}}
    with pytest.raises(MillstreamError, match=r"is a dict \(codec 'packed:dict'\)"):
        client.xcom(ref, "large")
    said = stack.run("xcoms", "get", run.run_id, "small")
    assert said.returncode == 0, said.stderr
    assert '"2024-01-01T00:00:00Z"' in said.stdout
    said = stack.run("xcoms", "get", run.run_id, "large")
    assert said.returncode == 0, said.stderr
    assert "packed:dict" in said.stdout
    state = stack.data_dir / "state" / "worker-1" / "scratch" / "worker-1"
    assert not any(state.iterdir())


def test_values_that_are_too_much_together_go_to_the_blob_store(client: Client) -> None:
    run = client.trigger("many")
    assert_success(client, run)
    assert client.xcom(client.get_run(run), "pulls") == [True] * 12
    stored = [xcom for xcom in client.xcoms(client.get_run(run)) if xcom.task_id == "pushes"]
    assert {bool(xcom.blob) for xcom in stored} == {True, False}
    assert sum(xcom.size for xcom in stored if not xcom.blob) <= 256 * 1024


def test_a_value_without_a_codec_fails_its_task(stack: RunningStack, client: Client) -> None:
    run = client.trigger("no_codec")
    assert client.wait(run, timeout_s=60).state == "failed"
    (failed,) = client.list_task_instances(run)
    assert "task opaque returned a " in failed.reason
    assert "at [0], which no codec knows" in failed.reason


@pytest.mark.parametrize(
    "word",
    [
        "Nats-Rollup: all",
        "\r\nNats-Rollup: all\r\nNats-Msg-Id: 1\r\n\r\n",
        "Nats-Expected-Last-Sequence: 1",
        "Ms-Late: 1",
        "grüße \u2028 \x7f",
        "x" * 5000,
        {"a": [None, 1.5, {"b": ""}]},
    ],
    ids=["a header", "lines", "the sequence", "late", "unicode", "long", "nested"],
)
def test_what_goes_with_the_ready_event_arrives_as_it_was(client: Client, word: Any) -> None:
    assert result(client, "hands_on", "hears", conf={"word": word}) == word
