"""The steps of coroutines that share a loop: who is on it, and how one ends that does not want
to."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from millstream_worker.stepping import Mark, Steps, TaskFactory, current_token


@pytest.fixture
def mark() -> Mark:
    return Mark.make()


class _Loop:
    """A loop with the factory, and attempts on it."""

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.factory = TaskFactory()
        asyncio.get_running_loop().set_task_factory(self.factory)

    def begin(self, token: str, work: Coroutine[Any, Any, Any]) -> tuple[Steps, asyncio.Task[Any]]:
        steps = self.factory.steps[token] = Steps(token, self.mark)
        context = contextvars.copy_context()
        context.run(current_token.set, token)
        task = asyncio.Task(steps.run(work, is_first=True), context=context)
        steps.tasks.add(task)
        return steps, task


def in_loop(mark: Mark, test: Callable[[_Loop], Awaitable[None]]) -> None:
    async def run() -> None:
        await test(_Loop(mark))

    asyncio.run(run())


def test_the_mark_names_who_is_on_the_loop_and_nobody_between_the_steps(mark: Mark) -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append(mark.read())
        await asyncio.sleep(0)
        seen.append(mark.read())
        await asyncio.gather(inner(), asyncio.create_task(inner()))

    async def inner() -> None:
        seen.append(mark.read())

    async def test(loop: _Loop) -> None:
        _, one = loop.begin("one", work())
        _, two = loop.begin("two", work())
        await asyncio.wait((one, two))
        seen.append(mark.read())

    in_loop(mark, test)
    assert seen == ["one", "two", "one", "two", "one", "one", "two", "two", ""]


def test_the_mark_outlives_the_process_that_set_it_and_has_no_file_on_a_disk() -> None:
    mark = Mark.make()
    code = (
        "import os, sys; from millstream_worker.stepping import Mark, as_mark; "
        "mark = Mark.inherited(int(sys.argv[1])); mark.set(as_mark('mine')); os._exit(7)"
    )
    command = [sys.executable, "-c", code, str(mark.fd)]
    ended = subprocess.run(command, pass_fds=[mark.fd], timeout=60, check=False)
    assert ended.returncode == 7
    assert mark.read() == "mine"
    assert os.fstat(mark.fd).st_nlink == 0
    mark.close()


def test_values_errors_and_cancellations_pass_as_without_it(mark: Mark) -> None:
    async def work() -> list[Any]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(4)
        broken: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        broken.set_exception(ValueError("no"))
        said: list[Any] = [await future]
        try:
            await broken
        except ValueError as error:
            said.append(str(error))
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        except TimeoutError:
            said.append("in time")
        return said

    async def test(loop: _Loop) -> None:
        _, task = loop.begin("one", work())
        assert await task == [4, "no", "in time"]

    in_loop(mark, test)


def test_a_stop_says_why_in_the_first_coroutine_and_cancels_what_it_awaits(mark: Mark) -> None:
    class Why(asyncio.CancelledError): ...

    said: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(inner())
        except Why:
            said.append("why")

    async def inner() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            said.append("inner ends")

    async def test(loop: _Loop) -> None:
        steps, task = loop.begin("one", work())
        await asyncio.sleep(0.01)
        steps.stop_error = Why()
        task.cancel()
        await asyncio.wait((task,), timeout=5)

    in_loop(mark, test)
    assert said == ["inner ends", "why"]


def test_who_lets_no_cancellation_pass_takes_no_more_steps_when_given_up(mark: Mark) -> None:
    steps_taken: list[int] = []

    async def work() -> None:
        while True:
            try:
                steps_taken.append(1)
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass

    async def starts_another() -> None:
        await asyncio.create_task(work())

    async def test(loop: _Loop) -> None:
        steps, task = loop.begin("one", starts_another())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        taken = len(steps_taken)
        assert not all(each.done() for each in steps.tasks)
        steps.give_up()
        await asyncio.wait(steps.tasks, timeout=5)
        assert all(each.done() for each in list(steps.tasks))
        assert len(steps_taken) <= taken + 1

    in_loop(mark, test)


def test_sys_exit_in_a_task_of_its_own_does_not_end_the_loop(mark: Mark) -> None:
    async def leaves() -> None:
        raise SystemExit(3)

    async def work() -> str:
        try:
            await asyncio.create_task(leaves())
        except RuntimeError as error:
            return str(error)
        return ""

    async def test(loop: _Loop) -> None:
        _, task = loop.begin("one", work())
        assert await task == "a task of its own raised SystemExit(3)"

    in_loop(mark, test)
