"""How a child ended, in words: the signal or the exit code, whether the kernel ran out of memory,
and how much memory the process had held."""

from __future__ import annotations

import os
import signal
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MIB = 1 << 20


class OomCounters:
    """What the kernel says of processes that it killed for want of memory: in the control group of
    this process and, with less weight, on the whole machine."""

    def __init__(self, files: tuple[Path, Path] | None = None) -> None:
        group, machine = files or (_group_file(), Path("/proc/vmstat"))
        self._group = group
        self._machine = machine
        self._seen = self._read()

    def _read(self) -> tuple[int, int]:
        return _count(self._group, "oom_kill"), _count(self._machine, "oom_kill")

    def look(self) -> str:
        """What happened since the last look: "", or where the memory ran out."""
        before, self._seen = self._seen, self._read()
        if self._seen[0] > before[0]:
            limit = _limit(self._group)
            return f"the worker's memory limit{limit} was reached"
        if self._seen[1] > before[1]:
            return "the machine ran out of memory"
        return ""


def how_it_ended(code: int, memory_peak: int = 0, out_of_memory: str = "") -> str:
    """``code`` is the exit code, or minus the signal; ``memory_peak`` is in bytes (0: unknown);
    ``out_of_memory`` is what :meth:`OomCounters.look` says."""
    peak = f"; it held up to {memory_peak / _MIB:.0f} MiB of memory" if memory_peak else ""
    if code >= 0:
        return f"the task's process ended with exit code {code}{peak}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ""
    if -code == signal.SIGKILL:
        hint = f" (out of memory: {out_of_memory})" if out_of_memory else " (by somebody)"
    return f"the task's process was killed by {name}{hint}{peak}"


def _group_file() -> Path:
    """Where the kernel counts for our control group, of version 2 or 1."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return Path(os.devnull)
    groups = {line.split(":", 2)[1]: line.split(":", 2)[2].lstrip("/") for line in lines}
    for kind, folder, name in (
        ("memory", _CGROUPS / "memory", "memory.oom_control"),
        ("", _CGROUPS, "memory.events"),
        ("", _CGROUPS / "unified", "memory.events"),
    ):
        if kind in groups:
            # In a container the path is that of the host, and our group is at the root.
            for path in (folder / groups[kind] / name, folder / name):
                if path.is_file():
                    return path
    return Path(os.devnull)


def _count(path: Path, name: str) -> int:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return 0


def _limit(events: Path) -> str:
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            return f" of {int((events.parent / name).read_text()) // _MIB} MiB"
        except (OSError, ValueError):
            continue
    return ""
