"""`millstream up --dags DIR`: a folder is kept in step by a process of its own, from start to
start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.running_stack import RunningStack, eventually
from millstream.client import Client
from millstream.core.errors import NotFound

pytestmark = pytest.mark.integration

GOOD = """from millstream import DAG, BashOperator
with DAG("{dag_id}", schedule=None):
    BashOperator(task_id="a", bash_command="{command}")
"""
BAD = {
    "hangs.py": "# a dag of millstream\nimport time; time.sleep(1000)\n",
    "crashes.py": "# a dag of millstream\nimport os\nos.abort()\n",
    "greedy.py": "# a dag of millstream\nx = bytearray(2**30)\n",
    "wrong.py": "# a dag of millstream\nx = (\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "my dags"
    made.mkdir()
    for name, text in BAD.items():
        (made / name).write_text(text)
    for dag_id in ("stays", "goes"):
        (made / f"{dag_id}.py").write_text(GOOD.format(dag_id=dag_id, command="true"))
    return made


@pytest.fixture
def stack(tmp_path: Path, folder: Path) -> Iterator[RunningStack]:
    more = {
        "MILLSTREAM_DAGS": str(folder),
        "MILLSTREAM_DAG_FILE_MEMORY_MB": "512",
        "MILLSTREAM_DAG_FILE_TIMEOUT_S": "8",
    }
    made = RunningStack(tmp_path / "a stack", more)
    try:
        yield made
    finally:
        made.down()


def version(client: Client, dag_id: str) -> int:
    try:
        return client.get_dag(dag_id).latest_version
    except NotFound:
        return 0


def test_a_folder_from_start_to_start(stack: RunningStack, folder: Path) -> None:
    stack.up()
    client = stack.client()
    eventually("both are there", lambda: all(version(client, d) for d in ("stays", "goes")), 60)
    # A file that hangs, and those that crash or are wrong, harm no other.
    (folder / "stays.py").write_text(GOOD.format(dag_id="stays", command="echo 2"))
    eventually("the change is submitted", lambda: version(client, "stays") == 2)

    def faults() -> dict[str, str]:
        return {fault.file: str(fault) for fault in client.import_errors.list()}

    eventually("the errors are known", lambda: faults().keys() >= BAD.keys() - {"hangs.py"}, 60)
    found = faults()
    assert "signal SIGABRT" in found["crashes.py"]
    assert "MemoryError" in found["greedy.py"]
    assert "wrong.py:2: SyntaxError" in found["wrong.py"]
    shown = stack.run("dags", "list-import-errors")
    assert shown.returncode == 1
    assert "wrong.py:2" in shown.stdout
    # It is a process of its own, which may die.
    stack.wait_restarted("dags", stack.kill("dags"), 60)
    (folder / "new.py").write_text(GOOD.format(dag_id="new", command="true"))
    eventually("it goes on", lambda: version(client, "new") == 1, 60)

    stack.down()
    (folder / "goes.py").unlink()
    stack.up()
    client = stack.client()
    eventually("it is gone", lambda: client.get_dag("goes").is_paused, 90)
    assert not client.get_dag("new").is_paused
    assert version(client, "stays") == 2, "what has not changed is no new version"
