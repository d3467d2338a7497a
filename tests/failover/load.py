"""A steady load of short tasks in rows, and what the outside sees of it: each execution leaves a
line in a file, each event is noted when it passes on NATS."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import nats

from failover.deployment import Deployment
from millstream.client import Client

DISPATCHES = ("TaskReady", "TaskStarted")
DAG_ID = "row"
# The time at the begin and at the end of each execution goes to a file of the worker's process.
DAG_TEXT = """
import asyncio
import os
import time
from millstream import DAG, PythonOperator

FOLDER = {folder!r}

{define} work(**context):
    ti = context["ti"]
    began = time.time()
    {sleep}({seconds!r})
    name = f"{{ti.run_id}} {{ti.task_id}} {{began!r}} {{time.time()!r}}\\n"
    with open(f"{{FOLDER}}/{{os.getpid()}}", "a") as file:
        file.write(name)

with DAG({dag_id!r}, max_active_runs=1000, max_active_tasks=1000):
    before = None
    for number in range({length!r}):
        task = PythonOperator(task_id=f"t{{number}}", python_callable=work, retries=0)
        if before is not None:
            before >> task
        before = task
"""


@dataclass
class Execution:
    """One line of a task: wall-clock seconds."""

    run_id: str
    task_id: str
    began: float
    ended: float


class Seen(msgspec.Struct):
    """What is read of an event."""

    position: int
    epoch: int
    type: str
    run_id: str = ""
    attempt: int = 0


_decoder = msgspec.json.Decoder(Seen)


class Watch:
    """Every event as it passes on NATS: (monotonic seconds, event)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.events: list[tuple[float, Seen]] = []
        self.projected: list[tuple[float, int]] = []
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()
        self._listening.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def first_after(
        self, at: float, epoch: int, types: tuple[str, ...], timeout_s: float
    ) -> tuple[float, Seen] | None:
        """The first event of these types in an epoch later than ``epoch``."""
        deadline = at + timeout_s
        index = 0
        while time.monotonic() < deadline:
            while index < len(self.events):
                when, event = self.events[index]
                index += 1
                if when >= at and event.epoch > epoch and event.type in types:
                    return when, event
            time.sleep(0.002)
        return None

    def first_projected_after(self, at: float, position: int, timeout_s: float) -> float | None:
        """When the read tables went beyond a position."""
        while time.monotonic() < at + timeout_s:
            for when, reached in reversed(self.projected):
                if when < at:
                    break
                if reached > position:
                    return min(
                        when
                        for when, reached in list(self.projected)
                        if when >= at and reached > position
                    )
            time.sleep(0.002)
        return None

    def restarts(self) -> int:
        """How many attempts were no first ones, or were lost."""
        return sum(
            event.type == "TaskLost" or (event.type == "TaskReady" and event.attempt > 1)
            for _, event in self.events
        )

    def epoch(self) -> int:
        """The latest that was seen."""
        return max((event.epoch for _, event in self.events[-5000:]), default=0)

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._loop.close()

    async def _listen(self) -> None:
        client = await nats.connect(self._url)

        async def on_event(message: Any) -> None:
            self.events.append((time.monotonic(), _decoder.decode(message.data)))

        async def on_projected(message: Any) -> None:
            position = msgspec.json.decode(message.data)["position"]
            self.projected.append((time.monotonic(), position))

        await client.subscribe("ms.ev.0.>", cb=on_event)
        await client.subscribe("ms.proj.0", cb=on_projected)
        await client.flush()
        self._listening.set()
        await self._stopping.wait()
        await client.close()


@dataclass
class Load:
    """``rows`` runs at a time, each ``length`` tasks one after the other. A run that ends is
    followed by another, until ``stop``."""

    deployment: Deployment
    rows: int
    length: int
    seconds: float
    name: str = "lines"
    is_async: bool = True
    failures: list[str] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    longest_call_s: float = 0.0

    def start(self) -> None:
        self.folder = self.deployment.folder / self.name
        self.folder.mkdir()
        file = self.deployment.folder / f"dags of {self.name}" / "row.py"
        file.parent.mkdir()
        file.write_text(
            DAG_TEXT.format(
                folder=str(self.folder),
                seconds=self.seconds,
                length=self.length,
                dag_id=DAG_ID,
                define="async def" if self.is_async else "def",
                sleep="await asyncio.sleep" if self.is_async else "time.sleep",
            )
        )
        self.client = self.deployment.client()
        self.client.pools.set("default_pool", -1)
        self.client.submit_file(file)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._row, args=(self.deployment.client(),), daemon=True)
            for _ in range(self.rows)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 120.0) -> None:
        """No new runs; returns when those that run have ended."""
        self._stopping.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
            assert not thread.is_alive(), "a run does not end"

    def executions(self) -> list[Execution]:
        """Each that ended, by its begin."""
        found = []
        for file in self.folder.iterdir():
            for line in file.read_text().splitlines():
                run_id, task_id, began, ended = line.split(" ")
                found.append(Execution(run_id, task_id, float(began), float(ended)))
        return sorted(found, key=lambda each: each.began)

    def run_twice(self) -> int:
        """How many tasks were run more than once."""
        times = Counter((each.run_id, each.task_id) for each in self.executions())
        return sum(count > 1 for count in times.values())

    def gaps(self) -> list[tuple[float, float]]:
        """Of each task but the first of a run: (when its upstream ended, how long after that it
        began), in wall-clock seconds."""
        by_run: dict[str, list[Execution]] = {}
        for each in self.executions():
            by_run.setdefault(each.run_id, []).append(each)
        return [
            (one.ended, two.began - one.ended)
            for run in by_run.values()
            for one, two in itertools.pairwise(run)
        ]

    def _row(self, client: Client) -> None:
        while not self._stopping.is_set():
            try:
                began = time.monotonic()
                run = client.trigger(DAG_ID)
                self.longest_call_s = max(self.longest_call_s, time.monotonic() - began)
                self.ended[client.wait(run, timeout_s=120).state] += 1
            except Exception as error:  # whatever a person would see
                self.failures.append(repr(error))
                return
