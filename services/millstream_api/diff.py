"""Two runs held against each other."""

from __future__ import annotations

import asyncio
from itertools import islice

import msgspec

from millstream.adapters.event_log import Stored
from millstream.adapters.event_search import EventFilter, EventSearch
from millstream.core.divergence import Difference, Divergence, Input, Outline, compare
from millstream.core.spec import DagSpec
from millstream.core.state import RunKey
from millstream.core.wire import UnknownEvent, to_event
from millstream.rpc.v1 import history_pb2
from millstream_api.paging import LARGEST_PAGE

MOST_DURATIONS = 100
BATCH = 500
_KINDS = {
    "outcome": history_pb2.DIVERGENCE_KIND_OUTCOME,
    "result": history_pb2.DIVERGENCE_KIND_RESULT,
    "missing": history_pb2.DIVERGENCE_KIND_MISSING,
    "extra": history_pb2.DIVERGENCE_KIND_EXTRA,
}


async def read_outline(search: EventSearch, key: RunKey, last: int) -> Outline:
    """What a run did up to a position, from its events."""
    wanted = EventFilter(namespace=key[0], dag_id=key[1], run_id=key[2])
    outline = Outline()
    first = 1
    while first:
        found, first = await search.find(wanted, first, last, BATCH)
        # In a thread, so that nobody else's call waits for it.
        await asyncio.to_thread(_add, outline, found)
    return outline


async def difference_of(
    one: Outline, other: Outline, spec: DagSpec, other_spec: DagSpec
) -> Difference:
    return await asyncio.to_thread(compare, one, other, spec, other_spec)


def diff_message(difference: Difference) -> history_pb2.DiffRunsResponse:
    """Without the runs."""
    outcome = difference.outcome
    return history_pb2.DiffRunsResponse(
        inputs=[input_message(one) for one in difference.inputs],
        tasks=[input_message(one) for one in difference.changed[:LARGEST_PAGE]],
        divergences=[_divergence(one) for one in difference.divergences[:LARGEST_PAGE]],
        divergence_count=len(difference.divergences),
        first_outcome=None if outcome is None else _divergence(outcome),
        durations=[
            history_pb2.DurationChange(
                task_id=one.task_id,
                map_index=one.map_index,
                one_seconds=one.one_s,
                other_seconds=one.other_s,
            )
            for one in islice(difference.slower, MOST_DURATIONS)
        ],
    )


def _add(outline: Outline, found: list[Stored]) -> None:
    for stored in found:
        try:
            outline.add(to_event(stored.record))
        except (UnknownEvent, msgspec.MsgspecError):
            continue  # another release wrote it


def input_message(one: Input) -> history_pb2.InputDifference:
    return history_pb2.InputDifference(name=one.name, one=one.one, other=one.other)


def _divergence(one: Divergence) -> history_pb2.Divergence:
    return history_pb2.Divergence(
        task_id=one.task_id,
        map_index=one.map_index,
        kind=_KINDS[one.kind],
        one=one.one,
        other=one.other,
        one_position=one.one_position,
        other_position=one.other_position,
        is_first=one.is_first,
    )
