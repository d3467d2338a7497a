"""Events from a position on, without an end: from Postgres, then live, and back when needed."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from millstream.adapters.event_log import EventLog
from millstream.core.errors import Unavailable
from millstream.rpc.convert import event_to_proto
from millstream.rpc.v1 import events_pb2
from millstream_api.hub import Hub, Scope

# A watcher that does not read keeps what was read for it, and there may be a thousand.
READ_BATCH = 64
# Even if the stream is silent for another reason than that nothing happens, Postgres is asked.
LOOK_AGAIN_S = 5.0


async def watch(
    hub: Hub,
    event_log: EventLog,
    scope: Scope,
    first: int,
    types: frozenset[str] = frozenset(),
) -> AsyncGenerator[events_pb2.Event, None]:
    """Every event of ``scope`` from ``first`` on, each once, positions strictly rising; only those
    of ``types`` unless that is empty.

    The watcher queues before Postgres is read, so between the two nothing can be missed; what comes
    twice is known by its position. Raises :class:`Unavailable` when the server stops.
    """
    upcoming = max(first, 1)
    watcher = await hub.join(scope, types)
    rewinds = hub.rewinds
    try:
        while True:
            watcher.resume()
            if hub.rewinds != rewinds:
                raise Unavailable("The log ends before what was heard; watch again to go on.")
            # Up to here the log has everything, wanted or not.
            heard = hub.position
            while True:
                batch = await event_log.read(
                    upcoming,
                    READ_BATCH,
                    namespace=scope.namespace,
                    dag_id=scope.dag_id,
                    run_id=scope.run_id,
                    types=types,
                )
                for stored in batch:
                    upcoming = stored.record.position + 1
                    yield event_to_proto(stored.record, stored.digest.hex())
                _check(hub)
                if len(batch) < READ_BATCH:
                    break
            upcoming = max(upcoming, heard + 1)
            while not watcher.is_lost:
                taken = await watcher.take(LOOK_AGAIN_S)
                if not taken:
                    break
                for record in taken:
                    if record.position >= upcoming:
                        upcoming = record.position + 1
                        yield event_to_proto(record, record.digest)
    finally:
        hub.leave(watcher)


def _check(hub: Hub) -> None:
    if hub.stopping.is_set():
        raise Unavailable("This server stops; watch again to go on.")
