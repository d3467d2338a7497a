"""What follows from an event for the runs of its DAG: which run the schedule makes next, and which
queued runs start. It reads the state and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial

from millstream.core.backfills import is_over, wants_more
from millstream.core.commands import AdvanceBackfill, CreateScheduledRun, StartRuns, TimeOutRun
from millstream.core.dags import SCHEDULED, Dag, next_times, times_of
from millstream.core.event_parts import Where
from millstream.core.events import (
    BackfillAdvanced,
    BackfillCompleted,
    BackfillCreated,
    BackfillUnpaused,
    DagPaused,
    DagUnpaused,
    DagVersionSubmitted,
    Event,
    Fact,
    NextRunPlanned,
    RunCreated,
    RunFailed,
    RunQuarantined,
    RunReopened,
    RunStarted,
    RunSucceeded,
)
from millstream.core.quarantine import Timer, guarded
from millstream.core.state import DagKey, Run, State
from millstream.core.timetables.run_times import RunTimes


def follow_dag(state: State, event: Event, now: datetime) -> Iterator[Fact]:
    """The events that follow from an event about a DAG or a run as a whole."""
    key = (event.where.namespace, event.where.dag_id)
    dag = state.dags.get(key)
    if dag is None:
        return
    match event.data:
        case DagVersionSubmitted():
            if _is_rescheduled(dag, event.data.version):
                yield from plan(key, dag, now)
            yield from start_runs(state, key, now)
        case DagUnpaused():
            yield from plan(key, dag, now)
            yield from start_runs(state, key, now)
        case BackfillUnpaused():
            yield from start_runs(state, key, now)
        case BackfillAdvanced(backfill_id=backfill_id):
            yield from _complete(key, dag, (backfill_id,))
        case RunCreated():
            if event.data.run_type == SCHEDULED and not dag.is_continuous:
                last = times_of(event.data)
                following = next_times(dag, last, now)
                yield Fact(Where(*key), NextRunPlanned(next=following, last=last))
            yield from start_runs(state, key, now)
        case RunReopened() if state.runs[(*key, event.where.run_id)].unfinished:
            yield from start_runs(state, key, now)
        case RunSucceeded() | RunFailed() | RunQuarantined():
            if dag.is_continuous and dag.planned is None:
                yield from plan(key, dag, now)
            paused = list(_stop_failing(key, dag, event))
            yield from paused
            yield from _complete(key, dag, dag.backfills)
            # A run that took no time would free its place for the next one, and so on: a whole
            # queue in one commit. `commands_after` goes on then, in a commit of its own.
            if dag.started_at != now and not paused:
                yield from start_runs(state, key, now)


def _complete(key: DagKey, dag: Dag, backfill_ids: Iterable[str]) -> Iterator[Fact]:
    for backfill_id in backfill_ids:
        if backfill_id in dag.backfills and is_over(dag, backfill_id):
            yield Fact(Where(*key), BackfillCompleted(backfill_id=backfill_id))


OwnCommand = CreateScheduledRun | StartRuns | AdvanceBackfill


def commands_after(state: State, event: Event) -> Iterator[tuple[datetime, OwnCommand]]:
    """What the scheduler asks itself after an event that freed a place, if somebody waits for one
    still, and when. A planned run that found no place is asked for again when it is due: its timer
    has fired, and the clock may have been set back since."""
    match event.data:
        case (
            RunSucceeded()
            | RunFailed()
            | RunQuarantined()
            | BackfillCreated()
            | BackfillAdvanced()
            | BackfillUnpaused()
        ):
            key = (event.where.namespace, event.where.dag_id)
            if key in state.dags:
                for step in _advances(key, state.dags[key]):
                    yield event.recorded_at, step
    match event.data:
        case RunSucceeded() | RunFailed() | RunQuarantined() | DagVersionSubmitted():
            key = (event.where.namespace, event.where.dag_id)
            dag = state.dags.get(key)
            if dag is None or dag.is_paused:
                return
            at = event.recorded_at
            if next(dag.startable(at), None) is not None:
                yield at, start_of(key, at)
            if dag.planned is not None and dag.has_room(at):
                due = dag.planned.run_after
                yield max(at, due), creation_of(key, due)


def _advances(key: DagKey, dag: Dag) -> Iterator[AdvanceBackfill]:
    """A step for each backfill that may deal with its next date."""
    for backfill_id, backfill in dag.backfills.items():
        if wants_more(dag, backfill_id):
            namespace, dag_id = key
            yield AdvanceBackfill(
                id=f"backfill/{namespace}/{dag_id}/{backfill_id}/{backfill.number}",
                namespace=namespace,
                dag_id=dag_id,
                backfill_id=backfill_id,
                number=backfill.number,
            )


DagTimer = tuple[datetime, OwnCommand | TimeOutRun]


def dag_timer(event: Event) -> DagTimer | None:
    """The instant that an event about a DAG or a run waits for, and what is asked then."""
    key = (event.where.namespace, event.where.dag_id)
    match event.data:
        case NextRunPlanned(next=RunTimes(run_after=run_after)):
            return run_after, creation_of(key, run_after)
        case RunCreated(run_after=run_after) if run_after > event.recorded_at:
            return run_after, start_of(key, run_after)
        case RunReopened(created=created) if created.run_after > event.recorded_at:
            return created.run_after, start_of(key, created.run_after)
        case RunStarted(times_out_at=datetime() as at):
            return at, time_out_of(event.where, at)
        case _:
            return None


def _timers_of_dag(key: DagKey, dag: Dag) -> Iterator[DagTimer]:
    if dag.planned is not None and not dag.is_paused:
        yield dag.planned.run_after, creation_of(key, dag.planned.run_after)
    for lane in dag.lanes.values():
        for run_after in dict.fromkeys(run_after for run_after, _, _ in lane.waiting):
            yield run_after, start_of(key, run_after)
    for step in _advances(key, dag):
        yield dag.backfills[step.backfill_id].created.from_date, step


def dag_timers(state: State) -> Iterator[Timer]:
    """All such instants, after a restart or a takeover."""
    for key, dag in state.dags.items():
        yield from guarded(Where(*key), partial(_timers_of_dag, key, dag))
    for run in state.runs.values():
        if run.times_out_at is not None:
            yield run.times_out_at, time_out_of(Where(*run.key), run.times_out_at)


def time_out_of(where: Where, at: datetime) -> TimeOutRun:
    name = f"{where.namespace}/{where.dag_id}/{where.run_id}"
    return TimeOutRun(id=f"time-out-run/{name}/{at.isoformat()}", where=where, at=at)


def creation_of(key: DagKey, run_after: datetime) -> CreateScheduledRun:
    namespace, dag_id = key
    return CreateScheduledRun(
        id=f"scheduled/{namespace}/{dag_id}/{run_after.isoformat()}",
        namespace=namespace,
        dag_id=dag_id,
        run_after=run_after,
    )


def start_of(key: DagKey, at: datetime) -> StartRuns:
    namespace, dag_id = key
    return StartRuns(
        id=f"start/{namespace}/{dag_id}/{at.isoformat()}", namespace=namespace, dag_id=dag_id, at=at
    )


def plan(key: DagKey, dag: Dag, now: datetime) -> Iterator[Fact]:
    """Ask the schedule for its next run, unless the DAG is paused: then it is asked when the DAG
    goes on."""
    if dag.is_paused or (dag.is_continuous and dag.scheduled):
        return
    following = next_times(dag, dag.last, now)
    if following is not None or dag.planned is not None:
        yield Fact(Where(*key), NextRunPlanned(next=following, last=dag.last))


def start_runs(state: State, key: DagKey, now: datetime) -> Iterator[Fact]:
    """The runs of a DAG that are due and find a place."""
    for run_id in state.dags[key].startable(now):
        run = state.runs[(*key, run_id)]
        yield Fact(Where(*run.key), RunStarted(times_out_at=_time_out(run, now)))


def _time_out(run: Run, now: datetime) -> datetime | None:
    limit_s = run.version.spec.dagrun_timeout_s
    return None if limit_s is None else now + timedelta(seconds=limit_s)


def _is_rescheduled(dag: Dag, version: int) -> bool:
    if version == 1:
        return True
    new, old = dag.versions[version].spec, dag.versions[version - 1].spec
    return any(
        getattr(new, name) != getattr(old, name)
        for name in ("schedule", "timezone", "start_date", "end_date", "catchup")
    )


def _stop_failing(key: DagKey, dag: Dag, event: Event) -> Iterator[Fact]:
    most = dag.latest.spec.max_consecutive_failed_dag_runs
    if isinstance(event.data, RunSucceeded) or not 0 < most <= dag.failures or dag.is_paused:
        return
    yield Fact(Where(*key), DagPaused(reason=f"{dag.failures} runs in a row failed"))
