"""Folders that are dear to make, kept for the next who needs them, by any process: each is made
once, none that is in use is removed, and all together stay below a size.

A folder ``NAME`` has a lock file ``NAME.lock`` (shared while it is used, exclusive while it is made
or removed; the system gives it up with the process) and, once it is whole, a note ``NAME.json``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

# Drafts and what was being removed, of a process that was killed meanwhile.
LEFT_BEHIND_S = 3600.0
_POLL_S = 0.1


class Note(msgspec.Struct, kw_only=True):
    """What is known of a whole folder. ``size``: bytes of its files; ``files``: the SHA-256 of each
    by its path, where that is kept."""

    size: int = 0
    files: dict[str, str] = {}


class Hold:
    """Keeps a folder where it is, until it is closed or the process ends."""

    def __init__(self, name: str, path: Path, lock: int) -> None:
        self.name = name
        self.path = path
        self._lock: int | None = lock

    @property
    def lock(self) -> int:
        """The file descriptor of the lock: a process that inherits it holds the folder too."""
        assert self._lock is not None
        return self._lock

    def share(self) -> None:
        """An exclusive hold becomes one that others may have as well."""
        fcntl.flock(self.lock, fcntl.LOCK_SH)

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FolderCache:
    """The folders under ``directory``: together at most ``most_bytes``, 0 for any number."""

    def __init__(self, directory: Path, most_bytes: int = 0) -> None:
        self.directory = directory
        self._most_bytes = most_bytes

    def path(self, name: str) -> Path:
        return self.directory / name

    def note(self, name: str) -> Note | None:
        """None if the folder is not whole."""
        try:
            found = msgspec.json.decode(self._note(name).read_bytes(), type=Note)
        except (OSError, msgspec.MsgspecError):
            return None
        return found if self.path(name).is_dir() else None

    def is_whole(self, name: str) -> bool:
        return self.note(name) is not None

    def write_note(self, name: str, note: Note) -> None:
        """The folder is whole from now on."""
        draft = self.directory / f"{name}.json.{os.getpid()}"
        try:
            draft.write_bytes(msgspec.json.encode(note))
            draft.rename(self._note(name))
        finally:
            draft.unlink(missing_ok=True)

    def touch(self, name: str) -> None:
        """It was used just now."""
        with contextlib.suppress(OSError):
            os.utime(self._note(name))

    def try_hold(self, name: str, *, alone: bool = False) -> Hold | None:
        """None if another process makes or removes the folder (``alone``: or uses it). Whether it
        is whole is another question."""
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = _lock(self._lock(name), fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        return None if lock is None else Hold(name, self.path(name), lock)

    def try_use(self, name: str) -> Hold | None:
        """None if the folder is not there, or not yet."""
        hold = self.try_hold(name)
        if hold is not None and not self.is_whole(name):
            hold.close()
            hold = None
        if hold is not None:
            self.touch(name)
        return hold

    def try_make(self, name: str) -> Hold | None:
        """The place where the folder is to be made, which is empty; `made` says when that is done.
        None if another process is at it, or has made it."""
        hold = self.try_hold(name, alone=True)
        if hold is None:
            return None
        if self.is_whole(name):
            hold.close()
            return None
        remove_tree(hold.path)  # whoever made it was killed
        return hold

    def made(self, hold: Hold) -> bool:
        """The folder is whole, and its maker uses it; False if it was removed in that moment."""
        self.write_note(hold.name, Note(size=size_of(hold.path)))
        hold.share()
        return self.is_whole(hold.name)

    def obtain(self, name: str, make: Callable[[Path], None]) -> Hold:
        """The folder, which this process or another makes. Blocks."""
        while True:
            if hold := self.try_use(name):
                return hold
            if hold := self.try_make(name):
                try:
                    make(hold.path)
                    if self.made(hold):
                        self.trim()
                        return hold
                except BaseException:
                    remove_tree(hold.path)
                    hold.close()
                    raise
                hold.close()
            time.sleep(_POLL_S)

    def trim(self, most_bytes: int | None = None) -> list[str]:
        """Removes what was not used for the longest time and is not in use, until the rest is below
        the size; and what killed processes left. Returns the names of whole folders that went."""
        most = self._most_bytes if most_bytes is None else most_bytes
        self._sweep()
        if not most and most_bytes is None:
            return []
        known = []
        for file in sorted(self.directory.glob("*.json")):
            note = self.note(file.stem)
            if note is not None:
                with contextlib.suppress(OSError):
                    known.append((file.stat().st_mtime, file.stem, note.size))
        total = sum(size for _, _, size in known)
        gone = []
        for _, name, size in sorted(known):
            if total <= most:
                break
            if self._remove(name):
                gone.append(name)
                total -= size
        return gone

    def _remove(self, name: str) -> bool:
        lock = _lock(self._lock(name), fcntl.LOCK_EX)
        if lock is None:
            return False
        try:
            self._note(name).unlink(missing_ok=True)
            remove_tree(self.path(name))
            self._lock(name).unlink(missing_ok=True)
        finally:
            os.close(lock)
        return True

    def _sweep(self) -> None:
        """What was half made, and drafts that are too old to be somebody's."""
        oldest = time.time() - LEFT_BEHIND_S
        for path in sorted(self.directory.iterdir()):
            name = path.name
            try:
                if name.startswith("."):
                    if path.is_dir() and path.stat().st_mtime < oldest:
                        shutil.rmtree(path, ignore_errors=True)
                elif path.suffix == ".lock" and not self.is_whole(path.stem):
                    self._remove(path.stem)
                elif path.is_dir() and not self.is_whole(name):
                    self._remove(name)
            except OSError:
                continue

    def _note(self, name: str) -> Path:
        return self.directory / f"{name}.json"

    def _lock(self, name: str) -> Path:
        return self.directory / f"{name}.lock"


def remove_tree(path: Path) -> None:
    """Out of sight at once, then gone."""
    if not os.path.lexists(path):
        return
    grave = Path(tempfile.mkdtemp(prefix=".removed-", dir=path.parent))
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        path.rename(grave / path.name)
    shutil.rmtree(grave, ignore_errors=True)


def size_of(folder: Path) -> int:
    """The bytes of the files in it."""
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, file)).st_size
    return total


def _lock(path: Path, how: int) -> int | None:
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
            if os.fstat(lock).st_ino == os.stat(path).st_ino:
                return lock
        except BlockingIOError:
            os.close(lock)
            return None
        except FileNotFoundError:
            pass  # removed meanwhile
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
