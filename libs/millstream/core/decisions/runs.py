"""Commands about runs, and the timers of schedules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, UTC, datetime

from millstream.core.commands import CreateScheduledRun, StartRuns, TimeOutRun, TriggerRun
from millstream.core.dags import SCHEDULED, Dag, next_times, schedule_in
from millstream.core.decisions.dags import find_dag
from millstream.core.errors import InvalidArgument, Refused
from millstream.core.event_parts import Where
from millstream.core.events import DagUnpaused, Fact, NextRunPlanned, RunCreated
from millstream.core.run_queue import start_runs
from millstream.core.state import State, run_key
from millstream.core.stopping import end_as
from millstream.core.timetable import timetable_of
from millstream.core.timetables.run_times import Exhausted, RunTimes
from millstream.core.validate import check_run_id

# Ids that say who made a run are not for people to give away.
RESERVED = ("scheduled__", "backfill__", "asset_triggered__")


def trigger(state: State, command: TriggerRun, now: datetime) -> Iterator[Fact]:
    dag = find_dag(state, command.namespace, command.dag_id)
    run_after = _in_utc("run_after", command.run_after) or now
    run_id = command.run_id or f"manual__{run_after.isoformat()}"
    if command.run_after is not None and not command.run_id:
        run_id += f"_{state.position}"  # others may wait for the same instant
    where = Where(command.namespace, command.dag_id, run_id)
    check_new_id(state, where)
    logical_date = None
    if command.has_logical_date:
        logical_date = _in_utc("logical date", command.logical_date) or now
        if logical_date in dag.dates:
            raise date_taken(command.dag_id, logical_date)
    times = None if logical_date is None else _times_by_hand(dag, logical_date)
    yield Fact(
        where,
        RunCreated(
            version=dag.latest.version,
            run_type="manual",
            triggered_by="rpc",
            run_after=run_after,
            logical_date=logical_date,
            data_interval_start=times.interval_start if times else None,
            data_interval_end=times.interval_end if times else None,
            conf=command.conf,
            note=command.note,
        ),
    )
    if command.unpause and dag.is_paused:
        yield Fact(Where(command.namespace, command.dag_id), DagUnpaused())


def _times_by_hand(dag: Dag, logical_date: datetime) -> RunTimes:
    """The data that the schedule has for a run that somebody asks for at that date."""
    try:
        return timetable_of(schedule_in(dag.latest.spec)).manual_run(logical_date)
    except (OverflowError, Exhausted) as error:
        raise Refused(
            "INVALID_ARGUMENT", f"The schedule has no data interval at {logical_date}."
        ) from error


def check_new_id(state: State, where: Where) -> None:
    """May somebody give a new run this id? Raises :class:`Refused`."""
    try:
        check_run_id(where.run_id)
    except InvalidArgument as error:
        raise Refused("INVALID_RUN_ID", str(error)) from error
    if where.run_id.startswith(RESERVED):
        raise Refused(
            "INVALID_RUN_ID",
            f"run id {where.run_id!r} is not allowed: ids that begin with "
            f"{', '.join(RESERVED)} are made by Millstream",
        )
    if run_key(where) in state.runs:
        raise id_taken(where.dag_id, where.run_id)


def id_taken(dag_id: str, run_id: str) -> Refused:
    return Refused("RUN_EXISTS", f"DAG {dag_id!r} already has a run {run_id!r}.")


def date_taken(dag_id: str, logical_date: datetime) -> Refused:
    return Refused(
        "RUN_EXISTS",
        f"DAG {dag_id!r} already has a run with the logical date {logical_date.isoformat()}. "
        f"Choose another one, or none: millstream trigger {dag_id} --no-logical-date",
    )


def _in_utc(name: str, instant: datetime | None) -> datetime | None:
    if instant is None:
        return None
    if not MINYEAR < instant.year < MAXYEAR:  # else it has no UTC form that all can store
        raise Refused("INVALID_ARGUMENT", f"The {name} {instant} is out of range.")
    return instant.astimezone(UTC)


def create_scheduled(state: State, command: CreateScheduledRun, now: datetime) -> Iterator[Fact]:
    """The planned run, once: a timer that comes again, or too late, finds another plan."""
    dag = state.dags.get((command.namespace, command.dag_id))
    if dag is None or dag.is_paused or dag.planned is None:
        return
    times = dag.planned
    # The timer's word counts and not the clock, which may have been set back since.
    if times.run_after != command.run_after or not dag.has_room(max(now, command.run_after)):
        return
    where = scheduled_where(command, times)
    if command.is_taken or times.logical_date in dag.dates or run_key(where) in state.runs:
        yield Fact(
            Where(command.namespace, command.dag_id),
            NextRunPlanned(next=next_times(dag, times, now), last=times),
        )
        return
    yield Fact(
        where,
        RunCreated(
            version=dag.latest.version,
            run_type=SCHEDULED,
            triggered_by="timetable",
            run_after=times.run_after,
            logical_date=times.logical_date,
            data_interval_start=times.interval_start,
            data_interval_end=times.interval_end,
        ),
    )


def wanted_run(state: State, command: CreateScheduledRun) -> tuple[Where, datetime] | None:
    """The run that the command would make, and its logical date, so that the log can be asked
    whether there was one before; None if it would make none."""
    dag = state.dags.get((command.namespace, command.dag_id))
    if dag is None or dag.planned is None or dag.planned.run_after != command.run_after:
        return None
    return scheduled_where(command, dag.planned), dag.planned.logical_date


def scheduled_where(command: CreateScheduledRun, times: RunTimes) -> Where:
    run_id = f"{SCHEDULED}__{times.run_after.isoformat()}"
    return Where(command.namespace, command.dag_id, run_id)


def start_due(state: State, command: StartRuns, now: datetime) -> Iterator[Fact]:
    key = (command.namespace, command.dag_id)
    if key in state.dags:
        yield from start_runs(state, key, max(now, command.at))


def time_out(state: State, command: TimeOutRun) -> Iterator[Fact]:
    """As in Airflow, what is unfinished is skipped, teardowns too, and the run fails. A run that
    was reopened in the meantime has another instant."""
    run = state.runs.get(run_key(command.where))
    if run is None or run.marked is not None or run.times_out_at != command.at:
        return
    limit_s = run.version.spec.dagrun_timeout_s
    reason = f"the run took longer than its dagrun_timeout of {limit_s:g} s"
    yield from end_as(run, "failed", reason, started="skipped", with_teardowns=True)
