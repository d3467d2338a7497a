"""A folder that is kept in step with an api in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.client import Client, dag_folder
from millstream.client.dag_file import ReadLimits
from millstream.client.dag_folder import DagFolder
from millstream.core.errors import Refused, Unavailable
from millstream.rpc.v1 import (
    dags_pb2,
    dags_pb2_grpc,
    import_errors_pb2,
    import_errors_pb2_grpc,
)
from served import served

FILE = """from millstream import DAG, EmptyOperator
{more}
for name in {names}:
    EmptyOperator(task_id="e", dag=DAG(name, schedule=None))
"""


class FakeDags(dags_pb2_grpc.DagServiceServicer):
    def __init__(self) -> None:
        self.submitted: list[str] = []
        self.bundles: dict[str, str] = {}
        self.paused: list[str] = []
        self.is_away = False

    async def UploadBundle(self, requests: Any, context: Any) -> Any:
        import hashlib

        digest = hashlib.sha256()
        async for part in requests:
            digest.update(part.chunk)
        return dags_pb2.UploadBundleResponse(digest=digest.hexdigest())

    async def SubmitDag(self, request: Any, context: Any) -> Any:
        dag_id = request.spec.dag_id
        if self.is_away:
            raise Unavailable("away")
        if dag_id == "refused":
            raise Refused("INVALID_DAG", "it is not wanted")
        self.submitted.append(dag_id)
        self.bundles[dag_id] = request.bundle
        version = self.submitted.count(dag_id)
        return dags_pb2.SubmitDagResponse(dag_id=dag_id, version=version, position=1)

    async def SetDagPaused(self, request: Any, context: Any) -> Any:
        word = "pause" if request.is_paused else "unpause"
        self.paused.append(f"{word} {request.dag_id}")
        return dags_pb2.SetDagPausedResponse(position=1, has_changed=True)


class FakeImportErrors(import_errors_pb2_grpc.ImportErrorServiceServicer):
    def __init__(self) -> None:
        self.now: dict[str, str] = {}

    async def ReportImportErrors(self, request: Any, context: Any) -> Any:
        self.now = {f"{one.file}:{one.line}": one.message for one in request.errors}
        return import_errors_pb2.ReportImportErrorsResponse()


class Watched:
    """A folder, what the api has of it, and what people are told."""

    def __init__(self, address: str, root: Path, dags: FakeDags, errors: FakeImportErrors) -> None:
        self.root, self.dags, self.errors = root, dags, errors
        self.told: list[str] = []
        self.client = Client(address)
        self.state_file = root.with_name("state.json")
        self.folder = self._watch()

    def _watch(self) -> DagFolder:
        limits = ReadLimits(timeout_s=8.0, memory_mb=1024)
        return DagFolder(
            self.client, self.root, self.told.append, limits=limits, state_file=self.state_file
        )

    def restart(self) -> None:
        """Another process takes over, later."""
        self.folder.close()
        self.folder = self._watch()

    def write(self, name: str, *names: str, more: str = "") -> None:
        (self.root / name).write_text(FILE.format(more=more, names=list(names)))

    def settle(self, until: Callable[[], bool] = lambda: True) -> None:
        """Until all is read and sent that was there when it was called."""
        deadline = time.monotonic() + 60
        self.folder.look()
        self.folder.step()
        while not (self.folder.is_idle and until()):
            assert time.monotonic() < deadline, (self.told, self.folder.sources)
            self.folder._wait()
            self.folder.step()

    def close(self) -> None:
        self.folder.close()
        self.client.close()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(dag_folder, "AGAIN_S", 0.02)
    monkeypatch.setattr(dag_folder, "GONE_S", 0.05)
    dags, errors = FakeDags(), FakeImportErrors()

    def register(server: Any) -> None:
        dags_pb2_grpc.add_DagServiceServicer_to_server(dags, server)  # type: ignore[no-untyped-call]
        import_errors_pb2_grpc.add_ImportErrorServiceServicer_to_server(errors, server)  # type: ignore[no-untyped-call]

    root = tmp_path / "my dags"
    root.mkdir()
    with served(register) as address:
        made = Watched(address, root, dags, errors)
        yield made
        made.close()
    assert errors.now == {}, "nobody looks after these files any more"


def test_what_is_wrong_with_one_file_is_told_and_the_others_go_on(watched: Watched) -> None:
    watched.write("good.py", "one", "two")
    (watched.root / "broken.py").write_text("# a dag of millstream\nx = (\n")
    (watched.root / "hangs.py").write_text("# dag, airflow\nimport time; time.sleep(1000)\n")
    (watched.root / "dies.py").write_text("# dag, airflow\nimport os; os._exit(7)\n")
    (watched.root / "greedy.py").write_text("# dag, airflow\nx = bytearray(2**31)\n")
    (watched.root / "module.py").write_text("# names a dag of millstream and makes none\n")
    watched.write("clash.py", "three", "two", "refused")
    watched.write("zz.py", "four")
    watched.settle()
    assert sorted(watched.dags.submitted) == ["four", "one", "three", "two"]
    found = {fault.file: str(fault) for fault in watched.folder.faults}
    assert found.keys() == {
        "broken.py",
        "hangs.py",
        "dies.py",
        "greedy.py",
        "good.py",
        "clash.py",
    }
    assert "broken.py:2: SyntaxError" in found["broken.py"]
    assert "longer than 8 s" in found["hangs.py"]
    assert "exit code 7" in found["dies.py"]
    assert "greedy.py:2: MemoryError" in found["greedy.py"]
    watched.settle(lambda: len(watched.errors.now) == 6)
    # Corrected, it is one no longer.
    watched.write("broken.py", "five")
    watched.settle(lambda: not any(name.startswith("broken") for name in watched.errors.now))
    assert watched.dags.submitted[-1] == "five"


def test_a_change_concerns_the_files_that_it_may_concern(watched: Watched) -> None:
    (watched.root / "helper.py").write_text("NAME = 1\n")
    watched.write("a.py", "a", more="import helper")
    watched.write("b.py", "b")
    watched.settle()
    sent = watched.dags.submitted
    assert sorted(sent) == ["a", "b"]
    first = dict(watched.dags.bundles)
    del sent[:]
    # One DAG file is no part of another's bundle,
    watched.write("a.py", "a", more="import helper  # changed")
    watched.settle()
    assert sent == ["a"]
    # a module is of all.
    (watched.root / "helper.py").write_text("NAME = 2\n")
    watched.settle()
    assert sorted(sent) == ["a", "a", "b"]
    # Nothing has changed: nothing is sent.
    (watched.root / "a.py").touch()
    watched.settle()
    assert sorted(sent) == ["a", "a", "b"]
    # As it was is as it was: bundles depend on nothing but the files.
    (watched.root / "helper.py").write_text("NAME = 1\n")
    watched.write("a.py", "a", more="import helper")
    watched.settle()
    assert watched.dags.bundles == first


def test_a_file_that_is_not_read_yet_is_in_no_bundle(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one that hangs would make a new version of all DAGs at each start."""
    monkeypatch.setattr(dag_folder, "FIRST_LOOK_S", 0.0)
    watched.write("a.py", "a")
    watched.settle()
    first = dict(watched.dags.bundles)
    slow = watched.root / "slow.py"
    slow.write_text("# dag, airflow\nimport time; time.sleep(1000)\n")
    watched.restart()
    watched.settle(lambda: len(watched.folder.faults) == 1)
    assert watched.dags.bundles == first
    # What turns out to be a module belongs into all.
    slow.write_text("# names a dag of millstream and makes none\n")
    watched.settle(lambda: watched.dags.bundles != first)


def test_a_dag_that_no_file_makes_any_more_is_paused_until_one_does(watched: Watched) -> None:
    watched.write("a.py", "stays", "goes")
    watched.settle()
    watched.write("a.py", "stays")
    watched.settle(lambda: watched.dags.paused == ["pause goes"])
    # In another file it comes back.
    watched.write("b.py", "goes")
    watched.settle(lambda: watched.dags.paused == ["pause goes", "unpause goes"])


def test_what_is_deleted_while_nobody_looks_is_noticed_at_the_next_start(watched: Watched) -> None:
    watched.write("a.py", "a", "changes")
    watched.write("b.py", "b")
    watched.write("moves.py", "moves")
    watched.write("breaks.py", "breaks")
    watched.settle()
    watched.restart()
    watched.settle()
    assert watched.dags.paused == [], "nothing is gone"
    (watched.root / "b.py").unlink()
    (watched.root / "moves.py").rename(watched.root / "elsewhere.py")
    (watched.root / "breaks.py").write_text("# a dag of millstream\nx = (\n")
    watched.write("a.py", "a")
    watched.restart()
    watched.settle(lambda: watched.folder.is_settled)
    # What a file made that is wrong now goes on.
    assert sorted(watched.dags.paused) == ["pause b", "pause changes"]
    # It comes back, and the process that sees it is yet another one.
    watched.write("b.py", "b")
    watched.restart()
    watched.settle(lambda: watched.dags.paused[-1] == "unpause b")
    watched.restart()
    watched.settle(lambda: watched.folder.is_settled)
    assert len(watched.dags.paused) == 3


def test_a_folder_that_is_not_there_yet_pauses_nothing(watched: Watched) -> None:
    watched.write("a.py", "a")
    watched.write("b.py", "b")
    watched.settle()
    (watched.root / "a.py").rename(watched.root.parent / "a.py")
    (watched.root / "b.py").unlink()
    watched.restart()
    watched.settle(lambda: watched.folder.is_settled)
    assert watched.dags.paused == []
    (watched.root.parent / "a.py").rename(watched.root / "a.py")
    watched.settle(lambda: watched.folder.is_settled)
    assert watched.dags.paused == ["pause b"]


@pytest.mark.parametrize("text", ["", "{", '{"root": "/elsewhere", "owners": {"a": "gone.py"}}'])
def test_a_state_that_is_of_no_use_is_none(watched: Watched, text: str) -> None:
    watched.folder.close()
    watched.state_file.write_text(text)
    watched.restart()
    watched.write("b.py", "b")
    watched.settle(lambda: watched.folder.is_settled)
    assert watched.dags.paused == []
    assert json.loads(watched.state_file.read_text())["owners"] == {"b": "b.py"}


def test_a_file_may_be_renamed(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag_folder, "GONE_S", 60.0)
    watched.write("a.py", "one")
    watched.write("b.py", "one")
    watched.settle(lambda: len(watched.folder.faults) == 1)
    (watched.root / "a.py").rename(watched.root / "c.py")
    # The id is free for the file that wanted it, or for the one with the new name: one has it.
    watched.settle()
    assert len(watched.folder.faults) == 1
    assert watched.dags.submitted == ["one", "one"]
    assert watched.dags.paused == []


def test_an_api_that_is_away_gets_everything_later(watched: Watched) -> None:
    watched.client._channel.timeout_s = 0.2
    watched.dags.is_away = True
    watched.write("a.py", "one")
    watched.folder.look()
    deadline = time.monotonic() + 10
    while not any("takes nothing now" in line for line in watched.told):
        assert time.monotonic() < deadline, watched.told
        watched.folder.step()
        watched.folder._wait()
    assert not watched.folder.is_idle
    watched.dags.is_away = False
    watched.settle()
    assert watched.dags.submitted == ["one"]
