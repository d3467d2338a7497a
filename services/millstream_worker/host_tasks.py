"""The async tasks that run in a host, beside the triggers: from the worker's word to their end."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from millstream.sdk.async_execution import AsyncAttempt, Terminated, TimedOut
from millstream.sdk.attempts import Outcome
from millstream_worker.frames import Answer, Done, Ended, Question, RunTask, StopTask
from millstream_worker.host_dags import HostDags
from millstream_worker.host_link import HostLink
from millstream_worker.host_output import HostOutput
from millstream_worker.stepping import Mark, Steps, TaskFactory, current_token
from millstream_worker.task_line import TaskLine

T = TypeVar("T")

# Arguments, templates, hooks and XComs of so many attempts at a time.
THREADS = 8
# What a task left running has this time to end.
CLEANUP_S = 1.0
ON_KILL_S = 5.0


class HostLine(TaskLine):
    """The line of one attempt to the worker."""

    def __init__(self, link: HostLink, token: str, scratch: Path) -> None:
        super().__init__(scratch)
        self._link = link
        self._token = token

    def ask(self, question: Question) -> Answer:
        return self._link.ask(self._token, question)


@dataclass(slots=True, eq=False)
class _Hosted:
    """An attempt in this process."""

    token: str
    attempt: AsyncAttempt
    line: HostLine
    steps: Steps
    context: contextvars.Context
    about: str
    started_at: datetime
    whole: asyncio.Task[None] | None = None
    work: asyncio.Task[Any] | None = None
    stop: StopTask | None = None
    stopping: set[asyncio.Task[None]] = field(default_factory=set)


class HostTasks:
    """The attempts by the token of their claim."""

    def __init__(
        self,
        link: HostLink,
        output: HostOutput,
        factory: TaskFactory,
        mark: Mark,
        dags: HostDags,
        scratch: Path,
    ) -> None:
        self._link = link
        self._output = output
        self._factory = factory
        self._mark = mark
        self._scratch = scratch
        self._loop = asyncio.get_running_loop()
        self._dags = dags
        self._pool = ThreadPoolExecutor(THREADS, "attempt")
        self._hosted: dict[str, _Hosted] = {}

    def __contains__(self, token: str) -> bool:
        return token in self._hosted

    def line(self, token: str) -> HostLine | None:
        """What the attempt asks by."""
        one = self._hosted.get(token)
        return None if one is None else one.line

    def about(self, token: str) -> str:
        one = self._hosted.get(token)
        return "" if one is None else one.about

    def start(self, run: RunTask) -> None:
        """Run it to its end, and say so."""
        token = run.token
        line = HostLine(self._link, token, self._scratch)
        line.serve(run.run)
        context = contextvars.copy_context()
        context.run(current_token.set, token)
        one = self._hosted[token] = _Hosted(
            token=token,
            attempt=AsyncAttempt(run.run.attempt, line),
            line=line,
            steps=Steps(token, self._mark),
            context=context,
            about=_about(run),
            started_at=datetime.now(UTC),
        )
        self._factory.steps[token] = one.steps
        one.whole = self._loop.create_task(self._run(run, one))

    def stop(self, stop: StopTask) -> None:
        """End it, with ``on_kill`` and a cancellation that says why."""
        one = self._hosted.get(stop.token)
        if one is None or (one.stop is not None and stop.grace_s > 0):
            return
        one.stop = stop
        task = self._loop.create_task(self._stop(one, stop))
        one.stopping.add(task)

    async def _run(self, run: RunTask, one: _Hosted) -> None:
        try:
            outcome = await self._outcome(run, one)
        except asyncio.CancelledError:  # it is given up, whatever its threads still do
            outcome = _given_up(one)
        except Exception as error:  # of ours; without a word the worker would wait for ever
            traceback.print_exc()
            outcome = Outcome(kind="failed", error_type=type(error).__name__, message=str(error))
        finally:
            self._factory.steps.pop(one.token, None)
            del self._hosted[one.token]
        for task in one.stopping:
            task.cancel()
        self._output.flush(one.token)
        self._link.send(Ended(one.token, Done(outcome, one.started_at, datetime.now(UTC))))

    async def _outcome(self, run: RunTask, one: _Hosted) -> Outcome:
        await self._in_thread(one, lambda: one.attempt.prepare(lambda: self._dags.find(run.run)))
        if one.attempt.can_work:
            one.work = asyncio.Task(
                one.steps.run(one.attempt.work(), is_first=True),
                loop=self._loop,
                context=one.context,
                name=one.token,
            )
            one.steps.tasks.add(one.work)
            await asyncio.wait((one.work,))
            one.steps.tasks.discard(one.work)
            await _end_tasks(one.steps)
        if one.steps.is_given_up:
            return _given_up(one)
        return await self._in_thread(one, one.attempt.finish)

    async def _in_thread(self, one: _Hosted, function: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._pool, one.context.run, function)

    # --- the end that somebody else wants

    async def _stop(self, one: _Hosted, stop: StopTask) -> None:
        ends_at = self._loop.time() + stop.grace_s
        if stop.grace_s > 0:
            await self._call_on_kill(one, min(stop.grace_s / 2, ON_KILL_S))
        error = (TimedOut if stop.is_timeout else Terminated)(stop.why)
        if one.work is None:
            one.attempt.fail(error)
        else:
            one.steps.stop_error = error
            one.work.cancel()
        await asyncio.sleep(max(ends_at - self._loop.time(), 0.05))
        one.steps.give_up()
        await asyncio.sleep(0.05)
        if one.whole is not None:
            one.whole.cancel()

    async def _call_on_kill(self, one: _Hosted, timeout_s: float) -> None:
        """In a thread of its own, since the others may all be taken."""
        done = asyncio.Event()
        context = one.context.copy()

        def call() -> None:
            context.run(one.attempt.on_kill)
            self._loop.call_soon_threadsafe(done.set)

        threading.Thread(target=call, name="on_kill", daemon=True).start()
        try:
            async with asyncio.timeout(timeout_s):
                await done.wait()
        except TimeoutError:
            pass


async def _end_tasks(steps: Steps) -> None:
    """What the task started and left running ends with it."""
    if not steps.tasks:
        return
    steps.cancel()
    _, late = await asyncio.wait(list(steps.tasks), timeout=CLEANUP_S)
    if late:
        for task in late:
            task.cancel()
        await asyncio.wait(late, timeout=CLEANUP_S)


def _given_up(one: _Hosted) -> Outcome:
    assert one.stop is not None, "only what is stopped is given up"
    kind = TimedOut if one.stop.is_timeout else Terminated
    return Outcome(kind="failed", error_type=kind.__name__, message=one.stop.why)


def _about(run: RunTask) -> str:
    attempt = run.run.attempt
    index = "".join(f"[{number}]" for number in attempt.map_index)
    return f"task {attempt.task_id}{index} (DAG {attempt.dag_id}, run {attempt.run_id})"
