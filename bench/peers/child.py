"""One child process that speaks in lines, bounded in time, and the end of all that it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.processes import descendants, stat_fields
from millstream.embedded.spec import LAUNCHER

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 20.0
LOOK_S = 0.2


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """A process below us whose parent ends becomes our child, and so can be found."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def listen(
    command: Sequence[str],
    env: Mapping[str, str],
    log: Path,
    seconds: float,
    hear: Callable[[str], None],
) -> str:
    """Runs ``command`` and gives each line of it to ``hear``. What went wrong, or nothing.

    The child leads a process group of its own. When it ends, when its time is over and when we are
    interrupted, the group is ended, and then whatever left the group.
    """
    # Told to end if we end without a word.
    argv = [sys.executable, "-I", "-S", str(LAUNCHER), "--parent", str(os.getpid())]
    argv += ["--death-signal", str(int(signal.SIGTERM)), "--", *command]
    ours = children(os.getpid())
    with adopting_orphans(), log.open("wb") as errors:
        process = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            for line in lines(process, time.monotonic() + seconds):
                hear(line)
        except (TimeoutError, subprocess.TimeoutExpired):
            return f"took longer than {seconds:g} s"
        finally:
            end_group(process)
            end_strays(ours)
            process.stdout.close()
    code = process.returncode
    return "" if code == 0 else f"ended with {code}: {last_words(log)}"


def lines(process: subprocess.Popen[bytes], until: float) -> Iterator[str]:
    """What it writes, to its end; a process that it left may hold its output open for longer.
    Raises :class:`TimeoutError` at the time ``until``."""
    assert process.stdout is not None
    fd, rest, has_ended = process.stdout.fileno(), b"", False
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while time.monotonic() < until:
            if not selector.select(0 if has_ended else LOOK_S):
                if has_ended:
                    return
                has_ended = process.poll() is not None
                continue
            chunk = os.read(fd, 65536)
            if not chunk:
                # Closed is not ended; the end is what tells whether all went well.
                process.wait(max(0.0, until - time.monotonic()))
                return
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode() for line in whole)
    raise TimeoutError


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Asks the leader, which ends its servers in order; what is left is killed."""
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end_strays(ours: set[int]) -> None:
    """Kills what has become our child without being one of ``ours``."""
    while strays := children(os.getpid()) - ours:
        for stray in strays:
            for pid in (stray, *descendants(stray)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(stray, 0)


def children(pid: int) -> set[int]:
    below = descendants(pid)
    return {each for each in below if (fields := stat_fields(each)) and int(fields[1]) == pid}


def last_words(log: Path, most: int = 300) -> str:
    """The last line, which of a traceback is what it was about."""
    said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return said[-1][:most] if said else "without a word"
