"""Large values pass between a worker and its children as files: a child has no credentials for the
blob store, and a frame would hold up the worker's loop."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from millstream.core.errors import MillstreamError


def empty_scratch(directory: Path) -> Path:
    """The directory for such files, without what an earlier life left there."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    return directory


def read_blob_file(path: str, key: str, is_mine: bool) -> bytes:
    """The checked content of a file that holds the blob of this key. Raises BlobDamaged, or
    MillstreamError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if is_mine:
            os.unlink(path)
    except OSError as error:
        raise MillstreamError(f"an XCom could not be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != key:
        from millstream.adapters.blobs import BlobDamaged  # it imports fsspec

        raise BlobDamaged(f"Blob {key} is damaged: its content has another SHA-256.")
    return data


def remove_files_of(directory: Path, pid: int) -> None:
    """What a child had begun to write when it died."""
    for path in directory.glob(f"{pid}-*"):
        path.unlink(missing_ok=True)


def write_blob_file(directory: Path, buffers: Sequence[bytes | memoryview]) -> str:
    """Writes a file for the worker to store, and returns its name. Raises MillstreamError."""
    handle, path = tempfile.mkstemp(dir=directory, prefix=f"{os.getpid()}-")
    try:
        with open(handle, "wb") as file:
            for buffer in buffers:
                file.write(buffer)
    except OSError as error:
        os.unlink(path)
        raise MillstreamError(f"an XCom could not be stored: {error}") from error
    return os.path.basename(path)
