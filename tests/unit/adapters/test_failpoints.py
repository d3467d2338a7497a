"""What a list of failpoints may say, and that each lets its thing happen once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.adapters import failpoints
from millstream.adapters.failpoints import (
    ACTIONS,
    NAMES,
    Failpoint,
    FailpointReached,
    Failpoints,
    InvalidFailpoint,
    parse,
    reach,
    reach_flushed,
    switch_on,
)
from millstream.adapters.service import EXIT_USAGE, Service, run_service


@pytest.fixture(autouse=True)
def _off_again() -> Iterator[None]:
    yield
    switch_on("", "")


def test_a_list() -> None:
    assert parse("worker.started=kill@3; api.sent=delay:0.5;scheduler.decided=stop;") == {
        "worker.started": Failpoint("worker.started", "kill", 3),
        "api.sent": Failpoint("api.sent", "delay", 1, 0.5),
        "scheduler.decided": Failpoint("scheduler.decided", "stop"),
    }
    assert parse(" ") == {}


@pytest.mark.parametrize("action", ACTIONS)
def test_every_point_takes_every_action(action: str) -> None:
    text = "delay:3" if action == "delay" else action
    delay_s = 3.0 if action == "delay" else 0.0
    assert parse(";".join(f"{name}={text}@2" for name in NAMES)) == {
        name: Failpoint(name, action, 2, delay_s) for name in NAMES
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worker.begun=kill", "no failpoint 'worker.begun'; there are api.before_send, api.sent"),
        ("kill", "no failpoint 'kill'"),
        ("api.sent", "'api.sent' has no action that there is; write kill, stop, raise or delay"),
        ("api.sent=explode", "'api.sent=explode' has no action"),
        ("api.sent=kill:3", "'api.sent=kill:3' has no action"),
        ("api.sent=delay", "'api.sent=delay' has no action"),
        ("api.sent=delay:", "a delay is in seconds, up to 600"),
        ("api.sent=delay:soon", "a delay is in seconds, up to 600"),
        ("api.sent=delay:-1", "a delay is in seconds, up to 600"),
        ("api.sent=delay:nan", "a delay is in seconds, up to 600"),
        ("api.sent=delay:1e9", "a delay is in seconds, up to 600"),
        ("api.sent=kill@0", "after @ comes which time it is reached, 1 or more"),
        ("api.sent=kill@", "after @ comes which time it is reached, 1 or more"),
        ("api.sent=kill@last", "after @ comes which time it is reached, 1 or more"),
        ("api.sent=kill;api.sent=stop", "api.sent is named twice"),
    ],
)
def test_what_is_no_list_is_refused_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(InvalidFailpoint, match=r".*") as refused:
        parse(text)
    assert said in str(refused.value)


def test_a_service_with_a_wrong_list_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def never(service: Service) -> None:
        raise AssertionError("it started")

    monkeypatch.setenv("MILLSTREAM_FAILPOINTS", "scheduler.comitted=kill")
    with pytest.raises(SystemExit) as ended:
        run_service("scheduler", never, needs=())
    assert ended.value.code == EXIT_USAGE
    said = capsys.readouterr().err
    assert "There is no failpoint 'scheduler.comitted'" in said
    assert all(name in said for name in NAMES)


def test_it_happens_once_and_the_next_process_goes_on(tmp_path: Path) -> None:
    setting = "api.sent=raise@3"
    assert switch_on(setting, str(tmp_path))
    reach("api.sent")
    reach("api.before_send")
    # A restart: what was counted before counts.
    switch_on(setting, str(tmp_path))
    reach("api.sent")
    with pytest.raises(FailpointReached, match=r"api\.sent"):
        reach("api.sent")
    reach("api.sent")
    switch_on(setting, str(tmp_path))
    reach("api.sent")
    folder = tmp_path / "failpoints"
    assert (folder / "reached" / "api.sent").stat().st_size == 5
    assert [file.name for file in (folder / "fired").iterdir()] == ["api.sent"]


def test_a_list_in_a_folder_may_be_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    switch_on(f"@{folder}", str(tmp_path / "elsewhere"))
    reach("api.sent")
    arm(folder, "api.sent=raise@2")
    with pytest.raises(FailpointReached):
        reach("api.sent")
    arm(folder, "api.before_send=raise")
    reach("api.sent")
    with pytest.raises(FailpointReached):
        reach("api.before_send")
    assert not (tmp_path / "elsewhere").exists()


def arm(folder: Path, text: str) -> None:
    (folder / "draft").write_text(text)
    (folder / "draft").rename(folder / "armed")


def test_a_wrong_list_in_a_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    arm(tmp_path, "api.gone=kill")
    with pytest.raises(InvalidFailpoint, match=r"api\.gone"):
        Failpoints(f"@{tmp_path}", "")


def test_a_process_is_killed_or_stopped_or_held_up(tmp_path: Path) -> None:
    """All of it, not one of its tasks."""
    script = (
        "from millstream.adapters.failpoints import reach, switch_on\n"
        f"switch_on('api.sent=%s', {str(tmp_path)!r} + '/%s')\n"
        "reach('api.sent')\nprint('on', flush=True)\n"
    )

    def start(action: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script % (action, action[:4])]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    killed, stopped, began = start("kill"), start("stop"), time.monotonic()
    with killed, stopped, start("delay:0.3") as delayed:
        assert killed.wait(30) == -signal.SIGKILL
        assert delayed.wait(30) == 0
        assert time.monotonic() - began >= 0.3
        marker = tmp_path / "stop" / "failpoints" / "fired" / "api.sent"
        while not marker.exists() or state_of(stopped.pid) != "T":
            assert time.monotonic() - began < 30
            assert stopped.poll() is None
        assert int(marker.read_text()) == stopped.pid
        stopped.send_signal(signal.SIGCONT)
        assert stopped.communicate(timeout=30)[0] == "on\n"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_nothing_is_done_where_nothing_is_on() -> None:
    async def flush() -> None:
        raise AssertionError("nobody asked for it")

    reach("no name at all: it is not even looked at")
    asyncio.run(reach_flushed("api.sent", flush))
    assert not failpoints.is_on()
