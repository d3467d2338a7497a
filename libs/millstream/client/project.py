"""The files of a folder: which there are, which may make DAGs, and a word when one changes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from millstream.sdk.bundle import project_files

# As Airflow's safe mode: a module that does not name these makes no DAG and is not imported for it.
_NAMES = (b"millstream", b"airflow")
_LARGEST = 4 * 1024 * 1024
_DEBOUNCE_MS = 100
_STEP_MS = 20
_WATCH_AGAIN_S = 1.0


class Stamp(NamedTuple):
    """By which a change of a file is seen."""

    changed_ns: int
    size: int
    inode: int


class Project:
    """A folder. With ``only`` these files alone make DAGs, whatever they contain."""

    def __init__(self, root: Path, only: frozenset[str] = frozenset()) -> None:
        self._root = root
        self._only = only
        self._kinds: dict[str, tuple[Stamp, bool]] = {}
        self._stopping = threading.Event()
        self._ends_watch = threading.Event()
        self._inode = 0
        self._watching: threading.Thread | None = None

    def scan(self) -> dict[str, Stamp]:
        """Every file that belongs into bundles, by its path in the folder. Raises ``OSError`` and
        ``BundleError``."""
        self._note_folder()
        found = {}
        for path in project_files(self._root):
            with contextlib.suppress(FileNotFoundError):
                is_ = path.stat()
                stamp = Stamp(is_.st_mtime_ns, is_.st_size, is_.st_ino)
                found[path.relative_to(self._root).as_posix()] = stamp
        return found

    def is_dag_file(self, path: str, stamp: Stamp) -> bool:
        """Whether to import a file for the DAGs that it makes."""
        if self._only:
            return path in self._only
        if not path.endswith(".py"):
            return False
        kind = self._kinds.get(path)
        if kind is None or kind[0] != stamp:
            kind = self._kinds[path] = (stamp, self._names_dags(path))
        return kind[1]

    def _names_dags(self, path: str) -> bool:
        try:
            with (self._root / path).open("rb") as file:
                text = file.read(_LARGEST).lower()
        except OSError:
            return False
        return b"dag" in text and any(name in text for name in _NAMES)

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call ``on_change`` on a thread whenever something changes, where the system tells."""
        self._watching = threading.Thread(
            target=self._watch, args=(on_change,), name="watch-dags", daemon=True
        )
        self._watching.start()

    def close(self) -> None:
        self._stopping.set()
        self._ends_watch.set()
        if self._watching is not None:
            self._watching.join()

    def _watch(self, on_change: Callable[[], None]) -> None:
        from watchfiles import watch

        while not self._stopping.is_set():
            # Whatever fails here, a folder that is gone or too many watches: there is the rescan.
            with contextlib.suppress(OSError, RuntimeError):
                for _ in watch(
                    self._root,
                    watch_filter=None,
                    debounce=_DEBOUNCE_MS,
                    step=_STEP_MS,
                    stop_event=self._ends_watch,
                    rust_timeout=1000,
                    raise_interrupt=False,
                ):
                    on_change()
            self._stopping.wait(_WATCH_AGAIN_S)
            if not self._stopping.is_set():
                self._ends_watch.clear()
                on_change()

    def _note_folder(self) -> None:
        """A folder that was replaced by another of its name is watched anew."""
        inode = self._root.stat().st_ino
        if self._inode not in (0, inode):
            self._ends_watch.set()
        self._inode = inode
