"""What the tests of faults of NATS and Postgres share: a load that goes on meanwhile, and access to
the files of a server that nobody starts again for a while."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from integration.running_stack import RunningStack, assert_success, bash, bash_dag, eventually
from integration.verify import Log, verify_log
from millstream.client import Client, RunRef
from millstream.core.errors import Unavailable
from millstream.embedded.pids import ProcessId

T = TypeVar("T")

MOST_OPEN = 2
PATIENCE_S = 60.0


class Load:
    """Small runs, one after the other, for as long as it lasts; a request that nobody answers is
    sent again under the same id."""

    def __init__(self, stack: RunningStack, dag_id: str) -> None:
        self._dag_id = dag_id
        self._client = Client(stack.address, timeout_s=5.0)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep_going, name="load")
        self._problem: BaseException | None = None
        self._ended = 0
        self.runs: list[RunRef] = []

    def start(self) -> None:
        tasks = bash("a", "true"), bash("b", "true"), bash("c", "true", "a", "b")
        self._client.submit_spec(bash_dag(self._dag_id, *tasks))
        self._thread.start()
        self.wait_for_more(1)

    def wait_for_more(self, count: int = 2, timeout_s: float = PATIENCE_S) -> None:
        """Until ``count`` more runs than have begun at this moment have ended well."""
        target = len(self.runs) + count

        def is_so() -> bool:
            return self._problem is not None or self._ended >= target

        eventually(f"{count} more runs have ended", is_so, timeout_s)
        self._raise()

    def stop(self) -> None:
        """Waits for what is under way."""
        self._is_over.set()
        self._thread.join()
        self._client.close()
        self._raise()

    def _raise(self) -> None:
        if self._problem is not None:
            raise AssertionError(f"the load broke: {self._problem!r}") from self._problem

    def _keep_going(self) -> None:
        try:
            while not self._is_over.is_set():
                self._begin_one()
                if len(self.runs) - self._ended >= MOST_OPEN:
                    self._end_one()
            while self._ended < len(self.runs):
                self._end_one()
        except BaseException as error:
            self._problem = error

    def _begin_one(self) -> None:
        request = f"{self._dag_id}-{len(self.runs)}"
        trigger = self._client.trigger
        self.runs.append(patiently(lambda: trigger(self._dag_id, request_id=request)))

    def _end_one(self) -> None:
        run = self.runs[self._ended]
        patiently(lambda: assert_success(self._client, run, PATIENCE_S))
        self._ended += 1


def patiently(ask: Callable[[], T]) -> T:
    """Ask until somebody answers."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def under_load(stack: RunningStack, dag_id: str) -> Iterator[Load]:
    """What happens inside must leave the stack able to go on: then two more runs end, every run
    ended well and once, and the log is right."""
    load = Load(stack, dag_id)
    load.start()
    try:
        yield load
        load.wait_for_more()
    finally:
        load.stop()
    verify_runs(stack, load)


def verify_runs(stack: RunningStack, load: Load) -> Log:
    log = verify_log(stack)
    assert len({run.run_id for run in load.runs}) == len(load.runs)
    for run in load.runs:
        assert log.of_run(run.run_id)[-1]["type"] == "RunSucceeded"
        assert log.count(run.run_id, "TaskSucceeded") == dict.fromkeys("abc", 1)
    created = {row["run_id"] for row in log.rows if row["type"] == "RunCreated"}
    asked = {run.run_id for run in load.runs}
    of_load = {row["run_id"] for row in log.rows if row["dag_id"] == load.runs[0].dag_id}
    assert created & of_load == asked, "one run a request"
    return log


@contextmanager
def ended(stack: RunningStack, name: str, number: int = signal.SIGKILL) -> Iterator[ProcessId]:
    """A process ends by that signal, and nobody starts it again within."""
    supervisor = stack.state.supervisor
    victim = stack.identity(name)
    assert victim.pid, f"{name} does not run"
    supervisor.send(signal.SIGSTOP)
    try:
        victim.send(number)
        eventually(f"{name} has ended", lambda: has_ended(victim))
        yield victim
    finally:
        supervisor.send(signal.SIGCONT)


@contextmanager
def while_down(stack: RunningStack, name: str, number: int = signal.SIGKILL) -> Iterator[None]:
    """The same, and afterwards it is back."""
    with ended(stack, name, number) as victim:
        yield
    stack.wait_restarted(name, victim)


def has_ended(process: ProcessId) -> bool:
    """Dead, though its parent may not have asked how it died."""
    try:
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z" or not process.is_alive()


def copy_of_running(stack: RunningStack, name: str, target: Path) -> None:
    """The files of a server as they are at one moment, as a crash would leave them."""
    victim = stack.kill(name, signal.SIGSTOP)
    try:
        copy_files(stack.data_dir / name, target)
    finally:
        victim.send(signal.SIGCONT)


def copy_files(source: Path, target: Path) -> None:
    """With their owners, in the place of what is there: Postgres looks at that."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def ask_postgres(stack: RunningStack, query: str) -> Any:
    """The first value of the first row."""

    async def ask() -> Any:
        connection = await asyncpg.connect(stack.database_url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(ask())
