"""Large values pass between a worker and its children as files: a child has no credentials for the
blob store, and a frame would hold up the worker's loop."""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import tempfile
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

from millstream.core.errors import MillstreamError
from millstream.sdk.codecs import Part

LEAST_MAPPED_BYTES = 1024 * 1024


def empty_scratch(directory: Path) -> Path:
    """The directory for such files, without what an earlier life left there."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    return directory


def read_blob_file(path: str, key: str, is_mine: bool) -> bytes | memoryview:
    """The checked content of a file that holds the blob of this key. A large one is not copied but
    mapped: the kernel reads it as it is looked at, and may forget it again. Raises BlobDamaged, or
    MillstreamError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            if is_mine:
                os.unlink(path)
            found = hashlib.file_digest(file, "sha256").hexdigest()
            data: bytes | memoryview = b""
            if found == key and os.fstat(file.fileno()).st_size >= LEAST_MAPPED_BYTES:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            elif found == key:
                file.seek(0)
                data = file.read()
    except (OSError, ValueError) as error:  # a mapping of nothing
        raise MillstreamError(f"an XCom could not be read: {error}") from error
    if found != key:
        from millstream.adapters.blobs import BlobDamaged  # it imports fsspec

        raise BlobDamaged(f"Blob {key} is damaged: its content has another SHA-256.")
    return data


def remove_files_of(directory: Path, pid: int) -> None:
    """What a child had begun to write when it died."""
    for path in directory.glob(f"{pid}-*"):
        path.unlink(missing_ok=True)


def write_blob_file(directory: Path, parts: Sequence[Part]) -> str:
    """Writes a file for the worker to store, and returns its name. Raises MillstreamError."""
    try:
        handle, path = tempfile.mkstemp(dir=directory, prefix=f"{os.getpid()}-")
    except OSError as error:
        raise MillstreamError(f"an XCom could not be stored: {error}") from error
    try:
        with open(handle, "wb", buffering=0) as file:
            for part in parts:
                _append(file, path, part)
    except BaseException as error:
        os.unlink(path)
        if isinstance(error, OSError):
            raise MillstreamError(f"an XCom could not be stored: {error}") from error
        raise
    return os.path.basename(path)


def _append(file: FileIO, path: str, part: Part) -> None:
    if isinstance(part, bytes | memoryview):
        rest = memoryview(part)
        while rest.nbytes:
            rest = rest[file.write(rest) :]
        return
    start = file.seek(0, os.SEEK_END)
    part.append_to(path)
    written = file.seek(0, os.SEEK_END) - start
    if written != part.nbytes:
        raise OSError(f"{written} bytes were written of {part.nbytes}; did the value change?")
