"""The users of a NATS server, written for its operator."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from millstream.cli import app
from millstream.embedded.nats import find_nats_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a folder"


def write(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["nats-accounts", str(folder), "--server", "a:4222", *words])


def url(folder: Path, login: str) -> str:
    return (folder / f"{login}.env").read_text().splitlines()[0].partition("=")[2]


def test_a_server_takes_it_and_each_process_has_its_file(folder: Path) -> None:
    done = write(folder, "--server", "b:4222", "--worker", "w1", "--worker", "w2=gpu")
    assert done.exit_code == 0, done.output
    (folder / "nats.conf").write_text("include accounts.conf\njetstream {}\n")
    server = [find_nats_server(), "-t", "-c", str(folder / "nats.conf")]
    checked = subprocess.run(server, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    names = sorted(path.stem for path in folder.glob("*.env"))
    logins = ["api-api-1", "operator", "projector-projector-1", "scheduler-scheduler-1"]
    assert names == [*logins, "worker-w1", "worker-w2"]
    assert url(folder, "worker-w1").startswith("nats://worker-w1:")
    assert url(folder, "worker-w1").endswith("@a:4222,b:4222")
    assert "MILLSTREAM_INSTANCE=w1" in (folder / "worker-w1.env").read_text()
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.glob("*.env"))
    assert (folder / "accounts.conf").stat().st_mode & 0o077 == 0


def test_who_has_a_file_keeps_the_password(folder: Path) -> None:
    write(folder, "--worker", "w1")
    before = url(folder, "worker-w1"), url(folder, "operator")
    write(folder, "--worker", "w1", "--worker", "w2")
    assert (url(folder, "worker-w1"), url(folder, "operator")) == before
    assert url(folder, "worker-w2") != before[0]


def test_a_worker_is_held_to_its_queues(folder: Path) -> None:
    write(folder, "--worker", "w1=gpu,large", "--worker", "w2")
    text = (folder / "accounts.conf").read_text()
    accounts = json.loads(text.removeprefix("accounts: "))
    (user,) = accounts["WORKER_w1"]["users"]
    allowed = user["permissions"]["publish"]
    pulls = {name.rpartition(".")[2] for name in allowed if ".MSG.NEXT." in name}
    assert pulls == {"worker-gpu", "trigger-gpu", "worker-large", "trigger-large"}


def test_an_api_of_several_processes_speaks_under_their_names(folder: Path) -> None:
    done = write(folder, "--api", "a=2", "--api", "b")
    assert done.exit_code == 0, done.output
    text = (folder / "accounts.conf").read_text()
    users = {
        user["user"]: user["permissions"]
        for user in json.loads(text.removeprefix("accounts: "))["CORE"]["users"]
        if "permissions" in user
    }

    def names(login: str) -> tuple[list[str], list[str]]:
        sent = [name for name in users[login]["publish"] if ".api." in name]
        heard = [name for name in users[login]["subscribe"] if ".api." in name]
        last = [[name.rpartition(".")[2] for name in found] for found in (sent, heard)]
        return last[0], last[1]

    assert names("api-a") == (["a-1", "a-2"], ["a-1", "a-2"])
    assert names("api-b") == (["b"], ["b"])
    assert "MILLSTREAM_API_PROCESSES=2" in (folder / "api-a.env").read_text()
    assert "MILLSTREAM_API_PROCESSES" not in (folder / "api-b.env").read_text()
    for wrong in ("a=0", "a=x", "a=65"):
        assert write(folder, "--api", wrong).exit_code == 2


@pytest.mark.parametrize("name", ["", "w 1", "w.1", "w*", "w>", "ü", "w1=a b", "x" * 101])
def test_a_name_that_nats_could_take_for_more_is_refused(folder: Path, name: str) -> None:
    done = write(folder, "--worker", name)
    assert done.exit_code != 0
    assert "cannot name an instance or a queue" in str(done.exception)
    assert not (folder / "accounts.conf").exists()
