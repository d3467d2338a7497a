"""A DAG file on its way in: read by a process of its own, since it may do anything."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from millstream.core.errors import MillstreamError
from millstream.core.spec import DagSpec

LOAD_TIMEOUT_S = 120.0


class _Fault(msgspec.Struct):
    file: str = ""
    line: int = 0
    message: str = ""


class _Answer(msgspec.Struct):
    """The result; or with ``find`` a question."""

    specs: list[DagSpec] = []
    error: _Fault | None = None
    find: str = ""
    name: str = ""


_decoder = msgspec.json.Decoder(_Answer)


# What a DAG file may ask for while it is read: "variable" or "connection", and its name.
Find = Callable[[str, str], str | None]


def read_dag_file(file: Path, root: Path | None, find: Find) -> list[DagSpec]:
    """The DAGs of a file. Raises ``DagFileError`` with the line at fault.

    What the file prints goes to our standard error. ``find`` answers what it looks up; a
    :class:`MillstreamError` of it is an error there.
    """
    from millstream.sdk.errors import DagFileError

    command = [sys.executable, "-m", "millstream.sdk.load", str(file), "--ask"]
    if root is not None:
        command += ["--root", str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(LOAD_TIMEOUT_S, end)
        timer.start()
        try:
            answer = _converse(process, find)
        finally:
            timer.cancel()
            process.kill()
    if is_late.is_set():
        raise DagFileError(
            str(file), 0, f"reading it takes longer than {LOAD_TIMEOUT_S:g} s; move work into tasks"
        )
    if answer is None:
        raise MillstreamError(
            f"Reading {file} ended with exit code {process.returncode} and without a result."
        )
    if answer.error is not None:
        raise DagFileError(answer.error.file or str(file), answer.error.line, answer.error.message)
    return answer.specs


def _converse(process: subprocess.Popen[bytes], find: Find) -> _Answer | None:
    """Answers questions until the result comes; None if none came."""
    from millstream.sdk.asker import Found

    assert process.stdin is not None
    assert process.stdout is not None
    for line in process.stdout:
        try:
            message = _decoder.decode(line)
        except msgspec.MsgspecError:
            return None
        if not message.find:
            process.wait()
            return message
        try:
            found = Found(find(message.find, message.name))
        except MillstreamError as error:
            found = Found(error=str(error))
        try:
            process.stdin.write(msgspec.json.encode(found) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return None
    process.wait()
    return None
