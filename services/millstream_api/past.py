"""Runs as they stood at a position: their events up to there, folded as the projector does it."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from millstream.adapters.event_log import EventLog
from millstream.adapters.event_search import EventFilter, EventSearch
from millstream.adapters.run_fold import fold_run
from millstream.core.errors import NotFound
from millstream.core.events import Event
from millstream.core.spec import DagSpec, TaskSpec
from millstream.core.state import RunKey
from millstream.projection.kept_run import KeptRun
from millstream.projection.projection import Projection
from millstream.projection.rows import RunRow, TaskRow
from millstream.rpc.v1 import runs_pb2
from millstream_api.paging import fill_page
from millstream_api.rows import task_message, untouched

# So many runs are folded at a time; each may have a million events.
MOST_AT_ONCE = 2
# What is kept of runs that were asked for, for their next page.
MOST_KEPT = 16
MOST_KEPT_INSTANCES = 200_000

Place = tuple[int, tuple[int, ...]]


@dataclass
class RunAt:
    """A run and its tasks at the position of the last event about it."""

    run: RunRow
    tasks: dict[str, list[TaskRow]]
    size: int
    _in_order: list[tuple[Place, TaskRow | None]] = field(default_factory=list)

    def page(
        self, spec: DagSpec, after: Place | None, most: int
    ) -> tuple[list[runs_pb2.TaskInstance], Place | None]:
        """Task instances in the order of the spec, and where the next page begins."""
        if not self._in_order:
            for number, task in enumerate(spec.tasks):
                rows = sorted(self.tasks.get(task.task_id, ()), key=lambda row: row.map_index)
                self._in_order += [((number, row.map_index), row) for row in rows]
                if not rows:
                    self._in_order.append(((number, ()), None))
        items = self._in_order
        first = 0 if after is None else bisect_right(items, after, key=lambda item: item[0])
        left = items[first : first + most + 1]
        page, is_more = fill_page(
            left,
            lambda item: self._message(spec.tasks[item[0][0]], item[1]),
            most,
        )
        return page, (left[len(page) - 1][0] if is_more else None)

    def _message(self, task: TaskSpec, row: TaskRow | None) -> runs_pb2.TaskInstance:
        if row is None:
            return task_message(task, untouched(msgspec.structs.asdict(self.run), task))
        return task_message(task, msgspec.structs.asdict(row))


class PastRuns:
    """Folds runs, and keeps the latest that were asked for: what happened up to a position never
    changes."""

    def __init__(self, search: EventSearch, event_log: EventLog) -> None:
        self._search = search
        self._log = event_log
        self._kept: OrderedDict[tuple[RunKey, int], RunAt] = OrderedDict()
        self._turn = asyncio.Semaphore(MOST_AT_ONCE)

    async def get(self, key: RunKey, position: int) -> RunAt:
        """Raises :class:`NotFound` if there was no such run by then."""
        wanted = EventFilter(namespace=key[0], dag_id=key[1], run_id=key[2])
        last, _ = await self._search.find(wanted, 1, position, 1, is_descending=True)
        if not last:
            raise NotFound(f"There was no run {key[2]!r} at position {position}.")
        place = (key, last[0].record.position)
        known = self._kept.get(place)
        if known is None:
            async with self._turn:
                known = self._kept.get(place) or await self._fold(key, place[1])
            self._keep(place, known)
        self._kept.move_to_end(place)
        return known

    async def _fold(self, key: RunKey, last: int) -> RunAt:
        kept = await fold_run(self._log, key, last, keeps_xcoms=False)
        if kept is None:
            raise NotFound(f"There was no run {key[2]!r} at position {last}.")
        return await asyncio.to_thread(_run_at, kept)

    def _keep(self, place: tuple[RunKey, int], run: RunAt) -> None:
        self._kept[place] = run
        while len(self._kept) > MOST_KEPT or (
            len(self._kept) > 1
            and sum(len(one.tasks) for one in self._kept.values()) > MOST_KEPT_INSTANCES
        ):
            self._kept.popitem(last=False)


def run_rows(events: Iterable[Event]) -> dict[RunKey, RunRow]:
    """Runs as what happened to themselves left them."""
    projection = Projection(keeps_xcoms=False)
    for event in events:
        projection.apply(event)
    return {key: kept.run for key, kept in projection.runs.items()}


def _run_at(kept: KeptRun) -> RunAt:
    tasks: dict[str, list[TaskRow]] = {}
    for row in kept.tasks.values():
        tasks.setdefault(row.task_id, []).append(row)
    return RunAt(kept.run, tasks, len(kept.tasks))
