"""How a worker ends a task whose time is over, and what a killed one left; and what ``isolation``
in a DAG file comes to."""

from __future__ import annotations

from pathlib import Path

from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from millstream.client import Client, RunRef, TaskInstance
from millstream.core.spec import TriggerRule
from millstream.embedded.pids import identify

DAG_FILE = """\
import os
import time
from pathlib import Path

from millstream import DAG, BaseOperator, ExceptionRetryPolicy, RetryAction, RetryRule, task
from millstream.sdk.errors import AirflowTaskTimeout


class Hangs(BaseOperator):
    def execute(self, context):
        try:
            self.hangs_here()
        finally:
            (FOLDER / "finally").write_text("yes")

    def hangs_here(self):
        time.sleep(600)

    def on_kill(self):
        (FOLDER / "killed").write_text("yes")


with DAG(dag_id="hangs", schedule=None):
    Hangs(
        task_id="t",
        execution_timeout=1,
        retries=3,
        retry_policy=ExceptionRetryPolicy(
            [RetryRule(exception=AirflowTaskTimeout, action=RetryAction.FAIL)]
        ),
    )

with DAG(dag_id="pids", schedule=None):

    def pid():
        return os.getpid()

    for isolation in ("fresh", "shared"):
        before = None
        for number in range(4):
            each = task(task_id=f"{isolation}{number}", isolation=isolation)(pid)()
            if before is not None:
                before >> each
            before = each
"""


def submit(stack: RunningStack, folder: Path) -> Client:
    client, file = stack.client(), folder / "dags.py"
    file.write_text(f"from pathlib import Path\nFOLDER = Path({str(folder)!r})\n" + DAG_FILE)
    client.submit_file(file)
    return client


def the_task(client: Client, run: RunRef) -> TaskInstance:
    return next(t for t in client.list_task_instances(run) if t.task_id == "t")


def test_a_timeout_is_an_exception_in_the_task(stack: RunningStack, tmp_path: Path) -> None:
    """``on_kill``, ``finally``, the retry policy and the traceback know of it."""
    client = submit(stack, tmp_path)
    run = client.trigger("hangs")
    client.wait(run, timeout_s=30)
    ended = the_task(client, run)
    assert (ended.state, ended.attempt) == ("failed", 1), "the policy said that it must not retry"
    assert "execution_timeout of 1 s is over" in ended.reason
    assert "hangs_here" in ended.traceback
    assert (tmp_path / "killed").exists()
    assert (tmp_path / "finally").exists()


def test_isolation_of_the_dag_file_is_that_of_the_processes(
    stack: RunningStack, tmp_path: Path
) -> None:
    client = submit(stack, tmp_path)
    run = client.trigger("pids")
    assert_success(client, run)
    done = client.get_run(run)
    pids = {
        name: [client.xcom(done, f"{name}{n}") for n in range(4)] for name in ("fresh", "shared")
    }
    assert len(set(pids["fresh"])) == 4
    assert not set(pids["fresh"]) & set(pids["shared"])
    assert len(set(pids["shared"])) < 4, "two slots: one of two children"


def test_a_command_goes_with_its_whole_tree(stack: RunningStack, tmp_path: Path) -> None:
    client = stack.client()
    pids = tmp_path / "pids"
    command = (
        f"setsid sh -c 'trap \"\" TERM; echo $$ >> {pids}; sleep 600' & "
        f"(trap '' TERM; (sleep 600 & echo $! >> {pids}) ); "
        f"echo $$ >> {pids}; sleep 600"
    )
    client.submit_spec(
        bash_dag(
            "tree",
            bash("t", command, execution_timeout_s=2.0),
            bash("after", "true", "t", trigger_rule=TriggerRule.ALL_DONE),
        )
    )
    run = client.trigger("tree")
    eventually("all run", lambda: pids.exists() and len(pids.read_text().split()) == 3)
    started = [identify(int(pid)) for pid in pids.read_text().split()]
    client.wait(run, timeout_s=30)
    assert "execution_timeout of 2 s is over" in the_task(client, run).reason
    eventually("all have ended", lambda: not any(one.is_alive() for one in started), 5)


class TestAKilledWorker:
    def test_its_next_life_ends_what_it_left(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        client = fault_stack.client()
        pid, mark = tmp_path / "pid", tmp_path / "second"
        command = (
            f"if [ -e '{mark}' ]; then exit 0; fi; touch '{mark}'; "
            f'setsid sh -c \'trap "" TERM HUP; echo $$ > {pid}.new; mv {pid}.new {pid}; '
            "sleep 600' & "
            "sleep 600"
        )
        client.submit_spec(bash_dag("left", bash("t", command)))
        run = client.trigger("left")
        wait_for_event(client, run, "TaskStarted", "t")
        eventually("it has left its session", pid.exists)
        left = identify(int(pid.read_text()))
        victim = fault_stack.kill("worker-1")
        fault_stack.wait_restarted("worker-1", victim)
        assert_success(client, run)
        eventually("it has ended", lambda: not left.is_alive(), 5)
