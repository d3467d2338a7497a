"""Reports about attempts, and the timers of attempts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from millstream.core.commands import LoseAttempt, ReadyAgain, RetryAttempt
from millstream.core.decisions import triggering, waiting
from millstream.core.errors import Refused
from millstream.core.event_parts import Where
from millstream.core.events import Fact
from millstream.core.react import begin_again, make_ready
from millstream.core.reports import (
    DeferAttempt,
    FailAttempt,
    FinishAttempt,
    RescheduleAttempt,
    SkipAttempt,
    StartAttempt,
    SucceedAttempt,
)
from millstream.core.retry import retry_delay
from millstream.core.state import Instance, Run, State, run_key
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import (
    TaskFailed,
    TaskLost,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)

MAX_LOSSES = 3


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


def _claim(state: State, command: StartAttempt | FinishAttempt) -> tuple[Run, Instance, bool]:
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


def _started(command: StartAttempt | FinishAttempt) -> Fact:
    return Fact(
        command.where,
        TaskStarted(worker=command.worker, token=command.token, started_at=command.started_at),
    )


def start(state: State, command: StartAttempt) -> Iterator[Fact]:
    if waiting.is_trigger(state, command.where):
        yield from waiting.start_trigger(state, command)
        return
    _, _, is_new = _claim(state, command)
    if is_new:
        yield _started(command)


def finish(
    state: State,
    command: SucceedAttempt | SkipAttempt | FailAttempt | RescheduleAttempt | DeferAttempt,
    now: datetime,
    recalled: Run | None = None,
) -> Iterator[Fact]:
    """``recalled``: the run that the report wants to run again, should that be over."""
    run, instance, is_new = _claim(state, command)
    # A plain success claims with the same event; one that asks for runs may end as something else.
    is_plain = isinstance(command, SucceedAttempt) and not command.runs
    if is_new and not is_plain:
        yield _started(command)
    asked: list[triggering.Requested] = []
    if isinstance(command, SucceedAttempt | DeferAttempt) and command.runs:
        try:
            asked = triggering.requested_runs(state, command, now, recalled)
        except triggering.AlreadyThere as error:
            yield from triggering.skipped(command, error)
            return
        except triggering.NotTriggered as error:
            yield _failed(run, instance, triggering.not_triggered(command, error), now)
            return
        xcoms = triggering.with_run_id(command.xcoms, asked)
        command = msgspec.structs.replace(command, xcoms=xcoms)
    match command:
        case SucceedAttempt():
            yield Fact(
                command.where,
                TaskSucceeded(
                    token=command.token,
                    worker=command.worker if is_new and is_plain else "",
                    started_at=command.started_at,
                    ended_at=command.ended_at,
                    xcoms=command.xcoms,
                    choice=command.choice,
                    assets=command.assets,
                    map_name=command.map_name,
                    rendered=command.rendered,
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
                    map_name=command.map_name,
                    rendered=command.rendered,
                ),
            )
        case FailAttempt():
            yield _failed(run, instance, command, now)
        case RescheduleAttempt() | DeferAttempt():
            yield waiting.stopped(command, now)
        case _:
            assert_never(command)
    for requested in asked:
        yield from requested.facts


def _failed(run: Run, instance: Instance, command: FailAttempt, now: datetime) -> Fact:
    """The delay counts from the scheduler's clock: a worker's clock may be a day off."""
    task = run.version.graph.tasks[run.version.graph.number[command.where.task_id]]
    retry_at = None
    last_try = instance.max_tries or task.retries + 1
    if command.may_retry and instance.failures + 1 < last_try:
        chosen_s = command.retry_delay_s
        retry_at = now + (
            retry_delay(task, command.where, run.info.logical_date, instance.failures + 1)
            if chosen_s is None
            else timedelta(seconds=chosen_s)
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
            map_name=command.map_name,
            rendered=command.rendered,
        ),
    )


def retry(state: State, command: RetryAttempt) -> Iterator[Fact]:
    run = state.runs.get(run_key(command.where))
    found = run.find(command.where.task_id, command.where.map_index) if run else None
    if run is None or found is None:
        return
    number, instance = found
    if instance.status is TaskStatus.UP_FOR_RETRY and instance.attempt == command.where.attempt:
        yield begin_again(run, number, instance, command.where.map_index)


def lose(state: State, command: LoseAttempt) -> Iterator[Fact]:
    try:
        if waiting.is_trigger(state, command.where):
            yield from waiting.lose_trigger(state, command)
            return
        _, instance = _find_open(state, command.where)
    except Refused:
        return
    if instance.status is TaskStatus.RUNNING and instance.token == command.token:
        yield Fact(
            command.where,
            TaskLost(
                worker=instance.worker,
                reason=command.reason,
                is_final=instance.losses >= MAX_LOSSES and not command.is_given_back,
                is_given_back=command.is_given_back,
            ),
        )


def ready_again(state: State, command: ReadyAgain) -> Iterator[Fact]:
    if waiting.is_trigger(state, command.where):
        yield from waiting.trigger_again(state, command)
        return
    try:
        run, instance = _find_open(state, command.where)
    except Refused:
        return
    if instance.status is TaskStatus.QUEUED:
        number = run.version.graph.number[command.where.task_id]
        yield make_ready(run, number, instance, command.where.map_index)
