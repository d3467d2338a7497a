"""The calls for views over many runs of a DAG: the grid, and counts by day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import date, datetime

import msgspec

from millstream.client.models import aware, run_state_name, run_state_number, task_state_name
from millstream.client.modes import Calls, M, call
from millstream.rpc.convert import datetime_from, timestamp_from
from millstream.rpc.v1 import runs_pb2

MOST_RUNS = 400


class GridCell(msgspec.Struct, frozen=True, kw_only=True):
    """A task in a run. Of a mapped one ``instances`` counts those to which something has happened,
    by state, and ``state`` is what matters most of them: one that failed makes it failed."""

    state: str
    attempts: int = 1
    instances: dict[str, int] = {}


class GridRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run, and its tasks by id. A task that its version of the DAG does not have is not there."""

    run_id: str
    state: str
    run_type: str
    version: int
    logical_date: datetime | None
    run_after: datetime | None
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    cells: dict[str, GridCell]


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The newest run first. ``task_ids``: those of the DAG's latest version in the order of its
    spec, then those that only other versions have."""

    dag_id: str
    task_ids: tuple[str, ...]
    runs: tuple[GridRun, ...]


class DayOfRuns(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs of a day are in which state."""

    day: date
    counts: dict[str, int]


class GridCalls(Calls[M]):
    """Part of the client."""

    @call
    async def grid(
        self,
        dag_id: str,
        *,
        limit: int = 100,
        states: Collection[str] = (),
        run_types: Collection[str] = (),
        order_by: str = "",
    ) -> Grid:
        """The newest ``limit`` runs of a DAG by its tasks. ``order_by``: created_at or
        logical_date, with " desc" the other way round. Raises :class:`NotFound`."""
        request = runs_pb2.GetGridRequest(
            namespace=self._namespace,
            dag_id=dag_id,
            states=map(run_state_number, states),  # type: ignore[arg-type]
            run_types=run_types,
            order_by=order_by,
        )
        task_ids: dict[str, None] = {}
        runs: list[GridRun] = []
        async for page in self._pages(request, limit):
            task_ids.update(dict.fromkeys(page.task_ids))
            runs += [_run(run, page.task_ids) for run in page.runs]
        return Grid(dag_id=dag_id, task_ids=tuple(task_ids), runs=tuple(runs))

    @call
    async def count_runs(
        self, dag_id: str, since: datetime, until: datetime, *, time_zone: str = "UTC"
    ) -> list[DayOfRuns]:
        """The days from ``since`` on, up to ``until`` without that one itself, that have runs of a
        DAG. A run counts for its logical date, one without it for the instant after which it may
        run."""
        request = runs_pb2.CountRunsRequest(
            namespace=self._namespace,
            dag_id=dag_id,
            logical_from=timestamp_from(aware(since)),
            logical_until=timestamp_from(aware(until)),
            time_zone=time_zone,
        )
        return [
            DayOfRuns(
                day=date.fromisoformat(day.date),
                counts={run_state_name(one.state): one.count for one in day.counts},
            )
            for day in (await self._ask(request)).days
        ]

    async def _pages(
        self, request: runs_pb2.GetGridRequest, limit: int
    ) -> AsyncIterator[runs_pb2.GetGridResponse]:
        while limit > 0:
            request.page_size = min(limit, MOST_RUNS)
            page = await self._ask(request)
            yield page
            limit -= len(page.runs)
            request.page_token = page.next_page_token
            if not request.page_token:
                return


def _run(run: runs_pb2.GridRun, task_ids: Collection[str]) -> GridRun:
    return GridRun(
        run_id=run.run_id,
        state=run_state_name(run.state),
        run_type=run.run_type,
        version=run.dag_version,
        logical_date=datetime_from(run, "logical_date"),
        run_after=datetime_from(run, "run_after"),
        created_at=datetime_from(run, "created_at"),
        started_at=datetime_from(run, "started_at"),
        ended_at=datetime_from(run, "ended_at"),
        cells={
            task_id: GridCell(
                state=task_state_name(state),
                attempts=run.attempts.get(place, 1),
                instances={
                    task_state_name(one.state): one.count for one in run.mapped[place].counts
                }
                if place in run.mapped
                else {},
            )
            for place, (task_id, state) in enumerate(zip(task_ids, run.states, strict=True))
            if state
        },
    )
