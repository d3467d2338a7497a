"""What comes in: how much is pulled from the queues, and when what was pulled starts."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import structlog

from millstream.adapters.bus_client import Delivery
from millstream.adapters.pull import Puller
from millstream.adapters.streams import events_stream, trigger_consumer, worker_consumer
from millstream_worker.tools import Tools
from millstream_worker.triggers import Triggers

log = structlog.get_logger(__name__)

SHORT_ATTEMPT_S = 0.05
PREFETCH_PER_SLOT = 8
LONGEST_PREFETCH_S = 0.5
MOST_UNREPORTED = 4096


@dataclass(slots=True)
class _Waiting:
    delivery: Delivery
    since: float


class Intake:
    """Starts at most ``slots`` attempts at a time. ``start`` runs the attempt that a message makes
    ready, to its end; ``say`` answers a message."""

    def __init__(
        self,
        tools: Tools,
        slots: int,
        triggers: Triggers,
        start: Callable[[Delivery], Coroutine[None, None, None]],
        say: Callable[[Delivery, bytes], None],
    ) -> None:
        self.slots = slots
        self._tools = tools
        self._triggers = triggers
        self._start = start
        self._say = say
        self._waiting: deque[_Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._short_s = 1.0
        self._is_closed = False
        stream, queues = events_stream(tools.shard), tools.settings.queues
        self._pullers = [
            Puller(tools.bus, stream, worker_consumer(queue), self._on_message) for queue in queues
        ]
        self._trigger_pullers = [
            Puller(tools.bus, stream, trigger_consumer(queue), self._on_trigger) for queue in queues
        ]

    async def run(self) -> None:
        """Keep ready events coming, forever."""
        async with asyncio.TaskGroup() as group:
            for puller in [*self._pullers, *self._trigger_pullers]:
                group.create_task(puller.run())

    def close(self) -> None:
        """Take nothing more, and hand back what did not start."""
        self._is_closed = True
        self.tune()
        self._give_back(time.monotonic(), -1.0)

    async def settle(self, timeout_s: float) -> None:
        """Wait for the attempts that run."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    def tend(self, now: float) -> None:
        """Now and then: what waits too long is handed back, and receipts that came in make room;
        after an outage nothing else would say so."""
        self._give_back(now, LONGEST_PREFETCH_S)
        self.tune()

    def note_length(self, seconds: float) -> None:
        """An attempt took so long: short ones are worth to be asked for ahead."""
        self._short_s += (seconds - self._short_s) / 8

    def tune(self) -> None:
        """Ask for as many as can start, and a few more when attempts are short."""
        free = self.slots - len(self._tasks)
        ahead = PREFETCH_PER_SLOT * self.slots if self._short_s < SHORT_ATTEMPT_S else 0
        want = 0 if self._is_full else max(free + ahead - len(self._waiting), 0)
        self._tune_triggers()
        share = -(-want // len(self._pullers))
        for puller in self._pullers:
            puller.set_want(share, max(share - ahead // 2, min(share, 1)))

    @property
    def _is_full(self) -> bool:
        return self._is_closed or len(self._tools.reports) > MOST_UNREPORTED

    def _tune_triggers(self) -> None:
        """Triggers take no slots: as many as may run at all are asked for, some at a time."""
        share = 0 if self._is_full else -(-self._triggers.want // len(self._trigger_pullers))
        for puller in self._trigger_pullers:
            puller.set_want(share, share // 2)

    def _on_message(self, delivery: Delivery) -> None:
        self._waiting.append(_Waiting(delivery, time.monotonic()))
        self._pump()

    def _on_trigger(self, delivery: Delivery) -> None:
        self._triggers.take(delivery)
        self._tune_triggers()

    def _pump(self) -> None:
        """Start what waits, as far as there are slots."""
        while self._waiting and len(self._tasks) < self.slots and not self._is_closed:
            task = asyncio.ensure_future(self._start(self._waiting.popleft().delivery))
            self._tasks.add(task)
            task.add_done_callback(self._on_task_done)
        self.tune()

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("attempt_failed_inside", exc_info=task.exception())
        self._pump()

    def _give_back(self, now: float, longest_s: float) -> None:
        """Hand back what waits for longer than ``longest_s``: another worker may be free."""
        while self._waiting and now - self._waiting[0].since > longest_s:
            self._say(self._waiting.popleft().delivery, b"-NAK")
            self._short_s = 1.0
