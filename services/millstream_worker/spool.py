"""The spool: a folder with one file for each result that has no receipt yet.

It guards against the death of the process, not of the machine. One process uses it at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import structlog

from millstream.core.commands import FinishAttempt, FireTrigger, decode_command
from millstream.core.errors import MillstreamError

log = structlog.get_logger(__name__)

ONE_WRITE_BYTES = 4096
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


class Spool:
    """Results by the tokens of their claims. Nothing here raises: where the disk is full or gone
    a result still goes out, it is only not safe from the death of this process."""

    def __init__(self, folder: Path, instance: str) -> None:
        self.folder = folder
        self._instance = instance
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, token: str, payload: bytes) -> Path | None:
        """The file that now holds a result; None, and a line in the log, if it could not be
        written."""
        file = self.folder / f"{token}.json"
        # One write to a new file is whole or not there when the process dies; a long one is not.
        draft = file if len(payload) <= ONE_WRITE_BYTES else file.with_suffix(".draft")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                written = os.write(descriptor, payload)
                while written < len(payload):
                    written += os.write(descriptor, payload[written:])
            finally:
                os.close(descriptor)
            if draft is not file:
                os.rename(draft, file)
        except OSError as error:
            log.error("spool_write_failed", file=str(file), error=str(error), token=token)
            self.remove(draft)
            return None
        return file

    def remove(self, file: Path) -> None:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:  # sent once more by the next life, and known by then
            log.warning("spool_file_not_removed", file=str(file), error=str(error))

    def read(self, most_bytes: int) -> Iterator[tuple[Path, Result, bytes]]:
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
                payload = self._payload(file, most_bytes)
                yield file, self._result(file, payload), payload
            except (OSError, ValueError, RecursionError) as error:
                self._set_aside(file, error)

    def _payload(self, file: Path, most_bytes: int) -> bytes:
        if not file.is_file() or file.is_symlink():
            raise ValueError("it is no plain file")
        if file.stat().st_size > most_bytes:
            raise ValueError(f"it has more than {most_bytes} bytes")
        return file.read_bytes()

    def _result(self, file: Path, payload: bytes) -> Result:
        """Raises ``ValueError``, of which msgspec's errors are some."""
        try:
            report = decode_command(payload)
        except msgspec.MsgspecError as error:
            raise ValueError(f"it is no report of this release: {error}") from error
        if not isinstance(report, Result):
            raise ValueError(f"it is a {type(report).__name__}, and no result")
        if report.worker != self._instance:
            raise ValueError(f"it is a result of worker {report.worker!r}")
        if file.name != f"{report.token}.json":
            raise ValueError("its name is not that of its claim")
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
