"""Becoming the active scheduler: keep the state folded while another one is active, then raise the
epoch, read the rest from Postgres, and go on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import aclosing

import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.event_log import EventLog, Head
from millstream.adapters.feed import Feed
from millstream.adapters.follow import Follower
from millstream.core.commands import Quarantine
from millstream.core.errors import ChainBroken, StoreBehindStream, Unavailable
from millstream.core.events import Event
from millstream.core.evolve import evolve
from millstream.core.quarantine import quarantine_of
from millstream.core.state import State
from millstream.core.wire import canonical_bytes, check_chain, to_event

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 0.2
MOST_UNFOLDED = 1000
WARM_EVERY_S = 5.0


class Standby:
    """A scheduler that waits. ``follow`` keeps its state at the end of the log; whatever that has
    reached, ``take_over`` completes it. ``relay_log``: what is to be ready besides."""

    def __init__(self, bus: Bus, event_log: EventLog, relay_log: EventLog, shard: int) -> None:
        self._bus = bus
        self._log = event_log
        self._relay_log = relay_log
        self._shard = shard
        self._state: State | None = None
        # What our own code failed on, in the log: its run or its DAG is put aside by whoever is
        # active. In a log of any length there are few of them, and one for each run is enough.
        self.unfolded: dict[str, Quarantine] = {}

    async def follow(self) -> None:
        """Fold what is not over, then every event as it comes, until cancelled."""
        while self._state is None:
            try:
                self._state = await fold_open(self._log, await self._log.head(), self._fold)
            except Unavailable as error:
                log.warning("standby_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)
        state = self._state
        log.info("following", position=state.position)
        follower = Follower(self._bus, self._shard, state.position + 1)
        feed = Feed(self._log, follower, state.position, state.digest)
        beside = [asyncio.create_task(each) for each in (follower.run(), self._keep_warm())]
        try:
            while True:
                for event in await feed.take():
                    self._fold(state, event)
                state.digest = feed.digest
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _keep_warm(self) -> None:
        """Have the connections, and what Postgres must know of a commit, when they are needed."""
        while True:
            try:
                await self._log.warm()
                await self._relay_log.read(0, 0, last=0)
            except Unavailable as error:
                log.debug("not_warm", error=str(error))
            await asyncio.sleep(WARM_EVERY_S)

    async def take_over(self) -> State:
        """The state at the end of the log, in a new epoch. Waits for Postgres as long as it takes.

        Raises :class:`StoreBehindStream` and :class:`ChainBroken` if what was folded is not what
        the log holds: Postgres was restored from a backup meanwhile."""
        while True:
            try:
                head = await self._log.raise_epoch()
                state = self._state or await fold_open(self._log, head, self._fold)
                self._state = state
                folded = state.position
                if folded > head.position:
                    raise StoreBehindStream(head.position, folded)
                async for stored in self._log.read_all(folded + 1, head.position):
                    position = stored.record.position
                    check_chain(
                        state.digest, canonical_bytes(stored.record), stored.digest, position
                    )
                    self._fold(state, to_event(stored.record))
                    state.digest = stored.digest
                break
            except Unavailable as error:
                log.warning("takeover_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)
        assert state.position == head.position, "the log has no gaps"
        if state.digest != head.digest:
            raise ChainBroken(head.position)
        state.epoch = head.epoch
        log.info(
            "took_over",
            epoch=head.epoch,
            position=head.position,
            runs=len(state.runs),
            folded_before=folded,
        )
        return state

    def _fold(self, state: State, event: Event) -> None:
        """Fold an event; one that our own code fails on must not keep every scheduler from
        starting."""
        error = evolve(state, event)
        if error is None:
            return
        where = event.where
        log.error(
            "event_not_folded",
            position=event.position,
            type=type(event.data).__name__,
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            exc_info=error,
        )
        command = quarantine_of(where, error)
        if len(self.unfolded) < MOST_UNFOLDED:
            self.unfolded.setdefault(command.id, command)


async def fold_open(
    event_log: EventLog, head: Head, fold: Callable[[State, Event], object] = evolve
) -> State:
    """The state as of ``head``. The runs that are over leave nothing in a state, so they are not
    read."""
    state = State()
    gc.disable()  # all that is made here stays
    try:
        async with aclosing(event_log.read_open(head.position)) as needed:
            async for stored in needed:
                fold(state, to_event(stored.record))
    finally:
        gc.enable()
    for (namespace, dag_id), dag in state.dags.items():
        if dag.latest.spec.max_consecutive_failed_dag_runs:
            dag.failures = await event_log.failures_in_a_row(namespace, dag_id, head.position)
    state.position, state.epoch, state.digest = head.position, head.epoch, head.digest
    return state
