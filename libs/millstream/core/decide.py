"""``decide``: what a command leads to. It reads the state and changes nothing.

A command is either refused with a reason, or it yields its first events; ``react`` says what
follows from those, and ``handle`` runs both to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, datetime
from typing import assert_never

import msgspec

from millstream.core.commands import (
    AnyCommand,
    BeginEpoch,
    FailAttempt,
    LoseAttempt,
    ReadyAgain,
    Report,
    RetryAttempt,
    SkipAttempt,
    StartAttempt,
    SubmitDag,
    SucceedAttempt,
    TriggerRun,
)
from millstream.core.errors import InvalidArgument, InvalidDag, Refused
from millstream.core.events import (
    DagVersionSubmitted,
    EpochStarted,
    Fact,
    RunCreated,
    TaskFailed,
    TaskLost,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    Where,
)
from millstream.core.react import make_ready
from millstream.core.retry import retry_delay
from millstream.core.spec import PythonAction, encode_spec
from millstream.core.state import Instance, Run, State, run_key
from millstream.core.statuses import TaskStatus
from millstream.core.validate import MAX_SPEC_BYTES, check_dag, check_id, check_run_id

MAX_LOSSES = 3


def decide(state: State, command: AnyCommand, now: datetime) -> Iterator[Fact]:
    """The first events of a command, in order. Raises :class:`Refused` before it yields
    anything."""
    match command:
        case SubmitDag():
            return _submit(state, command)
        case TriggerRun():
            return _trigger(state, command, now)
        case StartAttempt():
            return _start(state, command)
        case SucceedAttempt() | SkipAttempt() | FailAttempt():
            return _finish(state, command, now)
        case RetryAttempt():
            return _retry(state, command)
        case LoseAttempt():
            return _lose(state, command)
        case ReadyAgain():
            return _ready_again(state, command)
        case BeginEpoch():
            return iter([Fact(Where("", ""), EpochStarted(holder=command.holder))])
        case _:
            assert_never(command)


def _submit(state: State, command: SubmitDag) -> Iterator[Fact]:
    spec = command.spec
    try:
        check_dag(spec)
    except InvalidDag as error:
        raise Refused("INVALID_DAG", str(error)) from error
    if not command.bundle and any(isinstance(task.action, PythonAction) for task in spec.tasks):
        raise Refused("INVALID_DAG", f"DAG {spec.dag_id!r} has Python tasks, so it needs a bundle.")
    problems = check_id("namespace", command.namespace)
    if problems:
        raise Refused("INVALID_ARGUMENT", f"{problems[0]}.")
    canonical = encode_spec(spec)
    if len(canonical) > MAX_SPEC_BYTES:
        raise Refused(
            "INVALID_DAG",
            f"DAG {spec.dag_id!r} takes {len(canonical)} bytes; {MAX_SPEC_BYTES} are allowed.",
        )
    latest = state.latest(command.namespace, spec.dag_id)
    if latest is not None and latest.canonical == canonical and latest.bundle == command.bundle:
        return
    yield Fact(
        Where(command.namespace, spec.dag_id),
        DagVersionSubmitted(
            version=latest.version + 1 if latest else 1,
            spec=msgspec.Raw(canonical),
            bundle=command.bundle,
        ),
    )


def _trigger(state: State, command: TriggerRun, now: datetime) -> Iterator[Fact]:
    latest = state.latest(command.namespace, command.dag_id)
    if latest is None:
        raise Refused(
            "DAG_NOT_FOUND",
            f"DAG {command.dag_id!r} does not exist. Submit it first: millstream submit FILE",
        )
    run_id = command.run_id or f"manual__{now.isoformat()}"
    try:
        check_run_id(run_id)
    except InvalidArgument as error:
        raise Refused("INVALID_RUN_ID", str(error)) from error
    where = Where(command.namespace, command.dag_id, run_id)
    if run_key(where) in state.runs:
        raise Refused("RUN_EXISTS", f"DAG {command.dag_id!r} already has a run {run_id!r}.")
    logical_date = command.logical_date or now
    if not MINYEAR < logical_date.year < MAXYEAR:  # else it has no UTC form that all can store
        raise Refused("INVALID_ARGUMENT", f"The logical date {logical_date} is out of range.")
    yield Fact(
        where,
        RunCreated(
            version=latest.version,
            run_type="manual",
            triggered_by="rpc",
            run_after=now,
            logical_date=logical_date,
            data_interval_start=logical_date,
            data_interval_end=logical_date,
            conf=command.conf,
            note=command.note,
        ),
    )


def _find_open(state: State, where: Where) -> tuple[Run, Instance]:
    """The run and the instance whose current attempt ``where`` names and which is queued or
    running."""
    run = state.runs.get(run_key(where))
    if run is None:
        raise Refused(
            "RUN_CLOSED", f"Run {where.run_id!r} of DAG {where.dag_id!r} is finished or unknown."
        )
    found = run.find(where.task_id, where.map_index)
    if found is None:
        raise Refused("TASK_NOT_FOUND", f"Run {where.run_id!r} has no task {where.task_id!r}.")
    instance = found[1]
    is_open = instance.status in (TaskStatus.QUEUED, TaskStatus.RUNNING)
    if not is_open or instance.attempt != where.attempt:
        raise Refused(
            "ATTEMPT_CLOSED",
            f"Attempt {where.attempt} of task {where.task_id!r} is over; "
            f"the task is {instance.status} at attempt {instance.attempt}.",
        )
    return run, instance


def _claim(state: State, command: Report) -> tuple[Run, Instance, bool]:
    """The run and the instance, and whether this report still has to claim the attempt."""
    run, instance = _find_open(state, command.where)
    if instance.status is TaskStatus.QUEUED:
        return run, instance, True
    if instance.token != command.token:
        raise Refused(
            "CLAIM_LOST",
            f"Attempt {command.where.attempt} of task {command.where.task_id!r} was claimed "
            f"by worker {instance.worker!r}.",
        )
    return run, instance, False


def _started(command: Report) -> Fact:
    return Fact(
        command.where,
        TaskStarted(worker=command.worker, token=command.token, started_at=command.started_at),
    )


def _start(state: State, command: StartAttempt) -> Iterator[Fact]:
    _, _, is_new = _claim(state, command)
    if is_new:
        yield _started(command)


def _finish(
    state: State, command: SucceedAttempt | SkipAttempt | FailAttempt, now: datetime
) -> Iterator[Fact]:
    run, instance, is_new = _claim(state, command)
    if is_new:
        yield _started(command)
    match command:
        case SucceedAttempt():
            yield Fact(
                command.where,
                TaskSucceeded(
                    token=command.token,
                    started_at=command.started_at,
                    ended_at=command.ended_at,
                    xcoms=command.xcoms,
                    choice=command.choice,
                ),
            )
        case SkipAttempt():
            yield Fact(
                command.where,
                TaskSkipped(
                    reason=command.reason,
                    token=command.token,
                    started_at=command.started_at,
                    ended_at=command.ended_at,
                    xcoms=command.xcoms,
                ),
            )
        case FailAttempt():
            yield _failed(run, instance, command, now)
        case _:
            assert_never(command)


def _failed(run: Run, instance: Instance, command: FailAttempt, now: datetime) -> Fact:
    """The delay counts from the scheduler's clock: a worker's clock may be a day off."""
    task = run.version.graph.tasks[run.version.graph.number[command.where.task_id]]
    retry_at = None
    if command.may_retry and instance.failures < task.retries:
        retry_at = now + retry_delay(
            task, command.where, run.info.logical_date, instance.failures + 1
        )
    return Fact(
        command.where,
        TaskFailed(
            error_type=command.error_type,
            message=command.message,
            traceback=command.traceback,
            token=command.token,
            started_at=command.started_at,
            ended_at=command.ended_at,
            retry_at=retry_at,
            xcoms=command.xcoms,
        ),
    )


def _retry(state: State, command: RetryAttempt) -> Iterator[Fact]:
    run = state.runs.get(run_key(command.where))
    found = run.find(command.where.task_id, command.where.map_index) if run else None
    if run is None or found is None:
        return
    number, instance = found
    if instance.status is TaskStatus.UP_FOR_RETRY and instance.attempt == command.where.attempt:
        yield make_ready(run, number, instance, command.where.map_index)


def _lose(state: State, command: LoseAttempt) -> Iterator[Fact]:
    try:
        _, instance = _find_open(state, command.where)
    except Refused:
        return
    if instance.status is TaskStatus.RUNNING and instance.token == command.token:
        yield Fact(
            command.where,
            TaskLost(
                worker=instance.worker,
                reason=command.reason,
                is_final=instance.losses >= MAX_LOSSES,
            ),
        )


def _ready_again(state: State, command: ReadyAgain) -> Iterator[Fact]:
    try:
        run, instance = _find_open(state, command.where)
    except Refused:
        return
    if instance.status is TaskStatus.QUEUED:
        number = run.version.graph.number[command.where.task_id]
        yield make_ready(run, number, instance, command.where.map_index)
