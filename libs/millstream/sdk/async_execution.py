"""What a process does for an attempt of an async task: the steps of :func:`run_attempt`, with the
work in the middle as a coroutine.

What comes before and after may take long (templates, large XComs, hooks), so the caller runs it in
a thread. All steps run in one ``contextvars`` context.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millstream.sdk.attempts import Attempt, Outcome
from millstream.sdk.codecs.scope import keep_own_scope
from millstream.sdk.context import Context, build_context, enter
from millstream.sdk.errors import AirflowTaskTerminated, AirflowTaskTimeout
from millstream.sdk.execution import (
    ended_with,
    go_on,
    hand_on,
    introduce_task,
    is_plain_start,
    make_ready,
    places,
    succeeded,
    wind_up,
)
from millstream.sdk.pulling import TaskChannel

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG


class TimedOut(AirflowTaskTimeout, asyncio.CancelledError):
    """Raised in the coroutine at the end of ``execution_timeout``: it is cancelled, and this is
    why."""


class Terminated(AirflowTaskTerminated, asyncio.CancelledError):
    """Raised in the coroutine when the task is stopped from outside."""


# The names that a log and a retry policy show.
TimedOut.__name__ = AirflowTaskTimeout.__name__
Terminated.__name__ = AirflowTaskTerminated.__name__


class AsyncAttempt:
    """One attempt: :meth:`prepare`, :meth:`work` and :meth:`finish`, in this order. None of them
    raises what the task raises."""

    def __init__(self, attempt: Attempt, channel: TaskChannel) -> None:
        self._attempt = attempt
        self._channel = channel
        self._context: Context = {}
        self._error: BaseException | None = None
        self._result: Any = None

    def fail(self, error: BaseException) -> None:
        """It ends with this error, whatever it does."""
        self._error = error

    @property
    def can_work(self) -> bool:
        return self._error is None

    def prepare(self, find_dag: Callable[[], DAG | None]) -> None:
        """The context, the arguments, the templates and the hooks."""
        try:
            dag = find_dag()
            context = self._context = build_context(self._attempt, dag, self._channel)
            keep_own_scope(*places(dag))
            introduce_task(self._attempt, dag, context, self._channel)
            enter(context)
            make_ready(dag, context)
        except BaseException as error:
            self._error = error

    async def work(self) -> None:
        """The task's own coroutine."""
        task = self._context["task"]
        try:
            if is_plain_start(task, self._attempt):
                self._result = await task.aexecute(self._context)
                return
            result = go_on(task, self._attempt, self._context)
            self._result = await result if inspect.isawaitable(result) else result
        except BaseException as error:
            self._error = error

    def finish(self) -> Outcome:
        """The hooks, the XComs, and how it ended."""
        try:
            if self._error is None:
                wind_up(self._result, self._context)
                hand_on(self._result, self._attempt, self._context)
        except BaseException as error:
            self._error = error
        if self._error is not None:
            return ended_with(self._error, self._attempt, self._context)
        return succeeded(self._context)

    def on_kill(self) -> None:
        """Calls the task's ``on_kill``. What that raises is printed."""
        task = self._context.get("task")
        if task is None:
            return
        try:
            task.on_kill()
        except Exception:
            traceback.print_exc()
