"""Processes by pid, safe against a pid that was given to somebody else in the meantime."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec


class ProcessId(msgspec.Struct, frozen=True):
    """A pid and the moment of its start (ticks since boot), which together never come twice."""

    pid: int
    start_ticks: int

    def is_alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        return self.start_ticks >= 0 and _start_ticks(self.pid) == self.start_ticks

    def send(self, number: int) -> None:
        """Signals the process, if it still lives."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def identify(pid: int) -> ProcessId:
    """The identity of a pid; one that is not alive if there is no such process."""
    return ProcessId(pid, _start_ticks(pid))


def _start_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] in {"Z", "X"} else int(fields[19])


def wait_until_gone(processes: Iterable[ProcessId], timeout_s: float) -> list[ProcessId]:
    """Waits for processes that are not our children; returns those that still live at the end."""
    deadline = time.monotonic() + timeout_s
    alive = [process for process in processes if process.is_alive()]
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [process for process in alive if process.is_alive()]
    return alive


def end_leftovers(processes: Iterable[ProcessId], patience_s: float) -> None:
    """Ends what a killed supervisor left: they were told to stop when it died; then SIGKILL."""
    alive = wait_until_gone(processes, patience_s)
    for process in alive:
        process.send(signal.SIGKILL)
    wait_until_gone(alive, 5.0)


def command_lines() -> Iterable[tuple[int, list[str]]]:
    """pid and arguments of every process of this machine that shows them."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                raw = Path("/proc", name, "cmdline").read_bytes()
                yield int(name), os.fsdecode(raw).rstrip("\0").split("\0")
