"""What a bundle says it needs: where it is said, and whether its text says it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.sdk.requirements import is_anywhere
from millstream_worker.needs import Needs, NeedsError, hashed_lines, read_needs

HEADER = '# /// script\n# requires-python = ">=3.12"\n# dependencies = ["a<2"]\n# ///\nimport a\n'
PROJECT = '[project]\nname = "x"\nrequires-python = ">=3.11, <4"\ndependencies = ["b"]\n'


def needs(folder: Path, file: str = "dags/dag.py", **files: str) -> Needs | None:
    """``a__b_txt`` is the file ``a/b.txt``."""
    for name, text in {"dags__dag_py": "", **files}.items():
        place, _, last = name.replace("__", "/").rpartition("_")
        path = folder / f"{place}.{last}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_needs(folder, file)


def test_a_bundle_that_says_nothing_needs_nothing(tmp_path: Path) -> None:
    assert needs(tmp_path) is None
    assert needs(tmp_path, requirements_txt="# none\n\n") is None
    assert needs(tmp_path, pyproject_toml="[tool.ruff]\nline-length = 100\n") is None
    assert needs(tmp_path, pyproject_toml='[project]\nname = "x"\n') is None
    assert read_needs(tmp_path, "missing.py") is None


def test_the_header_comes_first(tmp_path: Path) -> None:
    found = needs(tmp_path, dags__dag_py=HEADER, dags__requirements_txt="b", pyproject_toml=PROJECT)
    assert found == Needs(
        kind="script",
        file=tmp_path / "dags/dag.py",
        text='requires-python = ">=3.12"\ndependencies = ["a<2"]\n',
        requires_python=">=3.12",
    )


def test_then_what_is_beside_the_dag_file_then_the_root(tmp_path: Path) -> None:
    found = needs(tmp_path, pyproject_toml=PROJECT)
    assert found is not None
    assert (found.kind, found.file.parent, found.requires_python) == (
        "project",
        tmp_path,
        ">=3.11,<4",
    )
    found = needs(tmp_path, requirements_txt="a")
    assert found is not None
    assert found.file == tmp_path / "requirements.txt"
    found = needs(tmp_path, dags__pyproject_toml=PROJECT)
    assert found is not None
    assert found.file == tmp_path / "dags/pyproject.toml"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pandas", True),
        ("pandas[parquet,aws]>=2,<3  # why", True),
        ("numpy==1.0 ; python_version < '3.12'", True),
        ("numpy==1.0 \\", True),
        ("    --hash=sha256:00", True),
        ("--index-url https://host/simple", True),
        ("tool @ https://host/tool-1.0-py3-none-any.whl", True),
        ("tool @ git+https://host/tool@v1", True),
        ("", True),
        ("./wheels/a.whl", False),
        ("a.whl", True),
        ("../a", False),
        ("-e .", False),
        (".", False),
        ("-r other.txt", False),
        ("-c constraints.txt", False),
        ("--find-links wheels", False),
        ("tool @ file:///tmp/tool", False),
        ("tool @ ./tool", False),
        ("/tmp/tool", False),
        ("wheels/a.whl", False),
    ],
)
def test_whether_a_line_means_the_same_anywhere(line: str, expected: bool) -> None:
    assert is_anywhere(line) is expected


def test_settings_and_locks_may_mean_other_files(tmp_path: Path) -> None:
    found = needs(tmp_path, dags__dag_py=HEADER.replace("# ///\nimport", "# [tool.uv]\n# ///\n"))
    assert found is not None
    assert found.is_local
    found = needs(tmp_path, dags__dag_py="", pyproject_toml=PROJECT, uv_lock="version = 1\n")
    assert found is not None
    assert (found.is_local, found.lock) == (True, "version = 1\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADER + HEADER, "2 headers '# /// script'"),
        ("# /// script\n# dependencies = [\n# ///\n", "is no TOML"),
        (HEADER.replace(">=3.12", "/bin/python"), "requires-python is '/bin/python'"),
        ("# /// script\n# requires-python = 3\n# ///\n", "requires-python is 3"),
    ],
)
def test_what_cannot_be_understood(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(NeedsError, match=says):
        needs(tmp_path, dags__dag_py=text)


def test_a_project_that_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(NeedsError, match=r"pyproject\.toml is no TOML"):
        needs(tmp_path, pyproject_toml="[project")


def test_the_lines_with_hashes() -> None:
    text = "a==1 \\\n  --hash=sha256:00 \\\n  --hash=sha256:01\nb>=2\nc==3  # no hash\n"
    assert hashed_lines(text) == "a==1 --hash=sha256:00 --hash=sha256:01\n"
