"""What the supervisor has to know of one process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

LAUNCHER = Path(__file__).with_name("launch.py")


class StopStep(msgspec.Struct, frozen=True):
    """A signal, and how long to wait for the end after it. SIGKILL follows the last step."""

    signal: int
    patience_s: float


class Unhealthy(Exception):
    """A running server that will not recover by itself; the text says what it reported."""


class ProcessSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A program to keep running.

    ``prepare`` runs in a thread before every start; it hashes nothing, since where services are
    forked one would keep the lock that OpenSSL takes for that. ``probe`` is asked until it says
    yes; without one the process writes ``ready`` to the pipe named by ``MILLSTREAM_READY_FD``.
    ``check`` raises :class:`Unhealthy` if the running server must be restarted. Higher stages are
    stopped first.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    stage: int
    cwd: str | None = None
    stop_steps: tuple[StopStep, ...] = (StopStep(signal.SIGTERM, 10.0),)
    is_unprivileged: bool = False
    must_reach: tuple[str, ...] = ()
    prepare: Callable[[], None] | None = None
    probe: Callable[[], Awaitable[bool]] | None = None
    check: Callable[[], Awaitable[None]] | None = None

    def launch_argv(self) -> list[str]:
        """The command line by way of the launcher, for a child of this very process."""
        argv = [sys.executable, "-I", "-S", str(LAUNCHER), "--parent", str(os.getpid())]
        argv += ["--death-signal", str(int(self.stop_steps[0].signal))]
        if self.is_unprivileged:
            argv.append("--unprivileged")
            argv += [part for path in self.must_reach for part in ("--reach", path)]
        return [*argv, "--", *self.argv]
