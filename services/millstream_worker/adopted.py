"""What comes to a worker from a child that died: whose it is, and its end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from millstream_worker.sessions import (
    MARK,
    children_of,
    environment_of,
    is_zombie,
    kill,
    with_descendants,
)


def mark_of(instance: str, state_dir: Path) -> str:
    """The mark of a worker, the same in each of its lives."""
    return f"{instance}:{hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]}"


async def end_adopted(
    mark: str, session: int, is_child: Callable[[int], bool], killed: set[int], patience_s: float
) -> bool:
    """SIGKILL to what came to this process from a child that died, the leader of ``session``, until
    nothing of it is left. ``killed``: what was sent one before. False: after that time something
    still was."""
    deadline = time.monotonic() + patience_s
    while True:
        adopted = [
            pid
            for pid in children_of(os.getpid())
            if not is_child(pid) and (pid in killed or _is_adopted(pid, mark, session))
        ]
        if not adopted:
            return True
        for pid in with_descendants(adopted):
            killed.add(pid)
            kill(pid)
        _reap(adopted)
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.002)


def _is_adopted(pid: int, mark: str, session: int) -> bool:
    """Whether a task started this process. Those that the worker itself starts are in its session,
    or have its environment."""
    try:
        its_session = os.getsid(pid)
        if its_session in (session, os.getsid(0)):
            return its_session == session
        variables = environment_of(pid)
    except OSError:
        return False
    if f"{MARK}={mark}".encode() in variables:
        return True
    path = os.environ.get("PATH")
    return path is not None and not is_zombie(pid) and f"PATH={path}".encode() not in variables


def _reap(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
