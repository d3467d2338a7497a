"""Ending processes with all that they started, whatever sessions and groups these made, and whoever
their parent is by now.

A child is the parent of its orphaned descendants (a "subreaper"), so while it lives all that it
started is below it; when it dies, they come to the worker, which is one as well.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

MOST_ROUNDS = 20
# All processes below a child bear it in their environment, but those that were given another one.
MARK = "MILLSTREAM_WORKER_MARK"
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


def adopt_orphans() -> None:
    """Descendants whose parent ends become children of this process."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def adopts_orphans() -> bool:
    """Whether `adopt_orphans` was called in this process."""
    answer = ctypes.c_int(0)
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return bool(answer.value)


def kill_session(session: int) -> set[int]:
    """SIGKILL to every process of a session, until none is left that could start another. Returns
    those that were killed."""
    return _kill_all(lambda: _members(session))


def kill_tree(pid: int) -> set[int]:
    """SIGKILL to a process and to all below it. Returns those that were killed."""
    return _kill_all(lambda: [pid, *descendants(pid)])


def kill_marked(mark: str) -> int:
    """SIGKILL to every process of ours with this mark in its environment, and to all below them:
    what a worker left behind that was killed itself. Returns how many were killed."""
    return len(_kill_all(lambda: with_descendants(_marked(mark))))


def children_of(pid: int) -> Iterator[int]:
    """The processes that a process is the parent of."""
    threads = f"/proc/{pid}/task"
    try:
        for thread in os.listdir(threads):
            with open(f"{threads}/{thread}/children", "rb") as file:
                yield from map(int, file.read().split())
    except FileNotFoundError:
        if os.path.isdir(threads) and not os.path.exists("/proc/thread-self/children"):
            yield from (each for each, parent in _processes(1) if parent == pid)
    except (ProcessLookupError, PermissionError):
        pass


def descendants(pid: int) -> list[int]:
    """All processes below one, parents before their children."""
    found = list(children_of(pid))
    for each in found:  # it grows meanwhile
        found.extend(children_of(each))
    return found


def _kill_all(find: Callable[[], list[int]]) -> set[int]:
    killed: set[int] = set()
    for _ in range(MOST_ROUNDS):
        found = [pid for pid in find() if pid not in killed]
        if not found:
            break
        for pid in found:
            killed.add(pid)
            kill(pid)
    return killed


def kill(pid: int) -> None:
    """SIGKILL, unless it is gone or another user's."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def with_descendants(pids: list[int]) -> list[int]:
    """Processes, each followed by all below it."""
    return [each for pid in pids for each in (pid, *descendants(pid))]


def _members(session: int) -> list[int]:
    return [pid for pid, its in _processes(3) if its == session and not is_zombie(pid)]


def _processes(field: int) -> Iterator[tuple[int, int]]:
    """All processes with one field of `_stat`."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                yield int(name), int(fields[field])


def is_zombie(pid: int) -> bool:
    """Is it over? Its number may be another's soon."""
    fields = _stat(pid)
    return not fields or fields[0] in "ZX"


def _stat(pid: int) -> list[str]:
    """From the third field on: state ppid pgrp session ...; the second, the name, may hold
    anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().decode("latin-1").rpartition(")")[2].split()
    except OSError:
        return []


def _marked(mark: str) -> list[int]:
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                if wanted in environment_of(int(name)) and not is_zombie(int(name)):
                    found.append(int(name))
            except OSError:
                continue  # it has ended, or is another user's
    return found


def environment_of(pid: int) -> list[bytes]:
    """``NAME=value`` of each of its variables. Raises ``OSError``."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read().split(b"\0")
