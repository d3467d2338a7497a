"""A runner is bounded in time, and nothing that it started is left."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

from bench.peers.child import children, listen

LEAVES_ONE = """
    import subprocess, sys
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    print(subprocess.Popen(command, start_new_session=True).pid, flush=True)
"""


def heard(tmp_path: Path, code: str, seconds: float = 60.0) -> tuple[list[str], str]:
    found: list[str] = []
    command = [sys.executable, "-c", textwrap.dedent(code)]
    complaint = listen(command, os.environ, tmp_path / "log", seconds, found.append)
    return found, complaint


def test_each_line_is_heard(tmp_path: Path) -> None:
    assert heard(tmp_path, "print('a'); print('b')") == (["a", "b"], "")


def test_a_failure_is_told_with_its_last_words(tmp_path: Path) -> None:
    found, complaint = heard(tmp_path, "print('a', flush=True); raise SystemExit('no disk')")
    assert found == ["a"]
    assert complaint == "ended with 1: no disk"


def test_what_takes_too_long_is_ended_and_keeps_what_it_said(tmp_path: Path) -> None:
    code = "print('a', flush=True)\nimport time; time.sleep(600)"
    assert heard(tmp_path, code, seconds=1.0) == (["a"], "took longer than 1 s")


def test_a_process_that_left_the_group_is_ended_too(tmp_path: Path) -> None:
    before = children(os.getpid())
    found, complaint = heard(tmp_path, LEAVES_ONE)
    assert complaint == ""
    assert not Path("/proc", found[0]).exists()
    assert children(os.getpid()) == before
