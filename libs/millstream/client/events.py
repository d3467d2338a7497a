"""The calls about the event log."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection

from millstream.client.models import Event, event_from
from millstream.client.modes import PAGE_SIZE, Calls, M, listing
from millstream.rpc.v1 import events_pb2


class EventCalls(Calls[M]):
    """Part of the client."""

    @listing
    async def events(
        self,
        run_id: str = "",
        dag_id: str = "",
        *,
        from_position: int = 0,
        follow: bool = False,
        types: Collection[str] = (),
        namespace: str = "",
        timeout_s: float | None = None,
    ) -> AsyncIterator[Event]:
        """Events in order up to the end of the log as it is, or without an end with ``follow``.

        Of all namespaces unless one is named.
        """
        request = events_pb2.ListEventsRequest(
            namespace=namespace,
            dag_id=dag_id,
            run_id=run_id,
            from_position=from_position,
            page_size=PAGE_SIZE,
        )
        while not follow:
            answer = await self._ask(request)
            for event in answer.events:
                if not types or event.type in types:
                    yield event_from(event)
            request.from_position = answer.next_position
            if not answer.next_position:
                return

        def watching(upcoming: int) -> events_pb2.WatchEventsRequest:
            return events_pb2.WatchEventsRequest(
                namespace=namespace,
                dag_id=dag_id,
                run_id=run_id,
                from_position=upcoming,
                types=types,
            )

        answers = self._channel.watch(watching, from_position, timeout_s)
        async with contextlib.aclosing(answers):
            async for answer in answers:
                yield event_from(answer.event)
