"""A Postgres in memory, as far as the services use it: the log, the read tables, locks.

What a statement does happens at the server, in one step, whether the asker lives to hear of it or
not: that is what makes a commit's outcome unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from millstream.adapters.event_log import Head, Refusal, Stored
from millstream.adapters.secret_table import SecretRow
from millstream.core.errors import Fenced, Unavailable
from millstream.core.wire import GENESIS
from simulation.loop import Life, Process, SimulatedLoop, context_of
from simulation.rows import Tables

T = TypeVar("T")


@dataclass
class Weather:
    """``before`` and ``after``: the chance that the connection is lost before a statement is
    carried out, and after it but before the answer."""

    before: float = 0.0
    after: float = 0.0
    latency_s: float = 0.0004
    slow: float = 0.0
    slow_s: float = 2.0


class Server:
    """The server. ``on_append`` is told of what was committed."""

    def __init__(self, loop: SimulatedLoop, random: Random) -> None:
        self._loop = loop
        self._random = random
        self._outside = context_of(None)
        self.weather = Weather()
        self.is_up = True
        self.generation = 0
        self.epoch = 0
        self.events: list[Stored] = []
        self.secrets: list[SecretRow] = []
        # What requests said, by their ids.
        self.contents: dict[str, str] = {}
        self.refusals: list[Refusal] = []
        self.tables = Tables()
        # Who began the epoch, and what others committed in it.
        self.writer: Process | None = None
        self.fenced_commits: list[str] = []
        self.holders: dict[str, Process] = {}
        # Those who wait for a lock, in the order in which they came.
        self.queues: dict[str, list[tuple[Process, asyncio.Future[bool]]]] = {}
        self.on_append: Callable[[int, list[Stored]], None] = lambda epoch, batch: None

    @property
    def position(self) -> int:
        return len(self.events)

    def stop(self) -> None:
        """As ``-m immediate``: what was committed is there, connections and locks are gone."""
        self.is_up = False
        self.generation += 1
        self.holders.clear()
        for waiting in self.queues.values():
            for process, turn in waiting:
                self._tell(process, turn, False)
        self.queues.clear()

    def start(self) -> None:
        self.is_up = True

    async def do(self, act: Callable[[], T]) -> T:
        """One transaction. Raises :class:`Unavailable` where nobody knows whether it took place."""
        loop, random, weather = self._loop, self._random, self.weather
        answer: asyncio.Future[T] = loop.create_future()
        delay_s = weather.latency_s * random.uniform(0.5, 1.5)
        if weather.slow and random.random() < weather.slow:
            delay_s += random.uniform(0, weather.slow_s)
        is_lost_before = weather.before and random.random() < weather.before
        is_lost_after = weather.after and random.random() < weather.after
        generation = self.generation
        lost = Unavailable("Postgres was lost")

        def carry_out() -> None:
            if not self.is_up or generation != self.generation or is_lost_before:
                loop.call_soon(_settle, answer, None, lost)
                return
            try:
                result = act()
            except Fenced as error:
                loop.call_soon(_settle, answer, None, error)
                return
            if is_lost_after:
                loop.call_later(delay_s, _settle, answer, None, lost)
            else:
                loop.call_later(delay_s, _settle, answer, result, None)

        loop.call_later(delay_s, carry_out, context=self._outside)
        return await answer

    # --- the lock

    def try_lock(self, role: str, process: Process) -> bool:
        holder = self.holders.get(role)
        if holder is process:
            return True
        if process.life is Life.DEAD or (holder is not None and holder.life is not Life.DEAD):
            return False
        self.holders[role] = process
        process.on_death.append(lambda: self.unlock(role, process))
        return True

    def wait_for_lock(self, role: str, process: Process) -> asyncio.Future[bool] | None:
        """None: the process has it. Else what says whether its turn came, or the server went."""
        if self.try_lock(role, process):
            return None
        turn: asyncio.Future[bool] = self._loop.create_future()
        waiting = self.queues.setdefault(role, [])
        # The answer to an earlier question of the same process may have been lost.
        waiting[:] = [pair for pair in waiting if pair[0] is not process]
        waiting.append((process, turn))
        return turn

    def unlock(self, role: str, process: Process) -> None:
        if self.holders.get(role) is not process:
            return
        del self.holders[role]
        waiting = self.queues.get(role, [])
        while waiting:
            heir, turn = waiting.pop(0)
            if heir.life is not Life.DEAD and not turn.done():
                self.try_lock(role, heir)
                self._tell(heir, turn, True)
                return

    def _tell(self, process: Process, turn: asyncio.Future[bool], is_held: bool) -> None:
        delay_s = self._random.uniform(0.0001, 0.002)
        self._loop.call_later(delay_s, _settle, turn, is_held, None, context=self._outside)

    # --- the log

    def head(self) -> Head:
        digest = self.events[-1].digest if self.events else GENESIS
        return Head(self.epoch, self.position, digest)

    def raise_epoch(self, process: Process | None) -> Head:
        self.epoch += 1
        self.writer = process
        return self.head()

    def append(
        self,
        epoch: int,
        last: int,
        batch: list[Stored],
        secrets: Sequence[SecretRow],
        process: Process | None,
    ) -> None:
        if epoch != self.epoch or last != self.position:
            raise Fenced(f"epoch {epoch} at {last}; the log is in {self.epoch} at {self.position}")
        if process is not self.writer:
            self.fenced_commits.append(f"{process} after {self.writer}, at {last + 1}")
        self.events += batch
        self.secrets += secrets
        self.on_append(epoch, batch)


def _settle(answer: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)
