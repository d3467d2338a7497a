"""Becoming the active scheduler: raise the epoch, then fold what is not over yet."""

from __future__ import annotations

import asyncio

import structlog

from millstream.adapters.event_log import EventLog, Head
from millstream.core.errors import Unavailable
from millstream.core.evolve import evolve
from millstream.core.state import State
from millstream.core.wire import to_event

log = structlog.get_logger(__name__)


async def take_over(event_log: EventLog) -> State:
    """The state at the end of the log, in a new epoch. Waits for Postgres as long as it takes."""
    while True:
        try:
            head = await event_log.raise_epoch()
            state = await fold_open(event_log, head)
            break
        except Unavailable as error:
            log.warning("takeover_waits", error=str(error))
            await asyncio.sleep(0.2)
    log.info("took_over", epoch=head.epoch, position=head.position, runs=len(state.runs))
    return state


async def fold_open(event_log: EventLog, head: Head) -> State:
    """The state as of ``head``. The runs that are over leave nothing in a state, so they are not
    read."""
    state = State()
    for stored in await event_log.read_open(head.position):
        evolve(state, to_event(stored.record))
    state.position, state.epoch, state.digest = head.position, head.epoch, head.digest
    return state
