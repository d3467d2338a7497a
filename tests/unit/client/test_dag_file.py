"""A DAG file may do anything, and whoever reads it goes on."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from millstream.client.dag_file import Loaded, ReadLimits, Stopped, load_dag_file
from millstream.embedded.pids import command_lines

GOOD = """from millstream import DAG, EmptyOperator
import helper
EmptyOperator(task_id="e", dag=DAG("d", schedule=None))
"""


def load(folder: Path, text: str, timeout_s: float = 30.0, **options: Any) -> Loaded:
    file = folder / "a file.py"
    file.write_text(text)
    return load_dag_file(
        file,
        folder,
        lambda what, name: None,
        limits=ReadLimits(timeout_s),
        is_quiet=True,
        **options,
    )


def fault(loaded: Loaded) -> str:
    assert loaded.fault is not None
    return loaded.fault.message


def test_the_files_that_it_imports_are_told(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("")
    loaded = load(tmp_path, GOOD)
    assert [spec.dag_id for spec in loaded.specs] == ["d"]
    assert loaded.imported == ("a file.py", "helper.py")
    # Also where it fails: what is to be corrected may be there.
    (tmp_path / "helper.py").write_text("1 / 0")
    loaded = load(tmp_path, GOOD)
    assert "ZeroDivisionError" in fault(loaded)


def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    # Its name is on the command line of the child, by which it is known.
    text = "import subprocess, time\nsubprocess.Popen(['bash', '-c', 'sleep 1000; true', NAME])\n"
    text = text.replace("NAME", repr(str(tmp_path))) + "time.sleep(1000)\n"
    began = time.monotonic()
    loaded = load(tmp_path, text, timeout_s=3.0)
    assert loaded.is_stuck
    assert "longer than 3 s" in fault(loaded)
    assert time.monotonic() - began < 10
    # A signal that was sent takes a moment to end its process.
    while any(str(tmp_path) in argv for _, argv in command_lines()):
        assert time.monotonic() < began + 30
        time.sleep(0.01)


def test_one_that_ends_the_process_says_what_it_printed(tmp_path: Path) -> None:
    text = "import os, sys\nprint('x' * 100000, file=sys.stderr)\nprint('the end')\nos._exit(7)\n"
    loaded = load(tmp_path, text)
    # What is in a buffer of Python is lost with `os._exit`, standard error has none.
    assert loaded.is_stuck
    assert "exit code 7" in fault(loaded)
    assert len(fault(loaded)) < 3000
    loaded = load(tmp_path, "import os\nos.kill(os.getpid(), 11)\n")
    assert signal.SIGSEGV.name in fault(loaded)


def test_one_that_leaves_a_daemon_with_its_pipes_holds_nobody_up(tmp_path: Path) -> None:
    text = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    for _ in range(30): print('y' * 1000, flush=True); time.sleep(0.1)\n"
        "    os._exit(0)\n"
        "os._exit(0)\n"
    )
    began = time.monotonic()
    assert "exit code 0" in fault(load(tmp_path, text))
    assert time.monotonic() - began < 20


def test_one_that_prints_without_an_end_is_one_that_hangs(tmp_path: Path) -> None:
    assert load(tmp_path, "while True: print('z' * 10000)\n", timeout_s=1.0).is_stuck


def test_a_dag_file_is_not_told_who_submits_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLSTREAM_API_TOKEN", "planted")
    monkeypatch.setenv("MILLSTREAM_SECRET_KEY", "planted")
    text = "import os\nassert 'planted' not in os.environ.values()\nraise ValueError('no token')\n"
    assert "no token" in fault(load(tmp_path, text))


def test_reading_is_given_up_when_the_reader_stops(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        load(tmp_path, "import time\ntime.sleep(1000)\n", is_stopping=lambda: True)
