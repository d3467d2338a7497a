"""Reports about callbacks, and their timers: as those about attempts of tasks, without retries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from millstream.core.callbacks import make_ready
from millstream.core.commands import LoseAttempt, ReadyAgain
from millstream.core.errors import Refused
from millstream.core.events import Fact
from millstream.core.reports import (
    DeferAttempt,
    FailAttempt,
    FinishAttempt,
    RescheduleAttempt,
    SkipAttempt,
    StartAttempt,
    SucceedAttempt,
)
from millstream.core.state import Callback, State, instance_key
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import (
    TaskFailed,
    TaskLost,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)

MAX_LOSSES = 3


def start(state: State, command: StartAttempt) -> Iterator[Fact]:
    if _is_new_claim(state, command):
        yield _started(command)


def finish(state: State, command: FinishAttempt) -> Iterator[Fact]:
    is_new = _is_new_claim(state, command)
    if is_new and not isinstance(command, SucceedAttempt):
        yield _started(command)
    times: dict[str, Any] = {
        "token": command.token,
        "started_at": command.started_at,
        "ended_at": command.ended_at,
    }
    match command:
        case SucceedAttempt():
            yield Fact(
                command.where, TaskSucceeded(worker=command.worker if is_new else "", **times)
            )
        case SkipAttempt():
            yield Fact(command.where, TaskSkipped(reason=command.reason, **times))
        case FailAttempt():
            yield Fact(
                command.where,
                TaskFailed(
                    error_type=command.error_type,
                    message=command.message,
                    traceback=command.traceback,
                    **times,
                ),
            )
        case RescheduleAttempt() | DeferAttempt():
            message = "a callback can neither be rescheduled nor deferred"
            yield Fact(command.where, TaskFailed(error_type="Refused", message=message, **times))


def lose(state: State, command: LoseAttempt) -> Iterator[Fact]:
    callback = state.callbacks.get(instance_key(command.where))
    if callback is None:
        return
    instance = callback.instance
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
    callback = state.callbacks.get(instance_key(command.where))
    if callback is not None and callback.instance.status is TaskStatus.QUEUED:
        yield make_ready(command.where, callback)


def _is_new_claim(state: State, command: StartAttempt | FinishAttempt) -> bool:
    """Whether this report still has to claim the attempt. Raises :class:`Refused`."""
    where = command.where
    callback = state.callbacks.get(instance_key(where))
    if callback is None or not _is_open(callback, where.attempt):
        raise Refused(
            "ATTEMPT_CLOSED", f"Attempt {where.attempt} of callback {where.task_id!r} is over."
        )
    instance = callback.instance
    if instance.status is TaskStatus.QUEUED:
        return True
    if instance.token != command.token:
        raise Refused(
            "CLAIM_LOST",
            f"Attempt {where.attempt} of callback {where.task_id!r} was claimed by worker "
            f"{instance.worker!r}.",
        )
    return False


def _is_open(callback: Callback, attempt: int) -> bool:
    instance = callback.instance
    is_open = instance.status in (TaskStatus.QUEUED, TaskStatus.RUNNING)
    return is_open and instance.attempt == attempt


def _started(command: StartAttempt | FinishAttempt) -> Fact:
    return Fact(
        command.where,
        TaskStarted(worker=command.worker, token=command.token, started_at=command.started_at),
    )
