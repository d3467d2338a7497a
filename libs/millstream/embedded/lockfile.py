"""One ``millstream up`` per data directory. The kernel drops the lock when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from millstream.core.errors import MillstreamError


class AlreadyRunning(MillstreamError):
    """Another process runs on this data directory."""

    reason = "ALREADY_RUNNING"

    def __init__(self, data_dir: Path, pid: int) -> None:
        self.data_dir = data_dir
        self.pid = pid
        super().__init__(
            f"Millstream already runs on {data_dir} (pid {pid}). "
            f"Stop it with: millstream down --data-dir {shlex.quote(str(data_dir))}"
        )


@contextlib.contextmanager
def holding_lock(data_dir: Path) -> Iterator[None]:
    """Holds the lock of ``data_dir``. Raises :class:`AlreadyRunning`."""
    handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(handle, 32, 0).decode(errors="replace").strip()
            raise AlreadyRunning(data_dir, int(text) if text.isdigit() else 0) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
