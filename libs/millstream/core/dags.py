"""What is known of a DAG as a whole: its versions, whether it is paused, which run its schedule
makes next, and which of its runs wait for a place. Only ``evolve`` changes it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from millstream.core.events import DagPaused, DagUnpaused, NextRunPlanned, RunCreated
from millstream.core.spec import DagSpec
from millstream.core.timetable import (
    AssetOrTimeSchedule,
    ContinuousSchedule,
    Schedule,
    schedule_of,
    timetable_of,
)
from millstream.core.timetables.run_times import Bounds, RunTimes
from millstream.core.versions import DagVersion, Versions

if TYPE_CHECKING:
    from millstream.core.backfills import Backfill

SCHEDULED = "scheduled"
_ALWAYS_DUE = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Lane:
    """Runs that share a number of places: those of one backfill, or all others of a DAG.

    ``waiting`` holds (run after, position, run id) of the queued ones, the next one first.
    """

    running: int = 0
    waiting: list[tuple[datetime, int, str]] = field(default_factory=list)

    def due(self, now: datetime) -> int:
        """How many runs wait for nothing but a place."""
        return bisect_right(self.waiting, now, key=lambda entry: entry[0])


@dataclass(slots=True)
class Dag:
    """``planned``: the run that the schedule makes next, and ``last`` the one that it made last.
    ``dates`` and ``runs`` name the runs that are not over, ``scheduled`` counts those of the
    schedule. ``failures``: how many runs in a row have failed. ``started_at``: when a run left
    the queue last. ``paused_position``: that of the event that paused it, or let it go on, last."""

    versions: Versions = field(default_factory=Versions)
    is_paused: bool = False
    paused_position: int = 0
    planned: RunTimes | None = None
    last: RunTimes | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    runs: dict[str, None] = field(default_factory=dict)
    dates: dict[datetime, str] = field(default_factory=dict)
    scheduled: int = 0
    backfills: dict[str, Backfill] = field(default_factory=dict)
    backfill_count: int = 0
    failures: int = 0
    started_at: datetime | None = None
    # How long the last runs took, in seconds, as far as a deadline looks at it.
    runtimes: list[float] = field(default_factory=list)

    @property
    def latest(self) -> DagVersion:
        return self.versions.latest

    @property
    def is_continuous(self) -> bool:
        """Does each scheduled run wait for the one before?"""
        schedule = schedule_in(self.latest.spec)
        if isinstance(schedule, AssetOrTimeSchedule):
            schedule = schedule.time
        return isinstance(schedule, ContinuousSchedule)

    def places(self, lane: str) -> int:
        """How many runs of a lane may run at once."""
        backfill = self.backfills.get(lane)
        if backfill is not None:
            return 0 if backfill.is_paused else backfill.created.max_active_runs
        return 1 if self.is_continuous else self.latest.spec.max_active_runs

    def startable(self, now: datetime) -> Iterator[str]:
        """The ids of the queued runs that may start now, in order."""
        if self.is_paused:
            return
        for name, lane in self.lanes.items():
            free = self.places(name) - lane.running
            if free > 0 and lane.waiting:
                for _, _, run_id in lane.waiting[: min(free, lane.due(now))]:
                    yield run_id

    def has_room(self, now: datetime) -> bool:
        """May the schedule make a run now? As in Airflow, it makes none that would only wait."""
        lane = self.lanes.get("")
        return lane is None or lane.running + lane.due(now) < self.places("")

    # --- what evolve does

    def enqueue(self, run_id: str, created: RunCreated, position: int) -> None:
        """A run exists and waits."""
        lane = self.lanes.setdefault(created.backfill_id, Lane())
        insort(lane.waiting, _entry(run_id, created, position))
        self.runs[run_id] = None
        if created.run_type == SCHEDULED:
            self.last, self.planned = times_of(created), None
            self.scheduled += 1
        if created.logical_date is not None:
            self.dates.setdefault(created.logical_date, run_id)

    def requeue(self, run_id: str, created: RunCreated, position: int) -> None:
        """A run that was over waits again. It is not the one that the schedule made last."""
        last, planned = self.last, self.planned
        self.enqueue(run_id, created, position)
        self.last, self.planned = last, planned

    def start(self, run_id: str, created: RunCreated, position: int, at: datetime) -> None:
        """A run leaves the queue."""
        lane = self.lanes[created.backfill_id]
        del lane.waiting[bisect_left(lane.waiting, _entry(run_id, created, position))]
        lane.running += 1
        self.started_at = at

    def leave(self, run_id: str, created: RunCreated, position: int, *, is_queued: bool) -> None:
        """A run is over, or ends before it started."""
        lane = self.lanes[created.backfill_id]
        if is_queued:
            del lane.waiting[bisect_left(lane.waiting, _entry(run_id, created, position))]
        else:
            lane.running -= 1
        if not lane.running and not lane.waiting:
            del self.lanes[created.backfill_id]
        del self.runs[run_id]
        self.scheduled -= created.run_type == SCHEDULED
        if created.logical_date is not None and self.dates.get(created.logical_date) == run_id:
            del self.dates[created.logical_date]


def fold_dag(dag: Dag, data: DagPaused | DagUnpaused | NextRunPlanned, position: int) -> None:
    """The events about a DAG that exists, and about none of its runs."""
    match data:
        case DagPaused() | DagUnpaused():
            dag.is_paused, dag.paused_position = isinstance(data, DagPaused), position
        case NextRunPlanned():
            dag.planned, dag.last = data.next, data.last


def _entry(run_id: str, created: RunCreated, position: int) -> tuple[datetime, int, str]:
    """The runs of a backfill wait in the order in which they were made, which may be backwards."""
    return (_ALWAYS_DUE if created.backfill_id else created.run_after, position, run_id)


def schedule_in(spec: DagSpec) -> Schedule:
    """The schedule of a DAG as an object, however it was written."""
    return schedule_of(spec.schedule, spec.timezone)


def bounds_of(spec: DagSpec) -> Bounds:
    return Bounds(
        start=None if spec.start_date is None else datetime.fromisoformat(spec.start_date),
        end=None if spec.end_date is None else datetime.fromisoformat(spec.end_date),
        catchup=spec.catchup,
    )


def next_times(dag: Dag, last: RunTimes | None, now: datetime) -> RunTimes | None:
    """The run that the schedule of the latest version makes after ``last``."""
    spec = dag.latest.spec
    return timetable_of(schedule_in(spec)).next_run(last, now, bounds_of(spec))


def times_of(created: RunCreated) -> RunTimes:
    """The times of a run that a schedule made; it has all of them."""
    date = created.logical_date or created.run_after
    return RunTimes(
        date,
        created.data_interval_start or date,
        created.data_interval_end or date,
        created.run_after,
    )
