"""The heap of instants that the scheduler waits for. Each firing is a command like any other."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from millstream.core.commands import TimerCommand
from millstream.core.events import Event
from millstream.core.state import State
from millstream.core.timers import stale_ready, timers_after, timers_of

LONGEST_SLEEP_S = 1.0  # the wall clock may be set at any moment
STALE_CHECK_S = 30.0
# A wall clock that goes back by more than this was set, not slewed.
SET_BACK = timedelta(seconds=1)


class Timers:
    """Wall-clock timers, and the watch over ready attempts that lie unclaimed for
    ``ready_again_after_s``."""

    def __init__(self, state: State, ready_again_after_s: float) -> None:
        self._state = state
        self._ready_again_after = timedelta(seconds=ready_again_after_s)
        self._heap: list[tuple[datetime, int, TimerCommand]] = []
        # The same timer may be asked for after each of many events.
        self._pending: set[str] = set()
        self._count = 0
        self._earlier = asyncio.Event()
        for instant, command in timers_of(state):
            self._push(instant, command)

    def note(self, event: Event) -> None:
        """Set the timers that an event asks for, now that all of its batch is folded."""
        for instant, command in timers_after(self._state, event):
            self._push(instant, command)

    async def run(self, submit: Callable[[TimerCommand], None]) -> None:
        """Fire what is due, forever."""
        next_stale_check = 0.0
        loop = asyncio.get_running_loop()
        last = datetime.now(UTC)
        while True:
            self._earlier.clear()
            now = datetime.now(UTC)
            if now < last - SET_BACK:
                # What was due, and fired or needed no timer, may be in the future again.
                for instant, command in timers_of(self._state):
                    self._push(instant, command)
            last = now
            while self._heap and self._heap[0][0] <= now:
                command = heapq.heappop(self._heap)[2]
                self._pending.discard(command.id)
                submit(command)
            if loop.time() >= next_stale_check:
                next_stale_check = loop.time() + STALE_CHECK_S
                for command in stale_ready(self._state, now - self._ready_again_after):
                    submit(command)
            wait_s = LONGEST_SLEEP_S
            if self._heap:
                wait_s = min(wait_s, (self._heap[0][0] - now).total_seconds())
            try:
                async with asyncio.timeout(wait_s):
                    await self._earlier.wait()
            except TimeoutError:
                pass

    def _push(self, instant: datetime, command: TimerCommand) -> None:
        if command.id in self._pending:
            return
        self._pending.add(command.id)
        self._count += 1
        is_first = not self._heap or instant < self._heap[0][0]
        heapq.heappush(self._heap, (instant, self._count, command))
        if is_first:
            self._earlier.set()
