"""Attempts in real child processes of this one, without a stack around them."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from millstream.core.event_parts import RunInfo
from millstream.core.spec import PythonAction
from millstream.sdk.attempts import Attempt
from millstream_worker.children import Child, Children
from millstream_worker.frames import Answer, Done, Question, Run, Told
from millstream_worker.sessions import MARK, adopt_orphans

DAG_ID = "isolation"
_PR_SET_CHILD_SUBREAPER = 36


class Bench:
    """Children, and the tasks of one DAG file that they run. ``output``: what they printed."""

    def __init__(self, folder: Path, source: str, **limits: int) -> None:
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        (self.bundle / "dag.py").write_text(source)
        scratch = folder / "scratch"
        scratch.mkdir()
        self.children = Children(1, scratch, {MARK: f"test:{folder.name}"}, **limits)
        self.output = b""

    async def run(self, task_id: str, child: Child | None = None, fresh: bool = False) -> Done:
        """Run a task in a child of the bundle, as the worker does. Raises ChildDied."""
        given = child or await self.children.acquire("b", fresh=fresh)
        try:
            return await given.give(self.attempt(task_id), _answer, self._take).done
        finally:
            if child is None:
                self.children.release(given)

    async def value(self, task_id: str) -> Any:
        """What a task returns."""
        done = await self.run(task_id)
        assert done.outcome.kind == "success", done.outcome
        return msgspec.json.decode(done.outcome.xcoms["return_value"])

    def attempt(self, task_id: str) -> Run:
        attempt = Attempt(
            namespace="default",
            dag_id=DAG_ID,
            run_id="r1",
            task_id=task_id,
            action=PythonAction(),
            run=RunInfo(run_type="manual", run_after=datetime(2026, 1, 1, tzinfo=UTC)),
        )
        return Run(attempt, str(self.bundle), "dag.py")

    def _take(self, source: str, data: bytes) -> None:
        self.output += data


async def _answer(question: Question) -> Answer:
    return Told()


def bench(
    folder: Path, source: str, test: Callable[[Bench], Awaitable[None]], **limits: int
) -> None:
    """Runs a test with a bench, and ends its children."""

    async def run() -> None:
        made = Bench(folder, source, **limits)
        try:
            await test(made)
        finally:
            await made.children.close()

    with adopting():
        asyncio.run(run())


@contextmanager
def adopting() -> Iterator[None]:
    """This process adopts orphans, as a worker does."""
    adopt_orphans()
    try:
        yield
    finally:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
