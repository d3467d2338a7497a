"""Runs that a task asks for in its report: they are created, or cleared to run again, in the commit
of the task's own end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from millstream.core.commands import AnyCommand, ClearTasks
from millstream.core.dags import Dag, schedule_in
from millstream.core.decisions.control import control
from millstream.core.errors import InvalidArgument
from millstream.core.event_parts import Where, XCom
from millstream.core.events import Fact, RunCreated
from millstream.core.reports import DeferAttempt, FailAttempt, RunRequest, SucceedAttempt
from millstream.core.run_ids import operator_run_id
from millstream.core.state import Run, RunKey, State, run_key
from millstream.core.task_events import TaskSkipped
from millstream.core.timetable import timetable_of
from millstream.core.timetables.run_times import Exhausted
from millstream.core.validate import check_run_id

RUN_ID_KEY = "trigger_run_id"


class NotTriggered(Exception):
    """The run cannot be made; ``error_type`` is Airflow's name for it."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


class AlreadyThere(Exception):
    """There is such a run, and the task is to be skipped then."""


class Requested(NamedTuple):
    """A run that a task asked for, and the facts that make it or let it run again. Each is asked
    for when the one before is folded in."""

    where: Where
    facts: Iterator[Fact]


def run_to_recall(state: State, command: AnyCommand) -> RunKey | None:
    """The run that is over and that this report wants to run again: it must be brought back from
    the log first."""
    if isinstance(command, SucceedAttempt | DeferAttempt):
        for request in command.runs:
            if request.reset and request.is_id_taken:
                key = (command.where.namespace, request.dag_id, run_id_of(request))
                return None if key in state.runs else key
    return None


def requested_runs(
    state: State,
    command: SucceedAttempt | DeferAttempt,
    now: datetime,
    recalled: Run | None = None,
) -> list[Requested]:
    """The runs that a report asks for. ``recalled``: the one that it wants to run again, should it
    be over. Raises :class:`NotTriggered` and :class:`AlreadyThere`."""
    return [_requested(state, command, request, now, recalled) for request in command.runs]


def run_id_of(request: RunRequest, now: datetime | None = None) -> str:
    """Its id; "" for one that is named by ``now``, if that is not known."""
    instant = request.logical_date or request.run_after or now
    return request.run_id or ("" if instant is None else operator_run_id(instant))


def _requested(
    state: State,
    command: SucceedAttempt | DeferAttempt,
    request: RunRequest,
    now: datetime,
    recalled: Run | None,
) -> Requested:
    namespace = command.where.namespace
    dag = state.dags.get((namespace, request.dag_id))
    if dag is None:
        raise NotTriggered("DagNotFound", f"DAG {request.dag_id!r} does not exist")
    if request.fail_when_dag_is_paused and dag.is_paused:
        raise NotTriggered("DagIsPaused", f"DAG {request.dag_id!r} is paused")
    run_after = now if request.run_after is None else request.run_after.astimezone(UTC)
    date = None if request.logical_date is None else request.logical_date.astimezone(UTC)
    run_id = run_id_of(request, now)
    where = Where(namespace, request.dag_id, run_id)
    try:
        check_run_id(run_id)
    except InvalidArgument as error:
        raise NotTriggered("InvalidArgument", str(error)) from None
    if request.reset:
        there = state.runs.get(run_key(where), recalled)
        if there is not None and there.key == run_key(where):
            return Requested(where, _reset(state, command, there))
    if request.is_taken or run_key(where) in state.runs or (date is not None and date in dag.dates):
        message = f"DAG {request.dag_id!r} already has the run {run_id!r}, or one of its date"
        if request.skip_when_already_exists:
            raise AlreadyThere(message)
        raise NotTriggered("DagRunAlreadyExists", message)
    start, end = _interval(dag, date)
    created = Fact(
        where,
        RunCreated(
            version=dag.latest.version,
            run_type="operator_triggered",
            triggered_by="operator",
            run_after=run_after,
            logical_date=date,
            data_interval_start=start,
            data_interval_end=end,
            conf=request.conf,
            note=request.note,
        ),
    )
    return Requested(where, iter((created,)))


def _reset(state: State, command: SucceedAttempt | DeferAttempt, run: Run) -> Iterator[Fact]:
    """As a clear of all of its tasks; what the run was made with, it keeps. Raises
    :class:`NotTriggered` at once."""
    if run.key == run_key(command.where):
        raise NotTriggered("InvalidArgument", f"a task cannot reset its own run {run.key[2]!r}")
    namespace, dag_id, run_id = run.key
    clear = ClearTasks(
        id=command.id, namespace=namespace, dag_id=dag_id, run_id=run_id, only_failed=False
    )
    return control(state, clear, run)


def _interval(dag: Dag, date: datetime | None) -> tuple[datetime | None, datetime | None]:
    if date is None:
        return None, None
    try:
        times = timetable_of(schedule_in(dag.latest.spec)).manual_run(date)
    except (OverflowError, Exhausted):
        return date, date
    return times.interval_start, times.interval_end


def not_triggered(command: SucceedAttempt | DeferAttempt, error: NotTriggered) -> FailAttempt:
    """The report as it would be if the task itself had failed for that reason."""
    return FailAttempt(
        id=command.id,
        where=command.where,
        worker=command.worker,
        token=command.token,
        started_at=command.started_at,
        ended_at=command.ended_at,
        xcoms=command.xcoms,
        error_type=error.error_type,
        message=str(error),
        rendered=_rendered(command),
    )


def skipped(command: SucceedAttempt | DeferAttempt, error: AlreadyThere) -> Iterator[Fact]:
    yield Fact(
        command.where,
        TaskSkipped(
            reason=str(error),
            token=command.token,
            started_at=command.started_at,
            ended_at=command.ended_at,
            xcoms=command.xcoms,
            rendered=_rendered(command),
        ),
    )


def _rendered(command: SucceedAttempt | DeferAttempt) -> dict[str, str]:
    return command.rendered if isinstance(command, SucceedAttempt) else {}


def with_run_id(xcoms: dict[str, XCom], asked: list[Requested]) -> dict[str, XCom]:
    """What the task hands on besides: the id of the run that it asked for."""
    if not asked:
        return xcoms
    text = msgspec.json.encode(asked[0].where.run_id)
    return {**xcoms, RUN_ID_KEY: XCom(value=msgspec.Raw(text), size=len(text))}
