"""Callbacks through the real services: also when the worker or the scheduler is killed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from integration.running_stack import RunningStack, eventually, wait_for_event
from integration.verify import verify_log
from millstream.client import Client, RunRef

SOURCE = """
import os, signal
from datetime import timedelta
from pathlib import Path
from millstream import (
    DAG, BaseNotifier, BashOperator, DeadlineAlert, DeadlineReference, PythonOperator, SyncCallback,
)

LINES = Path({lines!r})

def note(*words):
    with LINES.open("a") as file:
        file.write(" ".join(map(str, words)) + "\\n")

def noting(name):
    def callback(context):
        ti = context["ti"]
        note(name, ti.task_id, ti.try_number, type(context.get("exception")).__name__,
             context.get("reason", "-"))
    return callback

class Note(BaseNotifier):
    template_fields = ("text",)
    def __init__(self, text):
        super().__init__()
        self.text = text
    def notify(self, context):
        note(self.text)

def kill_the_worker():
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()

with DAG("killer", on_failure_callback=noting("run")) as killer:
    PythonOperator(
        task_id="kill", python_callable=kill_the_worker, on_failure_callback=noting("failed")
    )

with DAG("many", on_success_callback=noting("run")) as many:
    for number in range(8):
        BashOperator(
            task_id=f"t{{number}}",
            bash_command="sleep 0.2; echo {{{{ run_id }}}}",
            on_success_callback=[noting("good"), Note("note {{{{ ti.task_id }}}}")],
        )

def bad(ti):
    raise ValueError(ti.try_number)

with DAG("ends", on_failure_callback=noting("run")) as ends:
    PythonOperator(
        task_id="bad", python_callable=bad, retries=1, retry_delay=0,
        on_retry_callback=noting("retry"), on_failure_callback=noting("failed"),
    )

def slow_then_noted(ti):
    note("began")
    import time; time.sleep(1)

def late(word, context):
    note("late", word, context["deadline"]["name"], context["dag_run"].run_id)

with DAG("slow", deadline=DeadlineAlert(
    DeadlineReference.DAGRUN_QUEUED_AT, timedelta(milliseconds=100),
    SyncCallback(late, kwargs={{"word": "w"}}), name="soon",
)) as slow:
    PythonOperator(task_id="t", python_callable=slow_then_noted)
"""


class Lines:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "lines"
        self.file.touch()
        dag_file = folder / "calling.py"
        dag_file.write_text(SOURCE.format(lines=str(self.file)))
        self.dag_file = dag_file

    def read(self) -> list[str]:
        return self.file.read_text().splitlines()

    def has(self, *wanted: str) -> bool:
        return set(wanted) <= set(self.read())


def begin(stack: RunningStack, folder: Path, dag_id: str) -> tuple[Lines, Client, RunRef]:
    lines = Lines(folder)
    client = stack.client()
    client.submit_file(lines.dag_file)
    return lines, client, client.trigger(dag_id)


@pytest.mark.integration
class TestCallbacks:
    def test_each_end_of_a_task_and_of_the_run(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        lines, client, run = begin(fault_stack, tmp_path, "ends")
        assert client.wait(run, timeout_s=60).state == "failed"
        wanted = (
            "retry bad 1 ValueError -",
            "failed bad 2 ValueError -",
            "run bad 2 NoneType task_failure",
        )
        eventually("all callbacks were called", lambda: lines.has(*wanted), 60)
        assert sorted(lines.read()) == sorted(wanted), "once each"
        verify_log(fault_stack)

    def test_a_deadline(self, fault_stack: RunningStack, tmp_path: Path) -> None:
        lines, client, run = begin(fault_stack, tmp_path, "slow")
        assert client.wait(run, timeout_s=60).state == "success"
        eventually("it was called", lambda: lines.has(f"late w soon {run.run_id}"), 60)
        verify_log(fault_stack)

    def test_the_failure_callback_of_a_killed_worker(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        """The task kills its worker in each attempt: nobody but another worker can call it."""
        lines, client, run = begin(fault_stack, tmp_path, "killer")
        assert client.wait(run, timeout_s=120).state == "failed"
        wanted = ("failed kill 1 TaskLost -", "run kill 1 NoneType task_failure")
        eventually("the callbacks were called", lambda: lines.has(*wanted), 60)
        verify_log(fault_stack)

    def test_the_scheduler_is_killed(self, fault_stack: RunningStack, tmp_path: Path) -> None:
        lines, client, run = begin(fault_stack, tmp_path, "many")
        wait_for_event(client, run, "TaskSucceeded", count=3)
        fault_stack.wait_restarted("scheduler", fault_stack.kill("scheduler"))
        assert client.wait(run, timeout_s=90).state == "success"
        names = [f"t{number}" for number in range(8)]
        wanted = [f"note {name}" for name in names] + ["run t7 1 NoneType success"]
        eventually("all callbacks were called", lambda: lines.has(*wanted), 90)
        counts = Counter(line for line in lines.read() if line.startswith("good"))
        assert len(counts) == len(names)
        verify_log(fault_stack)
