"""Large values between a child and its worker: files, checked, and gone afterwards."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from millstream.adapters.blobs import BlobDamaged, FsspecBlobs
from millstream.core.errors import MillstreamError, NotFound, Unavailable
from millstream_worker.blob_files import (
    empty_scratch,
    read_blob_file,
    remove_files_of,
    write_blob_file,
)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return empty_scratch(tmp_path / "scratch")


@pytest.mark.asyncio
async def test_a_file_becomes_a_blob_and_is_read_back(tmp_path: Path, scratch: Path) -> None:
    blobs = FsspecBlobs(str(tmp_path / "blobs"))
    data: list[bytes | memoryview] = [b"head", memoryview(b"tail" * 1000)]
    whole = b"".join(data)
    for _ in range(2):  # the same blob again is the same blob
        key = await blobs.put_file(scratch / write_blob_file(scratch, data))
        assert key == hashlib.sha256(whole).hexdigest()
        path, is_new = await blobs.get_file(key, scratch)
        assert read_blob_file(path, key, is_new) == whole
    assert await blobs.get(key) == whole


@pytest.mark.asyncio
async def test_a_store_elsewhere_is_copied_from_and_to(scratch: Path) -> None:
    blobs = FsspecBlobs("memory://store")
    name = write_blob_file(scratch, [b"x" * 1000])
    key = await blobs.put_file(scratch / name)
    (scratch / name).unlink()
    path, is_new = await blobs.get_file(key, scratch)
    assert is_new
    assert read_blob_file(path, key, is_new) == b"x" * 1000
    assert os.path.basename(path) not in os.listdir(scratch)


@pytest.mark.asyncio
async def test_what_is_not_there_says_so(tmp_path: Path, scratch: Path) -> None:
    blobs = FsspecBlobs(str(tmp_path / "blobs"))
    with pytest.raises(NotFound):
        await blobs.get_file("0" * 64, scratch)
    with pytest.raises(Unavailable):
        await blobs.put_file(scratch / "nothing")
    with pytest.raises(MillstreamError, match="could not be read"):
        read_blob_file(str(scratch / "nothing"), "0" * 64, False)


def test_a_damaged_file_is_seen(scratch: Path) -> None:
    name = write_blob_file(scratch, [b"x"])
    with pytest.raises(BlobDamaged):
        read_blob_file(str(scratch / name), "0" * 64, False)


def test_what_a_dead_child_left_is_removed(scratch: Path) -> None:
    write_blob_file(scratch, [b"x"])
    (scratch / "1-other").touch()
    remove_files_of(scratch, os.getpid())
    assert [path.name for path in scratch.iterdir()] == ["1-other"]
