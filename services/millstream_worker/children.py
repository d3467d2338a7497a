"""Warm child processes: started once, used for many attempts, killed with their process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import structlog

from millstream.core.errors import MillstreamError
from millstream.sdk.masking import Masker
from millstream_worker.adopted import end_adopted
from millstream_worker.blob_files import remove_files_of
from millstream_worker.deaths import OomCounters, how_it_ended
from millstream_worker.frames import (
    Asked,
    Done,
    Ended,
    Fired,
    FrameReader,
    FromChild,
    Imported,
    Mask,
    Printed,
    Question,
    Run,
    Said,
    Stop,
    ToChild,
    Told,
    encode_frame,
    from_child_decoder,
)
from millstream_worker.guarding import Guarding
from millstream_worker.sessions import (
    MARK,
    adopt_orphans,
    adopts_orphans,
    kill_marked,
    kill_session,
    kill_tree,
)
from millstream_worker.turn_output import TurnOutput
from millstream_worker.turns import Answers, HasLine, Line, OnOutput, Recalled, Turn, TurnQueue
from millstream_worker.uv import NOT_HANDED_ON

log = structlog.get_logger(__name__)

# What a task must not see: credentials, and the addresses they are for.
SECRET_SETTINGS = (
    "NATS_URL",
    "DATABASE_URL",
    "BLOB_URL",
    "BLOB_OPTIONS",
    "CONFIG",
    "READY_FD",
    "PARENT_PID",
    "SECRET_KEY",
    "SECRET_KEY_FILE",
)

READ_BYTES = 65536
MOST_READS = 256
# How long an attempt's end waits for what the task left behind, and how long that is hunted.
CLEAN_S = 0.5
AT_LAST_S = 30.0
# So long a process may take to end after its socket was closed.
LOST_S = 0.5

# The children of this process that live: whatever else comes to it was started by a task.
_running: set[int] = set()


class ChildDied(MillstreamError):
    """The child ended before its attempt did; the text says how."""

    reason = "CHILD_DIED"


class _Link(asyncio.Protocol):
    """The worker's end of the socket pair."""

    def __init__(
        self, on_message: Callable[[FromChild], None], on_lost: Callable[[], None]
    ) -> None:
        self._reader = FrameReader()
        self._on_message = on_message
        self._on_lost = on_lost
        self.transport: asyncio.WriteTransport | None = None
        self.is_closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        for body in self._reader.feed(data):
            self._on_message(from_child_decoder.decode(body))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closed.set()
        self._on_lost()


def of_interpreter(python: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables for the processes of a virtual environment: its commands are found
    first, and nothing that is meant for another Python."""
    found = {name: text for name, text in environment.items() if name not in NOT_HANDED_ON}
    commands = os.path.dirname(python)
    found["VIRTUAL_ENV"] = os.path.dirname(commands)
    found["PATH"] = os.pathsep.join(filter(None, [commands, found.get("PATH", os.defpath)]))
    return found


class Child(HasLine):
    """One child process. ``bundle`` is the bundle it has imported; None as long as it is free for
    any. ``python`` is the interpreter that it runs; "": the worker's own."""

    MODULE = "millstream_worker.child"
    # Open files that the process gets besides its socket.
    _handed_on: tuple[int, ...] = ()

    def __init__(
        self, scratch: Path, environment: Mapping[str, str | None], python: str = ""
    ) -> None:
        self._scratch = scratch
        self._environment = environment
        self.python = python
        self.bundle: str | None = None
        # For one attempt alone: it is ended after that.
        self.is_fresh = False
        self.ending = ""
        self.masker = Masker()
        self._process: subprocess.Popen[bytes] | None = None
        # How many attempts it has run, and what it held after the last one (bytes; 0: unknown).
        self.count = self.memory = 0
        # Why it can be used for no other attempt.
        self.spent = ""
        self.oom: OomCounters | None = None
        self._link: _Link | None = None
        self._queue: TurnQueue | None = None
        self._line = Line(self._take_back)
        self._output = TurnOutput()
        self._pipes: dict[str, int] = {}
        self._watch: asyncio.Task[None] | None = None
        self._is_killed = self._is_over = False
        self._lost = ""
        self._killed: set[int] = set()
        self._asking: set[asyncio.Future[None]] = set()
        self._has_imported = asyncio.Event()
        # Told of the process, so that it ends also when this one cannot see to it.
        self.guarding: Guarding | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it can be given an attempt."""
        return self._is_running and not self._is_killed and not self.spent

    @property
    def _is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start the process; it is usable at once, what it has to import it imports meanwhile."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        if self.MOST_BEHIND:
            self._queue = TurnQueue()
        queue = [] if self._queue is None else [self._queue.theirs.fileno()]
        hidden = dict.fromkeys(f"MILLSTREAM_{secret}" for secret in SECRET_SETTINGS)
        told = {**os.environ, **hidden, **self._environment}
        environment = {name: value for name, value in told.items() if value is not None}
        environment["PYTHONUNBUFFERED"] = "1"
        if self.python:  # which has all that it needs, and no other's packages
            environment = of_interpreter(self.python, environment)
        elif "PYTHONPATH" in environment:  # the child runs in another directory
            parts = environment["PYTHONPATH"].split(os.pathsep)
            environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, parts))
        write_ends = {name: self._open_pipe(name) for name in ("stdout", "stderr")}
        # Not through asyncio, which keeps to itself how much memory the process had held.
        self._process = subprocess.Popen(  # noqa: ASYNC220 - nor does it start it elsewhere
            [
                self.python or sys.executable,
                "-m",
                self.MODULE,
                str(theirs.fileno()),
                str(os.getpid()),
                str(self._scratch),
                *map(str, queue),
                self._output.mark,
            ],
            stdin=subprocess.DEVNULL,
            stdout=write_ends["stdout"],
            stderr=write_ends["stderr"],
            pass_fds=(theirs.fileno(), *queue, *self._handed_on),
            start_new_session=True,
            cwd=tempfile.gettempdir(),
            env=environment,
        )
        _running.add(self._process.pid)
        if self.guarding is not None:
            self.guarding.began(self._process.pid)
        theirs.close()
        for end in write_ends.values():
            os.close(end)
        link = _Link(self._on_message, self._on_lost)
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
        self._link = link
        self._watch = asyncio.create_task(self._wait(self._process))

    def give(self, run: Run, answer: Answers, on_output: OnOutput) -> Turn:
        """Put an attempt into the line. Raises :class:`ChildDied`, and :class:`Recalled` for one
        that cannot wait behind others."""
        link = self._link.transport if self._link is not None else None
        if not self.is_alive or link is None or self._queue is None:
            raise ChildDied("the task's process ended before the task began")
        is_behind = bool(self._line)
        try:
            if not self._queue.put(run, is_behind):
                link.write(encode_frame(run))
        except BlockingIOError:
            raise Recalled from None
        except OSError:
            raise ChildDied("the task's process ended before the task began") from None
        self._output.expect(on_output, is_behind)
        turn = Turn(self, answer)
        self._line.add(turn)
        return turn

    def _take_back(self, most: int) -> int:
        count = self._queue.take_back(most) if self._queue is not None else 0
        self._output.recall(count)
        return count

    async def imported(self) -> None:
        """Until it begins an attempt at once; or will begin none."""
        await self._has_imported.wait()

    def kill(self) -> None:
        """End the process and all that it started, now."""
        self._is_killed = True
        if self._is_running:
            self._killed |= kill_tree(self.pid)
            self._killed |= kill_session(self.pid)

    def stop(
        self, grace_s: float, why: str = "the task was stopped", *, is_timeout: bool = False
    ) -> None:
        """Let the process end what it does (SIGTERM to its group), and kill it after that time. It
        is used for nothing else. The task sees ``why``; ``is_timeout``: its time is
        over."""
        if not self._is_running:
            return
        self.spent = self.spent or why
        try:
            stop = msgspec.json.encode(Stop(why, is_timeout))
            (self._scratch / f"{self.pid}-stop").write_bytes(stop)
        except OSError as error:  # a full disk: it is stopped all the same
            log.warning("stop_not_explained", error=str(error))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        asyncio.get_running_loop().call_later(grace_s, self.kill)

    async def ended(self) -> None:
        """Wait for the process after `kill`."""
        if self._watch is not None:
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _wait(self, process: subprocess.Popen[bytes]) -> None:
        await _end_of(process.pid)
        self._is_over = True
        is_clean = await self._end_what_is_left(CLEAN_S)
        if self.guarding is not None:
            self.guarding.ended(process.pid)
        _, status, usage = os.wait4(process.pid, 0)  # noqa: ASYNC222 - it has ended
        _running.discard(process.pid)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        remove_files_of(self._scratch, process.pid)
        await self._hear_out()
        self._drain_output()  # its last words
        for name in list(self._pipes):
            self._close_pipe(name)
        out_of_memory = self.oom.look() if self.oom is not None else ""
        self.ending = how_it_ended(code, usage.ru_maxrss * 1024, out_of_memory)
        if self._lost:
            self.ending = f"{self._lost}, so its process was ended"
        self._line.fail(ChildDied(self.ending))
        if self._queue is not None:
            self._queue.close()
        if self._link is not None and self._link.transport is not None:
            self._link.transport.close()
            await self._link.is_closed.wait()
        if not is_clean and not await self._end_what_is_left(AT_LAST_S):
            log.error("processes_left_behind", of=process.pid)

    async def _hear_out(self) -> None:
        """What it said before it ended, which tells whose end it was."""
        if self._line and self._link is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOST_S):
                    await self._link.is_closed.wait()

    async def _end_what_is_left(self, patience_s: float) -> bool:
        self._killed |= kill_session(self.pid)
        if not adopts_orphans():
            return True
        mark = self._environment.get(MARK) or ""
        return await end_adopted(mark, self.pid, _running.__contains__, self._killed, patience_s)

    def _on_message(self, message: FromChild) -> None:
        match message:
            case Done():
                # It had written all its output before it said so: none of it comes too late.
                self._drain_output()
                if self._line:
                    self._end_first(message)
            case Mask(values=values):
                self.masker.add(values)
                self.write(Told())
            case Imported():
                self._has_imported.set()
            case Fired() | Said() | Asked() | Printed() | Ended():
                pass  # the words of another kind of process
            case _:
                asking = asyncio.ensure_future(self._ask(message))
                self._asking.add(asking)
                asking.add_done_callback(self._asking.discard)

    def _end_first(self, done: Done) -> None:
        self.count += 1
        self.memory = done.memory
        self.spent = self.spent or done.spent
        self._line.end_first(done)
        if not self._line:
            self._output.end()

    async def _ask(self, question: Question) -> None:
        turn = self._line.first
        if turn is not None:
            self.write(await turn.answer(question))

    def write(self, message: ToChild) -> None:
        """Say something to the process, if it still listens."""
        if not self._is_running or self._is_killed:
            return
        if self._link is not None and self._link.transport is not None:
            self._link.transport.write(encode_frame(message))

    def _on_lost(self) -> None:
        self._has_imported.set()
        # The process may live on with its end closed: it is of no use any more.
        if self._is_running:
            asyncio.get_running_loop().call_later(LOST_S, self._end_lost)

    def _end_lost(self) -> None:
        # One that is over closed it by that, and what it left behind may still be being ended.
        if self._is_running and not self._is_over and not self._is_killed:
            self._lost = "the task closed the connection of its process to the worker"
            self.kill()

    def _open_pipe(self, name: str) -> int:
        """A pipe for the child's output; returns its end of it."""
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read_end, False)
        self._pipes[name] = read_end
        asyncio.get_running_loop().add_reader(read_end, self._read_output, name)
        return write_end

    def _close_pipe(self, name: str) -> None:
        read_end = self._pipes.pop(name)
        asyncio.get_running_loop().remove_reader(read_end)
        os.close(read_end)

    def _read_output(self, name: str) -> bool:
        """Pass on what is there; False if there is nothing more for now."""
        try:
            data = os.read(self._pipes[name], READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._close_pipe(name)
            return False
        self._hand_on(name, data)
        return True

    def _hand_on(self, name: str, data: bytes) -> None:
        self._output.feed(name, data)

    def _drain_output(self) -> None:
        for name in list(self._pipes):
            for _ in range(MOST_READS):  # a thread that the task left behind may write for ever
                if not self._read_output(name):
                    break


async def _end_of(pid: int) -> None:
    """Wait until a child is over; it is not reaped, so that its number stays its own."""
    loop = asyncio.get_running_loop()
    handle = os.pidfd_open(pid)
    over = loop.create_future()
    loop.add_reader(handle, lambda: None if over.done() else over.set_result(None))
    try:
        await over
    finally:
        loop.remove_reader(handle)
        os.close(handle)


class Children:
    """The children of a worker: at most ``slots`` at work, and some idle ones kept for their
    bundles and interpreters. One that has run ``max_tasks`` attempts, or holds more than
    ``max_memory`` bytes, is used no more (0: never)."""

    def __init__(
        self,
        slots: int,
        scratch: Path,
        environment: Mapping[str, str | None],
        max_tasks: int = 0,
        max_memory: int = 0,
    ) -> None:
        self.scratch = scratch
        self.environment = environment
        self.guarding: Guarding | None = None
        # No more than can begin at the same moment: the others start when they are needed.
        self._most_spare = min(slots, len(os.sched_getaffinity(0)))
        self._max_tasks = max_tasks
        self._max_memory = max_memory
        self._oom = OomCounters()
        self._most = max(slots * 2, slots + 2)
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._refilling: asyncio.Task[None] | None = None
        self._is_closed = False

    def take_over(self) -> int:
        """What tasks leave behind comes to this process from now on, and what an earlier life of
        the worker left is ended, since nobody waits for it. Returns how much that was."""
        adopt_orphans()
        mark = self.environment.get(MARK)
        return kill_marked(mark) if mark else 0

    async def warm(self) -> None:
        """Start children that are free for any bundle."""
        for _ in range(self._most_spare):
            await self._start_one_spare()

    async def imported(self, timeout_s: float) -> None:
        """Until the free ones begin an attempt at once, but no longer than that."""
        waiting = [asyncio.ensure_future(child.imported()) for child in self._idle]
        if waiting:
            await asyncio.wait(waiting, timeout=timeout_s)
        for each in waiting:
            each.cancel()

    async def acquire(self, bundle: str, python: str = "", fresh: bool = False) -> Child:
        """A child for a bundle ("": none needed) under an interpreter ("": the worker's own): one
        that has it, a free one, or a new one. A ``fresh`` one has run nothing before, and will run
        nothing after."""
        self._idle = [child for child in self._idle if child.is_alive]
        child = None
        if not fresh:
            child = next(
                (c for c in reversed(self._idle) if c.bundle == bundle and c.python == python), None
            )
        if child is None:
            child = next((c for c in self._idle if c.bundle is None and c.python == python), None)
        if child is not None:
            self._idle.remove(child)
        else:
            if len(self._idle) + len(self._busy) >= self._most and self._idle:
                self._idle.pop(0).kill()
            child = await self._start(python)
        child.bundle = bundle
        child.is_fresh = fresh
        self._busy.add(child)
        if fresh and not python:
            self._refill()
        return child

    def behind_others(self, bundle: str, python: str = "") -> Child | None:
        """A child at work that has the bundle and the interpreter, and room for one more in its
        line."""
        found: Child | None = None
        for child in self._busy:
            is_like = child.bundle == bundle and child.python == python and not child.is_fresh
            room = child.room_behind if is_like and not self._is_worn(child, child.in_line) else 0
            if room and (found is None or room > found.room_behind):
                found = child
        return found

    @property
    def most_behind(self) -> int:
        """How many may wait in the lines of those at work."""
        return sum(child.MOST_BEHIND for child in self._busy if not child.is_fresh)

    def release(self, child: Child) -> None:
        """Give a child back; a dead one is forgotten."""
        if child.in_line and child.is_alive:
            if self._is_worn(child):
                child.recall()
            return  # it is at another one
        self._busy.discard(child)
        if child in self._idle:
            return
        if child.is_alive and not child.is_fresh and not self._is_worn(child):
            self._idle.append(child)
            return
        if not child.is_fresh and not child.python:
            self._refill()
        child.kill()  # one that was stopped may be about to end, or not

    def _is_worn(self, child: Child, more: int = 0) -> bool:
        """Or will be, when it has run so many more?"""
        return (self._max_tasks > 0 and child.count + more >= self._max_tasks) or (
            self._max_memory > 0 and child.memory > self._max_memory
        )

    async def close(self) -> None:
        """Kill all of them and wait."""
        self._is_closed = True
        if self._refilling is not None:
            await asyncio.gather(self._refilling, return_exceptions=True)
        everyone = [*self._idle, *self._busy]
        for child in everyone:
            child.kill()
        await asyncio.gather(*(child.ended() for child in everyone))

    async def _start(self, python: str) -> Child:
        child = Child(self.scratch, self.environment, python)
        child.guarding = self.guarding
        child.oom = self._oom
        await child.start()
        return child

    def _refill(self) -> None:
        """The next attempt that wants a fresh child finds one that has started already."""
        if self._refilling is None or self._refilling.done():
            self._refilling = asyncio.ensure_future(self._start_spare())

    async def _start_spare(self) -> None:
        spare = sum(child.bundle is None and child.is_alive for child in self._idle)
        while not self._is_closed and spare < self._most_spare:
            if len(self._idle) + len(self._busy) >= self._most:
                return
            try:
                await self._start_one_spare()
            except OSError as error:
                log.warning("child_not_started", error=str(error))
                return
            spare += 1

    async def _start_one_spare(self) -> None:
        child = await self._start("")
        if self._is_closed:
            child.kill()
        self._idle.append(child)
