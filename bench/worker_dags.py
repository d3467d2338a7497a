"""The DAGs of ``bench.worker``. This file is submitted as it is, so it imports nothing but
Millstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from millstream import DAG, BaseOperator, BaseTrigger, TriggerEvent, task

LIMITS: dict[str, Any] = {"max_active_tasks": 100_000, "max_active_runs": 100}
NOOPS = 1000
FRESH = 20
LINES = 200_000
WAITING = 10_000
MAPS = 10
WAIT_S = 600.0


def noop() -> None:
    return None


def print_lines() -> None:
    for number in range(LINES):
        print(f"line {number} of a task that says what it does")


async def sleep_long() -> None:
    await asyncio.sleep(WAIT_S)


class Sleep(BaseTrigger):
    """Waits in a worker; for an instant alone the scheduler's own timer would wake the task."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.Sleep", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(WAIT_S)
        yield TriggerEvent(None)


class Wait(BaseOperator):
    """Defers for long; ``number`` is only there to be mapped over."""

    def __init__(self, number: int = 0, **kwargs: Any) -> None:
        self.number = number
        super().__init__(**kwargs)

    def execute(self, context: Any) -> None:
        self.defer(trigger=Sleep(), method_name="go_on")

    def go_on(self, context: Any, event: Any = None) -> None:
        return None


def fan(dag_id: str, count: int, **options: Any) -> None:
    with DAG(dag_id=dag_id, **LIMITS):
        for number in range(count):
            task(task_id=f"t{number}", **options)(noop)()


fan("worker_noops", NOOPS)
fan("worker_shared", FRESH)
fan("worker_fresh", FRESH, isolation="fresh")

with DAG(dag_id="worker_lines", **LIMITS):
    task(print_lines)()

with DAG(dag_id="worker_deferred", **LIMITS):
    for group in range(MAPS):
        Wait.partial(task_id=f"wait{group}").expand(number=list(range(WAITING // MAPS)))

with DAG(dag_id="worker_async", **LIMITS):
    for number in range(1000):
        task(task_id=f"t{number}")(sleep_long)()
