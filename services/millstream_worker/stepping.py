"""The coroutines of an event loop that many attempts share, step by step: whose step it is, also
for one who looks from outside, and an end to coroutines that do not want to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar
from typing import Any

# Where the worker looks for the one who was on the loop when this process died.
MARK_SETTING = "MILLSTREAM_HOST_MARK"
MARK_BYTES = 128
# Nobody else gets on: then the process ends, and who blocked it is to blame.
MOST_BLOCKED_S = 60.0
BLOCKED_EXIT = 75

# The attempt, or the trigger, that a coroutine or a thread of the host works for.
current_token: ContextVar[str] = ContextVar("host_token", default="")


class Mark:
    """Some bytes of memory that the worker sees too: the token of the one who is on the loop. They
    outlive the process, so that its death has a culprit. ``fd`` is the file that both have mapped,
    one without a name and on no disk, which could be full."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, MARK_BYTES)

    @classmethod
    def make(cls) -> Mark:
        """New memory; the other process inherits its file."""
        fd = os.memfd_create("millstream-mark")
        try:
            os.ftruncate(fd, MARK_BYTES)
            return cls(fd)
        except OSError:
            os.close(fd)
            raise

    @classmethod
    def inherited(cls, fd: int) -> Mark:
        """The memory of the process that started this one. No task finds the file open."""
        mark = cls(fd)
        os.close(fd)
        mark.fd = -1
        return mark

    def set(self, token: bytes) -> None:
        """``token`` as :func:`as_mark` gives it."""
        self._memory[:] = token

    def clear(self) -> None:
        self._memory[0] = 0

    def read(self) -> str:
        """The token, "" for nobody."""
        return bytes(self._memory).partition(b"\0")[0].decode()

    def close(self) -> None:
        self._memory.close()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def as_mark(token: str) -> bytes:
    return token.encode()[: MARK_BYTES - 1].ljust(MARK_BYTES, b"\0")


class Steps:
    """The steps of the coroutines of one attempt. ``stop_error`` is raised in its first coroutine
    in place of the cancellation that follows, and :meth:`give_up` ends them all."""

    def __init__(self, token: str, mark: Mark) -> None:
        self.token = token
        self.tasks: set[asyncio.Task[Any]] = set()
        self.stop_error: asyncio.CancelledError | None = None
        self.is_given_up = False
        self._mark = mark
        self._mark_bytes = as_mark(token)

    def give_up(self) -> None:
        """None of its coroutines takes another step. Those that wait are told to end."""
        self.is_given_up = True
        self.cancel()

    def cancel(self) -> None:
        for task in list(self.tasks):
            task.cancel()

    async def run(self, coroutine: Coroutine[Any, Any, Any], *, is_first: bool = False) -> Any:
        """``coroutine``, step by step."""
        return await _Stepped(self, coroutine, is_first)

    def begin(self) -> None:
        self._mark.set(self._mark_bytes)

    def end(self) -> None:
        self._mark.clear()


class _Stepped:
    """What ``await`` does with a coroutine, with a word before and after each step."""

    def __init__(self, steps: Steps, coroutine: Coroutine[Any, Any, Any], is_first: bool) -> None:
        self._steps = steps
        self._coroutine = coroutine
        self._is_first = is_first

    def __await__(self) -> Generator[Any, Any, Any]:
        steps, coroutine = self._steps, self._coroutine
        advance, given = coroutine.send, None
        while True:
            steps.begin()
            try:
                waits_for = advance(given)
            except StopIteration as end:
                return end.value
            except (SystemExit, KeyboardInterrupt) as error:
                # It would end the loop, and with it all the others.
                raise RuntimeError(f"a task of its own raised {error!r}") from error
            finally:
                steps.end()
            try:
                given = yield waits_for
                advance = coroutine.send
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                if steps.is_given_up:
                    _close(coroutine)
                    raise
                advance, given = coroutine.throw, self._what_is_raised(error)

    def _what_is_raised(self, error: BaseException) -> Any:
        why = self._steps.stop_error
        if self._is_first and why is not None and isinstance(error, asyncio.CancelledError):
            self._steps.stop_error = None
            return why
        return error


def _close(coroutine: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(BaseException):  # one that awaits at its end stays where it is
        coroutine.close()


class TaskFactory:
    """Makes the tasks of a loop: those of an attempt belong to its steps."""

    def __init__(self) -> None:
        self.steps: dict[str, Steps] = {}

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Any,
        context: Context | None = None,
        **more: Any,
    ) -> asyncio.Task[Any]:
        token = current_token.get() if context is None else context.get(current_token, "")
        steps = self.steps.get(token)
        if steps is None or not asyncio.iscoroutine(coroutine):
            return asyncio.Task(coroutine, loop=loop, context=context, **more)
        task = asyncio.Task(steps.run(coroutine), loop=loop, context=context, **more)
        steps.tasks.add(task)
        task.add_done_callback(steps.tasks.discard)
        if steps.is_given_up:
            task.cancel()
        return task
