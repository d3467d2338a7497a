"""What ``dag.test()`` does where a task waits: triggers run in an event loop of its own, sensors
are looked after when their instant has really come, and questions to people get their defaults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from millstream.core.deferral import InputRequest
from millstream.core.errors import MillstreamError
from millstream.core.event_parts import Where
from millstream.core.task_events import TriggerReady
from millstream.sdk.attempts import Firing
from millstream.sdk.triggers.running import run_trigger

ALONE = "dag.test() runs this DAG alone: no other DAG's runs and tasks can be waited for here"


class LocalWaits:
    """The triggers of one run."""

    def __init__(self, dag_module: str) -> None:
        self._module = dag_module
        self._loop = asyncio.new_event_loop()
        self._running: dict[Where, asyncio.Task[Firing]] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

    def start(self, where: Where, ready: TriggerReady) -> None:
        coroutine = run_trigger(ready.trigger, where.task_id, self._module, self)
        self._running[where] = self._loop.create_task(coroutine)

    def forget(self, where: Where) -> None:
        """Nobody waits for it any more."""
        task = self._running.pop(where, None)
        if task is not None:
            task.cancel()

    def wait(self, seconds: float | None) -> Iterator[tuple[Where, Firing]]:
        """Let the triggers run until one of them is over, for at most so long; yields those that
        are over."""
        if not self._running:
            time.sleep(max(seconds or 0.0, 0.0))
            return
        tasks = list(self._running.values())
        waiting = asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        self._loop.run_until_complete(waiting)
        for where, task in list(self._running.items()):
            if task.done():
                del self._running[where]
                yield where, task.result()

    def close(self) -> None:
        """Cancel what is left."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def find_states(self, question: bytes) -> bytes:
        raise MillstreamError(ALONE)


def about_input(request: InputRequest) -> str:
    """What is said of a question that nobody can answer here."""
    if request.defaults is None:
        return (
            f"asks {request.subject!r} and has no defaults: in dag.test() nobody can answer, so "
            f"its time is over at once"
        )
    chosen: Any = ", ".join(request.defaults)
    return f"asks {request.subject!r}; in dag.test() its defaults are the answer: {chosen}"
