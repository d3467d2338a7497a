"""Backfills: the runs of a DAG between two dates, as an object that can be paused and cancelled.

A backfill lists its dates when it is made and deals with them one at a time, each in a commit of
its own, as its places become free. Only ``evolve`` changes what is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from millstream.core.dags import Dag, schedule_in
from millstream.core.errors import InvalidArgument
from millstream.core.events import (
    BackfillAdvanced,
    BackfillCancelled,
    BackfillCompleted,
    BackfillCreated,
    BackfillPaused,
    BackfillUnpaused,
)
from millstream.core.spec import DagSpec
from millstream.core.timetable import (
    AssetOrTimeSchedule,
    AssetSchedule,
    ContinuousSchedule,
    NoSchedule,
    OnceSchedule,
    timetable_of,
)
from millstream.core.timetables.run_times import Bounds, RunTimes

MOST_RUNS = 5000
MOST_ACTIVE = 1000
Behavior = Literal["none", "failed", "completed"]
BackfillEvent = (
    BackfillAdvanced | BackfillPaused | BackfillUnpaused | BackfillCancelled | BackfillCompleted
)

IN_FLIGHT = "a run of this date goes on"
EXISTS = "a run of this date exists"


@dataclass(slots=True)
class Backfill:
    """A backfill that is not over. ``number``: how many of its dates are dealt with;
    ``paused_position``: that of the event that paused it, or let it go on, last."""

    created: BackfillCreated
    is_paused: bool = False
    paused_position: int = 0
    number: int = 0

    @property
    def is_through(self) -> bool:
        return self.number >= len(self.created.runs)


class Existing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run of a DAG that has a date already; ``state``: success, failed, or running."""

    run_id: str
    state: str


def fold_backfill(dag: Dag, data: BackfillCreated | BackfillEvent, position: int) -> None:
    """An event about a backfill of a DAG that exists."""
    if isinstance(data, BackfillCreated):
        dag.backfills[data.backfill_id] = Backfill(data)
        dag.backfill_count += 1
        return
    backfill = dag.backfills.get(data.backfill_id)
    if backfill is None:
        return
    match data:
        case BackfillAdvanced():
            backfill.number = data.number
        case BackfillPaused() | BackfillUnpaused():
            backfill.is_paused = isinstance(data, BackfillPaused)
            backfill.paused_position = position
        case BackfillCancelled() | BackfillCompleted():
            del dag.backfills[data.backfill_id]


def is_over(dag: Dag, backfill_id: str) -> bool:
    """Are all dates dealt with, and all runs over?"""
    return dag.backfills[backfill_id].is_through and backfill_id not in dag.lanes


def wants_more(dag: Dag, backfill_id: str) -> bool:
    """May the next date be dealt with now?"""
    backfill = dag.backfills.get(backfill_id)
    if backfill is None or backfill.is_paused or backfill.is_through:
        return False
    lane = dag.lanes.get(backfill_id)
    open_runs = lane.running + len(lane.waiting) if lane is not None else 0
    return open_runs < backfill.created.max_active_runs


def why_none(existing: Existing | None, behavior: Behavior) -> str:
    """Why a date gets no run, or "" if it gets one (as in Airflow)."""
    if existing is None:
        return ""
    if existing.state not in ("success", "failed"):
        return IN_FLIGHT
    if behavior == "completed" or (behavior == "failed" and existing.state == "failed"):
        return ""
    return EXISTS


def runs_between(
    spec: DagSpec, from_date: datetime, to_date: datetime, now: datetime
) -> tuple[RunTimes, ...]:
    """The runs of a DAG's schedule between two dates, both inclusive, that are due. Raises
    :class:`InvalidArgument`."""
    if from_date > to_date:
        raise InvalidArgument(
            f"from_date {from_date.isoformat()} is after to_date {to_date.isoformat()}"
        )
    schedule = schedule_in(spec)
    if isinstance(schedule, AssetOrTimeSchedule):
        schedule = schedule.time
    if isinstance(schedule, NoSchedule | OnceSchedule | ContinuousSchedule | AssetSchedule):
        raise InvalidArgument(
            f"DAG {spec.dag_id!r} has no schedule that says which runs there are between two dates"
        )
    bounds = Bounds(start=from_date, end=to_date, catchup=True)
    timetable = timetable_of(schedule)
    runs: list[RunTimes] = []
    times = timetable.next_run(None, from_date, bounds)
    while times is not None and times.run_after <= now:
        runs.append(times)
        if len(runs) > MOST_RUNS:
            raise InvalidArgument(
                f"between {from_date.isoformat()} and {to_date.isoformat()} there are more than "
                f"{MOST_RUNS} runs; split the backfill into several"
            )
        times = timetable.next_run(times, from_date, bounds)
    return tuple(runs)
