"""The lives of a worker: each start of its process is a later one than all before it.

A heartbeat may arrive after the process that sent it was replaced. Who hears it must know which of
two lives is the earlier one, and not from a clock that may have been set back in between.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


def begin_life(folder: Path, instance: str) -> str:
    """The name of this life; those of later ones compare greater. A file in ``folder`` remembers
    the last one. Where there is none (the disk is new, or full) the clock alone says the order, and
    what an earlier life had claimed is at worst given up when its lease ends, not at once."""
    file = folder / instance
    number = max(time.time_ns(), _read(file) + 1)
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        # Through a file of its own: half a number would be an early one.
        fresh = folder / f"{instance}.new"
        fresh.write_text(f"{number}\n")
        os.replace(fresh, file)
    return f"{instance}-{number:016x}"


def _read(file: Path) -> int:
    try:
        number = int(file.read_text())
    except (OSError, ValueError):
        return 0
    # Sixteen digits, or names would no longer compare as numbers do.
    return number if 0 <= number < (1 << 64) - 1 else 0
