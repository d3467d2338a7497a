"""The events of a run as a whole, up to its end, and the run as they leave it.

Who waits for a run is told of its end with the event itself and need not wait for the read tables.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

import msgspec

from millstream.adapters.event_log import EventLog
from millstream.core.errors import NotFound, Unavailable
from millstream.core.statuses import RUN_ENDS
from millstream.core.wire import Record, to_event
from millstream.projection.projection import Projection
from millstream.rpc.convert import event_to_proto
from millstream.rpc.v1 import events_pb2, runs_pb2
from millstream_api.hub import Hub, Scope
from millstream_api.recent_runs import OF_RUNS
from millstream_api.rows import run_message
from millstream_api.watch import LOOK_AGAIN_S


class RunState:
    """A run by its own events."""

    def __init__(self) -> None:
        self._projection = Projection(keeps_xcoms=False)
        self.is_over = False

    def apply(self, record: Record) -> None:
        # The others are about what its tasks took over, which its own row does not say.
        if record.type in OF_RUNS:
            self._projection.apply(to_event(record))
            self.is_over = record.type in RUN_ENDS

    def message(self) -> runs_pb2.Run:
        (kept,) = self._projection.runs.values()
        return run_message(msgspec.structs.asdict(kept.run))


async def watch_run(
    hub: Hub, event_log: EventLog, scope: Scope, first: int, wanted: frozenset[str]
) -> AsyncGenerator[runs_pb2.WatchRunResponse, None]:
    """The events of types ``wanted``, all of :data:`OF_RUNS`, from position ``first`` on; ends
    after the run's last one. Raises :class:`NotFound`, and :class:`Unavailable` when the server
    stops."""
    upcoming = first
    watcher = await hub.join(scope, OF_RUNS)
    known = [(one, one.digest) for one in hub.recent(scope)]
    try:
        while True:
            watcher.resume()
            state = RunState()
            found, known = known or await _read(event_log, scope), []
            if not found:
                raise NotFound(f"Run {scope.run_id!r} does not exist.")
            while found:
                for record, _ in found:
                    state.apply(record)
                fresh = [event_to_proto(*pair) for pair in found if pair[0].position >= upcoming]
                upcoming = max(upcoming, found[-1][0].position + 1)
                for answer in _answers(fresh, wanted, state):
                    yield answer
                if state.is_over:
                    return
                if hub.stopping.is_set():
                    raise Unavailable("This server stops; watch again to go on.")
                found = []
                if not watcher.is_lost:
                    taken = await watcher.take(LOOK_AGAIN_S)
                    found = [(one, one.digest) for one in taken if one.position >= upcoming]
    finally:
        hub.leave(watcher)


async def _read(event_log: EventLog, scope: Scope) -> list[tuple[Record, str]]:
    stored = await event_log.read_run(scope.namespace, scope.dag_id, scope.run_id)
    return [(one.record, one.digest.hex()) for one in stored]


def _answers(
    events: Iterable[events_pb2.Event], wanted: frozenset[str], state: RunState
) -> list[runs_pb2.WatchRunResponse]:
    answers = [runs_pb2.WatchRunResponse(event=one) for one in events if one.type in wanted]
    if state.is_over and answers and answers[-1].event.type in RUN_ENDS:
        answers[-1].run.CopyFrom(state.message())
    return answers
