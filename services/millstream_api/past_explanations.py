"""Explanations from the events of one run alone: of runs that are over, and of any while no
scheduler answers."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from datetime import UTC, datetime

from millstream.adapters.event_log import EventLog
from millstream.core.dags import Dag
from millstream.core.errors import NotFound, Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import DagVersionSubmitted, Event, RunCreated, RunReopened
from millstream.core.explain import explain_in
from millstream.core.explanation import Explanation, Surroundings
from millstream.core.recall import Recall
from millstream.core.state import Run, RunKey, State, run_key
from millstream.core.statuses import OPEN_RUN
from millstream.core.versions import DagVersion
from millstream.core.wire import to_event
from millstream_api.progress import behind

BATCH = 500
# Runs that are over and were asked about lately.
MOST_KEPT = 8
MOST_TASKS_KEPT = 20_000
_ALONE = Surroundings(is_alone=True)


class PastExplanations:
    """A run that is over changes only by new events of its own, so its fold may be kept as long as
    there are none."""

    def __init__(self, event_log: EventLog) -> None:
        self._log = event_log
        self._kept: OrderedDict[RunKey, tuple[int, Run, State]] = OrderedDict()
        # A large run takes long: one at a time.
        self._turn = asyncio.Lock()

    async def explain(self, where: Where, min_position: int, timeout_s: float) -> Explanation:
        """Raises :class:`NotFound` and :class:`Unavailable`."""
        head = await self._log.head()
        if head.position < min_position:
            raise behind(min_position, head.position)
        if not where.dag_id:
            raise _no_run(where)
        async with self._turn:
            run, state = await self._run(where, time.monotonic() + timeout_s)
        state.position, state.epoch = head.position, head.epoch
        return explain_in(state, run, where, datetime.now(UTC), _ALONE)

    async def _run(self, where: Where, deadline: float) -> tuple[Run, State]:
        key = run_key(where)
        last = await self._log.last_of_run(*key)
        if not last:
            raise _no_run(where)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == last:
            self._kept.move_to_end(key)
            return kept[1], kept[2]
        run, state = await self._fold(key, deadline)
        if run is None:
            raise _no_run(where)
        if run.status not in OPEN_RUN and len(run.version.graph.tasks) <= MOST_TASKS_KEPT:
            self._kept[key] = last, run, state
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return run, state

    async def _fold(self, key: RunKey, deadline: float) -> tuple[Run | None, State]:
        namespace, dag_id, run_id = key
        state = State()
        dag = state.dags[key[:2]] = Dag()
        recall = Recall(state, key)
        position = 1
        while True:
            batch = await self._log.read(
                position, BATCH, namespace=namespace, dag_id=dag_id, run_id=run_id
            )
            events = [to_event(stored.record) for stored in batch]
            await self._learn_versions(key, dag, events)
            for event in events:
                recall.fold(event)
            if len(batch) < BATCH:
                return recall.run, state
            position = batch[-1].record.position + 1
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Run {run_id!r} has too many events to be told in time; see its events."
                )

    async def _learn_versions(self, key: RunKey, dag: Dag, events: list[Event]) -> None:
        """The versions of the DAG that the run was made or reopened with."""
        named = [e.data.version for e in events if isinstance(e.data, RunCreated | RunReopened)]
        missing = [version for version in dict.fromkeys(named) if version not in dag.versions]
        if not missing:
            return
        for stored in await self._log.dag_versions(*key[:2], missing):
            data = to_event(stored.record).data
            assert isinstance(data, DagVersionSubmitted), "only these were asked for"
            dag.versions.add(DagVersion.read(data.version, data.bundle, bytes(data.spec)))


def _no_run(where: Where) -> NotFound:
    of_dag = f" of DAG {where.dag_id!r}" if where.dag_id else ""
    error = NotFound(f"Run {where.run_id!r}{of_dag} does not exist.")
    error.reason = "RUN_NOT_FOUND"
    return error
