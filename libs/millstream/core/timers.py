"""Which instants the scheduler waits for, read off the events and off a state after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from millstream.core.commands import ReadyAgain, RetryAttempt, TimeOutWait, TimerCommand, WakeTask
from millstream.core.deadlines import deadline_timer, deadline_timers
from millstream.core.event_parts import Where
from millstream.core.events import DeadlineSet, Event
from millstream.core.quarantine import guarded
from millstream.core.run_queue import commands_after, dag_timer, dag_timers
from millstream.core.state import Instance, State
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskAwaitsInput, TaskDeferred, TaskFailed, TaskRescheduled
from millstream.core.waiting import wait_ends

Timer = tuple[datetime, TimerCommand]


def timer_after(event: Event) -> Timer | None:
    """The timer that an event sets, if any. One that is no longer wanted does nothing when it
    fires."""
    match event.data:
        case TaskFailed(retry_at=datetime() as retry_at):
            return retry_at, retry_of(event.where)
        case TaskRescheduled(until=until):
            return until, _wake(event.where)
        case TaskDeferred() | TaskAwaitsInput() as pause:
            return _end_of(pause, event.where)
        case DeadlineSet(name=name, due_at=due_at):
            return deadline_timer(event.where, name, due_at)
        case _:
            return dag_timer(event)


def timers_of(state: State) -> Iterator[Timer]:
    """All timers of a state, after a restart or a takeover."""
    for where, instance in state.open_instances():
        if instance.retry_at is not None or instance.waiting is not None:
            yield from guarded(where, partial(_timers_of_task, where, instance))
    yield from dag_timers(state)
    yield from deadline_timers(state)


def timers_after(state: State, event: Event) -> list[Timer]:
    """All that an event asks for, now that all of its batch is folded. It is committed already, so
    whatever fails here is put aside."""
    return guarded(event.where, partial(_timers_after, state, event))


def _timers_after(state: State, event: Event) -> Iterator[Timer]:
    yield from commands_after(state, event)
    timer = timer_after(event)
    if timer is not None:
        yield timer


def _timers_of_task(where: Where, instance: Instance) -> Iterator[Timer]:
    if instance.status is TaskStatus.UP_FOR_RETRY and instance.retry_at is not None:
        yield instance.retry_at, retry_of(where)
    elif instance.status is TaskStatus.UP_FOR_RESCHEDULE and instance.retry_at is not None:
        yield instance.retry_at, _wake(where)
    elif instance.waiting is not None and instance.waiting.pause is not None:
        stopped = where.task(where.task_id, where.map_index, instance.waiting.attempt)
        timer = _end_of(instance.waiting.pause, stopped)
        if timer is not None:
            yield timer


def _end_of(pause: TaskDeferred | TaskAwaitsInput, where: Where) -> Timer | None:
    end = wait_ends(pause)
    if end is None:
        return None
    instant, is_timeout = end
    if is_timeout:
        return instant, TimeOutWait(id=f"time-out/{_name(where)}", where=where)
    return instant, _wake(where)


def _wake(where: Where) -> WakeTask:
    return WakeTask(id=f"wake/{_name(where)}", where=where)


def stale_ready(state: State, before: datetime) -> list[ReadyAgain]:
    """The ready attempts that nobody has claimed since ``before``. Looks no further than the first
    younger one: a ready attempt costs nothing here while it is young."""
    stale = []
    for key, position in state.ready.items():
        instance = state.instance(key)
        assert instance is not None
        if instance.ready_at is None or instance.ready_at > before:
            break
        where = Where(*key, instance.attempt)
        stale.append(ReadyAgain(id=f"ready-again/{_name(where)}/{position}", where=where))
    return stale


def retry_of(where: Where) -> RetryAttempt:
    return RetryAttempt(id=f"retry/{_name(where)}", where=where)


def _name(where: Where) -> str:
    path = ".".join(map(str, where.map_index))
    return f"{where.namespace}/{where.dag_id}/{where.run_id}/{where.task_id}/{path}/{where.attempt}"
