"""The child process: reads attempts from its socket, runs them one after the other, says how they
ended.

It holds no credentials and no connection but the socket to its worker, and dies with it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec

from millstream.core.errors import MillstreamError
from millstream.core.spec import CallbackAction, PythonAction
from millstream.sdk.attempts import Attempt, Outcome
from millstream.sdk.dag import DAG
from millstream.sdk.errors import AirflowTaskTerminated, AirflowTaskTimeout
from millstream.sdk.execution import MAX_MESSAGE_BYTES, bounded_text, run_attempt, stop_task
from millstream.sdk.load import load_dags
from millstream.sdk.masking import masker
from millstream.sdk.stores import asking
from millstream_worker.frames import (
    LENGTH,
    Answer,
    Done,
    Fetched,
    FromChild,
    Imported,
    Mask,
    Pulled,
    Question,
    Run,
    Stop,
    ToChild,
    Told,
    ToldAssets,
    encode_frame,
    to_child_decoder,
)
from millstream_worker.log_records import log_to_worker
from millstream_worker.sessions import adopt_orphans
from millstream_worker.surroundings import Surroundings
from millstream_worker.task_line import TaskLine
from millstream_worker.turn_output import mark_bytes
from millstream_worker.turns import next_turn

_PR_SET_PDEATHSIG = 1
# Above any service's, below what a person may have chosen for something that is worth less.
OOM_SCORE = "500"
# The memory of the process is measured after an attempt that took longer, or after so many.
QUICK_S = 0.05
LOOK_EVERY = 16


class WorkerGone(Exception):
    """The socket to the worker is closed: nobody wants the result."""


class Channel(TaskLine):
    """The sockets to the worker: attempts come through the ``queue``, questions and answers go
    through the other one. ``mark`` goes between the outputs of attempts."""

    def __init__(
        self, connection: socket.socket, queue: socket.socket, scratch: Path, mark: bytes = b""
    ) -> None:
        super().__init__(scratch)
        self._connection = connection
        self._queue = queue
        self._mark = mark
        self._asking = threading.Lock()  # a task may ask from several threads
        self._is_open = False
        self._is_waiting = 0
        self._untold: list[str] = []
        self._pid = os.getpid()

    def send(self, message: FromChild) -> None:
        self._connection.sendall(encode_frame(message))

    def begin(self) -> Run:
        """The next attempt; from now on may be asked. Raises :class:`WorkerGone`."""
        run = self._next()
        self._is_open = True
        self.serve(run)
        if self._untold:  # by a thread that an attempt before left behind
            self.mask([])
        return run

    def _next(self) -> Run:
        try:
            run, is_behind = next_turn(self._queue)
        except EOFError:
            raise WorkerGone from None
        if is_behind:  # from here on it is another one's output
            for stream in (1, 2):
                os.write(stream, self._mark)
        if run is None:
            through_link = self.receive()
            assert isinstance(through_link, Run)
            run = through_link
        return run

    def wait_for_end(self) -> None:
        """Until the worker ends this process."""
        try:
            while True:
                self._read(1)
        except (WorkerGone, OSError):
            pass

    def end(self, done: Done) -> None:
        """The attempt is over: threads that it left behind get no answers any more, which would
        come between the messages about the next one."""
        with self._asking:
            self._is_open = False
        self.serve(None)
        self.send(done)

    def receive(self) -> ToChild:
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return to_child_decoder.decode(self._read(length))

    def mask(self, values: list[str]) -> None:
        """Returns when the worker masks them: what is printed after that comes later."""
        self._untold += values
        if self._is_open and os.getpid() == self._pid:
            self.told(Mask(self._untold))
            self._untold = []

    def ask(self, question: Question) -> Answer:
        """As :class:`TaskLine` says."""
        if self._is_waiting == threading.get_ident():
            raise MillstreamError("the task was stopped while it waited for an answer")
        with self._asking:
            if not self._is_open:
                raise MillstreamError("the attempt that asks is over")
            if os.getpid() != self._pid:
                raise MillstreamError("only the task's own process may ask, not one that it forked")
            self._is_waiting = threading.get_ident()
            self.send(question)
            answer = self.receive()
            self._is_waiting = 0  # not so if the task is stopped meanwhile: the answer is to come
        assert isinstance(answer, Pulled | Fetched | ToldAssets | Told)
        if answer.error:
            raise MillstreamError(answer.error)
        return answer

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._connection.recv(min(size, 1 << 20))
            if not part:
                raise WorkerGone
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class Dags:
    """The DAGs of the one bundle that this child serves, loaded once a file."""

    def __init__(self, on_loaded: Callable[[], None] = lambda: None) -> None:
        self._loaded: dict[tuple[str, str], dict[str, DAG]] = {}
        self._on_loaded = on_loaded

    def find(self, run: Run) -> DAG | None:
        """The DAG of the attempt; None if it needs none. Raises what the DAG file raises."""
        needs_dag = isinstance(run.attempt.action, PythonAction | CallbackAction)
        if not run.file or not needs_dag:
            return None
        dag = self.load(run.bundle_dir, run.file).get(run.attempt.dag_id)
        if dag is None:
            raise MillstreamError(
                f"{run.file} defines no DAG {run.attempt.dag_id!r} in this process"
            )
        return dag

    def load(self, bundle_dir: str, file: str) -> dict[str, DAG]:
        """The DAGs of a file by their ids. Raises what the file raises."""
        key = (bundle_dir, file)
        if key not in self._loaded:
            path = os.path.join(bundle_dir, file)
            self._loaded[key] = {dag.dag_id: dag for dag in load_dags(path, bundle_dir)}
            self._on_loaded()
        return self._loaded[key]


def serve(channel: Channel) -> None:
    """Run attempts until the worker closes the sockets, or this process is of no use any more."""
    masker.tell(channel.mask)
    surroundings = Surroundings()
    dags = Dags(surroundings.take)
    memory = Memory()
    while True:
        try:
            run = channel.begin()
        except (WorkerGone, OSError):
            return
        os.environ.update(run.environment)
        started_at = datetime.now(UTC)
        memory.begin()
        outcome = _run(run.attempt, run, dags, channel)
        ended_at = datetime.now(UTC)
        _flush()
        try:
            spent = surroundings.restore()
        except Exception as error:  # the task broke something that is needed for it
            spent = f"the process could not be put in order: {type(error).__name__}: {error}"
        try:
            held = memory.held((ended_at - started_at).total_seconds())
            channel.end(Done(outcome, started_at, ended_at, spent, held))
        except ConnectionError:
            return
        if spent:
            channel.wait_for_end()
            return


def _run(attempt: Attempt, run: Run, dags: Dags, channel: Channel) -> Outcome:
    try:
        with asking(channel):  # the DAG file may look up variables too
            dag = dags.find(run)
    except MillstreamError as error:
        message = bounded_text(masker.mask(str(error)), MAX_MESSAGE_BYTES)
        return Outcome(kind="failed", error_type=type(error).__name__, message=message)
    # In a context of its own: what a task sets there the next one does not see.
    return copy_context().run(run_attempt, attempt, dag, channel)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the task closed it


def _end_of(scratch: Path) -> BaseException:
    """What a task that is stopped sees."""
    try:
        stop = msgspec.json.decode((scratch / f"{os.getpid()}-stop").read_bytes(), type=Stop)
    except (OSError, msgspec.MsgspecError):
        return AirflowTaskTerminated("the task was stopped")
    if stop.is_timeout:
        return AirflowTaskTimeout(stop.why)
    return AirflowTaskTerminated(f"the task was stopped: {stop.why}")


def _obey_sigterm(scratch: Path) -> None:
    """The worker stops the attempt: the task cleans up, and whatever it does ends with an error
    that it should let pass."""
    mine = os.getpid()

    def on_term(number: int, frame: FrameType | None) -> None:
        if os.getpid() != mine:  # a fork of the task's
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end = _end_of(scratch)
        stop_task()
        raise end

    signal.signal(signal.SIGTERM, on_term)


class Memory:
    """What this process holds. ``begin`` makes the kernel forget the peak of what was before."""

    def __init__(self) -> None:
        self._count = 0
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._peak = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            self._peak = -1

    def begin(self) -> None:
        if self._peak >= 0:
            try:
                os.write(self._peak, b"5")
            except OSError:
                self._peak = -1

    def held(self, lasted_s: float) -> int:
        """In bytes, after an attempt that may have taken some; 0 if nobody has looked."""
        self._count += 1
        if lasted_s < QUICK_S and self._count % LOOK_EVERY:
            return 0
        try:
            return int(os.pread(self._statm, 64, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError, ValueError):
            return 0


def _be_ended_first() -> None:
    """When memory runs out the kernel shall take the task, not the worker."""
    try:
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    except OSError:
        pass


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[2]):
        return
    adopt_orphans()
    _be_ended_first()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _obey_sigterm(Path(sys.argv[3]))
    faulthandler.enable()
    log_to_worker()
    connection, queue = (_inherited(int(fd)) for fd in (sys.argv[1], sys.argv[4]))
    connection.sendall(encode_frame(Imported()))
    serve(Channel(connection, queue, Path(sys.argv[3]), mark_bytes(sys.argv[5])))


def _inherited(fd: int) -> socket.socket:
    """A socket of the worker's, which no process of a task inherits."""
    found = socket.socket(fileno=fd)
    found.setblocking(True)
    os.set_inheritable(fd, False)
    return found


if __name__ == "__main__":
    main()
