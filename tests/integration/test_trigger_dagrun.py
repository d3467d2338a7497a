"""Tasks that start runs of other DAGs, over real services."""

from __future__ import annotations

from pathlib import Path

from integration.running_stack import RunningStack, assert_success
from integration.verify import verify_log

DAG_FILE = """\
from millstream import DAG, BashOperator, TriggerDagRunOperator

with DAG("reset_target", schedule=None):
    BashOperator(task_id="t", bash_command="sleep 1; echo {{ dag_run.conf['n'] }} >> LINES")

with DAG("reset_controller", schedule=None):
    TriggerDagRunOperator(
        task_id="again",
        trigger_dag_id="reset_target",
        trigger_run_id="the_one",
        conf={"n": "{{ dag_run.conf['n'] }}"},
        reset_dag_run=True,
        wait_for_completion=True,
    ) >> BashOperator(task_id="after", bash_command="echo after >> LINES")
"""


def test_a_run_that_is_over_is_reset_and_waited_for(stack: RunningStack, tmp_path: Path) -> None:
    client, file, lines = stack.client(), tmp_path / "dags.py", tmp_path / "lines"
    file.write_text(DAG_FILE.replace("LINES", str(lines)))
    client.submit_file(file)
    for number in (1, 2):
        run = client.trigger("reset_controller", conf={"n": number})
        assert_success(client, run, 60)
    # The run keeps its conf, and the task that waits does not take the old end for the new one.
    assert lines.read_text().split() == ["1", "after", "1", "after"]
    log = verify_log(stack)
    assert log.count("the_one", "TaskSucceeded") == {"t": 2}
    events = [event.type for event in client.events("the_one", "reset_target")]
    assert (events.count("RunCreated"), events.count("RunReopened")) == (1, 1)
