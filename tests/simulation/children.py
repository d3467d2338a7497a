"""The processes of tasks: what an attempt does is drawn from the seed and from what it is of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from millstream.core.event_parts import Choice, Where, XCom
from millstream.core.spec import TaskSpec
from millstream.core.xcoms import XComPull, XComQuery
from millstream.sdk.execution import Attempt, Outcome
from millstream.sdk.masking import Masker
from millstream_worker.children import ChildDied
from millstream_worker.frames import Done, Pull, Pulled, Run
from simulation.clock import wall
from simulation.loop import PROCESS, Life, Process


@dataclass
class Execution:
    """One time that user code ran, as the world outside saw it. Times are of the simulation."""

    where: Where
    worker: Process
    began_s: float
    position: int
    ended_s: float = -1.0
    outcome: str = ""
    # Its processes stood still for a while.
    was_paused: bool = False

    @property
    def is_over(self) -> bool:
        return self.ended_s >= 0 or self.worker.life is Life.DEAD


@dataclass
class Script:
    """What tasks do. ``specs`` tells of each task of a DAG version; ``executions`` is what
    happened. ``is_calm``: nothing hangs and nothing dies any more."""

    seed: str
    position: Callable[[], int]
    specs: dict[tuple[str, str], TaskSpec] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    is_calm: bool = False
    pulled: list[tuple[Where, str, bytes]] = field(default_factory=list)

    def random(self, attempt: Attempt) -> Random:
        about = (attempt.dag_id, attempt.run_id, attempt.task_id, attempt.map_index)
        return Random(f"{self.seed}/{about}/{attempt.attempt}")


class SimulatedChild:
    """Stands for ``Child``: the same methods, and no process."""

    script: Script
    count = 0

    def __init__(self, scratch: Path, environment: Mapping[str, str], python: str = "") -> None:
        type(self).count += 1
        self.python = python
        self.bundle: str | None = None
        self.is_fresh = False
        self.ending = ""
        self.masker = Masker()
        self.pid = self.count
        self._is_killed = False
        self._death: asyncio.Future[str] | None = None

    @property
    def is_alive(self) -> bool:
        return not self._is_killed

    async def start(self) -> None:
        await asyncio.sleep(0.02)

    async def imported(self) -> None:
        pass

    async def run(self, run: Run, answer: Any, on_output: Any) -> Done:
        if self._is_killed:
            raise ChildDied("the task's process ended before the task began")
        script, attempt = self.script, run.attempt
        loop = asyncio.get_running_loop()
        where = _where(attempt)
        process = PROCESS.get()
        assert process is not None
        execution = Execution(where, process, loop.time(), script.position())
        script.executions.append(execution)
        self._death = loop.create_future()
        started_at = wall()
        work = asyncio.ensure_future(self._work(attempt, answer))
        try:
            both: list[asyncio.Future[Any]] = [work, self._death]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._death.done():
                execution.outcome = "died"
                raise ChildDied(self._death.result())
            outcome = work.result()
            execution.outcome = outcome.kind
            return Done(outcome, started_at, max(wall(), started_at))
        finally:
            work.cancel()
            self._death = None
            execution.ended_s = loop.time()

    async def _work(self, attempt: Attempt, answer: Any) -> Outcome:
        script = self.script
        random = script.random(attempt)
        fate = random.random()
        await asyncio.sleep(_duration_s(random))
        spec = script.specs.get((attempt.dag_id, attempt.task_id))
        if spec is not None and random.random() < 0.3:
            for parent in spec.upstream[:1]:
                await self._pull(attempt, answer, parent)
        if not script.is_calm:
            if fate < 0.02:
                await asyncio.sleep(random.uniform(30, 400))
            elif fate < 0.05:
                self.end("the task's process ended with exit code 1")
                await asyncio.sleep(1)
        return make_outcome(random, spec, attempt)

    async def _pull(self, attempt: Attempt, answer: Any, parent: str) -> None:
        query = XComQuery(task_id=parent, key="return_value", under=True)
        told = await answer(Pull(XComPull(queries=(query,))))
        assert isinstance(told, Pulled)
        self.script.pulled.append((_where(attempt), parent, bytes(told.answer)))

    def end(self, how: str) -> None:
        self._is_killed = True
        if self._death is not None and not self._death.done():
            self._death.set_result(how)

    def kill(self) -> None:
        self.end("the task's process was killed by SIGKILL")

    def stop(self, grace_s: float, *reason: Any, **more: Any) -> None:
        self._is_killed = True
        if self._death is not None:
            delay_s = Random(self.pid).choice([0.01, 0.5, grace_s])
            asyncio.get_running_loop().call_later(delay_s, self.kill)

    async def ended(self) -> None:
        pass


def _where(attempt: Attempt) -> Where:
    return Where(
        attempt.namespace,
        attempt.dag_id,
        attempt.run_id,
        attempt.task_id,
        attempt.map_index,
        attempt.attempt,
    )


def _duration_s(random: Random) -> float:
    return random.choice([0.0, 0.001, 0.002, 0.01, 0.2, 1.0, 5.0]) * random.uniform(0.5, 1.5)


def make_outcome(random: Random, spec: TaskSpec | None, attempt: Attempt) -> Outcome:
    """How an attempt ends: mostly well."""
    roll = random.random()
    if roll < 0.10:
        return Outcome(
            kind="failed", error_type="ValueError", message="drawn", may_retry=random.random() < 0.8
        )
    if roll < 0.14:
        return Outcome(kind="skipped", message="drawn")
    if roll < 0.18 and spec is not None and spec.operator == "Sensor":
        return Outcome(kind="rescheduled", until=wall() + timedelta(seconds=random.uniform(0.1, 9)))
    choice = None
    if spec is not None and spec.operator == "Branch" and roll < 0.8:
        choice = Choice(skip=random.choice(["direct", "all"]))
    value = list(range(random.randrange(4)))
    return Outcome(
        kind="success",
        xcoms={"return_value": msgspec.json.encode(value)},
        choice=choice,
    )


__all__ = ["Execution", "Script", "SimulatedChild", "XCom"]
