from __future__ import annotations

import time
from pathlib import Path

import pytest

from millstream_worker.lives import begin_life

NOW = 1_900_000_000_000_000_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: NOW)


def test_each_life_is_later_than_those_before_it(tmp_path: Path) -> None:
    names = [begin_life(tmp_path / "a b", "w") for _ in range(3)]
    assert names == sorted(set(names))
    assert names[0] == f"w-{NOW:016x}"


def test_a_clock_that_was_set_back_does_not_make_it_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begin_life(tmp_path, "w")
    monkeypatch.setattr(time, "time_ns", lambda: NOW - 86_400 * 10**9)
    assert begin_life(tmp_path, "w") > first


def test_two_workers_have_lives_of_their_own(tmp_path: Path) -> None:
    assert begin_life(tmp_path, "w1") == f"w1-{NOW:016x}"
    assert begin_life(tmp_path, "w2") == f"w2-{NOW:016x}"


@pytest.mark.parametrize("rubbish", [b"", b"\xff", b"-5", b"1e9", b"9" * 30, b"1" * 5000])
def test_what_is_no_number_is_no_life(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "w").write_bytes(rubbish)
    assert begin_life(tmp_path, "w") == f"w-{NOW:016x}"


def test_a_disk_that_takes_nothing_leaves_the_clock(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert begin_life(tmp_path / "file", "w") == f"w-{NOW:016x}"
