"""An event loop whose clock jumps, and processes that can be killed and paused inside of it.

A process is a mark in the context of its callbacks: those of a dead one are dropped, those of a
paused one are kept until it goes on. Nothing of it runs after a kill, not even a ``finally``.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

PROCESS: ContextVar[Process | None] = ContextVar("simulated_process", default=None)

MOST_STEPS = 4_000_000


class Life(Enum):
    RUNNING = "running"
    PAUSED = "paused"
    DEAD = "dead"


@dataclass(eq=False)
class Process:
    """``name`` is unique in a simulation. ``wall_offset_s``: how wrong its wall clock is."""

    name: str
    life: Life = Life.RUNNING
    wall_offset_s: float = 0.0
    held: list[asyncio.Handle] = field(default_factory=list)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    on_death: list[Callable[[], None]] = field(default_factory=list)

    def __repr__(self) -> str:
        return self.name


class Stuck(Exception):
    """Nothing is left to do, or there is no end of things to do."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks in the order of their times; between them time does not pass."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        # As tuples, since comparing handles is what takes most of the time otherwise.
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._set = 0
        self.steps = 0
        self.trouble: list[BaseException] = []
        self.set_exception_handler(_note_trouble)

    def time(self) -> float:
        return self._now

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._set += 1
        heapq.heappush(self._timers, (when, self._set, handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def _timer_handle_cancelled(self, handle: Any) -> None:
        pass

    def _run_once(self) -> None:
        ready: deque[Any] = self._ready  # type: ignore[attr-defined]
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not ready:
            if not timers:
                raise Stuck("nothing is left to do")
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(PROCESS)
            if process is not None and process.life is not Life.RUNNING:
                if process.life is Life.PAUSED:
                    process.held.append(handle)
                continue
            self.steps += 1
            handle._run()
        if self.steps > MOST_STEPS:
            raise Stuck(f"{MOST_STEPS} steps at {self._now:.3f} s")

    def create_task(self, coro: Any, **options: Any) -> Any:
        task = super().create_task(coro, **options)
        context = options.get("context")
        process = context.get(PROCESS) if context is not None else PROCESS.get()
        if process is not None:
            process.tasks.append(task)
        return task

    # Nothing outside of the loop wakes it.
    def _process_events(self, event_list: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """At once: threads would run on the real clock."""
        future = self.create_future()
        try:
            result = func(*args)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future


def context_of(process: Process | None) -> Context:
    """A context for what ``process`` does; None: for the world outside."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


def spawn(
    loop: asyncio.AbstractEventLoop, process: Process | None, coroutine: Coroutine[Any, Any, Any]
) -> asyncio.Task[Any]:
    """Run a coroutine as the process."""
    return loop.create_task(coroutine, context=context_of(process))


def kill(process: Process) -> None:
    """As SIGKILL: at once, and without a last word."""
    if process.life is Life.DEAD:
        return
    process.life = Life.DEAD
    process.held.clear()
    for task in process.tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    for callback in process.on_death:
        callback()


def pause(process: Process) -> None:
    """As SIGSTOP."""
    if process.life is Life.RUNNING:
        process.life = Life.PAUSED


def resume(loop: asyncio.AbstractEventLoop, process: Process) -> None:
    """As SIGCONT: what has become due meanwhile is done in its order."""
    if process.life is not Life.PAUSED:
        return
    process.life = Life.RUNNING
    held, process.held = process.held, []
    for handle in held:
        loop._ready.append(handle)  # type: ignore[attr-defined]


def _note_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, SimulatedLoop)
    error = context.get("exception")
    if error is not None:
        loop.trouble.append(error)
