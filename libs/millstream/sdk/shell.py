"""Running a program and passing its output on: behind BashOperator, BashAction and the operators
that start another Python."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from millstream.sdk.errors import AirflowException, AirflowSkipException

# A line longer than this is passed on in pieces, so that output without line ends needs no memory.
LONGEST_LINE = 1024 * 1024
_POLL_S = 0.1
_GRACE_S = 5.0


def run_bash(
    command: str,
    *,
    env: Mapping[str, str] | None = None,
    append_env: bool = False,
    cwd: str | None = None,
    skip_exit_codes: Sequence[int] = (99,),
) -> str:
    """Runs ``command`` as :func:`bash_result` does and returns the last line of its standard output
    ("" if it wrote none). Raises :class:`AirflowSkipException` for a skip exit code and
    :class:`AirflowException` for any other but 0."""
    code, last = bash_result(command, env=env, append_env=append_env, cwd=cwd)
    _judge(code, skip_exit_codes)
    return last


def bash_result(
    command: str,
    *,
    env: Mapping[str, str] | None = None,
    append_env: bool = False,
    cwd: str | None = None,
) -> tuple[int, str]:
    """Runs ``command``; its exit code (negative: the signal) and the last line of its standard
    output.

    Both outputs go to ``sys.stdout`` line by line. Without ``cwd`` it runs in a temporary
    directory. Processes that the command leaves behind in its process group end with it.
    """
    bash = shutil.which("bash")
    if bash is None:
        raise AirflowException("bash is not installed where this worker runs; install it")
    if cwd is not None and not Path(cwd).is_dir():
        raise AirflowException(f"cwd {cwd!r} is not a directory on this worker")
    environment = dict(env) if env is not None and not append_env else {**os.environ, **(env or {})}
    with tempfile.TemporaryDirectory(prefix="millstream-", ignore_cleanup_errors=True) as scratch:
        return run_command([bash, "-c", command], environment, cwd or scratch)


def run_command(arguments: Sequence[str], env: Mapping[str, str], cwd: str) -> tuple[int, str]:
    """Runs a program in a process group of its own, which ends with this call however it ends.
    Returns its exit code (negative: the signal) and the last line of its standard output."""
    process = subprocess.Popen(
        list(arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        process_group=0,  # in the session of this process, where the worker finds it
    )
    try:
        last = _stream(process)
        return process.wait(), last
    finally:
        _end_group(process)


def _judge(code: int, skip_exit_codes: Sequence[int]) -> None:
    if code in skip_exit_codes:
        raise AirflowSkipException(f"bash exited with code {code}, which skips the task")
    if code < 0:
        raise AirflowException(f"bash was killed by {_signal_name(-code)}")
    if code > 128 and (name := _signal_name(code - 128)).startswith("SIG"):
        raise AirflowException(
            f"bash exited with code {code} (as when a command is killed by {name})"
        )
    if code:
        raise AirflowException(f"bash exited with code {code}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stream(process: subprocess.Popen[bytes]) -> str:
    """Passes both outputs on until they are closed, or until bash has ended and nothing more is
    there: a background process may hold them open for ever. Returns the last line of standard
    output."""
    assert process.stdout is not None
    assert process.stderr is not None
    stdout, stderr = _Lines(process.stdout), _Lines(process.stderr)
    with selectors.DefaultSelector() as selector:
        for lines in (stdout, stderr):
            selector.register(lines.pipe, selectors.EVENT_READ, lines)
        while selector.get_map():
            has_ended = process.poll() is not None
            ready = selector.select(0 if has_ended else _POLL_S)
            for key, _ in ready:
                if not key.data.read():
                    selector.unregister(key.fileobj)
            if has_ended and not ready:
                break
    for lines in (stdout, stderr):
        lines.close()
    return stdout.last


class _Lines:
    """One pipe, cut into lines that are passed on as they come."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.pipe = pipe
        self.last = ""
        self._rest = b""

    def read(self) -> bool:
        """Takes what is there; False at the end."""
        data = os.read(self.pipe.fileno(), 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._emit(line)
        sys.stdout.flush()
        return bool(data)

    def close(self) -> None:
        """Passes on a last line without an end."""
        if self._rest:
            self._emit(self._rest)
        self.pipe.close()

    def _emit(self, line: bytes) -> None:
        self.last = line.decode("utf-8", "replace").replace("\0", "\ufffd").rstrip()
        sys.stdout.write(self.last + "\n")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of the command, politely first if bash itself is still at work."""
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
