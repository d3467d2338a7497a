"""A DAG file that an async task and a trigger of one process need at the same time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from millstream.sdk.errors import DagFileError
from millstream_worker.host_dags import HostDags

FILE = """
import host_dags_gate
host_dags_gate.loads.append(1)
host_dags_gate.begun.set()
assert host_dags_gate.go_on.wait(30)
assert not host_dags_gate.is_broken, "it is broken"
from millstream import DAG, BaseTrigger, BashOperator

class Fires(BaseTrigger):
    pass

with DAG("waits"):
    BashOperator(task_id="a", bash_command="true")
"""


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Holds the DAG file in the middle of its import."""
    gate = SimpleNamespace(
        loads=[], begun=threading.Event(), go_on=threading.Event(), is_broken=False
    )
    monkeypatch.setitem(sys.modules, "host_dags_gate", gate)
    before = set(sys.modules)
    yield gate
    gate.go_on.set()
    for name in set(sys.modules) - before:
        if name.startswith("millstream_dag_"):
            del sys.modules[name]


def test_a_module_is_seen_when_it_is_whole_and_loaded_once(
    tmp_path: Path, gate: SimpleNamespace
) -> None:
    (tmp_path / "dag.py").write_text(FILE)
    dags = HostDags()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(dags.module, str(tmp_path), "dag.py")
        assert gate.begun.wait(30)
        second = pool.submit(dags.module, str(tmp_path), "dag.py")
        with pytest.raises(TimeoutError):
            second.result(0.1)
        gate.go_on.set()
        name = second.result(30)
        assert first.result(30) == name
    assert hasattr(sys.modules[name], "Fires")
    whole = sys.modules[name]
    assert dags.module(str(tmp_path), "dag.py") == name
    assert sys.modules[name] is whole
    assert gate.loads == [1]


def test_a_file_that_could_not_be_loaded_is_loaded_again(
    tmp_path: Path, gate: SimpleNamespace
) -> None:
    (tmp_path / "dag.py").write_text(FILE)
    gate.go_on.set()
    dags = HostDags()
    gate.is_broken = True
    with pytest.raises(DagFileError, match="it is broken"):
        dags.module(str(tmp_path), "dag.py")
    gate.is_broken = False
    assert hasattr(sys.modules[dags.module(str(tmp_path), "dag.py")], "Fires")
