"""A folder of DAGs, and a file under work, against everything real."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.running_stack import RunningStack, eventually
from millstream.core.errors import NotFound

pytestmark = pytest.mark.integration

FILE = """from millstream import DAG, BashOperator
with DAG("{dag_id}", schedule=None):
    BashOperator(task_id="a", bash_command="{command}")
"""


class Command:
    """A command that goes on, and the lines that it has printed."""

    def __init__(self, stack: RunningStack, *words: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "millstream.cli", *words, "--address", stack.address],
            env=stack.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def has_said(self, text: str, times: int = 1) -> bool:
        return sum(text in line for line in list(self.lines)) >= times

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self._reader.join(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def command(stack: RunningStack, *words: str) -> Iterator[Command]:
    running = Command(stack, *words)
    try:
        yield running
    finally:
        running.stop()


def test_a_folder_is_kept_in_step(stack: RunningStack, tmp_path: Path) -> None:
    client = stack.client()
    folder = tmp_path / "my dags"
    folder.mkdir()
    (folder / "good.py").write_text(FILE.format(dag_id="of_a_folder", command="true"))
    (folder / "bad.py").write_text("# a dag of millstream\nx = (\n")

    def version() -> int:
        try:
            return client.get_dag("of_a_folder").latest_version
        except NotFound:
            return 0

    with command(stack, "dags", "sync", str(folder)) as syncing:
        eventually("it is submitted", lambda: version() == 1, 60)
        eventually("the error is known", lambda: any(client.import_errors.list()), 60)
        (fault,) = client.import_errors.list()
        assert (fault.file, fault.line) == ("bad.py", 2)
        assert fault.source.endswith("/my dags/")
        shown = stack.run("dags", "list-import-errors")
        assert shown.returncode == 1
        assert "bad.py:2" in shown.stdout
        assert "SyntaxError: '(' was never closed" in shown.stdout
        (folder / "good.py").write_text(FILE.format(dag_id="of_a_folder", command="echo 2"))
        eventually("the change is submitted", lambda: version() == 2, 60)
        syncing.process.send_signal(signal.SIGTERM)
        assert syncing.process.wait(30) == 0
    # Nobody looks after these files any more, so nobody says that they are wrong.
    assert stack.run("dags", "list-import-errors").returncode == 0


def test_a_file_under_work(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "work here.py"
    file.write_text(FILE.format(dag_id="under_work", command="true"))
    with command(stack, "dev", str(file)) as working:
        eventually("it is run", lambda: working.has_said("success", 2), 60)
        file.write_text("from millstream import DAG\nDAG(dag_id=7)\n")
        eventually("what is wrong is said", lambda: working.has_said("work here.py:2: "), 60)
        file.write_text(FILE.format(dag_id="under_work", command="sleep 1000"))
        eventually("it runs again", lambda: working.has_said("running", 3), 60)
        file.write_text(FILE.format(dag_id="under_work", command="exit 1"))
        eventually("it is cancelled", lambda: working.has_said("is cancelled"), 60)
        eventually("the failure is shown", lambda: working.has_said("exited with code 1"), 60)
        working.process.send_signal(signal.SIGINT)
        assert working.process.wait(30) == 130
    states = [run.state for run in stack.client().list_runs("under_work")]
    assert states == ["failed", "failed", "success"]
