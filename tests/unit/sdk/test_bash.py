"""Bash commands: one implementation for BashOperator and for plain actions."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from millstream import DAG, BashOperator
from millstream.core.spec import BashAction
from millstream.sdk.shell import LONGEST_LINE, run_bash


def bash(run: Any, command: str, **more: Any) -> Any:
    return run(None, "t", BashAction(command=command, **more))


def test_the_last_line_of_stdout_is_the_xcom_and_both_outputs_are_shown(
    run: Any, capsys: Any
) -> None:
    outcome = bash(run, "echo one; echo oops >&2; printf 'two\\nthree  '")
    assert outcome.xcoms == {"return_value": b'"three"'}
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == ["one", "oops", "three", "two"]


def test_templates_need_no_dag(run: Any, channel: Any) -> None:
    channel.put("up", 5)
    outcome = bash(
        run,
        "echo {{ ds }} $N {{ dag_run.conf.size }} {{ params.size }}",
        env={"N": "{{ ti.xcom_pull('up') }}"},
        append_env=True,
    )
    assert outcome.xcoms["return_value"] == b'"2024-02-29 5 3 3"'
    assert bash(run, "echo {{ dag.dag_id }}").message.endswith(
        "line 1: 'dag' is undefined (in echo {{ dag.dag_id }})"
    )


def test_env_replaces_the_environment_unless_appended(run: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SEEN", "outside")
    assert bash(run, "echo $SEEN").xcoms["return_value"] == b'"outside"'
    assert bash(run, "echo $SEEN$A", env={"A": "a"}).xcoms["return_value"] == b'"a"'
    assert bash(run, "echo $SEEN$A", env={"A": "a"}, append_env=True).xcoms["return_value"] == (
        b'"outsidea"'
    )


def test_working_directory(run: Any, tmp_path: Path) -> None:
    assert bash(run, "pwd", cwd=str(tmp_path)).xcoms["return_value"] == f'"{tmp_path}"'.encode()
    scratch = bash(run, "touch x; pwd").xcoms["return_value"].decode().strip('"')
    assert "millstream-" in scratch
    assert not Path(scratch).exists()
    assert "is not a directory on this worker" in bash(run, "true", cwd=f"{tmp_path}/zzz").message


@pytest.mark.parametrize(
    ("command", "kind", "message"),
    [
        ("exit 99", "skipped", "bash exited with code 99, which skips the task"),
        ("exit 3", "failed", "bash exited with code 3"),
        ("kill -9 $$", "failed", "bash was killed by SIGKILL"),
        (
            "sh -c 'kill -15 $$'; exit $?",
            "failed",
            "bash exited with code 143 (as when a command is killed by SIGTERM)",
        ),
        ("zzz-no-such-command", "failed", "bash exited with code 127"),
        ("if", "failed", "bash exited with code 2"),
    ],
)
def test_exit_codes(command: str, kind: str, message: str, run: Any) -> None:
    outcome = bash(run, command)
    assert (outcome.kind, outcome.message) == (kind, message)
    assert outcome.traceback == ""


def test_skip_codes_are_a_choice(run: Any) -> None:
    assert bash(run, "exit 7", skip_exit_codes=(7, 8)).kind == "skipped"
    assert bash(run, "exit 99", skip_exit_codes=()).kind == "failed"


def test_no_output_bytes_that_are_no_text_and_endless_lines(run: Any) -> None:
    assert bash(run, "true").xcoms == {"return_value": b'""'}
    assert bash(run, r"printf 'a\xff\x00b'").xcoms["return_value"] == '"a\ufffd\ufffdb"'.encode()
    text = run_bash(f"head -c {3 * LONGEST_LINE} /dev/zero | tr '\\0' x")
    assert 0 < len(text) <= LONGEST_LINE + 65536


def test_do_xcom_push_false(run: Any) -> None:
    assert run(None, "t", BashAction(command="echo x"), do_xcom_push=False).xcoms == {}


def test_background_processes_neither_hold_the_task_nor_outlive_it() -> None:
    began = time.monotonic()
    pid = int(run_bash("sleep 60 & echo $!"))
    assert time.monotonic() - began < 5
    for _ in range(500):
        if not _is_running(pid):
            return
        time.sleep(0.01)
    pytest.fail("the background process is still there")


def _is_running(pid: int) -> bool:
    """Whether it exists and is no zombie that waits for init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_interrupt_ends_the_command(tmp_path: Path) -> None:
    """As in a worker's child that is told to stop: a signal handler raises in the main thread."""
    mark = tmp_path / "pid"

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGUSR1, stop)

    def send() -> None:
        while not mark.exists() or not mark.read_text().strip():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with pytest.raises(TimeoutError):
            run_bash(f"echo $$ > {mark}; sleep 60")
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
    assert not _is_running(int(mark.read_text()))


def test_an_operator_that_needs_its_dag_runs_the_same_way(run: Any, tmp_path: Path) -> None:
    (tmp_path / "hello.sh").write_text("echo hello {{ params.name }}\n")
    with DAG("d", params={"name": "you"}, template_searchpath=str(tmp_path)) as dag:
        BashOperator(task_id="inline", bash_command="echo {{ params.name }} $N", env={"N": 5})
        BashOperator(task_id="script", bash_command="hello.sh")
        BashOperator(task_id="skip", bash_command="exit 4 # {{ dag }}", skip_on_exit_code=4)
    assert run(dag, "inline").xcoms["return_value"] == b'"you 5"'
    assert run(dag, "script").xcoms["return_value"] == b'"hello you"'
    assert run(dag, "skip").kind == "skipped"


def test_bash_that_is_not_there(run: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", "")
    assert bash(run, "true").message.startswith("bash is not installed")
