"""How much memory processes take: PSS, which counts a shared page once for all that share it."""

from __future__ import annotations

from bench.processes import PROC, descendants

MIB = 1024 * 1024


def pss_bytes(pid: int) -> int:
    """0 for a process that is gone."""
    return _kib(pid, "smaps_rollup", "Pss:") * 1024


def pss_of_tree(pid: int) -> int:
    """Of a process and all below it."""
    return sum(map(pss_bytes, (pid, *descendants(pid))))


def peak_bytes(pid: int) -> int:
    """The most that was ever resident since the process began."""
    return _kib(pid, "status", "VmHWM:") * 1024


def _kib(pid: int, file: str, name: str) -> int:
    try:
        lines = (PROC / str(pid) / file).read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith(name):
            return int(line.split()[1])
    return 0
