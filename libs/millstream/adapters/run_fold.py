"""A run as it stood at a position, from the log: the rows that the read tables would have had."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from millstream.adapters.event_log import EventLog, Stored
from millstream.core.events import Event
from millstream.core.state import RunKey
from millstream.core.wire import to_event
from millstream.projection.kept_run import KeptRun
from millstream.projection.projection import Projection

log = structlog.get_logger(__name__)

BATCH = 500


async def fold_run(
    event_log: EventLog, key: RunKey, until: int, *, keeps_xcoms: bool = True
) -> KeptRun | None:
    """None if there was no such run by then. Raises :class:`Unavailable`."""
    projection = Projection(keeps_xcoms=keeps_xcoms)
    first = 1
    while True:
        batch = await event_log.read(
            first, BATCH, namespace=key[0], dag_id=key[1], run_id=key[2], last=until
        )
        # In a thread, so that nobody else waits for it.
        events = await asyncio.to_thread(_read, batch)
        await lend_origins(event_log, projection, events, keeps_xcoms=keeps_xcoms)
        await asyncio.to_thread(_apply, projection, events)
        if len(batch) < BATCH:
            return projection.runs.get(key)
        first = batch[-1].record.position + 1


async def lend_origins(
    event_log: EventLog,
    projection: Projection,
    events: Sequence[Event],
    *,
    keeps_xcoms: bool = True,
) -> None:
    """Before these events are applied: the runs from which they take results over, as they stood
    then. A run that was itself made from another one was made earlier, so this ends."""
    for key, (origin, position) in projection.origins_of(events).items():
        found = await fold_run(event_log, origin, position, keeps_xcoms=keeps_xcoms)
        if found is not None:
            projection.lend(key, found)


def _read(batch: list[Stored]) -> list[Event]:
    events = []
    for stored in batch:
        try:
            events.append(to_event(stored.record))
        except Exception as error:  # another release wrote it
            log.warning("event_not_read", position=stored.record.position, error=repr(error))
    return events


def _apply(projection: Projection, events: list[Event]) -> None:
    for event in events:
        try:
            projection.apply(event)
        except Exception as error:  # as the projector does
            log.warning("event_not_folded", position=event.position, error=repr(error))
