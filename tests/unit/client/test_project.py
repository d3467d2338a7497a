"""The files of a folder, and a word when one changes."""

from __future__ import annotations

import threading
from pathlib import Path

from millstream.client.project import Project


def test_only_files_that_name_dags_are_imported_for_them(tmp_path: Path) -> None:
    for name, text in {
        "a.py": "from millstream import DAG",
        "b.py": "from airflow.decorators import dag",
        "c.py": "from millstream.client import Client",
        "d.txt": "from millstream import DAG",
        "venv/pyvenv.cfg": "",
        "venv/e.py": "from millstream import DAG",
        ".hidden.py": "from millstream import DAG",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    project = Project(tmp_path)
    files = project.scan()
    assert sorted(files) == ["a.py", "b.py", "c.py", "d.txt"]
    assert [path for path in sorted(files) if project.is_dag_file(path, files[path])] == [
        "a.py",
        "b.py",
    ]
    # It is asked anew when it has changed.
    (tmp_path / "c.py").write_text("from millstream import DAG, chain")
    files = project.scan()
    assert project.is_dag_file("c.py", files["c.py"])
    assert not Project(tmp_path, frozenset({"c.py"})).is_dag_file("a.py", files["a.py"])


def test_a_change_is_told_also_after_the_folder_was_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    project = Project(folder)
    changed = threading.Event()
    project.scan()
    project.watch(changed.set)
    try:
        assert _told(changed, folder / "a.py")
        folder.rename(tmp_path / "old")
        folder.mkdir()
        project.scan()
        assert _told(changed, folder / "b.py")
    finally:
        project.close()


def _told(changed: threading.Event, file: Path) -> bool:
    """Whether one of several writes is told: the watch may only be beginning."""
    for number in range(200):
        changed.clear()
        file.write_text(str(number))
        if changed.wait(0.2):
            return True
    return False
