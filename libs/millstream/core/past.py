"""What tasks that depend on the past look at: how the same task ended in the run before.

Source: Airflow 3.3, ``ti_deps/deps/prev_dagrun_dep.py``. The run before is the one with the latest
earlier logical date; in a DAG with ``catchup`` the latest one that nobody started by hand. Only
``evolve`` changes what is here. A run that is over leaves only the names of what did not end well,
in an event of the DAG: who starts later does not read the events of runs that are over.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from millstream.core.events import OutcomeRemembered
from millstream.core.graph import Graph
from millstream.core.statuses import TaskStatus

if TYPE_CHECKING:
    from millstream.core.state import Instance, Run

MANUAL = "manual"
WELL = frozenset({TaskStatus.SUCCESS, TaskStatus.SKIPPED})


@dataclass(slots=True, eq=False)
class PastRun:
    """A run with a logical date. ``run`` is there while it goes on, ``bad`` when it is over."""

    run_id: str
    graph: Graph
    is_manual: bool
    run: Run | None = field(default=None, repr=False)
    bad: tuple[str, ...] = ()

    def has(self, task_id: str) -> bool:
        return task_id in self.graph.number

    def ended_well(self, task_id: str) -> bool:
        """Did a task, with all its instances, succeed or was it skipped?"""
        if self.run is None:
            return task_id not in self.bad
        return ended_well(self.run.instances[self.graph.number[task_id]])


class Missing(NamedTuple):
    """A task that has not ended well in the run before, or is not in it."""

    before: PastRun
    task_id: str


def ended_well(tree: Instance) -> bool:
    return tree.is_over and all(one.status in WELL for _, one in tree.leaves())


@dataclass(slots=True, eq=False)
class Past:
    """The runs of one DAG by their logical dates; ``firsts`` names the first run of each
    backfill."""

    dates: list[datetime] = field(default_factory=list)
    runs: dict[datetime, PastRun] = field(default_factory=dict)
    firsts: dict[str, str] = field(default_factory=dict)
    # How the run that ended last did so, until that is an event of its own.
    ended: tuple[str, OutcomeRemembered] | None = None

    # --- what evolve does

    def add(self, run: Run) -> None:
        """A run was created, or reopened."""
        created = run.created
        if created.backfill_id:
            self.firsts.setdefault(created.backfill_id, run.key[2])
        if created.logical_date is not None:
            is_manual = created.run_type == MANUAL
            self._put(created.logical_date, PastRun(run.key[2], run.version.graph, is_manual, run))

    def _put(self, date: datetime, known: PastRun) -> None:
        if date not in self.runs:
            self.dates.insert(bisect_left(self.dates, date), date)
        self.runs[date] = known

    def close(self, run: Run) -> None:
        """A run is over."""
        created, run_id = run.created, run.key[2]
        date = created.logical_date
        known = self.runs.get(date) if date is not None else None
        if date is None or known is None or known.run is not run:
            return
        known.bad = tuple(
            task.task_id
            for task, tree in zip(known.graph.tasks, run.instances, strict=True)
            if not ended_well(tree)
        )
        known.run = None
        outcome = OutcomeRemembered(
            run_id=run_id,
            version=run.version.version,
            run_type=created.run_type,
            logical_date=date,
            bad=known.bad,
            backfill_id=created.backfill_id,
            is_first=bool(created.backfill_id) and self.firsts[created.backfill_id] == run_id,
        )
        self.ended = (run_id, outcome)

    def remember(self, data: OutcomeRemembered, graph: Graph) -> None:
        """How a run ended, whether or not it was seen here."""
        self.ended = None
        if data.is_first:
            self.firsts[data.backfill_id] = data.run_id
        assert data.logical_date is not None, "is_legal looked"
        known = PastRun(data.run_id, graph, data.run_type == MANUAL, None, data.bad)
        self._put(data.logical_date, known)

    # --- what react asks

    def missing(self, run: Run, number: int) -> Missing | None:
        """What a task still waits for in the run before; None if it may begin."""
        created, graph = run.created, run.version.graph
        task, date = graph.tasks[number], created.logical_date
        if not task.depends_on_past or date is None:
            return None
        if created.backfill_id and self.firsts.get(created.backfill_id) == run.key[2]:
            return None
        before = self._before(date, with_manual=not run.version.spec.catchup)
        if before is None:
            return None
        if not before.has(task.task_id):
            if task.ignore_first_depends_on_past and not self._ever_had(task.task_id, date):
                return None
            return Missing(before, task.task_id)
        if not before.ended_well(task.task_id):
            return Missing(before, task.task_id)
        for child in graph.downstream[number] if task.wait_for_downstream else ():
            name = graph.tasks[child].task_id
            if before.has(name) and not before.ended_well(name):
                return Missing(before, name)
        return None

    def after(self, run: Run) -> Iterator[Run]:
        """The runs under way for which this run may be the run before."""
        date = run.created.logical_date
        if date is None:
            return
        for later in self.dates[bisect_right(self.dates, date) :]:
            known = self.runs[later]
            if known.run is not None:
                yield known.run
            if not known.is_manual:
                return

    def _before(self, date: datetime, *, with_manual: bool) -> PastRun | None:
        for index in range(bisect_left(self.dates, date) - 1, -1, -1):
            known = self.runs[self.dates[index]]
            if with_manual or not known.is_manual:
                return known
        return None

    def _ever_had(self, task_id: str, date: datetime) -> bool:
        end = bisect_left(self.dates, date)
        return any(self.runs[earlier].has(task_id) for earlier in self.dates[:end])


def waiting_for(graph: Graph, task_id: str) -> Iterator[int]:
    """The tasks of a later run that may wait for the end of task ``task_id`` in an earlier one."""
    number = graph.number.get(task_id)
    if number is None:
        return
    if graph.tasks[number].depends_on_past:
        yield number
    for parent in graph.upstream[number]:
        if graph.tasks[parent].wait_for_downstream:
            yield parent
