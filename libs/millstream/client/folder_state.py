"""What the files of a folder made, kept in a file: who watches the folder anew knows then what was
deleted while nobody looked."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

MOST_BYTES = 64 * 1024 * 1024


class Made(msgspec.Struct):
    """``owners``: each DAG and the file that makes it, "" where none does any more. ``paused``: the
    DAGs that were paused for that, and go on when a file makes them again. ``root``: of which
    folder."""

    root: str
    owners: dict[str, str] = {}
    paused: list[str] = []


class FolderState:
    """The file; with ``path`` None nothing is kept. It is written as a whole, by nobody else."""

    def __init__(self, path: Path | None, root: Path) -> None:
        self._path = path
        self._root = str(root)
        self._kept = b""

    def read(self) -> Made:
        """What was kept last of this folder: nothing, if it is of another one or cannot be read."""
        nothing = Made(root=self._root)
        if self._path is None:
            return nothing
        try:
            data = self._path.read_bytes()
            made = msgspec.json.decode(data[:MOST_BYTES], type=Made)
        except (OSError, msgspec.MsgspecError):
            return nothing
        if made.root != self._root:
            return nothing
        self._kept = data
        return made

    def keep(self, owners: dict[str, str], paused: set[str]) -> None:
        """Raises :class:`OSError`."""
        if self._path is None:
            return
        data = msgspec.json.encode(
            Made(root=self._root, owners=owners, paused=sorted(paused)), order="sorted"
        )
        if data == self._kept:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f"{self._path.name}.new")
        new.write_bytes(data)
        os.replace(new, self._path)
        self._kept = data
