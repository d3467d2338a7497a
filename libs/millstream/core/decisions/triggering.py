"""Runs that a task asks for in its report: they are created in the commit of the task's own end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from millstream.core.commands import DeferAttempt, FailAttempt, RunRequest, SucceedAttempt
from millstream.core.dags import Dag, schedule_in
from millstream.core.errors import InvalidArgument
from millstream.core.event_parts import Where, XCom
from millstream.core.events import Fact, RunCreated, TaskSkipped
from millstream.core.state import State, run_key
from millstream.core.timetable import timetable_of
from millstream.core.timetables.run_times import Exhausted
from millstream.core.validate import check_run_id

OPERATOR_TRIGGERED = "operator_triggered"
RUN_ID_KEY = "trigger_run_id"


class NotTriggered(Exception):
    """The run cannot be made; ``error_type`` is Airflow's name for it."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


class AlreadyThere(Exception):
    """There is such a run, and the task is to be skipped then."""


def requested_runs(
    state: State, command: SucceedAttempt | DeferAttempt, now: datetime
) -> list[Fact]:
    """The runs that a report asks for. Raises :class:`NotTriggered` and :class:`AlreadyThere`."""
    return [_requested(state, command.where.namespace, request, now) for request in command.runs]


def _requested(state: State, namespace: str, request: RunRequest, now: datetime) -> Fact:
    dag = state.dags.get((namespace, request.dag_id))
    if dag is None:
        raise NotTriggered("DagNotFound", f"DAG {request.dag_id!r} does not exist")
    if request.fail_when_dag_is_paused and dag.is_paused:
        raise NotTriggered("DagIsPaused", f"DAG {request.dag_id!r} is paused")
    run_after = now if request.run_after is None else request.run_after.astimezone(UTC)
    date = None if request.logical_date is None else request.logical_date.astimezone(UTC)
    run_id = request.run_id or f"{OPERATOR_TRIGGERED}__{(date or run_after).isoformat()}"
    where = Where(namespace, request.dag_id, run_id)
    try:
        check_run_id(run_id)
    except InvalidArgument as error:
        raise NotTriggered("InvalidArgument", str(error)) from None
    if request.is_taken or run_key(where) in state.runs or (date is not None and date in dag.dates):
        message = f"DAG {request.dag_id!r} already has the run {run_id!r}, or one of its date"
        if request.skip_when_already_exists:
            raise AlreadyThere(message)
        raise NotTriggered("DagRunAlreadyExists", message)
    start, end = _interval(dag, date)
    return Fact(
        where,
        RunCreated(
            version=dag.latest.version,
            run_type=OPERATOR_TRIGGERED,
            triggered_by="operator",
            run_after=run_after,
            logical_date=date,
            data_interval_start=start,
            data_interval_end=end,
            conf=request.conf,
            note=request.note,
        ),
    )


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
        ),
    )


def with_run_id(xcoms: dict[str, XCom], created: list[Fact]) -> dict[str, XCom]:
    """What the task hands on besides: the id of the run that it asked for."""
    if not created:
        return xcoms
    text = msgspec.json.encode(created[0].where.run_id)
    return {**xcoms, RUN_ID_KEY: XCom(value=msgspec.Raw(text), size=len(text))}
