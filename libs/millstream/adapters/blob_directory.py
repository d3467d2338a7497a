"""Files in a local directory: each is written under a name of its own and renamed, so a reader
never sees half of one."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

TEMPORARIES = ".writing"
# Whoever writes touches its file all the time; one that wakes up later fails and tries again.
DEAD_AFTER_S = 3600.0


class Directory:
    """The blobs under ``root``. Every method blocks, and raises OSError."""

    def __init__(self, root: str) -> None:
        self._root = Path(os.path.abspath(os.path.expanduser(root)))
        self._temporaries = self._root / TEMPORARIES
        os.umask(mask := os.umask(0o077))
        self._mode = 0o644 & ~mask  # other services may run as other users
        self.sweep()

    def exists(self, path: str) -> bool:
        return (self._root / path).is_file()

    def read(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        return (self._root / path).open("rb")

    def fetch(self, path: str, scratch: Path) -> tuple[str, bool]:
        """The file itself: a blob never changes."""
        if not self.exists(path):
            raise FileNotFoundError(path)
        return str(self._root / path), False

    def write(self, path: str, data: bytes) -> None:
        self._put(path, lambda file: file.write(data))

    def write_file(self, path: str, source: Path, may_move: bool) -> None:
        """Moves the file if it may and the file system can, else makes a copy."""
        with source.open("rb") as file:
            if not (may_move and self._has_moved(path, source, file)):
                self._put(path, lambda copy: shutil.copyfileobj(file, copy, 1 << 20))

    def _has_moved(self, path: str, source: Path, file: BinaryIO) -> bool:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.fsync(file.fileno())
        try:
            os.chmod(source, self._mode)
            os.replace(source, target)
        except OSError:  # another file system, or somebody else's file
            return False
        return True

    def _put(self, path: str, fill: Callable[[BinaryIO], object]) -> None:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._temporaries.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._temporaries)
        try:
            with open(handle, "wb") as file:
                fill(file)
                file.flush()
                os.chmod(handle, self._mode)
                os.fsync(handle)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def find(self, folder: str) -> Iterator[tuple[str, int, datetime | None]]:
        """The path, the size and the age of each file."""
        for path in (self._root / folder).rglob("*"):
            if path.is_file():
                about = path.stat()
                changed_at = datetime.fromtimestamp(about.st_mtime, UTC)
                yield path.relative_to(self._root).as_posix(), about.st_size, changed_at

    def remove(self, path: str) -> None:
        """With the folders that are empty then."""
        file = self._root / path
        file.unlink()
        for folder in file.parents:
            if folder == self._root:
                return
            try:
                folder.rmdir()
            except OSError:
                return  # something else is in it

    def sweep(self) -> None:
        """Remove what killed processes had begun to write."""
        oldest = time.time() - DEAD_AFTER_S
        try:
            for path in self._temporaries.iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
        except OSError:
            pass  # there is nothing yet, another process sweeps too, or the first write will say it
