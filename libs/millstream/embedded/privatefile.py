"""Files that hold secrets: readable by their owner alone from the first byte, replaced whole."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Replaces ``path`` by a file with mode 0600; a reader sees the old content or the new."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    draft.replace(path)


def make_private_dir(path: Path) -> Path:
    """``path``, made with mode 0700 if it is missing; what exists keeps its mode."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
