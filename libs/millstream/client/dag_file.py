"""A DAG file on its way in: read by a process of its own, since it may do anything."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from millstream.core.errors import MillstreamError
from millstream.core.spec import DagSpec
from millstream.sdk.errors import DagFileError

# Of what a file prints, so much is kept for the error.
KEPT_OUTPUT = 2000
MOST_ANSWER = 256 * 1024 * 1024
# What a DAG file has no business to know, whoever reads it.
WITHHELD = frozenset(
    f"MILLSTREAM_{name}{ending}"
    for name in ("API_TOKEN", "ADMIN_TOKEN", "SECRET_KEY")
    for ending in ("", "_FILE")
)
_LOOK_S = 0.25
_LAST_WORDS_S = 1.0


class _Fault(msgspec.Struct):
    file: str = ""
    line: int = 0
    message: str = ""


class _Answer(msgspec.Struct):
    """The result; or with ``find`` a question."""

    specs: list[DagSpec] = []
    imported: list[str] = []
    error: _Fault | None = None
    find: str = ""
    name: str = ""


_decoder = msgspec.json.Decoder(_Answer)


# What a DAG file may ask for while it is read: "variable" or "connection", and its name.
Find = Callable[[str, str], str | None]


class Loaded(msgspec.Struct, frozen=True):
    """What came of reading a file. ``imported``: the files under its root that it imports, relative
    to it. ``fault``: what is wrong; ``is_stuck``: it took too long or died."""

    specs: list[DagSpec] = []
    imported: tuple[str, ...] = ()
    fault: DagFileError | None = None
    is_stuck: bool = False


class ReadLimits(msgspec.Struct, frozen=True):
    """Of a process that reads a DAG file: how long it may take, and how much memory it may have for
    data (0: as the system lets it)."""

    timeout_s: float = 120.0
    memory_mb: int = 0


NO_HURRY = ReadLimits()


class Stopped(MillstreamError):
    """Reading was given up because the caller stops."""

    reason = "STOPPED"


def read_dag_file(file: Path, root: Path | None, find: Find) -> list[DagSpec]:
    """The DAGs of a file. Raises ``DagFileError`` with the line at fault.

    What the file prints goes to our standard error. ``find`` answers what it looks up; a
    :class:`MillstreamError` of it is an error there.
    """
    loaded = load_dag_file(file, root, find)
    if loaded.fault is not None:
        raise loaded.fault
    return loaded.specs


def load_dag_file(
    file: Path,
    root: Path | None,
    find: Find,
    *,
    limits: ReadLimits = NO_HURRY,
    is_quiet: bool = False,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Loaded:
    """The same with what it imports. Whatever it started is ended with it, as far as it stayed in
    its session. With ``is_quiet`` the end of what it prints is in the fault of one that dies.
    Raises :class:`Stopped`."""
    command = [sys.executable, *(["-P"] if is_quiet else []), "-m", "millstream.sdk.load"]
    command += [str(file), "--ask", "--parent", str(os.getpid())]
    if root is not None:
        command += ["--root", str(root)]
    if limits.memory_mb:
        command += ["--memory-mb", str(limits.memory_mb)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if is_quiet else None,
        start_new_session=True,
        env={name: text for name, text in os.environ.items() if name not in WITHHELD},
    ) as process:
        reading = _Conversation(process, find, is_stopping)
        try:
            answer = reading.run(limits.timeout_s)
        finally:
            # Before it is reaped, so that its group cannot be somebody else's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            reading.close()
    if reading.is_late:
        text = f"reading it takes longer than {limits.timeout_s:g} s; move work into tasks"
        return Loaded(fault=DagFileError(str(file), 0, text), is_stuck=True)
    if answer is None:
        text = f"reading it ended with {_ending(reading.exit_code)} and without a result"
        fault = DagFileError(str(file), 0, f"{text}{reading.printed()}")
        return Loaded(fault=fault, is_stuck=True)
    imported = tuple(answer.imported)
    if answer.error is not None:
        wrong = answer.error
        return Loaded(
            imported=imported,
            fault=DagFileError(wrong.file or str(file), wrong.line, wrong.message),
        )
    return Loaded(answer.specs, imported)


class _Conversation:
    """Answers questions until the result comes, the process ends or the time is over. A process
    that leaves others behind, with its pipes open, holds nothing up."""

    def __init__(
        self, process: subprocess.Popen[bytes], find: Find, is_stopping: Callable[[], bool]
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.is_late = False
        self.exit_code: int | None = None
        self._process = process
        self._find = find
        self._is_stopping = is_stopping
        self._questions = process.stdin
        self._answers = process.stdout.fileno()
        self._output = process.stderr.fileno() if process.stderr is not None else -1
        self._end = os.pidfd_open(process.pid)
        self._waiting = selectors.DefaultSelector()
        for number in (self._answers, self._output, self._end):
            if number >= 0:
                self._waiting.register(number, selectors.EVENT_READ)
        self._buffer = bytearray()
        self._tail = b""

    def close(self) -> None:
        self._waiting.close()
        os.close(self._end)
        with contextlib.suppress(BrokenPipeError):
            self._questions.close()
        self.exit_code = self._process.wait()

    def printed(self) -> str:
        """The end of what it printed, as part of a sentence."""
        text = self._tail.decode(errors="replace").strip()
        return f"; it printed: {text}" if text else ""

    def run(self, timeout_s: float) -> _Answer | None:
        """None if no result came. Raises :class:`Stopped`."""
        deadline = time.monotonic() + timeout_s
        has_ended = False  # then what it wrote is read, but not what it left behind writes on
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                self.is_late = not has_ended
                return None
            ready = self._waiting.select(0.0 if has_ended else min(left_s, _LOOK_S))
            if self._is_stopping():
                raise Stopped("This process stops.")
            if has_ended and not ready:
                return None
            for number in (key.fd for key, _ in ready):
                if number == self._end:
                    self._waiting.unregister(number)
                    has_ended = True
                    deadline = min(deadline, time.monotonic() + _LAST_WORDS_S)
                elif number == self._output:
                    self._tail = (self._tail + self._read(number))[-KEPT_OUTPUT:]
                else:
                    self._buffer += self._read(number)
                    answer = self._next_answer()
                    if answer is not None:
                        return answer

    def _read(self, number: int) -> bytes:
        data = os.read(number, 65536)
        if not data:
            self._waiting.unregister(number)
        return data

    def _next_answer(self) -> _Answer | None:
        """The result, if it is there; questions before it are answered."""
        while True:
            line, mark, rest = self._buffer.partition(b"\n")
            if not mark:
                if len(line) > MOST_ANSWER:
                    raise MillstreamError(f"The DAGs take more than {MOST_ANSWER} bytes.")
                return None
            self._buffer = rest
            try:
                message = _decoder.decode(line)
            except msgspec.MsgspecError:
                continue  # something else that got hold of the pipe
            if not message.find:
                return message
            self._tell(message)

    def _tell(self, question: _Answer) -> None:
        from millstream.sdk.asker import Found

        try:
            found = Found(self._find(question.find, question.name))
        except MillstreamError as error:
            found = Found(error=str(error))
        with contextlib.suppress(BrokenPipeError):  # its end is noticed elsewhere
            self._questions.write(msgspec.json.encode(found) + b"\n")
            self._questions.flush()


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
