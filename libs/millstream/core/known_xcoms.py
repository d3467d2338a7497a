"""XComs that go with a ready event, so that a task need not ask for what the one before it has just
handed on.

They are no part of the event: the log has them in the result of that task, and whoever gets the
event without them asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from millstream.core.event_parts import XCom
from millstream.core.events import Event
from millstream.core.state import run_key
from millstream.core.task_events import TaskReady, TaskSucceeded
from millstream.core.xcoms import FoundXCom, XComAnswer, XComPull

MOST_BYTES = 2048

KnownXComs = Mapping[str, Mapping[str, XCom]]
"""By task and key, of tasks that are not mapped."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(dict[str, dict[str, XCom]])


def xcoms_to_know(events: Sequence[Event]) -> dict[int, bytes]:
    """What the events of one decision hand on to the attempts that they make ready, by the
    positions of the ready events. One line each, of at most ``MOST_BYTES``."""
    result = result_of(events)
    if result is None:
        return {}
    assert isinstance(result.data, TaskSucceeded)
    line = _encoder.encode({result.where.task_id: result.data.xcoms})
    if len(line) > MOST_BYTES or b"\n" in line or b"\r" in line:
        return {}
    run = run_key(result.where)
    return {
        event.position: line
        for event in events
        if isinstance(event.data, TaskReady) and run_key(event.where) == run
    }


def result_of(events: Sequence[Event]) -> Event | None:
    """The one result that the events of a decision hand on, None for several."""
    results = [event for event in events if _hands_on(event)]
    return results[0] if len(results) == 1 else None


def _hands_on(event: Event) -> bool:
    return (
        isinstance(event.data, TaskSucceeded)
        and bool(event.data.xcoms)
        and not event.where.map_index
    )


def decode_known(line: bytes) -> KnownXComs:
    """Raises ``msgspec.MsgspecError``."""
    return _decoder.decode(line)


def find_known(known: KnownXComs, pull: XComPull) -> XComAnswer | None:
    """The answer to a pull from the run's own tasks, None if all that it asks for is not known. A
    key that is not there may have been handed on before the task was deferred, say."""
    found = []
    for number, query in enumerate(pull.queries):
        xcom = None if query.map_index else known.get(query.task_id, {}).get(query.key)
        if xcom is None:
            return None
        found.append(FoundXCom(number, (), xcom))
    return None if pull.include_prior_dates or pull.after else XComAnswer(tuple(found))
