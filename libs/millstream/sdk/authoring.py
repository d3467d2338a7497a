"""What is known while a DAG file is being read: the open ``with DAG`` and ``with TaskGroup``
blocks, the DAGs made so far, and which line of the DAG file is at work."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millstream.sdk.dag import DAG
    from millstream.sdk.taskgroup import TaskGroup

_PACKAGE = str(Path(__file__).resolve().parent.parent) + "/"
# A block of a DAG, or of a group of it, the innermost last.
_open: ContextVar[tuple[tuple[DAG, TaskGroup | None], ...]] = ContextVar("open", default=())
_reading: ContextVar[tuple[str, list[DAG]] | None] = ContextVar("reading", default=None)


def open_dag(dag: DAG) -> None:
    """Entering ``with dag``."""
    _open.set((*_open.get(), (dag, None)))


def close_dag() -> None:
    """Leaving the innermost ``with dag``."""
    _open.set(_open.get()[:-1])


def open_group(group: TaskGroup) -> None:
    """Entering ``with group``: new tasks belong to it and to its DAG."""
    _open.set((*_open.get(), (group.dag, group)))


def close_group() -> None:
    """Leaving the innermost ``with group``."""
    close_dag()


def current_dag() -> DAG | None:
    """The DAG of the innermost ``with`` block."""
    blocks = _open.get()
    return blocks[-1][0] if blocks else None


def current_group(dag: DAG | None) -> TaskGroup | None:
    """The innermost open group of this DAG."""
    for owner, group in reversed(_open.get()):
        if owner is dag and group is not None:
            return group
    return None


@contextmanager
def reading(file: str) -> Iterator[list[DAG]]:
    """While ``file`` is imported; the list fills with the DAGs that are made meanwhile."""
    made: list[DAG] = []
    token = _reading.set((file, made))
    opened = _open.set(())
    try:
        yield made
    finally:
        _open.reset(opened)
        _reading.reset(token)


def file_being_read() -> str | None:
    """The DAG file that is being imported, if any."""
    now = _reading.get()
    return None if now is None else now[0]


def record(dag: DAG) -> None:
    """A DAG was made. One that another module makes while it is imported is not the file's own: it
    would be there only for the first file of a process that imports the module."""
    now = _reading.get()
    frame: FrameType | None = sys._getframe(1)
    while now is not None and frame is not None:
        if frame.f_code.co_filename == now[0]:
            now[1].append(dag)
            return
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return
        frame = frame.f_back


def author_place() -> tuple[str, int]:
    """The file and the line that the author wrote and that led here.

    The innermost frame in the DAG file that is being read; else the innermost frame outside of
    Millstream, which for a task made by a factory module is a line of that module.
    """
    now = _reading.get()
    first: tuple[str, int] | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if now is not None and name == now[0]:
            return name, frame.f_lineno
        if first is None and not name.startswith((_PACKAGE, "<frozen")):
            first = name, frame.f_lineno
        frame = frame.f_back
    if now is not None:
        return now[0], 0
    return first or ("", 0)
