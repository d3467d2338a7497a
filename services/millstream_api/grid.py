"""The grid of a DAG: runs by tasks, a byte for each, so that a large one is small on the wire.

The database counts the instances of the runs on the page by run, task and state, and looks at no
others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from millstream.core.errors import NotFound
from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import runs_pb2
from millstream_api.callers import namespace_of, need
from millstream_api.listing import Conditions, Plan
from millstream_api.paging import page_size
from millstream_api.rows import RUN_STATES, TASK_STATES
from millstream_api.run_rows import RUNS, runs_where
from millstream_api.snapshot import Row, Rows

MOST_RUNS = 400
# A page ends where its runs have as many, whatever was asked for.
MOST_INSTANCES = 100_000
# The instances of so many runs are counted at a time.
PORTION = 50

GRID = msgspec.structs.replace(
    RUNS,
    name="grid",
    columns="run_id, state, run_type, version, logical_date, run_after, created_at, started_at, "
    "ended_at, created_position",
)
_LATEST = "SELECT latest_version FROM dag WHERE namespace = $1 AND dag_id = $2"
_SPECS = """
SELECT version, spec FROM dag_version
WHERE namespace = $1 AND dag_id = $2 AND version = ANY($3::integer[]) ORDER BY version DESC
"""
# A row a run, so that they are few: the instances of a task in a state are an item of its arrays.
_CELLS = """
SELECT r.run_id, g.* FROM unnest($3::text[]) r(run_id) CROSS JOIN LATERAL (
    SELECT array_agg(task_id) AS task_ids, array_agg(is_mapped) AS are_mapped,
        array_agg(state) AS states, array_agg(number) AS numbers, array_agg(attempt) AS attempts
    FROM (SELECT task_id, map_index <> '{}' AS is_mapped, state, count(*)::integer AS number,
              max(attempt) AS attempt
          FROM task_instance i
          WHERE i.namespace = $1 AND i.dag_id = $2 AND i.run_id = r.run_id
          GROUP BY task_id, map_index <> '{}', state) counted) g
"""
# What a mapped task is shown as: the first of these that an instance of it is in. Airflow's order.
PRECEDENCE = (
    *("failed", "upstream_failed", "up_for_retry", "up_for_reschedule", "running", "deferred"),
    *("awaiting_input", "queued", "scheduled", "none", "success", "skipped", "removed"),
)
_RANKS = {state: rank for rank, state in enumerate(PRECEDENCE)}
_NONE = TASK_STATES["none"]


class _Task(msgspec.Struct):
    task_id: str


class _Tasks(msgspec.Struct):
    """Of a spec only what its tasks are called."""

    tasks: tuple[_Task, ...] = ()


_decoder = msgspec.json.Decoder(_Tasks)


class Asked(msgspec.Struct, frozen=True):
    """A page of runs of a DAG."""

    namespace: str
    dag_id: str
    plan: Plan
    where: Conditions

    @classmethod
    def of(cls, request: runs_pb2.GetGridRequest) -> Asked:
        """Raises :class:`FieldProblem`."""
        dag_id = need("dag_id", request.dag_id)
        most = min(page_size(request.page_size), MOST_RUNS)
        plan = GRID.plan(request)._replace(most=most)
        return cls(namespace_of(request.namespace), dag_id, plan, runs_where(request))


async def read_grid(rows: Rows, asked: Asked) -> runs_pb2.GetGridResponse:
    """Raises :class:`NotFound` for a DAG that does not exist."""
    dag = await rows.fetchrow(_LATEST, asked.namespace, asked.dag_id)
    if dag is None:
        raise NotFound(f"DAG {asked.dag_id!r} does not exist.")
    query, arguments = asked.plan.query(asked.where)
    runs = await rows.fetch(query, *arguments)
    page, cells = await _read_cells(rows, asked, runs[: asked.plan.most])
    latest = dag["latest_version"]
    tasks = await _read_tasks(rows, asked, {latest, *(run["version"] for run in page)})
    grid = _Grid(tasks, latest, cells)
    return runs_pb2.GetGridResponse(
        runs=[grid.run(run, cells[run["run_id"]]) for run in page],
        task_ids=grid.task_ids,
        latest_tasks=len(tasks.get(latest, ())),
        next_page_token=asked.plan.token_after(page[-1]) if len(page) < len(runs) else "",
    )


async def _read_tasks(
    rows: Rows, asked: Asked, versions: Iterable[int]
) -> dict[int, tuple[str, ...]]:
    """The ids of the tasks by version, the latest version first."""
    found = await rows.fetch(_SPECS, asked.namespace, asked.dag_id, list(versions))
    return {
        row["version"]: tuple(task.task_id for task in _decoder.decode(row["spec"]).tasks)
        for row in found
    }


async def _read_cells(
    rows: Rows, asked: Asked, runs: Sequence[Row]
) -> tuple[Sequence[Row], dict[str, Row]]:
    """The runs that fit on the page, at least one if there are any, and the instances of each."""
    cells: dict[str, Row] = {}
    seen = 0
    for start in range(0, len(runs), PORTION):
        run_ids = [run["run_id"] for run in runs[start : start + PORTION]]
        found = await rows.fetch(_CELLS, asked.namespace, asked.dag_id, run_ids)
        by_id = {row["run_id"]: row for row in found}
        for number, run_id in enumerate(run_ids, start):
            seen += sum(by_id[run_id]["numbers"] or ())
            if cells and seen > MOST_INSTANCES:
                return runs[:number], cells
            cells[run_id] = by_id[run_id]
    return runs, cells


class _Grid:
    """Which task has which place. ``tasks`` are those of each version, the latest one first."""

    def __init__(
        self, tasks: dict[int, tuple[str, ...]], latest: int, cells: dict[str, Row]
    ) -> None:
        self._tasks = tasks
        self._places: dict[str, int] = {}
        self._blank: dict[int, bytes] = {}
        for version in (latest, *tasks):
            self._place(tasks.get(version, ()))
        # A run that went on with another version may have done tasks that this one does not have.
        for row in cells.values():
            self._place(row["task_ids"] or ())

    @property
    def task_ids(self) -> list[str]:
        return list(self._places)

    def _place(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            if task_id not in self._places:
                self._places[task_id] = len(self._places)

    def run(self, run: Row, cells: Row) -> runs_pb2.GridRun:
        message = runs_pb2.GridRun(
            run_id=run["run_id"],
            state=RUN_STATES.get(run["state"], 0),  # type: ignore[arg-type]
            run_type=run["run_type"],
            dag_version=run["version"],
            logical_date=timestamp_from(run["logical_date"]),
            run_after=timestamp_from(run["run_after"]),
            created_at=timestamp_from(run["created_at"]),
            started_at=timestamp_from(run["started_at"]),
            ended_at=timestamp_from(run["ended_at"]),
            created_position=run["created_position"],
        )
        states = bytearray(self._untouched(run["version"]))
        mapped: dict[int, dict[str, int]] = {}
        for task_id, is_mapped, state, number, attempt in _items(cells):
            place = self._places[task_id]
            if attempt > 1 and attempt > message.attempts.get(place, 1):
                message.attempts[place] = attempt
            if is_mapped:
                mapped.setdefault(place, {})[state] = number
            else:
                states[place] = TASK_STATES.get(state, 0)
        # The task itself has a row of what was before it was expanded; its instances say more.
        for place, counts in mapped.items():
            states[place] = TASK_STATES.get(min(counts, key=_rank), 0)
            for state in sorted(counts, key=_rank):
                message.mapped[place].counts.add(
                    state=TASK_STATES.get(state, 0), count=counts[state]
                )
        message.states = bytes(states)
        return message

    def _untouched(self, version: int) -> bytes:
        """The states of a run of this version to which nothing has happened."""
        blank = self._blank.get(version)
        if blank is None:
            states = bytearray(len(self._places))
            for task_id in self._tasks.get(version, ()):
                states[self._places[task_id]] = _NONE
            blank = self._blank[version] = bytes(states)
        return blank


def _items(cells: Row) -> Iterable[Any]:
    columns = ("task_ids", "are_mapped", "states", "numbers", "attempts")
    return zip(*(cells[column] or () for column in columns), strict=True)


def _rank(state: str) -> int:
    return _RANKS.get(state, len(_RANKS))
