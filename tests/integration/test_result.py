"""The result of a run, for whoever waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.running_stack import RunningStack
from millstream.client import RunFailed
from millstream.core.errors import NotFound

SOURCE = """
from millstream import DAG, EmptyOperator, result, task

with DAG("predicts") as predicts:
    @task
    def load():
        return 20

    @result
    @task
    def predict(n, params):
        return {"score": n + params["more"]}

    predict(load())
predicts.params["more"] = 1

with DAG("silent"):
    EmptyOperator(task_id="t")
"""


@pytest.mark.integration
def test_the_result_of_a_run(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "predicts.py"
    file.write_text(SOURCE)
    client = stack.client()
    client.submit_file(file)
    assert client.result(client.trigger("predicts"), timeout_s=60) == {"score": 21}
    done = stack.run("trigger", "predicts", "--wait", "--result", "--conf", '{"more": 2}')
    assert done.stdout.strip() == '{"score":22}', done.stderr
    with pytest.raises(RunFailed, match="failed"):
        client.result(client.trigger("predicts", {"more": "x"}), timeout_s=60)
    with pytest.raises(NotFound, match="write @result above"):
        client.result(client.trigger("silent"), timeout_s=60)
