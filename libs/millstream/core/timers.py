"""Which instants the scheduler waits for, read off the events and off a state after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from millstream.core.commands import ReadyAgain, RetryAttempt, TimerCommand
from millstream.core.events import Event, TaskFailed, Where
from millstream.core.state import State
from millstream.core.statuses import TaskStatus

Timer = tuple[datetime, TimerCommand]


def timer_after(event: Event) -> Timer | None:
    """The timer that an event sets, if any. One that is no longer wanted does nothing when it
    fires."""
    match event.data:
        case TaskFailed(retry_at=datetime() as retry_at):
            return retry_at, retry_of(event.where)
        case _:
            return None


def timers_of(state: State) -> Iterator[Timer]:
    """All timers of a state, after a restart or a takeover."""
    for where, instance in state.open_instances():
        if instance.status is TaskStatus.UP_FOR_RETRY and instance.retry_at is not None:
            yield instance.retry_at, retry_of(where)


def stale_ready(state: State, before: datetime) -> list[ReadyAgain]:
    """The ready attempts that nobody has claimed since ``before``. Looks no further than the first
    younger one: a ready attempt costs nothing here while it is young."""
    stale = []
    for key, position in state.ready.items():
        namespace, dag_id, run_id, task_id, map_index = key
        found = state.runs[namespace, dag_id, run_id].find(task_id, map_index)
        assert found is not None
        instance = found[1]
        if instance.ready_at is None or instance.ready_at > before:
            break
        where = Where(namespace, dag_id, run_id, task_id, map_index, instance.attempt)
        stale.append(ReadyAgain(id=f"ready-again/{_name(where)}/{position}", where=where))
    return stale


def retry_of(where: Where) -> RetryAttempt:
    return RetryAttempt(id=f"retry/{_name(where)}", where=where)


def _name(where: Where) -> str:
    path = ".".join(map(str, where.map_index))
    return f"{where.namespace}/{where.dag_id}/{where.run_id}/{where.task_id}/{path}/{where.attempt}"
