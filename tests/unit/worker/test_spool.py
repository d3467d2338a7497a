"""The spool: what is in it is found by the next life, and nothing else is taken for a result."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.commands import encode_command
from millstream.core.event_parts import XCom
from millstream_worker import spool as spools
from millstream_worker.spool import FREE, MOST_KEPT_BYTES, Slot, Spool
from unit.worker.test_worker_parts import result

MOST = 1_000_000


def found(folder: Path) -> list[tuple[str, bytes]]:
    """What a new life reads in a copy of the folder, as if this one had died now."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, Path(copy) / "spool")
        again = Spool(Path(copy) / "spool", "w")
        return sorted((report.token, payload) for _, report, payload in again.read(MOST))


def payload(number: int, size: int = 0) -> bytes:
    value = msgspec.Raw(b'"%s"' % (b"x" * size))
    return encode_command(result(number, xcoms={"k": XCom(value=value, size=size + 2)}))


@given(
    st.lists(
        st.one_of(
            st.integers(0, 2000).map(lambda size: ("write", size)),
            st.integers(0, 20).map(lambda index: ("remove", index)),
        ),
        max_size=60,
    )
)
def test_the_next_life_finds_what_has_no_receipt(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(spools, "MOST_KEPT", 3):
        spool = Spool(Path(folder), "w")
        kept: list[tuple[str, bytes, Slot]] = []
        for number, (what, value) in enumerate(steps):
            if what == "write":
                data = payload(number, value)
                slot = spool.write(f"w-1-{number}", data)
                assert slot is not None
                kept.append((f"w-1-{number}", data, slot))
            elif kept:
                spool.remove(kept.pop(value % len(kept))[2])
        assert found(Path(folder)) == sorted((token, data) for token, data, _ in kept)


def test_files_are_used_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    for number in range(100):
        slots = [spool.write(f"w-1-{number}-{n}", payload(number)) for n in range(3)]
        for slot in slots:
            assert slot is not None
            spool.remove(slot)
    assert len(list(tmp_path.iterdir())) == 3
    assert found(tmp_path) == []


def test_large_ones_and_those_beyond_what_is_kept_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "MOST_KEPT", 1)
    spool = Spool(tmp_path, "w")
    large, small, other = (
        spool.write(f"w-1-{number}", payload(number, size))
        for number, size in ((1, MOST_KEPT_BYTES), (2, 0), (3, 0))
    )
    assert len(found(tmp_path)) == 3
    for slot in (large, small, other):
        assert slot is not None
        spool.remove(slot)
    assert [file.name for file in tmp_path.iterdir()] == ["w-1-2.result"]
    again = spool.write("w-1-4", payload(4, MOST_KEPT_BYTES))
    assert again is not None
    assert again.file.name == "w-1-4.result", "a kept file stays small"


def test_what_was_used_before_is_gone_with_the_next_life(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    slot = spool.write("w-1-1", payload(1))
    assert slot is not None
    spool.remove(slot)
    assert list(Spool(tmp_path, "w").read(MOST)) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_used_again", [False, True])
def test_a_write_that_was_cut_off_is_no_result(tmp_path: Path, *, is_used_again: bool) -> None:
    spool = Spool(tmp_path / "spool", "w")
    old = b""
    if is_used_again:
        before = spool.write("w-1-1", payload(1, 300))
        assert before is not None
        spool.remove(before)
        old = before.file.read_bytes()
    slot = spool.write("w-1-2", payload(2))
    assert slot is not None
    whole = slot.file.read_bytes()
    written = len(payload(2)) + len(FREE)
    for cut in range(written):
        slot.file.write_bytes(whole[:cut] + old[cut:])
        assert found(tmp_path / "spool") == []
    slot.file.write_bytes(whole)
    assert found(tmp_path / "spool") == [("w-1-2", payload(2))]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "w")
    first = spool.write("w-1-1", payload(1))
    assert first is not None
    spool.remove(first)

    def full(descriptor: int, data: bytes, offset: int) -> int:
        if offset:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:10], offset)

    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", full)
    assert spool.write("w-1-2", payload(2)) is None
    assert spool.write("w-1-3", payload(3)) is None
    monkeypatch.setattr(os, "pwrite", real)
    assert list(tmp_path.iterdir()) == []
    assert spool.write("w-1-4", payload(4)) is not None
    assert found(tmp_path) == [("w-1-4", payload(4))]
