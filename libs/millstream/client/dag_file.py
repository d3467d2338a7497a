"""A DAG file on its way in: read by a process of its own, since it may do anything."""

from __future__ import annotations

import subprocess
import sys
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
    specs: list[DagSpec] = []
    error: _Fault | None = None


_decoder = msgspec.json.Decoder(_Answer)


def read_dag_file(file: Path, root: Path | None) -> list[DagSpec]:
    """The DAGs of a file. Raises ``DagFileError`` with the line at fault.

    What the file prints goes to our standard error.
    """
    from millstream.sdk.errors import DagFileError

    command = [sys.executable, "-m", "millstream.sdk.load", str(file)]
    if root is not None:
        command += ["--root", str(root)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=LOAD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DagFileError(
            str(file), 0, f"reading it takes longer than {LOAD_TIMEOUT_S:g} s; move work into tasks"
        ) from None
    try:
        answer = _decoder.decode(done.stdout)
    except msgspec.MsgspecError as error:
        raise MillstreamError(
            f"Reading {file} ended with exit code {done.returncode} and without a result."
        ) from error
    if answer.error is not None:
        raise DagFileError(answer.error.file or str(file), answer.error.line, answer.error.message)
    return answer.specs
