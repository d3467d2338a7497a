"""What a task finds around it in its process, put back after it: so that no task sees what another
one changed.

What is compared is cheap, since it is looked at after every attempt; what cannot be put back (a
thread that runs on, processes that were left behind, a limit that only root may raise) is a reason
to use the process no more.
"""

from __future__ import annotations

import contextlib
import decimal
import faulthandler
import gc
import importlib
import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from millstream_worker.sessions import children_of

# Those that a process can catch.
_SIGNALS = tuple(
    int(number)
    for number in signal.Signals
    if number not in (signal.SIGKILL, signal.SIGSTOP) and number < signal.SIGRTMIN
)
# A process that has so many more files open than at first leaks them.
MOST_LEAKED_FILES = 64
# How long a thread may take to end that the task did not wait for.
THREAD_GRACE_S = 0.05

_LoggerState = tuple[int, bool, bool, tuple[logging.Handler, ...], tuple[Any, ...]]


class Surroundings:
    """A picture of this process; ``restore`` makes it so again. ``home`` is its directory."""

    def __init__(self) -> None:
        self._home = os.getcwd()
        self._stdout, self._stderr = _kept(1), _kept(2)
        self._files = tuple(map(_file, (1, 2)))
        self._top_fd = _next_fd()
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._ids = (os.geteuid(), os.getegid())
        self._handlers = _handlers()
        self._environment: dict[bytes, bytes] = {}
        self.take()

    def take(self) -> None:
        """The picture of what a DAG file may set up for its tasks: taken again when one was
        loaded."""
        self._environ = os.environ
        self._environment = _variables().copy()
        self._umask = _umask()
        self._handlers = _handlers()
        self._blocked = _pthread_sigmask(signal.SIG_BLOCK, ())
        self._path, self._path_list = sys.path.copy(), sys.path
        self._argv = sys.argv.copy()
        self._filters = warnings.filters[:]
        self._hooks = _hooks()
        self._recursion = sys.getrecursionlimit()
        self._switch = sys.getswitchinterval()
        self._decimal = decimal.getcontext().copy()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._timeout = socket.getdefaulttimeout()
        self._priority = os.getpriority(os.PRIO_PROCESS, 0)
        self._affinity = os.sched_getaffinity(0)
        self._limits = _limits()
        self._threads = frozenset(thread.ident for thread in threading.enumerate())
        self._processes = frozenset(children_of(os.getpid()))
        root = logging.getLogger()
        self._root = _state(root)
        self._disable = root.manager.disable
        self._logger_class = logging.getLoggerClass()
        self._factory = logging.getLogRecordFactory()
        self._loggers = {logger: _state(logger) for logger in _loggers()}

    def restore(self) -> str:
        """Put it all back. Returns why the process cannot be used again, or ""."""
        if os.environ is not self._environ:
            os.environ = self._environ  # noqa: B003 - it was replaced, and is put back
        if _variables() != self._environment:
            self._restore_environment()
        if _umask() != self._umask:
            os.umask(self._umask)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        self._restore_python()
        self._restore_logging()
        return self._restore_signals() or self._restore_process() or self._left_behind()

    def _restore_environment(self) -> None:
        wanted = {
            os.fsdecode(name): os.fsdecode(value) for name, value in self._environment.items()
        }
        for name in [name for name in os.environ if name not in wanted]:
            del os.environ[name]
        os.environ.update(wanted)
        time.tzset()

    def _restore_python(self) -> None:
        if sys.path is not self._path_list or sys.path != self._path:
            sys.path = self._path_list
            sys.path[:] = self._path
        if sys.argv != self._argv:
            sys.argv = self._argv.copy()
        if warnings.filters != self._filters:
            warnings.resetwarnings()  # which also forgets what was warned of before
            warnings.filters[:] = self._filters  # type: ignore[index]
        if _hooks() != self._hooks:
            (
                sys.excepthook,
                sys.unraisablehook,
                sys.displayhook,
                threading.excepthook,
                warnings.showwarning,
            ) = self._hooks
        if sys.gettrace() is not None or sys.getprofile() is not None:
            sys.settrace(None)
            sys.setprofile(None)
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        if sys.getswitchinterval() != self._switch:
            sys.setswitchinterval(self._switch)
        if not gc.isenabled():
            gc.enable()
        decimal.setcontext(self._decimal.copy())
        if locale.setlocale(locale.LC_ALL) != self._locale:
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_ALL, self._locale)
        if socket.getdefaulttimeout() != self._timeout:
            socket.setdefaulttimeout(self._timeout)
        faulthandler.cancel_dump_traceback_later()
        if not faulthandler.is_enabled():
            faulthandler.enable(self._stderr)

    def _restore_logging(self) -> None:
        root = logging.getLogger()
        manager = root.manager
        if manager.disable != self._disable:
            logging.disable(self._disable)
        if logging.getLoggerClass() is not self._logger_class:
            logging.setLoggerClass(self._logger_class)
        if logging.getLogRecordFactory() is not self._factory:
            logging.setLogRecordFactory(self._factory)
        if _state(root) != self._root:
            _set(root, self._root)
        known = self._loggers
        for logger in _loggers():
            before = known.get(logger)
            if before is None:
                if logger.handlers or logger.level or logger.disabled or not logger.propagate:
                    _set(logger, _plain(logger))
            elif _state(logger) != before:
                _set(logger, before)

    def _restore_signals(self) -> str:
        blocked = _pthread_sigmask(signal.SIG_BLOCK, ())
        if blocked != self._blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
        if _handlers() != self._handlers:
            for which in (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
                signal.setitimer(which, 0)
            for number, handler in zip(_SIGNALS, self._handlers, strict=True):
                if signal.getsignal(number) is not handler and handler is not None:
                    signal.signal(number, handler)
        if signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0):
            signal.setitimer(signal.ITIMER_REAL, 0)
        return ""

    def _restore_process(self) -> str:
        os.chdir(self._home)
        if (os.geteuid(), os.getegid()) != self._ids:
            return "the task changed the user of its process"
        if tuple(map(_file, (1, 2))) != self._files:
            os.dup2(self._stdout, 1)
            os.dup2(self._stderr, 2)
        if os.getpriority(os.PRIO_PROCESS, 0) != self._priority:
            try:
                os.setpriority(os.PRIO_PROCESS, 0, self._priority)
            except PermissionError:
                return "the task lowered the priority of its process"
        if os.sched_getaffinity(0) != self._affinity:
            os.sched_setaffinity(0, self._affinity)
        # Only who has imported this can have changed them.
        if "resource" in sys.modules and (limits := _limits()) != self._limits:
            return _raise_limits(limits, self._limits)
        if _next_fd() - self._top_fd > MOST_LEAKED_FILES:
            return "the task left files open"
        return ""

    def _left_behind(self) -> str:
        """Threads and processes that the task did not wait for."""
        if threading.active_count() > len(self._threads):
            new = [t for t in threading.enumerate() if t.ident not in self._threads]
            until = time.monotonic() + THREAD_GRACE_S
            for thread in new:
                thread.join(max(until - time.monotonic(), 0))
            if any(thread.is_alive() for thread in new):
                return "the task left a thread running"
        while True:
            try:
                # Of all its children: this process is also the parent of its orphaned descendants.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                return ""
            if ended is None:
                left = not self._processes.issuperset(children_of(os.getpid()))
                return "the task left processes running" if left else ""


def _raise_limits(now: dict[int, tuple[int, int]], before: dict[int, tuple[int, int]]) -> str:
    import resource

    for which, limit in before.items():
        if now[which] != limit:
            try:
                resource.setrlimit(which, limit)
            except (ValueError, OSError):
                return "the task lowered a limit of its process"
    return ""


def _limits() -> dict[int, tuple[int, int]]:
    """All of them. What is imported for it is forgotten again: see where it is asked for."""
    is_used = "resource" in sys.modules
    import resource

    limits = {which: resource.getrlimit(which) for which in _limit_numbers()}
    if not is_used:
        del sys.modules["resource"]
    return limits


@lru_cache(maxsize=1)
def _limit_numbers() -> tuple[int, ...]:
    import resource

    names = (name for name in dir(resource) if name.startswith("RLIMIT_"))
    return tuple({getattr(resource, name) for name in names})


def _variables() -> dict[bytes, bytes]:
    """The environment as Python keeps it: comparing that costs half a microsecond."""
    data: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
    return data


def _umask() -> int:
    """The only way to learn it is to set it."""
    mask = os.umask(0o022)
    if mask != 0o022:
        os.umask(mask)
    return mask


def _handlers() -> tuple[Any, ...]:
    return tuple(map(_getsignal, _SIGNALS))


def _hooks() -> tuple[Any, ...]:
    return (
        sys.excepthook,
        sys.unraisablehook,
        sys.displayhook,
        threading.excepthook,
        warnings.showwarning,
    )


def _file(fd: int) -> tuple[int, int]:
    try:
        found = os.fstat(fd)
    except OSError:
        return (-1, -1)
    return found.st_dev, found.st_ino


def _kept(fd: int) -> int:
    """The same file under a high number, where nobody closes it by mistake."""
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)


def _next_fd() -> int:
    """The lowest number that is free: it grows as files are left open."""
    try:
        fd = os.dup(2)
    except OSError:
        return 1 << 30
    os.close(fd)
    return fd


def _loggers() -> Iterator[logging.Logger]:
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def _state(logger: logging.Logger) -> _LoggerState:
    return (
        logger.level,
        logger.disabled,
        logger.propagate,
        tuple(logger.handlers),
        tuple(logger.filters),
    )


def _plain(logger: logging.Logger) -> _LoggerState:
    """As a logger is that nobody has set up."""
    quiet = tuple(h for h in logger.handlers if isinstance(h, logging.NullHandler))
    return (logging.NOTSET, False, True, quiet, ())


def _set(logger: logging.Logger, state: _LoggerState) -> None:
    level, logger.disabled, logger.propagate, handlers, filters = state
    logger.setLevel(level)
    logger.handlers[:] = handlers
    logger.filters[:] = filters


# Without the enums, which cost a microsecond a signal.
_signal = importlib.import_module("_signal")
_getsignal: Callable[[int], Any] = _signal.getsignal
_pthread_sigmask: Callable[[int, tuple[int, ...]], set[int]] = _signal.pthread_sigmask
