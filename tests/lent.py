"""What runs take over from others, where the whole log is in memory."""

from __future__ import annotations

from collections.abc import Sequence

from millstream.core.events import Event
from millstream.core.state import RunKey, run_key
from millstream.projection.kept_run import KeptRun
from millstream.projection.projection import Projection


def lend(projection: Projection, events: Sequence[Event], log: Sequence[Event]) -> None:
    """Before ``events`` are applied: the runs from which they take something over."""
    for key, (origin, position) in projection.origins_of(events).items():
        projection.lend(key, past(log, origin, position))


def past(log: Sequence[Event], key: RunKey, until: int) -> KeptRun:
    """A run as it stood."""
    projection = Projection()
    for event in log:
        if run_key(event.where) == key and event.position <= until:
            lend(projection, [event], log)
            projection.apply(event)
    return projection.runs[key]
