"""Commands about tasks that wait: reports that they do, triggers, answers, and the timers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any

import msgspec

from millstream.core.commands import AnswerTask, LoseAttempt, ReadyAgain, TimeOutWait, WakeTask
from millstream.core.deferral import Answer, AssignedUser, InputRequest
from millstream.core.errors import Refused
from millstream.core.event_parts import Where
from millstream.core.events import Data, Fact
from millstream.core.react import begin_again
from millstream.core.reports import DeferAttempt, FireTrigger, RescheduleAttempt, StartAttempt
from millstream.core.state import Instance, Run, State, Waiting, run_key
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import (
    TaskAwaitsInput,
    TaskDeferred,
    TaskRescheduled,
    TaskResumed,
    TriggerLost,
    TriggerStarted,
)
from millstream.core.waiting import trigger_of

LAST_INSTANT = datetime(MAXYEAR - 1, 1, 1, tzinfo=UTC)


def stopped(command: RescheduleAttempt | DeferAttempt, now: datetime) -> Fact:
    """How an attempt that stopped to wait ended. Distances count from the scheduler's clock: a
    worker's may be a day off."""
    common: dict[str, Any] = {
        "token": command.token,
        "started_at": command.started_at,
        "ended_at": command.ended_at,
        "xcoms": command.xcoms,
    }
    if isinstance(command, RescheduleAttempt):
        left_s = max((command.until - command.ended_at).total_seconds(), 0.0)
        return Fact(command.where, TaskRescheduled(until=_after(now, left_s), **common))
    timeout_at = None if command.timeout_s is None else _after(now, max(command.timeout_s, 0.0))
    common |= {"method": command.method, "kwargs": command.kwargs, "timeout_at": timeout_at}
    data: Data
    if command.request is not None:
        data = TaskAwaitsInput(request=command.request, **common)
    else:
        data = TaskDeferred(
            trigger=command.trigger, wake_at=command.wake_at, payload=command.payload, **common
        )
    return Fact(command.where, data)


def _after(now: datetime, seconds: float) -> datetime:
    if seconds >= (LAST_INSTANT - now).total_seconds():
        return LAST_INSTANT
    return now + timedelta(seconds=seconds)


def is_trigger(state: State, where: Where) -> bool:
    """Whether ``where`` is an attempt of a trigger, or at least a deferred task."""
    run = state.runs.get(run_key(where))
    found = run.find(where.task_id, where.map_index) if run else None
    return found is not None and found[1].status is TaskStatus.DEFERRED


def start_trigger(state: State, command: StartAttempt) -> Iterator[Fact]:
    _, is_new = _claim(state, command)
    if is_new:
        yield _started(command)


def fire(state: State, command: FireTrigger) -> Iterator[Fact]:
    _, is_new = _claim(state, command)
    if is_new:
        yield _started(command)
    yield Fact(
        command.where,
        TaskResumed(
            cause=command.cause,
            payload=command.payload,
            message=command.message,
            traceback=command.traceback,
            token=command.token,
        ),
    )


def _claim(state: State, command: StartAttempt | FireTrigger) -> tuple[Instance, bool]:
    """The instance, and whether this report still has to claim its trigger."""
    where = command.where
    _, _, instance, waiting = _find(state, where)
    is_open = waiting.is_trigger_ready or bool(instance.token)
    if instance.attempt != where.attempt or not is_open:
        raise Refused(
            "ATTEMPT_CLOSED",
            f"Trigger attempt {where.attempt} of task {where.task_id!r} is over; the task is "
            f"{instance.status} at attempt {instance.attempt}.",
        )
    if waiting.is_trigger_ready:
        return instance, True
    if instance.token != command.token:
        raise Refused(
            "CLAIM_LOST",
            f"Trigger attempt {where.attempt} of task {where.task_id!r} was claimed by worker "
            f"{instance.worker!r}.",
        )
    return instance, False


def _started(command: StartAttempt | FireTrigger) -> Fact:
    data = TriggerStarted(worker=command.worker, token=command.token, started_at=command.started_at)
    return Fact(command.where, data)


def lose_trigger(state: State, command: LoseAttempt) -> Iterator[Fact]:
    where = command.where
    _, _, instance, _ = _find(state, where)
    if instance.attempt == where.attempt and instance.token == command.token:
        yield Fact(where, TriggerLost(worker=instance.worker, reason=command.reason))


def trigger_again(state: State, command: ReadyAgain) -> Iterator[Fact]:
    run, number, instance, waiting = _find(state, command.where)
    if waiting.is_trigger_ready and instance.attempt == command.where.attempt:
        yield from trigger_of(run, number, instance, command.where)


def answer(state: State, command: AnswerTask, now: datetime) -> Iterator[Fact]:
    where = command.where
    _, _, instance, waiting = _find(state, where)
    pause = waiting.pause
    is_other = where.attempt not in (0, waiting.attempt)
    if not isinstance(pause, TaskAwaitsInput) or is_other:
        raise Refused(
            "NOT_WAITING",
            f"Task {where.task_id!r} of run {where.run_id!r} does not wait for an answer; it is "
            f"{instance.status}.",
        )
    _check_user(pause.request, command.user)
    _check_options(pause.request, command.options)
    values = _form(pause.request)
    unknown = [name for name in command.params if name not in values]
    if unknown:
        known = ", ".join(values) or "none"
        raise Refused("INVALID_ANSWER", f"The form has no field {unknown[0]!r}; it has: {known}.")
    said = Answer(
        chosen_options=command.options,
        params_input=values | command.params,
        responded_at=now,
        responded_by_user=_user(pause.request, command.user),
    )
    yield _answered(where, instance, said)


def _check_user(request: InputRequest, user: str) -> None:
    allowed = [name for one in request.assigned_users for name in (one.id, one.name) if name]
    if allowed and user not in allowed:
        raise Refused(
            "NOT_ASSIGNED", f"User {user!r} may not answer this; it is for {', '.join(allowed)}."
        )


def _check_options(request: InputRequest, options: Sequence[str]) -> None:
    strange = [option for option in options if option not in request.options]
    if strange:
        raise Refused(
            "INVALID_ANSWER",
            f"{strange[0]!r} is no option; choose from {', '.join(map(repr, request.options))}.",
        )
    if (
        not options
        or len(set(options)) < len(options)
        or (len(options) > 1 and not request.multiple)
    ):
        wanted = "one or several different options" if request.multiple else "one option"
        raise Refused("INVALID_ANSWER", f"The answer {list(options)!r} must be {wanted}.")


def _form(request: InputRequest) -> dict[str, object]:
    """The fields of the form with what they are unless somebody fills them in."""
    return {
        name: field.get("value") if isinstance(field, dict) else field
        for name, field in request.params.items()
    }


def _user(request: InputRequest, user: str) -> AssignedUser | None:
    assigned = next((one for one in request.assigned_users if user in (one.id, one.name)), None)
    return assigned or (AssignedUser(id=user, name=user) if user else None)


def _answered(where: Where, instance: Instance, said: Answer) -> Fact:
    place = where.task(where.task_id, where.map_index, instance.attempt)
    return Fact(place, TaskResumed(cause="answer", payload=msgspec.Raw(msgspec.json.encode(said))))


def wake(state: State, command: WakeTask) -> Iterator[Fact]:
    where = command.where
    run = state.runs.get(run_key(where))
    found = run.find(where.task_id, where.map_index) if run else None
    if run is None or found is None:
        return
    number, instance = found
    waiting = instance.waiting
    if instance.status is TaskStatus.UP_FOR_RESCHEDULE and instance.attempt == where.attempt:
        yield begin_again(run, number, instance, where.map_index)
        return
    pause = waiting.pause if waiting is not None else None
    if waiting is None or waiting.attempt != where.attempt:
        return
    if isinstance(pause, TaskDeferred) and pause.wake_at is not None:
        place = where.task(where.task_id, where.map_index, instance.attempt)
        yield Fact(place, TaskResumed(cause="event", payload=pause.payload))


def time_out(state: State, command: TimeOutWait, now: datetime) -> Iterator[Fact]:
    where = command.where
    try:
        _, _, instance, waiting = _find(state, where)
    except Refused:
        return
    pause = waiting.pause
    if waiting.attempt != where.attempt or pause is None:
        return
    if isinstance(pause, TaskAwaitsInput) and pause.request.defaults is not None:
        said = Answer(
            chosen_options=pause.request.defaults,
            params_input=_form(pause.request),
            responded_at=now,
            timedout=True,
        )
        yield _answered(where, instance, said)
        return
    place = where.task(where.task_id, where.map_index, instance.attempt)
    what = "an answer" if isinstance(pause, TaskAwaitsInput) else "the trigger"
    waited_s = (now - pause.ended_at).total_seconds()
    message = f"the time to wait for {what} is over ({waited_s:.0f} s)"
    yield Fact(place, TaskResumed(cause="timeout", message=message))


def _find(state: State, where: Where) -> tuple[Run, int, Instance, Waiting]:
    """A deferred task or one that awaits input. Raises :class:`Refused`."""
    run = state.runs.get(run_key(where))
    if run is None:
        raise Refused(
            "RUN_CLOSED", f"Run {where.run_id!r} of DAG {where.dag_id!r} is finished or unknown."
        )
    found = run.find(where.task_id, where.map_index)
    if found is None:
        raise Refused("TASK_NOT_FOUND", f"Run {where.run_id!r} has no task {where.task_id!r}.")
    number, instance = found
    waiting = instance.waiting
    if waiting is None or waiting.pause is None:
        raise Refused(
            "NOT_WAITING",
            f"Task {where.task_id!r} of run {where.run_id!r} waits for nothing; it is "
            f"{instance.status}.",
        )
    return run, number, instance, waiting
