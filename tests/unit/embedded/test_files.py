from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import msgspec
import pytest

from millstream.embedded import serverfile
from millstream.embedded.lockfile import AlreadyRunning, holding_lock
from millstream.embedded.pids import ProcessId, identify
from millstream.embedded.ports import PortClaims
from millstream.embedded.serverfile import ServerFile
from millstream.embedded.statefile import (
    NAME,
    ProcessState,
    UpState,
    read_last_state,
    read_state,
    remove_state,
    write_state,
)


def up_state(data_dir: Path, supervisor: ProcessId) -> UpState:
    return UpState(
        supervisor=supervisor,
        version="1",
        data_dir=str(data_dir),
        grpc_address="127.0.0.1:1",
        http_address="127.0.0.1:2",
        nats_url="nats://u:p@127.0.0.1:3",
        database_url="postgresql://u:p@127.0.0.1:4/postgres",
        blob_url="blobs",
        started_at="2026-01-01T00:00:00+00:00",
        processes=(ProcessState(name="nats", state="ready", identity=ProcessId(7, 8)),),
    )


def test_the_state_comes_back_and_is_private(tmp_path: Path) -> None:
    state = up_state(tmp_path, identify(os.getpid()))
    write_state(state)
    assert read_state(tmp_path) == state
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    remove_state(tmp_path)
    assert read_state(tmp_path) is None


def test_the_state_of_a_dead_supervisor_is_not_what_runs(tmp_path: Path) -> None:
    # The same pid, started at another time: it was given to somebody else.
    state = up_state(tmp_path, ProcessId(os.getpid(), 1))
    write_state(state)
    assert read_state(tmp_path) is None
    assert read_last_state(tmp_path) == state


def test_a_file_that_is_not_ours_is_no_state(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("{]")
    assert read_state(tmp_path) is None


def test_the_second_holder_of_a_lock_is_told_who_has_it(tmp_path: Path) -> None:
    with holding_lock(tmp_path), pytest.raises(AlreadyRunning) as caught, holding_lock(tmp_path):
        pass
    assert caught.value.pid == os.getpid()
    with holding_lock(tmp_path):
        pass


def settle(data_dir: Path) -> ServerFile:
    with contextlib.closing(PortClaims()) as claims:
        return serverfile.settle(data_dir, claims)


def test_ports_and_passwords_are_kept(tmp_path: Path) -> None:
    first = settle(tmp_path)
    assert settle(tmp_path) == first
    assert stat.S_IMODE((tmp_path / serverfile.NAME).stat().st_mode) == 0o600
    ports = {first.nats_port, first.nats_http_port, first.postgres_port}
    assert len(ports) == 3
    assert max(ports) < 32768


def test_passwords_differ_between_data_directories(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one, other = (settle(folder) for folder in folders)
    assert one.nats_password != other.nats_password
    assert one.postgres_password not in {other.postgres_password, one.nats_password}
    assert msgspec.structs.asdict(one)["user"] == "millstream"
