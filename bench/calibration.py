"""How fast the machine is at this moment: a fixed loop of pure Python and a fixed loop of fsyncs.

Machines differ, and one machine differs from minute to minute, so that a figure says little before
it is divided by these.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time

import msgspec

PYTHON_ROUNDS = 25
SYNC_ROUNDS = 300
BLOCK = bytes(8192)


class Calibration(msgspec.Struct, frozen=True):
    """Milliseconds of one round of each loop."""

    python_ms: float
    fsync_ms: float

    def between(self, other: Calibration) -> Calibration:
        """The middle of two: what was measured between them saw a machine like that."""
        return Calibration(
            round((self.python_ms + other.python_ms) / 2, 4),
            round((self.fsync_ms + other.fsync_ms) / 2, 4),
        )


def calibrate() -> Calibration:
    """Takes about half a second. The file is where data directories are made, too."""
    python = statistics.median(_timed_python() for _ in range(PYTHON_ROUNDS))
    with tempfile.NamedTemporaryFile(prefix="millstream-bench-", buffering=0) as file:
        fsync = statistics.median(_timed_fsync(file.fileno()) for _ in range(SYNC_ROUNDS))
    return Calibration(python * 1e3, fsync * 1e3)


def loop(n: int = 25) -> int:
    """Calls and sums, as an interpreter does all day."""
    return n if n < 2 else loop(n - 1) + loop(n - 2)


def _timed_python() -> float:
    began = time.perf_counter()
    loop()
    return time.perf_counter() - began


def _timed_fsync(file: int) -> float:
    began = time.perf_counter()
    os.pwrite(file, BLOCK, 0)
    os.fdatasync(file)
    return time.perf_counter() - began
