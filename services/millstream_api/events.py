"""EventService: the log itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from millstream.adapters.event_log import EventLog
from millstream.rpc.convert import event_to_proto
from millstream.rpc.v1 import events_pb2, events_pb2_grpc
from millstream_api.callers import look_up
from millstream_api.errors import FieldProblem
from millstream_api.hub import Hub, Scope
from millstream_api.interceptor import Context
from millstream_api.paging import fill_page, page_size
from millstream_api.watch import watch


class EventService(events_pb2_grpc.EventServiceServicer):
    def __init__(self, hub: Hub, event_log: EventLog) -> None:
        self._hub = hub
        self._log = event_log

    async def ListEvents(  # noqa: N802 - gRPC's name
        self, request: events_pb2.ListEventsRequest, context: Context
    ) -> events_pb2.ListEventsResponse:
        scope, first = _scope(request)
        most = page_size(request.page_size)
        found = await self._log.read(
            first,
            most + 1,
            namespace=scope.namespace,
            dag_id=scope.dag_id,
            run_id=scope.run_id,
        )
        page, is_more = fill_page(
            found, lambda stored: event_to_proto(stored.record, stored.digest.hex()), most
        )
        upcoming = page[-1].position + 1 if is_more else 0
        return events_pb2.ListEventsResponse(events=page, next_position=upcoming)

    async def WatchEvents(  # noqa: N802
        self, request: events_pb2.WatchEventsRequest, context: Context
    ) -> AsyncIterator[events_pb2.WatchEventsResponse]:
        scope, first = _scope(request)
        events = watch(self._hub, self._log, scope, first, frozenset(request.types))
        async with aclosing(events):
            async for event in events:
                yield events_pb2.WatchEventsResponse(event=event)


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
