"""Ending a session: a child and all that it started, whatever process groups they made."""

from __future__ import annotations

import os
import signal
from pathlib import Path

MOST_ROUNDS = 20


def kill_session(session: int) -> int:
    """SIGKILL to every process of a session, until none is left that could start another. Returns
    how many were killed."""
    killed: set[int] = set()
    for _ in range(MOST_ROUNDS):
        found = [pid for pid in _members(session) if pid not in killed]
        if not found:
            break
        for pid in found:
            killed.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return len(killed)


def _members(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # pid (name) state ppid pgrp session ...; the name may hold anything
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, UnicodeDecodeError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found
