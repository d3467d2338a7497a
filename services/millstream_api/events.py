"""EventService: the log itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from millstream.adapters.event_log import EventLog, Stored
from millstream.adapters.event_search import EventFilter, EventSearch, is_caused_by
from millstream.adapters.visibility import current_visibility
from millstream.core.errors import NotFound
from millstream.core.wire import GENESIS, canonical_bytes, exported_line
from millstream.rpc.convert import datetime_from, event_to_proto, timestamp_from
from millstream.rpc.v1 import events_pb2, events_pb2_grpc
from millstream_api.callers import look_up, position_of, seconds_left
from millstream_api.errors import FieldProblem
from millstream_api.hub import Hub, Scope
from millstream_api.interceptor import Context
from millstream_api.paging import fill_page, page_size
from millstream_api.progress import end_at_least
from millstream_api.watch import watch

ORDERS = ("position", "position desc")
MOST_TYPES = 100
# So many exports at a time, since each reads the whole log; the next one waits for its turn.
MOST_EXPORTS = 2


class EventService(events_pb2_grpc.EventServiceServicer):
    def __init__(self, hub: Hub, event_log: EventLog, search: EventSearch, shard: int) -> None:
        self._hub = hub
        self._log = event_log
        self._search = search
        self._shard = shard
        self._turn = asyncio.Semaphore(MOST_EXPORTS)

    async def ListEvents(  # noqa: N802 - gRPC's name
        self, request: events_pb2.ListEventsRequest, context: Context
    ) -> events_pb2.ListEventsResponse:
        scope, first = _scope(request)
        is_descending = _is_descending(request.order_by)
        most = page_size(request.page_size)
        end = await self._end(request, context)
        first, last = (1, min(request.from_position or end, end)) if is_descending else (first, end)
        found, upcoming = await self._search.find(
            _filter(request, scope), first, last, most, is_descending=is_descending
        )
        page, is_cut = fill_page(
            found, lambda stored: event_to_proto(stored.record, stored.digest.hex()), most
        )
        if is_cut:
            upcoming = found[len(page)].record.position
        return events_pb2.ListEventsResponse(events=page, next_position=upcoming)

    async def WatchEvents(  # noqa: N802
        self, request: events_pb2.WatchEventsRequest, context: Context
    ) -> AsyncIterator[events_pb2.WatchEventsResponse]:
        scope, first = _scope(request)
        actor, task_id = look_up("actor", request.actor), look_up("task_id", request.task_id)
        events = watch(self._hub, self._log, scope, first, frozenset(request.types))
        # What comes live has passed no view of the database.
        visible = current_visibility()
        async with aclosing(events):
            async for event in events:
                if not visible.shows(event.namespace, event.dag_id):
                    continue
                if task_id in ("", event.task_id) and is_caused_by(event.actor, actor):
                    yield events_pb2.WatchEventsResponse(event=event)

    async def ExportEvents(  # noqa: N802
        self, request: events_pb2.ExportEventsRequest, context: Context
    ) -> AsyncIterator[events_pb2.ExportEventsResponse]:
        heads = await self._heads(request, context)
        yield events_pb2.ExportEventsResponse(heads=heads)
        async with self._turn:
            pieces = self._search.lines(heads.first_position, heads.last_position)
            async with aclosing(pieces):
                async for piece in pieces:
                    # In a thread, so that nobody else's call waits for it.
                    lines = await asyncio.to_thread(_lines, piece)
                    position = piece[-1].record.position
                    yield events_pb2.ExportEventsResponse(lines=lines, position=position)

    async def GetHead(  # noqa: N802
        self, request: events_pb2.GetHeadRequest, context: Context
    ) -> events_pb2.GetHeadResponse:
        if request.position < 0:
            raise FieldProblem("position", "position must be 0 or more.")
        at = datetime_from(request, "at")
        if at is not None and request.position:
            raise FieldProblem("at", "at and position exclude each other.")
        end = await self._end(request, context)
        position = request.position or end
        if at is not None:
            position = await self._search.position_at(at)
        if not position:
            return events_pb2.GetHeadResponse(digest=GENESIS.hex())
        place = await self._search.at(position)
        if place is None:
            raise NotFound(f"The log has no event at position {position}.")
        return events_pb2.GetHeadResponse(
            position=position,
            epoch=place.epoch,
            digest=place.digest.hex(),
            recorded_at=timestamp_from(place.recorded_at),
        )

    async def _end(self, request: Any, context: Context) -> int:
        """The position of the last event. Raises :class:`Behind` if that is too early."""
        return await end_at_least(self._log, position_of(request), seconds_left(context))

    async def _heads(
        self, request: events_pb2.ExportEventsRequest, context: Context
    ) -> events_pb2.ChainHeads:
        for field in ("from_position", "to_position"):
            if getattr(request, field) < 0:
                raise FieldProblem(field, f"{field} must be 0 or more.")
        end = await self._end(request, context)
        last = min(request.to_position or end, end)
        oldest = await self._search.oldest()
        first = request.from_position or oldest
        before = GENESIS
        if first > 1:
            # The oldest event that is kept can be linked to nothing: it is what the next one is
            # linked to.
            first = max(first, oldest + 1)
            place = await self._search.at(first - 1)
            before = place.digest if place is not None else GENESIS
        final = await self._search.at(last)
        if final is None or first > last:
            raise NotFound(f"The log has no events from position {first} to {last}.")
        return events_pb2.ChainHeads(
            shard=self._shard,
            first_position=first,
            last_position=last,
            before=before.hex(),
            digest=final.digest.hex(),
        )


def _lines(piece: Sequence[Stored]) -> bytes:
    lines = (
        exported_line(stored.record.position, canonical_bytes(stored.record), stored.digest)
        for stored in piece
    )
    return b"".join(line + b"\n" for line in lines)


def _is_descending(order_by: str) -> bool:
    if order_by and order_by not in ORDERS:
        raise FieldProblem(
            "order_by", f"order_by is {order_by!r}; it must be {' or '.join(map(repr, ORDERS))}."
        )
    return order_by == ORDERS[1]


def _filter(request: events_pb2.ListEventsRequest, scope: Scope) -> EventFilter:
    if len(request.types) > MOST_TYPES:
        raise FieldProblem("types", f"types names {len(request.types)}; {MOST_TYPES} are allowed.")
    return EventFilter(
        namespace=scope.namespace,
        dag_id=scope.dag_id,
        run_id=scope.run_id,
        task_id=look_up("task_id", request.task_id),
        types=tuple(look_up("types", name) for name in request.types),
        actor=look_up("actor", request.actor),
        since=datetime_from(request, "since"),
        until=datetime_from(request, "until"),
    )


def _scope(
    request: events_pb2.ListEventsRequest | events_pb2.WatchEventsRequest,
) -> tuple[Scope, int]:
    if request.from_position < 0:
        raise FieldProblem("from_position", "from_position must be 0 or more.")
    scope = Scope(
        look_up("namespace", request.namespace),
        look_up("dag_id", request.dag_id),
        look_up("run_id", request.run_id),
    )
    return scope, max(request.from_position, 1)
