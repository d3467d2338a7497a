"""Which instants the scheduler waits for, read off the events and off a state after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from millstream.core.commands import ReadyAgain, RetryAttempt, TimerCommand
from millstream.core.events import Event, TaskFailed, TaskReady, Where
from millstream.core.state import State
from millstream.core.statuses import TaskStatus

Timer = tuple[datetime, TimerCommand]


def timer_after(event: Event, ready_again_after: timedelta) -> Timer | None:
    """The timer that an event sets, if any. One that is no longer wanted does nothing when it
    fires."""
    match event.data:
        case TaskFailed(retry_at=datetime() as retry_at):
            return retry_at, retry_of(event.where)
        case TaskReady():
            return event.recorded_at + ready_again_after, ready_again_of(
                event.where, event.position
            )
        case _:
            return None


def timers_of(state: State, ready_again_after: timedelta) -> Iterator[Timer]:
    """All timers of a state, after a restart or a takeover."""
    for where, instance in state.open_instances():
        if instance.status is TaskStatus.UP_FOR_RETRY:
            if instance.retry_at is not None:
                yield instance.retry_at, retry_of(where)
        elif instance.status is TaskStatus.QUEUED and instance.ready_at is not None:
            yield instance.ready_at + ready_again_after, ready_again_of(where, 0)


def retry_of(where: Where) -> RetryAttempt:
    return RetryAttempt(id=f"retry/{_name(where)}", where=where)


def ready_again_of(where: Where, position: int) -> ReadyAgain:
    return ReadyAgain(id=f"ready-again/{_name(where)}/{position}", where=where)


def _name(where: Where) -> str:
    path = ".".join(map(str, where.map_index))
    return f"{where.namespace}/{where.dag_id}/{where.run_id}/{where.task_id}/{path}/{where.attempt}"
