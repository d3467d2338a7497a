"""The processes of tasks and triggers, without processes: what runs in them the script says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from millstream.sdk.attempts import Outcome
from millstream.sdk.masking import Masker
from millstream_worker.children import ChildDied
from millstream_worker.frames import (
    Answered,
    Asked,
    CancelTrigger,
    Done,
    Ended,
    Fired,
    Run,
    RunTask,
    RunTrigger,
    StopTask,
    ToChild,
)
from millstream_worker.hosts import HostProcess
from millstream_worker.turns import HasLine, Line, Turn
from simulation.clock import wall
from simulation.loop import PROCESS
from simulation.script import Execution, Script, where_of

DIED = "the task's process ended with exit code 1"


class SimulatedChild(HasLine):
    """Stands for ``Child``: the same methods, and no process. What the process says takes a moment,
    in which it may be at the next attempt already."""

    script: Script
    started = 0

    def __init__(self, scratch: Path, environment: Mapping[str, str], python: str = "") -> None:
        SimulatedChild.started += 1
        self.python = python
        self.bundle: str | None = None
        self.is_fresh = False
        self.ending = ""
        self.count = self.memory = 0
        self.masker = Masker()
        self.pid = SimulatedChild.started
        self._is_killed = False
        self._line = Line(self._take_back)
        self._queue: deque[tuple[Run, Any, Any]] = deque()
        self._death: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._working: asyncio.Task[None] | None = None
        self._last_word = 0.0

    @property
    def is_alive(self) -> bool:
        return not self._is_killed

    async def start(self) -> None:
        await asyncio.sleep(0.02)

    async def imported(self) -> None:
        pass

    def give(self, run: Run, answer: Any, on_output: Any) -> Turn:
        if self._is_killed:
            raise ChildDied("the task's process ended before the task began")
        turn = Turn(self, answer)  # type: ignore[arg-type]
        self._queue.append((run, answer, on_output))
        self._line.add(turn)
        if self._working is None:
            self._working = asyncio.ensure_future(self._work_off())
        return turn

    def _take_back(self, most: int) -> int:
        count = 0
        while self._queue and count < most:
            self._queue.pop()
            count += 1
        return count

    async def _work_off(self) -> None:
        while self._queue and not self._is_killed:
            done = await self._work(*self._queue.popleft())
            if done is not None:
                self._say(self._line.end_first, done)
        self._working = None

    def _say(self, word: Callable[..., None], *about: Any) -> None:
        """In the order in which it is said."""
        loop = asyncio.get_running_loop()
        pause = Random(f"{self.script.seed}/child/{self.pid}/{loop.time()}").choice([0, 0, 0.001])
        self._last_word = max(self._last_word, loop.time() + pause)
        loop.call_at(self._last_word, word, *about)

    async def _work(self, run: Run, answer: Any, on_output: Any) -> Done | None:
        script, attempt = self.script, run.attempt
        self.count += 1
        execution = begin(script, run)
        started_at = wall()

        async def ask(question: Any) -> Any:
            told = await answer(question)
            # A task's process says what must not be read before it goes on.
            value = getattr(told, "value", None)
            if value and value == script.planted:
                self.masker.add([value])
            return told

        def say(text: bytes) -> None:
            on_output("stdout", text)

        work = asyncio.ensure_future(script.work(attempt, ask, say, lambda: self.end(DIED)))
        try:
            both: list[asyncio.Future[Any]] = [work, self._death]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._death.done():
                execution.outcome = "died"
                return None
            outcome = work.result()
            execution.outcome = outcome.kind
            return Done(outcome, started_at, max(wall(), started_at))
        finally:
            work.cancel()
            execution.ended_s = asyncio.get_running_loop().time()

    def end(self, how: str) -> None:
        self._is_killed = True
        if not self._death.done():
            self._death.set_result(how)
            self._say(lambda: self._line.fail(ChildDied(how)))

    def kill(self) -> None:
        self.end("the task's process was killed by SIGKILL")

    def stop(self, grace_s: float, *reason: Any, **more: Any) -> None:
        self._is_killed = True
        if not self._death.done():
            delay_s = Random(self.pid).choice([0.01, 0.5, grace_s])
            asyncio.get_running_loop().call_later(delay_s, self.kill)

    async def ended(self) -> None:
        pass


class SimulatedHost(HostProcess):
    """The host of triggers and async tasks; what the worker makes of it is production's."""

    script: Script

    async def start(self) -> None:
        await asyncio.sleep(0.03)
        SimulatedChild.started += 1
        self._number = SimulatedChild.started
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._works: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._asks = 0
        self._culprit = ""

    @property
    def is_alive(self) -> bool:
        return not self._over.done()

    @property
    def pid(self) -> int:
        return self._number

    def culprit(self) -> str:
        return self._culprit

    async def ended(self) -> None:
        await self._over

    def kill(self) -> None:
        self._die("", "killed")

    def write(self, message: ToChild) -> None:
        if not self.is_alive:
            return
        match message:
            case RunTrigger(token=token):
                self._spawn(token, self._run_trigger(message))
            case RunTask(token=token):
                self._spawn(token, self._work(message))
            case CancelTrigger(token=token) | StopTask(token=token):
                work = self._works.get(token)
                if work is not None:
                    work.cancel()
            case Answered(number=number, answer=answer):
                waiting = self._waiting.pop(number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)

    def _spawn(self, token: str, work: Any) -> None:
        task = self._works[token] = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._works.pop(token, None))

    def _die(self, culprit: str, how: str) -> None:
        if not self.is_alive:
            return
        self._culprit, self.ending = culprit, how
        for work in list(self._works.values()):
            work.cancel()
        self._over.set_result(None)

    def _tell_worker(self, message: Any) -> None:
        if self.is_alive:
            self._on_message(message)

    async def _run_trigger(self, run: RunTrigger) -> None:
        firing = None
        try:
            random = Random(f"{self.script.seed}/host/{run.token}")
            if random.random() < 0.03 and not self.script.is_calm:
                self._die(run.token, "the trigger ended the process")
                return
            firing = await self.script.watch(run.where)
        finally:
            self._tell_worker(Fired(run.token, firing))

    async def _work(self, run: RunTask) -> None:
        execution = begin(self.script, run.run)
        started_at = wall()

        async def ask(question: Any) -> Any:
            self._asks += 1
            waiting = self._waiting[self._asks] = asyncio.get_running_loop().create_future()
            self._tell_worker(Asked(self._asks, run.token, question))
            return await waiting

        outcome = Outcome(kind="failed", error_type="CancelledError", message="stopped")
        try:
            outcome = await self.script.work(
                run.run.attempt, ask, lambda text: None, lambda: self._die(run.token, DIED)
            )
        finally:
            execution.outcome = outcome.kind
            execution.ended_s = asyncio.get_running_loop().time()
            self._tell_worker(Ended(run.token, Done(outcome, started_at, max(wall(), started_at))))


def begin(script: Script, run: Run) -> Execution:
    """Note that user code runs."""
    process = PROCESS.get()
    assert process is not None
    now = asyncio.get_running_loop().time()
    execution = Execution(where_of(run.attempt), process, now, script.position())
    script.executions.append(execution)
    return execution
