"""Reading DAG files: every fault is a sentence with the file and the line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from millstream.core.spec import DagSpec
from millstream.sdk.errors import DagFileError
from millstream.sdk.load import load_dags

LIBS = Path(__file__).parents[3] / "libs"
GOOD = "with DAG('d'):\n    EmptyOperator(task_id='a')\n"


def test_all_dags_of_a_file_in_order(load: Any, tmp_path: Path) -> None:
    dags = load("a = DAG('b')\nfor n in (2, 1):\n    DAG(f'd{n}')\nwith DAG('e'):\n    pass\n")
    assert [dag.dag_id for dag in dags] == ["b", "d2", "d1", "e"]
    assert dags[0].folder == str(tmp_path)
    assert dags[0].line == 2


def test_a_file_is_read_anew_each_time(load: Any) -> None:
    assert [dag.dag_id for dag in load("DAG('one')")] == ["one"]
    assert [dag.dag_id for dag in load("DAG('two')")] == ["two"]


def test_neighbours_can_be_imported_and_lines_are_those_of_the_dag_file(
    load: Any, tmp_path: Path
) -> None:
    (tmp_path / "sdk_test_factory.py").write_text(
        "from millstream import EmptyOperator\n\n\n\ndef make(name):\n"
        "    return EmptyOperator(task_id=name)\n"
    )
    (dag,) = load("import sdk_test_factory\nwith DAG('d'):\n    sdk_test_factory.make('a')\n")
    assert dag.get_task("a").line == 4


def test_a_dag_of_an_imported_module_is_not_the_files_own(load: Any, tmp_path: Path) -> None:
    (tmp_path / "sdk_test_other.py").write_text(
        "from millstream import DAG\nDAG('foreign')\n\ndef make(name):\n    DAG(name)\n"
    )
    source = "import sdk_test_other\nsdk_test_other.make('own')\n"
    assert [dag.dag_id for dag in load(source)] == ["own"]


def test_a_root_above_the_file_is_importable(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "sdk_test_shared.py").write_text("NAME = 'shared'\n")
    (tmp_path / "dags").mkdir()
    file = tmp_path / "dags" / "flow.py"
    file.write_text(
        "from millstream import DAG\nimport sdk_test_shared\nDAG(sdk_test_shared.NAME)\n"
    )
    assert [dag.dag_id for dag in load_dags(file, tmp_path)] == ["shared"]
    with pytest.raises(DagFileError, match="the file is not inside of"):
        load_dags(file, tmp_path / "other")


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = 1\n", 0, "no DAG found in file; create one"),
        ("@dag\ndef f(): ...\n", 0, "or call your @dag function"),
        ("x = (\n", 2, r"SyntaxError: '\(' was never closed; correct it"),
        ("if 1:\nx = 1", 3, "IndentationError: expected an indented block"),
        ("\nimport zzz_missing\n", 3, "No module named 'zzz_missing'; install it here"),
        ("from json import zzz\n", 2, "cannot import name 'zzz' from 'json'"),
        ("def f():\n    return 1 / 0\n\nf()\n", 3, "ZeroDivisionError: division by zero"),
        ("import json\njson.loads('{')\n", 3, "JSONDecodeError: .* \\(raised at .*json"),
        ("raise SystemExit(3)\n", 2, r"ends the process \(exit code 3\)"),
        ("raise KeyError\n", 2, "KeyError$"),
        ("DAG('d', shedule='@daily')\n", 2, "did you mean 'schedule'"),
        ("DAG('d', max_active_runs=0)\n", 2, "max_active_runs is 0; it must be 1 or more"),
        ("DAG('d')\n\nDAG('d')\n", 4, "dag_id 'd' is used twice, on lines 2 and 4"),
        ("DAG('a b')\n", 2, "dag_id 'a b' contains ' '"),
        ("DAG('d', schedule='daily')\n", 2, "schedule 'daily' is not a cron expression"),
        ("DAG('d', catchup=True)\n", 2, "catchup=True needs a start_date"),
        ("DAG('d', params={'x': print})\n", 2, "the params of DAG 'd' are not JSON"),
        ("with DAG('d'):\n    EmptyOperator(task_id='a')\n    EmptyOperator(task_id='a')\n", 4,
         "DuplicateTaskIdFound: task_id 'a' is used twice in DAG 'd', on lines 3 and 4"),
        ("with DAG('d'):\n    a = EmptyOperator(task_id='a')\n    b = EmptyOperator(task_id='b')\n"
         "    a >> b >> a\n", 3, "the tasks form a cycle"),
        ("with DAG('d'):\n    EmptyOperator(task_id='a b')\n"
         "    EmptyOperator(task_id='b', retries=-1)",
         3, "task_id 'a b' contains ' '.*; line 4: task 'b': retries is -1"),
        ("with DAG('d'):\n    BashOperator(\n        task_id='a', bash_command='echo ${#x}')\n", 3,
         "DAG 'd': task 'a': template of bash_command, line 1: .*'{#' begins a comment"),
    ],
)  # fmt: skip
def test_faults(source: str, line: int, message: str, load: Any, tmp_path: Path) -> None:
    with pytest.raises(DagFileError) as caught:
        load(source)
    error = caught.value
    assert error.file == str(tmp_path / "flow.py")
    assert error.line == line, error.message
    assert re.search(message, error.message, re.DOTALL), error.message
    assert str(error) == f"{error.file}:{line}: {error.message}".replace(":0:", ":")


def test_a_fault_in_a_neighbour_names_both_places(load: Any, tmp_path: Path) -> None:
    (tmp_path / "sdk_test_broken.py").write_text("x =\n")
    with pytest.raises(DagFileError) as caught:
        load("import sdk_test_broken\n")
    assert caught.value.line == 2
    assert f"{tmp_path}/sdk_test_broken.py:1" in caught.value.message
    (tmp_path / "sdk_test_raises.py").write_text("\nraise ValueError('no')\n")
    with pytest.raises(DagFileError, match=r"ValueError: no \(raised at .*sdk_test_raises.py:2\)"):
        load("import sdk_test_raises\n")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DagFileError, match="cannot be read: No such file"):
        load_dags(tmp_path / "zzz.py")
    with pytest.raises(DagFileError, match="cannot be read: Is a directory"):
        load_dags(tmp_path)
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'\n")
    with pytest.raises(DagFileError, match="SyntaxError"):
        load_dags(tmp_path / "bytes.py")
    (tmp_path / "nul.py").write_bytes(b"x = 1\0\n")
    with pytest.raises(DagFileError, match="null bytes"):
        load_dags(tmp_path / "nul.py")


def test_ctrl_c_is_not_swallowed(load: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        load("raise KeyboardInterrupt\n")


def run_command(*arguments: str) -> tuple[int, Any, str]:
    done = subprocess.run(
        [sys.executable, "-m", "millstream.sdk.load", *arguments],
        env={**os.environ, "PYTHONPATH": str(LIBS)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.count("\n") == 1, done
    return done.returncode, msgspec.json.decode(done.stdout), done.stderr


def test_the_command_prints_specs_whatever_the_file_prints(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    file = tmp_path / "dags" / "flow.py"
    file.write_text(
        "import atexit, os, threading, time\nfrom millstream import DAG, EmptyOperator\n"
        "print('noise')\nos.system('echo loud noise')\natexit.register(print, 'late noise')\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n" + GOOD
    )
    code, answer, noise = run_command(str(file), "--root", str(tmp_path))
    assert code == 0
    (spec,) = msgspec.convert(answer["specs"], list[DagSpec])
    assert (spec.dag_id, spec.file, spec.tasks[0].line) == ("d", "dags/flow.py", 8)
    assert "noise\nloud noise\n" in noise


def test_the_command_prints_the_error(tmp_path: Path) -> None:
    file = tmp_path / "flow.py"
    file.write_text("import sys\nprint('noise')\nsys.exit(0)\n")
    code, answer, _ = run_command(str(file))
    assert code == 1
    assert (answer["error"]["file"], answer["error"]["line"]) == (str(file), 3)
    assert "ends the process" in answer["error"]["message"]


def test_importing_millstream_is_light() -> None:
    program = (
        "import sys, millstream, millstream.core.spec\n"
        "heavy = {'pendulum', 'jinja2', 'grpc', 'nats', 'asyncpg'} & set(sys.modules)\n"
        "from millstream import *\n"
        "heavy |= {'grpc', 'nats', 'asyncpg', 'google.protobuf'} & set(sys.modules)\n"
        "assert set(millstream.__all__) <= set(dir(millstream))\n"
        "assert not hasattr(millstream, 'zzz')\n"
        "print(heavy or 'light')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(LIBS)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "light\n", done
