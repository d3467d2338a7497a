"""Services that ``millstream up`` forks off itself, and itself into the background, where it is a
fork of one process that has imported all of them: so each begins without the half second that its
imports take.

A service is its supervisor's child and a process of its own all the same, with the environment,
descriptors, session and signals that it would have had. Not so in `/proc`: its command line and
its environment there are those of the process that imported.
"""

from __future__ import annotations

import contextvars
import gc
import importlib
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
from asyncio import set_event_loop
from asyncio.events import _set_running_loop
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from integration.forked_module import run_module
from millstream.embedded import daemon, supervised
from millstream.embedded.spec import ProcessSpec

SERVICES = ("api", "projector", "scheduler", "web", "worker")
# What may be another one in a service than it was when all was imported.
ITS_OWN = ("MILLSTREAM_", "PYTEST_")
CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

_execute = supervised.start_process


class Fork:
    """What the supervisor asks of a process that it has started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Forking:
    """Stands for :func:`supervised.start_process`. What another environment might change, and what
    is none of ours, is executed."""

    def __init__(self) -> None:
        self._environment = fixed_part(os.environ)

    def __call__(
        self, spec: ProcessSpec, env: Mapping[str, str], log: BinaryIO, descriptors: Sequence[int]
    ) -> Fork | subprocess.Popen[bytes]:
        python, *words = spec.argv
        if (python, *words[:2]) != (sys.executable, "-P", "-m"):
            return _execute(spec, env, log, descriptors)
        if fixed_part(env) != self._environment or spec.cwd is not None:
            return _execute(spec, env, log, descriptors)
        # None of the supervisor's handlers may run in the fork.
        signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
        try:
            pid = os.fork()
            if pid == 0:
                _become(env, log, descriptors)
                contextvars.Context().run(run_module, words[2], words[3:])
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)
        return Fork(pid)


def fixed_part(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if not k.startswith(ITS_OWN)}


def _become(env: Mapping[str, str], log: BinaryIO, descriptors: Sequence[int]) -> None:
    """All that an execution would have changed."""
    # What the supervisor had is never used again, and must not be closed a second time.
    gc.freeze()
    os.setsid()
    signal.set_wakeup_fd(-1)
    for caught in CAUGHT:
        signal.signal(caught, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)
    _set_running_loop(None)
    set_event_loop(None)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(log.fileno(), number)
    first = 3
    for kept in [*sorted(descriptors), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(first, kept)
        first = kept + 1
    os.environ.clear()
    os.environ.update(env)


def fork_background(words: Sequence[str], log_fd: int, report_fd: int) -> None:
    """Stands for :func:`daemon.start_background`."""
    if os.fork() == 0:
        os.setsid()
        for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log_fd), (2, log_fd)):
            os.dup2(source, target)
        run_module(daemon.BACKGROUND, words)


def prepare() -> None:
    """Import every service; what this process and its forks supervise from now on are forks."""
    for service in SERVICES:
        package = importlib.import_module(f"millstream_{service}")
        for found in pkgutil.iter_modules(package.__path__):
            if found.name != "__main__":
                importlib.import_module(f"{package.__name__}.{found.name}")
    # It is found out under a lock, which a thread of the supervisor might hold while it forks.
    with tempfile.NamedTemporaryFile():
        pass
    gc.collect()
    gc.freeze()
    supervised.start_process = Forking()  # type: ignore[assignment]
    importlib.import_module(daemon.BACKGROUND)
    daemon.start_background = fork_background
