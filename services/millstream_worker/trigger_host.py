"""The process that runs the triggers and the async tasks of one bundle: an event loop, and a thread
that watches whether somebody blocks it.

Like a task's process it holds no credentials and no connection but the socket to its worker.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import faulthandler
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from millstream.core.errors import MillstreamError
from millstream.sdk.attempts import Firing
from millstream.sdk.masking import masker
from millstream.sdk.stores import asking
from millstream.sdk.triggers.running import KILLED, run_trigger
from millstream_worker.frames import (
    AskStates,
    CancelTrigger,
    Find,
    Fired,
    Mask,
    Question,
    RunTask,
    RunTrigger,
    Said,
    StopTask,
    ToChild,
    Told,
)
from millstream_worker.host_dags import HostDags
from millstream_worker.host_link import HostLink
from millstream_worker.host_output import HostOutput, HostStream
from millstream_worker.host_tasks import HostTasks
from millstream_worker.log_records import log_to_worker
from millstream_worker.stepping import (
    BLOCKED_EXIT,
    MARK_SETTING,
    MOST_BLOCKED_S,
    Mark,
    Steps,
    TaskFactory,
    current_token,
)
from millstream_worker.task_line import TaskLine

_PR_SET_PDEATHSIG = 1
BEAT_S = 0.1
BLOCKED_S = 1.0
# The scheduler's own timer ends a wait; this is for the case that its word did not get here.
GRACE_S = 5.0
LONGEST_LINE = 16 * 1024
# Of asyncio.to_thread and of run_in_executor, for all tasks and triggers together.
THREADS = 64


class _Line:
    """One trigger's line to the worker."""

    def __init__(self, link: HostLink, token: str) -> None:
        self._link = link
        self._token = token

    async def find_states(self, question: bytes) -> bytes:
        answer = await self._link.ask_soon(self._token, AskStates(question))
        assert isinstance(answer, Told)
        return (answer.value or "").encode()


class _TriggerStore(TaskLine):
    """Variables and connections for triggers. Those who ask wait, so they ask in a thread."""

    def __init__(self, link: HostLink, scratch: Path) -> None:
        super().__init__(scratch)
        self._link = link

    def ask(self, question: Question) -> Any:
        if not isinstance(question, Find):
            raise MillstreamError("a trigger cannot set or delete variables; its task can")
        if threading.current_thread() is threading.main_thread():
            raise MillstreamError(
                f"{question.what} {question.name!r}: asking for it would block all triggers; ask "
                f"in a thread: await asyncio.to_thread(...)"
            )
        return self._link.ask(current_token.get(), question)


class _Store:
    """The store of whoever asks."""

    def __init__(self, tasks: HostTasks, triggers: _TriggerStore) -> None:
        self._tasks = tasks
        self._triggers = triggers

    def find_variable(self, key: str) -> str | None:
        return self._line().find_variable(key)

    def find_connection(self, conn_id: str) -> str | None:
        return self._line().find_connection(conn_id)

    def set_variable(self, key: str, value: str, description: str) -> None:
        self._line().set_variable(key, value, description)

    def delete_variable(self, key: str) -> bool:
        return self._line().delete_variable(key)

    def _line(self) -> TaskLine:
        token = current_token.get()
        if not token:
            raise MillstreamError(
                "variables and connections cannot be asked for in a thread of its own, since async "
                "tasks share a process; use asyncio.to_thread, or ask before"
            )
        return self._tasks.line(token) or self._triggers


class Host:
    """The triggers that run, by the token of their claim."""

    def __init__(self, link: HostLink, factory: TaskFactory, mark: Mark, dags: HostDags) -> None:
        self._link = link
        self._factory = factory
        self._mark = mark
        self._running: dict[str, asyncio.Task[None]] = {}
        self._abouts: dict[str, str] = {}
        self._dags = dags
        self._modules: dict[str, str] = {}
        self._loading = asyncio.Lock()
        self.beat = time.monotonic()

    def __contains__(self, token: str) -> bool:
        return token in self._running

    def take(self, message: RunTrigger | CancelTrigger) -> None:
        """What the worker says."""
        token = message.token
        if isinstance(message, CancelTrigger):
            running = self._running.get(token)
            if running is not None:
                running.cancel(KILLED if message.is_killed else None)
            return
        self._abouts[token] = _about(message)
        context = contextvars.copy_context()
        context.run(current_token.set, token)
        self._factory.steps[token] = Steps(token, self._mark)
        self._running[token] = asyncio.get_running_loop().create_task(
            self._run(message), name=token, context=context
        )

    def say(self, token: str, text: str) -> None:
        """A line for the log of the trigger's task."""
        for line in masker.mask(text).split("\n"):
            self._link.send(Said(token, line[:LONGEST_LINE]))

    def about(self, token: str) -> str:
        return self._abouts.get(token, "")

    async def keep_beating(self) -> None:
        while True:
            self.beat = time.monotonic()
            await asyncio.sleep(BEAT_S)

    async def _run(self, run: RunTrigger) -> None:
        firing: Firing | None = None
        try:
            left_s = None
            if run.timeout_at is not None:
                left_s = (run.timeout_at - datetime.now(UTC)).total_seconds() + GRACE_S
            async with asyncio.timeout(left_s):
                module = await self._module(run)
                firing = await run_trigger(
                    run.trigger, run.where.task_id, module, _Line(self._link, run.token)
                )
        except TimeoutError:
            pass  # the task goes on without it
        except MillstreamError as error:
            firing = Firing(cause="error", message=str(error))
        finally:
            self._running.pop(run.token, None)
            self._abouts.pop(run.token, None)
            self._factory.steps.pop(run.token, None)
            self._link.send(Fired(run.token, firing))

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
                self._modules[path] = await asyncio.to_thread(
                    self._dags.module, run.bundle_dir, run.file
                )
        return self._modules[path]


def _about(run: RunTrigger) -> str:
    where = run.where
    index = "".join(f"[{number}]" for number in where.map_index)
    return (
        f"trigger {run.trigger.classpath.lstrip(':')} of task {where.task_id}{index} "
        f"(DAG {where.dag_id}, run {where.run_id})"
    )


class Watch(threading.Thread):
    """Says who holds up all others, while it does, and ends the process if it goes on."""

    def __init__(
        self,
        host: Host,
        mark: Mark,
        about: Callable[[str], str],
        say: Callable[[str, str], None],
        out: IO[str],
    ) -> None:
        super().__init__(daemon=True)
        self._host = host
        self._mark = mark
        self._about = about
        self._say = say
        self._out = out
        self._main = threading.get_ident()
        self._said_at = 0.0

    def run(self) -> None:
        while True:
            time.sleep(BLOCKED_S / 4)
            beat = self._host.beat
            blocked_s = time.monotonic() - beat
            if blocked_s > BLOCKED_S and beat != self._said_at:
                self._said_at = beat
                self._tell()
            if blocked_s > MOST_BLOCKED_S:
                self._end()

    def _tell(self) -> None:
        token = self._mark.read()
        text = (
            f"{self._about(token) or 'something'} blocks the event loop of all triggers and async "
            f"tasks for more than {BLOCKED_S:g} s, at {self._place()}: await what takes time, or "
            f"use asyncio.to_thread"
        )
        self._out.write(text + "\n")
        self._out.flush()
        if token:
            self._say(token, text)

    def _end(self) -> None:
        token = self._mark.read()
        if not token:
            return
        text = f"the process ends, since it was blocked for {MOST_BLOCKED_S:g} s, at "
        self._say(token, text + self._place())
        os._exit(BLOCKED_EXIT)

    def _place(self) -> str:
        frame = sys._current_frames().get(self._main)
        place = "".join(traceback.format_stack(frame)[-1:]).strip() if frame else ""
        return " ".join(place.split())


class _Executor(ThreadPoolExecutor):
    """Threads that keep the context, so that what they print has an owner."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(contextvars.copy_context().run, function, *args, **kwargs)


class _Lines:
    """The lines of triggers: what they print, put together."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._partial: dict[tuple[str, str], str] = {}

    def put(self, token: str, source: str, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        *lines, rest = (self._partial.pop((token, source), "") + text).split("\n")
        if rest:
            self._partial[token, source] = rest
        for line in lines:
            if line:
                self._host.say(token, line)


async def serve(connection: socket.socket, scratch: Path, mark: Mark) -> None:
    """Run triggers and async tasks until the worker closes the socket."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(_Executor(THREADS, "to_thread"))
    factory = TaskFactory()
    loop.set_task_factory(factory)
    closed = asyncio.Event()

    def take(message: ToChild) -> None:
        match message:
            case RunTrigger() | CancelTrigger():
                host.take(message)
            case RunTask():
                tasks.start(message)
            case StopTask():
                tasks.stop(message)

    link = HostLink(connection, take, closed.set)
    output = HostOutput(link, loop)
    dags = HostDags()
    host = Host(link, factory, mark, dags)
    tasks = HostTasks(link, output, factory, mark, dags, scratch)
    lines = _Lines(host)
    own_error = sys.stderr

    def put(token: str, source: str, data: bytes) -> bool:
        if token in tasks:
            output.put(token, source, data)
        elif token in host:
            lines.put(token, source, data)
        else:
            return False
        return True

    def say(token: str, text: str) -> None:
        put(token, "stderr", text.encode() + b"\n")

    masker.tell(lambda values: link.send(Mask(values)))
    sys.stdout = HostStream(sys.stdout, "stdout", put)
    sys.stderr = HostStream(own_error, "stderr", put)
    log_to_worker(sys.stdout.write)
    Watch(host, mark, lambda token: tasks.about(token) or host.about(token), say, own_error).start()
    beating = asyncio.create_task(host.keep_beating())
    with asking(_Store(tasks, _TriggerStore(link, scratch))):
        await closed.wait()
    beating.cancel()


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[2]):
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    connection = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    mark = Mark.inherited(int(os.environ.pop(MARK_SETTING)))
    asyncio.run(serve(connection, Path(sys.argv[3]), mark))


if __name__ == "__main__":
    main()
    os._exit(0)  # threads of tasks and triggers would keep the process alive
