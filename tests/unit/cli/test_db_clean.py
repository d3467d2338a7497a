"""``millstream db clean``: old logs go, and nothing else."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from millstream.adapters.blobs import FsspecBlobs
from millstream.cli import app

DAY_S = 86400


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A blob store with a young and an old log, and old blobs."""
    root = tmp_path / "blobs of mine"
    for name, age_days in (
        ("logs/0/etl/old/1.gz", 40),
        ("logs/0/etl/young/1.gz", 2),
        (f"ab/ab{'0' * 62}", 400),
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 2048)
        then = time.time() - age_days * DAY_S
        os.utime(file, (then, then))
    monkeypatch.setenv("MILLSTREAM_BLOB_URL", str(root))
    return root


def clean(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["db", "clean", *words], input=answer)


def left(store: Path) -> list[str]:
    return sorted(path.parent.name for path in store.rglob("*") if path.is_file())


def test_a_dry_run_changes_nothing_and_says_what_would_go(store: Path) -> None:
    result = clean("--dry-run", "--json")
    assert json.loads(result.stdout) | {"before": ""} == {
        "logs": 1,
        "bytes": 2048,
        "deleted": False,
        "before": "",
    }
    assert "1 logs of before" in clean("--dry-run").stdout
    assert left(store) == ["ab", "old", "young"]


def test_only_old_logs_go_and_only_when_it_is_meant(store: Path) -> None:
    assert clean(answer="n\n").exit_code == 1
    assert left(store) == ["ab", "old", "young"]
    result = clean("--yes")
    assert result.exit_code == 0, result.output
    assert "are deleted, 2.0 KiB" in result.stdout
    assert left(store) == ["ab", "young"]
    assert "0 logs" in clean("--yes").stdout


@pytest.mark.parametrize("words", [("--before", "2h"), ("--before", "soon"), ("--json",)])
def test_what_is_too_young_or_unclear_is_wrong_usage(store: Path, words: tuple[str, ...]) -> None:
    assert clean(*words).exit_code == 2
    assert left(store) == ["ab", "old", "young"]


def test_a_bucket_is_cleaned_too(tmp_path: Path) -> None:
    blobs = FsspecBlobs(f"memory://clean-{os.getpid()}")
    assert list(blobs.logs()) == []
    file = tmp_path / "a"
    file.write_bytes(b"log")
    blobs.put_named_blocking("logs/a/1.gz", file)
    (found,) = blobs.logs()
    assert (found.name, found.size) == ("logs/a/1.gz", 3)
    assert found.stored_at is not None
    blobs.remove_log(found.name)
    assert list(blobs.logs()) == []
