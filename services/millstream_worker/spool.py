"""The spool: a folder with one file for each result that has no receipt yet.

It guards against the death of the process, not of the machine. One process uses it at a time. A
file is used again, since a file system that makes and removes a thousand of them in a second spends
most of it on looking for free inodes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from millstream.core.commands import decode_command
from millstream.core.errors import MillstreamError
from millstream.core.reports import FinishAttempt, FireTrigger

log = structlog.get_logger(__name__)

# So many files are kept for results to come, none of them larger than that.
MOST_KEPT = 256
MOST_KEPT_BYTES = 64 * 1024
SUFFIX = ".result"
# The file of a result begins with a line: this, the result's length and its CRC-32. One that is
# needed no more has this line, of which no part makes it a result again.
LIVE, FREE = b"+", b"-00000000 ffffffff\n"
LOCK = ".lock"
SET_ASIDE = "unreadable"
MOST_SET_ASIDE = 100
LOCK_TRIES = 10
LOCK_RETRY_S = 0.1

Result = FinishAttempt | FireTrigger


class InstanceInUse(MillstreamError):
    """Another process is this worker already."""

    reason = "INSTANCE_IN_USE"


def spool_folder(state_dir: str, instance: str) -> Path:
    return Path(state_dir).absolute() / "spool" / instance


@contextlib.asynccontextmanager
async def holding(folder: Path, instance: str) -> AsyncIterator[None]:
    """Be the only process that uses a spool; the kernel drops the lock when it dies. Raises
    :class:`InstanceInUse`."""
    os.makedirs(folder, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for left in reversed(range(LOCK_TRIES)):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise InstanceInUse(_already_there(folder, handle, instance)) from None
                await asyncio.sleep(LOCK_RETRY_S)  # one that is about to end
        with contextlib.suppress(OSError):  # the disk may be full: it is for people only
            os.ftruncate(handle, 0)
            os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(handle)


def _already_there(folder: Path, handle: int, instance: str) -> str:
    pid = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
    return (
        f"Worker {instance!r} runs already (pid {pid}) and uses {folder}. Give each worker "
        f"process a MILLSTREAM_INSTANCE of its own, or stop the other one first."
    )


@dataclass(frozen=True, slots=True)
class Slot:
    """The file of a result. ``descriptor``: it is open, and for the next result when this one is
    done with."""

    file: Path
    descriptor: int | None = None


class Spool:
    """Results by the tokens of their claims. Nothing here raises: where the disk is full or gone
    a result still goes out, it is only not safe from the death of this process."""

    def __init__(self, folder: Path, instance: str) -> None:
        self.folder = folder
        self._instance = instance
        self._free: list[Slot] = []
        self._open = 0
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, token: str, payload: bytes) -> Slot | None:
        """The file that now holds a result; None, and a line in the log, if it could not be
        written."""
        if self._free and len(payload) <= MOST_KEPT_BYTES:
            slot = self._free.pop()
        else:
            slot = Slot(self.folder / f"{token}{SUFFIX}")
        try:
            if slot.descriptor is not None:
                _write(slot.descriptor, payload)
                return slot
            return self._write_new(slot.file, payload)
        except OSError as error:
            log.error("spool_write_failed", file=str(slot.file), error=str(error), token=token)
            self._drop(slot)
            return None

    def _write_new(self, file: Path, payload: bytes) -> Slot:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        is_kept = False
        try:
            _write(descriptor, payload)
            is_kept = self._open < MOST_KEPT and len(payload) <= MOST_KEPT_BYTES
        finally:
            if not is_kept:
                os.close(descriptor)
        if not is_kept:
            return Slot(file)
        self._open += 1
        return Slot(file, descriptor)

    def remove(self, slot: Slot) -> None:
        """The result has its receipt."""
        if slot.descriptor is None:
            self._drop(slot)
            return
        try:
            os.pwrite(slot.descriptor, FREE, 0)
            self._free.append(slot)
        except OSError as error:  # sent once more by the next life, and known by then
            log.warning("spool_file_not_removed", file=str(slot.file), error=str(error))

    def _drop(self, slot: Slot) -> None:
        if slot.descriptor is not None:
            os.close(slot.descriptor)
            self._open -= 1
        try:
            slot.file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("spool_file_not_removed", file=str(slot.file), error=str(error))

    def read(self, most_bytes: int) -> Iterator[tuple[Slot, Result, bytes]]:
        """What an earlier life left. What is no result of this worker is put aside, and said."""
        try:
            files = sorted(self.folder.iterdir())
        except OSError as error:
            log.error("spool_unreadable", folder=str(self.folder), error=str(error))
            return
        for file in files:
            if file.name in (LOCK, SET_ASIDE):
                continue
            try:
                payload = _read(file, most_bytes)
                if payload is None:
                    self._drop(Slot(file))
                else:
                    yield Slot(file), self._result(payload), payload
            except (OSError, ValueError, RecursionError) as error:
                self._set_aside(file, error)

    def _result(self, payload: bytes) -> Result:
        """Raises ``ValueError``, of which msgspec's errors are some."""
        try:
            report = decode_command(payload)
        except msgspec.MsgspecError as error:
            raise ValueError(f"it is no report of this release: {error}") from error
        if not isinstance(report, Result):
            raise ValueError(f"it is a {type(report).__name__}, and no result")
        if report.worker != self._instance:
            raise ValueError(f"it is a result of worker {report.worker!r}")
        return report

    def _set_aside(self, file: Path, why: Exception) -> None:
        aside = self.folder / SET_ASIDE
        log.error("spool_file_set_aside", file=str(file), to=str(aside), error=str(why))
        try:
            aside.mkdir(exist_ok=True)
            file.rename(aside / file.name)
            kept = sorted(aside.iterdir(), key=lambda path: path.lstat().st_mtime)
            for old in kept[:-MOST_SET_ASIDE]:
                old.unlink()
        except OSError as error:
            log.error("spool_file_not_set_aside", file=str(file), error=str(error))


def _write(descriptor: int, payload: bytes) -> None:
    """One that is cut off by the death of the process is known by its CRC."""
    entry = b"%s%08x %08x\n%s" % (LIVE, len(payload), zlib.crc32(payload), payload)
    written = os.pwrite(descriptor, entry, 0)
    while written < len(entry):
        written += os.pwrite(descriptor, entry[written:], written)


def _read(file: Path, most_bytes: int) -> bytes | None:
    """The result in a file, None if there is none any more. Raises ``OSError`` and
    ``ValueError``."""
    if not file.is_file() or file.is_symlink():
        raise ValueError("it is no plain file")
    if file.stat().st_size > max(most_bytes, MOST_KEPT_BYTES) + len(FREE):
        raise ValueError(f"it has more than {most_bytes} bytes")
    entry = file.read_bytes()
    if file.suffix == SUFFIX and (not entry or entry.startswith(FREE)):
        return None
    header, _, rest = entry.partition(b"\n")
    length, _, crc = header.removeprefix(LIVE).partition(b" ")
    payload = rest[: int(length, 16)]
    if not entry.startswith(LIVE) or zlib.crc32(payload) != int(crc, 16):
        raise ValueError("it is not what was written")
    return payload
