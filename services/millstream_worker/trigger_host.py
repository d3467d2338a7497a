"""The process that runs the triggers of one bundle: an event loop, and a thread that watches
whether somebody blocks it.

Like a task's process it holds no credentials and no connection but the socket to its worker.
"""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO

import msgspec

from millstream.core.errors import MillstreamError
from millstream.sdk.deferral import dag_module
from millstream.sdk.load import load_dags
from millstream.sdk.masking import masker
from millstream.sdk.stores import asking
from millstream.sdk.triggers.running import KILLED, Firing, run_trigger
from millstream_worker.frames import (
    Answered,
    Asked,
    AskStates,
    CancelTrigger,
    Find,
    Fired,
    FrameReader,
    FromChild,
    RunTrigger,
    Said,
    ToChild,
    encode_frame,
    to_child_decoder,
)

_PR_SET_PDEATHSIG = 1
BEAT_S = 0.1
BLOCKED_S = 1.0
# The scheduler's own timer ends a wait; this is for the case that its word did not get here.
GRACE_S = 5.0
LONGEST_LINE = 16 * 1024

_token: ContextVar[str] = ContextVar("trigger_token", default="")


class _Line:
    """One trigger's line to the worker."""

    def __init__(self, host: Host, token: str) -> None:
        self._host = host
        self._token = token

    async def find_states(self, question: bytes) -> bytes:
        return (await self._host.ask(self._token, AskStates(question)) or "").encode()


class _Store:
    """Variables and connections for triggers. Those who ask wait, so they ask in a thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()

    def find_variable(self, key: str) -> str | None:
        return self._find(Find("variable", key))

    def find_connection(self, conn_id: str) -> str | None:
        return self._find(Find("connection", conn_id))

    def set_variable(self, key: str, value: str, description: str) -> None:
        raise MillstreamError(f"variable {key!r}: a trigger cannot set variables; its task can")

    def delete_variable(self, key: str) -> bool:
        raise MillstreamError(f"variable {key!r}: a trigger cannot delete variables; its task can")

    def _find(self, find: Find) -> str | None:
        if threading.current_thread() is threading.main_thread():
            raise MillstreamError(
                f"{find.what} {find.name!r}: asking for it would block all triggers; ask in a "
                f"thread: await asyncio.to_thread(...)"
            )
        asking = self._host.ask(_token.get(), find)
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()


class Host:
    """The triggers that run, by the token of their claim."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._running: dict[str, asyncio.Task[None]] = {}
        self._abouts: dict[str, str] = {}
        self._answers: dict[int, asyncio.Future[str | None]] = {}
        self._asked = 0
        self._modules: dict[str, str] = {}
        self._loading = asyncio.Lock()
        self.beat = time.monotonic()

    def take(self, message: ToChild) -> None:
        """What the worker says."""
        match message:
            case RunTrigger():
                self._abouts[message.token] = _about(message)
                task = asyncio.get_running_loop().create_task(
                    self._run(message), name=message.token
                )
                self._running[message.token] = task
            case CancelTrigger(token=token, is_killed=is_killed):
                running = self._running.get(token)
                if running is not None:
                    running.cancel(KILLED if is_killed else None)
            case Answered(number=number, answer=answer):
                future = self._answers.pop(number, None)
                if future is not None and not future.done():
                    if answer.error:
                        future.set_exception(MillstreamError(answer.error))
                    else:
                        future.set_result(answer.value)

    def say(self, token: str, text: str) -> None:
        """A line for the log of the trigger's task."""
        for line in masker.mask(text).splitlines():
            self._send(Said(token, line[:LONGEST_LINE]))

    async def ask(self, token: str, question: AskStates | Find) -> str | None:
        self._asked += 1
        number = self._asked
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        self._send(Asked(number, token, question))
        try:
            return await future
        finally:
            self._answers.pop(number, None)

    def about(self, token: str) -> str:
        return self._abouts.get(token, "")

    async def keep_beating(self) -> None:
        while True:
            self.beat = time.monotonic()
            await asyncio.sleep(BEAT_S)

    async def _run(self, run: RunTrigger) -> None:
        _token.set(run.token)
        firing: Firing | None = None
        try:
            left_s = None
            if run.timeout_at is not None:
                left_s = (run.timeout_at - datetime.now(UTC)).total_seconds() + GRACE_S
            async with asyncio.timeout(left_s):
                module = await self._module(run)
                firing = await run_trigger(
                    run.trigger, run.where.task_id, module, _Line(self, run.token)
                )
        except TimeoutError:
            pass  # the task goes on without it
        except MillstreamError as error:
            firing = Firing(cause="error", message=str(error))
        finally:
            self._running.pop(run.token, None)
            self._abouts.pop(run.token, None)
            self._send(Fired(run.token, firing))

    async def _module(self, run: RunTrigger) -> str:
        """The module of the DAG file, if the trigger is defined in it. Raises
        :class:`DagFileError`."""
        path = os.path.join(run.bundle_dir, run.file)
        for directory in (os.path.dirname(path), run.bundle_dir):
            if directory and directory not in sys.path:
                sys.path.insert(0, directory)
        if not run.trigger.classpath.startswith(":"):
            return ""
        async with self._loading:
            if path not in self._modules:  # in a thread, since it may ask for variables
                self._modules[path] = await asyncio.to_thread(_load, path, run.bundle_dir)
        return self._modules[path]

    def _send(self, message: FromChild) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode_frame(message))


def _load(path: str, bundle_dir: str) -> str:
    load_dags(path, bundle_dir)
    return dag_module(os.path.realpath(path))


def _about(run: RunTrigger) -> str:
    where = run.where
    index = "".join(f"[{number}]" for number in where.map_index)
    return (
        f"trigger {run.trigger.classpath.lstrip(':')} of task {where.task_id}{index} "
        f"(DAG {where.dag_id}, run {where.run_id})"
    )


class Watch(threading.Thread):
    """Says which trigger holds up all others, while it does."""

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop, out: IO[str]) -> None:
        super().__init__(daemon=True)
        self._host = host
        self._loop = loop
        self._out = out
        self._main = threading.get_ident()
        self._said_at = 0.0

    def run(self) -> None:
        while True:
            time.sleep(BLOCKED_S / 4)
            beat = self._host.beat
            if time.monotonic() - beat > BLOCKED_S and beat != self._said_at:
                self._said_at = beat
                self._tell()

    def _tell(self) -> None:
        task = asyncio.current_task(self._loop)
        token = task.get_name() if task is not None else ""
        frame = sys._current_frames().get(self._main)
        place = "".join(traceback.format_stack(frame)[-1:]).strip() if frame else ""
        about = self._host.about(token) or "something"
        text = (
            f"{about} blocks the event loop of all triggers for more than {BLOCKED_S:g} s, at "
            f"{' '.join(place.split())}: await what takes time, or use asyncio.to_thread"
        )
        self._out.write(text + "\n")  # at once: the loop cannot say it
        self._out.flush()
        if token:
            self._loop.call_soon_threadsafe(self._host.say, token, text)


class _Log(logging.Handler):
    """Log lines of a trigger go to the log of its task."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host
        self._loop = asyncio.get_running_loop()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        token = _token.get()
        if token:
            self._loop.call_soon_threadsafe(self._host.say, token, self.format(record))


class _Printed:
    """``sys.stdout`` of triggers: whole lines go to the log of the task that prints them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._partial: dict[str, str] = {}

    def write(self, text: str) -> int:
        token = _token.get()
        *lines, rest = (self._partial.pop(token, "") + text).split("\n")
        if rest:
            self._partial[token] = rest
        for line in lines:
            if token and line:
                self._loop.call_soon_threadsafe(self._host.say, token, line)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


async def serve(connection: socket.socket) -> None:
    """Run triggers until the worker closes the socket."""
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    host = Host(writer)
    logging.basicConfig(level=logging.INFO, handlers=[_Log(host)])
    Watch(host, asyncio.get_running_loop(), sys.stderr).start()
    sys.stdout = _Printed(host)
    beating = asyncio.create_task(host.keep_beating())
    frames = FrameReader()
    try:
        with asking(_Store(host)):
            await _read(reader, frames, host)
    except (ConnectionError, msgspec.MsgspecError):
        pass
    beating.cancel()


async def _read(reader: asyncio.StreamReader, frames: FrameReader, host: Host) -> None:
    while data := await reader.read(1 << 16):
        for body in frames.feed(data):
            host.take(to_child_decoder.decode(body))


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[2]):
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.setblocking(False)
    os.set_inheritable(connection.fileno(), False)
    asyncio.run(serve(connection))


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)  # threads of triggers would keep the process alive
