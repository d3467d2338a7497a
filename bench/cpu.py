"""How much processor time processes used: steadier than wall time on a busy machine."""

from __future__ import annotations

import os

from bench.processes import descendants, stat_fields

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """User and system seconds of a process and of all that it started, ended children included."""
    return sum(_seconds(stat_fields(pid)[11:15]) for pid in (root, *descendants(root)))


def own_cpu_seconds(pid: int) -> float:
    """Of a process alone."""
    return _seconds(stat_fields(pid)[11:13])


def _seconds(ticks: list[str]) -> float:
    return sum(map(int, ticks)) / _TICKS
