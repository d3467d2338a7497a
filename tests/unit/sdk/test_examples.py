"""The examples load, and their tasks do what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millstream.core.graph import Graph
from millstream.sdk.bundle import build_bundle
from millstream.sdk.dag import DAG
from millstream.sdk.errors import ParamValidationError
from millstream.sdk.load import load_dags

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))

    def load_example(name: str) -> DAG:
        assert build_bundle(EXAMPLES / name).file == name
        (dag,) = load_dags(EXAMPLES / name)
        return dag

    return load_example


def test_the_retraining_pipeline_trains_and_deploys(
    example: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setenv("MILLSTREAM_DEMO_DIR", str(tmp_path))
    dag = example("ml_retraining.py")
    spec = dag.to_spec("ml_retraining.py")
    order = ["fetch_data", "preprocess_data", "train_model", "evaluate_model", "deploy_model"]
    assert [task.task_id for task in spec.tasks] == order
    assert Graph(spec).upstream == ((), (0,), (1,), (2,), (3,))
    assert (spec.schedule, spec.catchup, spec.tags) == ("@daily", False, ("ml", "retraining"))
    outcomes = [run(dag, task_id) for task_id in order]
    assert [outcome.kind for outcome in outcomes] == ["success"] * 5, outcomes
    assert json.loads(outcomes[3].xcoms["return_value"])["accuracy"] > 0.9
    about = json.loads((tmp_path / "deployed" / "model.json").read_text())
    assert about["model"] == json.loads(outcomes[2].xcoms["return_value"])
    assert (tmp_path / "deployed" / "model.joblib").stat().st_size > 0
    assert run(dag, "deploy_model", conf={"required_accuracy": 1.0}).kind == "skipped"


def test_the_bash_pipeline(example: Any, run: Any) -> None:
    dag = example("bash_pipeline.py")
    actions = {task.task_id: task.action for task in dag.to_spec("x.py").tasks}
    run(None, "count_files", actions["count_files"])
    report = run(None, "report", actions["report"]).xcoms["return_value"]
    assert report.startswith(b'"run scheduled__2024 found ')
    assert run(None, "archive", actions["archive"]).kind == "skipped"
    assert run(None, "archive", actions["archive"], conf={"archive": True}).kind == "success"


def test_the_taskflow_example(example: Any, run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    dag = example("taskflow_etl.py")
    for task_id in dag.task_ids:
        assert run(dag, task_id, conf={"tax_percent": 10}).kind == "success"
    assert "gross of scheduled run: 1360.37 (scheduled__2024)" in capsys.readouterr().out


def test_the_example_of_task_groups(
    example: Any, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    dag = example("task_groups.py")
    assert dag.task_ids[1:4] == [
        "tables.load.rows_of",
        "tables.load.check",
        "tables.load__1.rows_of",
    ]
    assert dag.get_task("tables.load__2.check").retries == 2
    assert dag.get_task("report.archive").upstream_task_ids == {
        "tables.load.check",
        "tables.load__1.check",
        "tables.load__2.check",
    }
    for task in dag.tasks:
        assert run(dag, task.task_id).kind == "success"
    assert "loaded: ['orders', 'items', 'customers']" in capsys.readouterr().out


def test_the_example_of_params(example: Any) -> None:
    dag = example("params.py")
    done = dag.test(run_conf={"rows": 3, "mode": "replace"})
    assert (done.state, done.xcom("count")) == ("success", 3)
    assert done.xcom("report") == "replace: plain values are params too"
    with pytest.raises(ParamValidationError, match="'day' is 'today', given by the run's conf"):
        dag.test(run_conf={"day": "today"})
