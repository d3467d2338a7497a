"""Commands about backfills, and how a backfill goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime

import msgspec

from millstream.core.backfills import (
    IN_FLIGHT,
    MOST_ACTIVE,
    Backfill,
    runs_between,
    wants_more,
    why_none,
)
from millstream.core.commands import (
    AdvanceBackfill,
    CancelBackfill,
    CreateBackfill,
    SetBackfillPaused,
)
from millstream.core.dags import Dag
from millstream.core.decisions.dags import find_dag
from millstream.core.errors import InvalidArgument, Refused
from millstream.core.event_parts import Where
from millstream.core.events import (
    BackfillAdvanced,
    BackfillCancelled,
    BackfillCreated,
    BackfillPaused,
    BackfillUnpaused,
    Fact,
    RunCreated,
)
from millstream.core.memo import reopen
from millstream.core.spec import DagSpec
from millstream.core.state import Run, RunKey, State, run_key
from millstream.core.statuses import FINISHED_TASK
from millstream.core.stopping import clear, end_as
from millstream.core.timetables.run_times import RunTimes

BACKFILL = "backfill"
CANCELLED = "the backfill was cancelled"


def create(state: State, command: CreateBackfill, now: datetime) -> Iterator[Fact]:
    dag = find_dag(state, command.namespace, command.dag_id)
    for backfill_id in dag.backfills:
        raise Refused(
            "BACKFILL_EXISTS",
            f"Backfill {backfill_id} of DAG {command.dag_id!r} goes on; wait for its end, or "
            f"cancel it: millstream backfill cancel {command.dag_id}",
        )
    runs = wanted_runs(dag.latest.spec, command, now)
    yield Fact(
        Where(command.namespace, command.dag_id),
        BackfillCreated(
            backfill_id=str(dag.backfill_count + 1),
            from_date=command.from_date,
            to_date=command.to_date,
            runs=runs,
            reprocess_behavior=command.reprocess_behavior,
            run_backwards=command.run_backwards,
            run_on_latest_version=command.run_on_latest_version,
            max_active_runs=command.max_active_runs,
            conf=command.conf,
        ),
    )


def wanted_runs(spec: DagSpec, command: CreateBackfill, now: datetime) -> tuple[RunTimes, ...]:
    """The dates of a backfill, in its order. Raises :class:`Refused`."""
    if not 1 <= command.max_active_runs <= MOST_ACTIVE:
        raise Refused(
            "INVALID_ARGUMENT",
            f"max_active_runs is {command.max_active_runs}; 1 to {MOST_ACTIVE} is allowed",
        )
    past = [task.task_id for task in spec.tasks if task.depends_on_past]
    if command.run_backwards and past:
        raise Refused(
            "INVALID_ARGUMENT",
            f"DAG {spec.dag_id!r} cannot be run backwards: task {past[0]!r} depends on its past",
        )
    try:
        runs = runs_between(spec, command.from_date, command.to_date, now)
    except (InvalidArgument, OverflowError) as error:
        raise Refused("INVALID_ARGUMENT", str(error)) from error
    if not runs:
        raise Refused(
            "INVALID_ARGUMENT",
            f"DAG {spec.dag_id!r} has no run that is due between "
            f"{command.from_date.isoformat()} and {command.to_date.isoformat()}",
        )
    return runs[::-1] if command.run_backwards else runs


def set_paused(state: State, command: SetBackfillPaused) -> Iterator[Fact]:
    backfill = _find(state, command)
    backfill_id = backfill.created.backfill_id
    where = Where(command.namespace, command.dag_id)
    if command.is_paused and not backfill.is_paused:
        yield Fact(where, BackfillPaused(backfill_id=backfill_id))
    elif not command.is_paused and backfill.is_paused:
        yield Fact(where, BackfillUnpaused(backfill_id=backfill_id))


def cancel(state: State, command: CancelBackfill) -> Iterator[Fact]:
    """As in Airflow, runs that go on do so, and those that wait fail."""
    backfill_id = _find(state, command).created.backfill_id
    dag = state.dags[command.namespace, command.dag_id]
    lane = dag.lanes.get(backfill_id)
    waiting = [run_id for _, _, run_id in lane.waiting] if lane is not None else []
    yield Fact(Where(command.namespace, command.dag_id), BackfillCancelled(backfill_id=backfill_id))
    for run_id in waiting:
        run = state.runs[command.namespace, command.dag_id, run_id]
        yield from end_as(run, "failed", CANCELLED, started="skipped", with_teardowns=True)


def _find(state: State, command: SetBackfillPaused | CancelBackfill) -> Backfill:
    dag = find_dag(state, command.namespace, command.dag_id)
    backfill_id = command.backfill_id or next(iter(dag.backfills), "")
    backfill = dag.backfills.get(backfill_id)
    if backfill is None:
        what = f"backfill {command.backfill_id}" if command.backfill_id else "backfill"
        raise Refused("BACKFILL_NOT_FOUND", f"DAG {command.dag_id!r} has no {what} that goes on.")
    return backfill


def next_date(state: State, command: AdvanceBackfill) -> RunTimes | None:
    """The date that the command is about; None if there is nothing to do."""
    dag = state.dags.get((command.namespace, command.dag_id))
    if dag is None or not wants_more(dag, command.backfill_id):
        return None
    backfill = dag.backfills[command.backfill_id]
    return backfill.created.runs[backfill.number] if backfill.number == command.number else None


def is_too_early(state: State, command: AdvanceBackfill) -> bool:
    """Does the log not yet hold the end of a run that is over?"""
    existing = command.existing
    if existing is None or existing.state != "running":
        return False
    return (command.namespace, command.dag_id, existing.run_id) not in state.runs


def run_to_recall(state: State, command: AdvanceBackfill) -> RunKey | None:
    """The run that is over and will run again: it has to be brought back from the log."""
    times, existing = next_date(state, command), command.existing
    if times is None or existing is None:
        return None
    backfill = state.dags[command.namespace, command.dag_id].backfills[command.backfill_id]
    if why_none(existing, backfill.created.reprocess_behavior):
        return None
    return (command.namespace, command.dag_id, existing.run_id)


def advance(state: State, command: AdvanceBackfill, recalled: Run | None) -> Iterator[Fact]:
    """Deal with the next date: make its run, let the one that it has run again, or neither."""
    times = next_date(state, command)
    if times is None:
        return
    dag = state.dags[command.namespace, command.dag_id]
    backfill = dag.backfills[command.backfill_id]
    made = BackfillAdvanced(backfill_id=command.backfill_id, number=command.number + 1)
    where = Where(command.namespace, command.dag_id)
    open_run = dag.dates.get(times.logical_date)
    existing = command.existing
    reason = why_none(existing, backfill.created.reprocess_behavior)
    if open_run is not None:
        run_id, reason = open_run, IN_FLIGHT
    elif existing is not None:
        run_id = existing.run_id
        if not reason and (recalled is None or recalled.key[2] != run_id):
            reason = "the run of this date cannot be read"
        elif not reason and recalled is not None:
            yield from _run_again(state, dag, backfill, recalled)
    else:
        run_id = _free_id(state, where, times, command)
        yield Fact(
            Where(command.namespace, command.dag_id, run_id),
            RunCreated(
                version=dag.latest.version,
                run_type=BACKFILL,
                triggered_by=BACKFILL,
                run_after=times.run_after,
                logical_date=times.logical_date,
                data_interval_start=times.interval_start,
                data_interval_end=times.interval_end,
                conf=backfill.created.conf,
                backfill_id=command.backfill_id,
            ),
        )
    yield Fact(where, msgspec.structs.replace(made, run_id=run_id, reason=reason))


def backfill_run_id(times: RunTimes) -> str:
    return f"{BACKFILL}__{times.run_after.isoformat()}"


def _free_id(state: State, where: Where, times: RunTimes, command: AdvanceBackfill) -> str:
    run_id = backfill_run_id(times)
    is_taken = run_key(Where(where.namespace, where.dag_id, run_id)) in state.runs
    return f"{run_id}_{command.backfill_id}" if is_taken or command.is_id_taken else run_id


def _run_again(state: State, dag: Dag, backfill: Backfill, recalled: Run) -> Iterator[Fact]:
    created = msgspec.structs.replace(
        recalled.created,
        run_type=BACKFILL,
        triggered_by=BACKFILL,
        backfill_id=backfill.created.backfill_id,
    )
    is_latest = backfill.created.run_on_latest_version
    version = dag.latest.version if is_latest else recalled.version.version
    yield from reopen(dataclasses.replace(recalled, created=created), version)
    run = state.runs[recalled.key]
    for number, tree in enumerate(run.instances):
        for path, instance in list(tree.leaves()):
            if instance.status in FINISHED_TASK:
                yield from clear(run, number, path, instance, "backfill")
