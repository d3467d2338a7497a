"""Clear, mark and cancel over real services: processes end, slots are free, runs come back."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.verify import verify_log
from millstream.client import Client, RunRef
from millstream.core.errors import InvalidArgument, NotFound
from millstream.embedded.pids import identify

DAG_FILE = """\
import os
import time
from pathlib import Path

from millstream import DAG, BaseOperator, PythonOperator


class Cleans(BaseOperator):
    def __init__(self, folder, **options):
        super().__init__(**options)
        self.folder = folder

    def execute(self, context):
        (Path(self.folder) / "pid").write_text(str(os.getpid()))
        time.sleep(600)

    def on_kill(self):
        (Path(self.folder) / "cleaned").write_text("yes")


def ignores(folder):
    (Path(folder) / "deaf").write_text(str(os.getpid()))
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass


with DAG(dag_id="cleans", schedule=None) as cleans:
    Cleans(task_id="t", folder=FOLDER)

with DAG(dag_id="ignores", schedule=None) as deaf:
    PythonOperator(task_id="t", python_callable=ignores, op_args=[FOLDER])
"""


def states(client: Client, run: RunRef) -> dict[str, str]:
    tasks = client.list_task_instances(client.get_run(run))
    return {task.task_id: task.state for task in tasks}


def ended(client: Client, run: RunRef) -> str:
    return client.wait(run, timeout_s=30).state


class TestStop:
    def test_a_cancel_ends_the_process_and_frees_the_slot(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        client = fault_stack.client()
        pids = tmp_path / "pids"
        command = f"(trap '' TERM; sleep 600) & echo $! $$ > '{pids}'; sleep 600"
        client.submit_spec(bash_dag("sleeps", bash("t", command), bash("after", "true", "t")))
        run = client.trigger("sleeps")
        wait_for_event(client, run, "TaskStarted", "t")
        eventually("it runs", lambda: pids.exists() and len(pids.read_text().split()) == 2)
        began = time.monotonic()
        client.cancel(run, note="enough")
        assert ended(client, run) == "failed"
        started = [identify(int(pid)) for pid in pids.read_text().split()]
        eventually("all have ended", lambda: not any(one.is_alive() for one in started), 10)
        assert time.monotonic() - began < 9
        assert states(client, run) == {"t": "failed", "after": "skipped"}
        assert client.get_run(run).reason == "marked failed: enough"
        # Both slots are free again.
        client.submit_spec(bash_dag("both", *(bash(f"t{n}", "sleep 0.2") for n in range(4))))
        assert_success(client, client.trigger("both"), 20)
        verify_log(fault_stack)

    def test_on_kill_is_called(self, fault_stack: RunningStack, tmp_path: Path) -> None:
        client, file = fault_stack.client(), tmp_path / "dags.py"
        file.write_text(f"FOLDER = {str(tmp_path)!r}\n" + textwrap.dedent(DAG_FILE))
        client.submit_file(file)
        run = client.trigger("cleans")
        wait_for_event(client, run, "TaskStarted", "t")
        eventually("it runs", (tmp_path / "pid").exists)
        child = identify(int((tmp_path / "pid").read_text()))
        client.mark_tasks(run, ["t"], "success")
        assert ended(client, run) == "success"
        eventually("it cleaned up", (tmp_path / "cleaned").exists, 5)
        eventually("it has ended", lambda: not child.is_alive(), 5)

    def test_a_task_that_will_not_end_is_killed(
        self, fresh_stack: Callable[[], RunningStack], tmp_path: Path
    ) -> None:
        stack = fresh_stack()
        client, file = stack.client(), tmp_path / "dags.py"
        file.write_text(f"FOLDER = {str(tmp_path)!r}\n" + textwrap.dedent(DAG_FILE))
        client.submit_file(file)
        run = client.trigger("ignores")
        wait_for_event(client, run, "TaskStarted", "t")
        eventually("it runs", (tmp_path / "deaf").exists)
        child = identify(int((tmp_path / "deaf").read_text()))
        client.cancel(run)
        assert ended(client, run) == "failed"
        eventually("it has ended", lambda: not child.is_alive(), 15)


class TestClear:
    @pytest.fixture
    def client(self, fault_stack: RunningStack) -> Client:
        return fault_stack.client()

    def test_a_task_in_the_middle_of_a_run_that_is_over(
        self, fault_stack: RunningStack, client: Client, tmp_path: Path
    ) -> None:
        lines = tmp_path / "lines"
        client.submit_spec(
            bash_dag(
                "line",
                bash("a", f"echo a >> '{lines}'"),
                bash("b", f"echo b >> '{lines}'", "a"),
                bash("c", f"echo c >> '{lines}'", "b"),
            )
        )
        run = client.trigger("line")
        assert_success(client, run)
        would = client.clear(run, ["b"], downstream=True, only_failed=False, dry_run=True)
        assert [task.name for task in would.tasks] == ["b", "c"]
        assert would.position == 0
        for _ in range(3):
            done = client.clear(run, ["b"], downstream=True, only_failed=False)
            assert [task.name for task in done.tasks] == ["b", "c"]
            assert ended(client, run) == "success"
        assert lines.read_text().split() == ["a", *("b", "c") * 4]
        log = verify_log(fault_stack)
        assert log.count(run.run_id, "TaskSucceeded") == {"a": 1, "b": 4, "c": 4}

    def test_a_task_that_runs_begins_again(
        self, fault_stack: RunningStack, client: Client, tmp_path: Path
    ) -> None:
        mark = tmp_path / "second"
        command = f"if [ -e '{mark}' ]; then exit 0; fi; touch '{mark}'; sleep 600"
        client.submit_spec(bash_dag("again", bash("t", command)))
        run = client.trigger("again")
        wait_for_event(client, run, "TaskStarted", "t")
        eventually("it runs", mark.exists)
        client.clear(run, only_failed=False)
        assert_success(client, run, 20)
        assert verify_log(fault_stack).count(run.run_id, "TaskStopped") == {"t": 1}

    def test_the_scheduler_dies_right_after(
        self, fault_stack: RunningStack, client: Client, tmp_path: Path
    ) -> None:
        """The stop is in the log: whoever comes next relays it, and the worker obeys."""
        mark = tmp_path / "second"
        command = f"if [ -e '{mark}' ]; then exit 0; fi; touch '{mark}'; sleep 600"
        client.submit_spec(bash_dag("dies", bash("t", command), bash("after", "true", "t")))
        run = client.trigger("dies")
        wait_for_event(client, run, "TaskStarted", "t")
        eventually("it runs", mark.exists)
        client.clear(run, ["t"], only_failed=False)
        victim = fault_stack.kill("scheduler")
        assert_success(client, run, 60)
        fault_stack.wait_restarted("scheduler", victim)
        verify_log(fault_stack)

    def test_what_is_asked_twice_is_done_once(self, client: Client) -> None:
        client.submit_spec(bash_dag("twice", bash("t", "true")))
        run = client.trigger("twice")
        assert_success(client, run)
        first = client.clear(run, only_failed=False, request_id="clear-twice")
        assert ended(client, run) == "success"
        again = client.clear(run, only_failed=False, request_id="clear-twice")
        assert again == first
        events = list(client.events(run.run_id, run.dag_id))
        assert [e.type for e in events].count("RunReopened") == 1

    def test_what_cannot_be(self, client: Client) -> None:
        client.submit_spec(bash_dag("refuses", bash("t", "true")))
        run = client.trigger("refuses")
        assert_success(client, run)
        with pytest.raises(NotFound, match="no task 'ghost'"):
            client.clear(run, ["ghost"])
        with pytest.raises(NotFound, match="ghost"):
            client.clear("ghost")
        with pytest.raises(InvalidArgument, match="skipped"):
            client.mark_tasks(run, ["t"], "running")


def test_the_commands(stack: RunningStack) -> None:
    client = stack.client()
    client.submit_spec(bash_dag("by_hand", bash("a", "exit 1"), bash("b", "true", "a")))
    run = client.trigger("by_hand")
    assert ended(client, run) == "failed"
    shown = stack.run("tasks", "clear", run.run_id, "--dag", "by_hand", "--dry-run")
    assert shown.stdout.splitlines() == [
        f"{run.run_id}  a",
        f"{run.run_id}  b",
        "2 tasks would be cleared.",
    ]
    marked = stack.run("tasks", "mark", run.run_id, "success", "-t", "a", "--dag", "by_hand")
    assert marked.returncode == 0, marked.stderr
    assert "1 task marked success." in marked.stdout
    assert ended(client, run) == "success"
    cancelled = stack.run("runs", "cancel", run.run_id, "--dag", "by_hand", "--json")
    assert cancelled.returncode == 0, cancelled.stderr
    assert '"state": "failed"' in cancelled.stdout.replace('":"', '": "')
    assert ended(client, run) == "failed"
