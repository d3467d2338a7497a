"""Tasks that wait without a process: what their events change, what follows from them, and which
instant they wait for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from millstream.core.deferral import Resume
from millstream.core.event_parts import Where
from millstream.core.events import Data, Event, Fact
from millstream.core.state import Instance, Run, State, Waiting, instance_key
from millstream.core.statuses import FINISHED_TASK
from millstream.core.task_events import (
    TaskAwaitsInput,
    TaskDeferred,
    TaskFailed,
    TaskReady,
    TaskRescheduled,
    TaskResumed,
    TriggerLost,
    TriggerReady,
    TriggerStarted,
)


def fits(instance: Instance, where: Where, data: Data) -> bool:
    """Whether an event of a deferred task is about what it waits for now. The table of statuses has
    been asked before."""
    waiting = instance.waiting
    if waiting is None or waiting.pause is None:
        return False
    match data:
        case TriggerReady():
            is_deferred = isinstance(waiting.pause, TaskDeferred)
            again = 0 if waiting.is_trigger_ready else 1
            is_free = not instance.token
            return is_deferred and is_free and where.attempt == instance.attempt + again
        case TriggerStarted():
            return waiting.is_trigger_ready and where.attempt == instance.attempt
        case TriggerLost():
            return bool(instance.token) and where.attempt == instance.attempt
        case _:
            return where.attempt == instance.attempt


def note(state: State, instance: Instance, event: Event) -> None:
    """Fold what an event says about waiting; the status is set already."""
    where, data = event.where, event.data
    match data:
        case TaskRescheduled() | TaskDeferred() | TaskAwaitsInput():
            _pause(instance, where, data)
        case TaskResumed():
            state.ready.pop(instance_key(where), None)
            _resume(instance, data)
        case TriggerReady():
            waiting = _of(instance)
            waiting.is_trigger_ready = True
            instance.attempt, instance.ready_at = where.attempt, event.recorded_at
            key = instance_key(where)
            state.ready.pop(key, None)
            state.ready[key] = event.position
        case TriggerStarted():
            _of(instance).is_trigger_ready = False
            instance.token, instance.worker = data.token, data.worker
            state.ready.pop(instance_key(where), None)
        case TriggerLost():
            instance.token = instance.worker = ""
        case TaskFailed() if instance.waiting is not None:
            instance.waiting.resume = None  # the next try begins at the beginning
        case TaskReady() if instance.waiting is not None:
            instance.waiting.pause = None
    if instance.waiting is not None and instance.status in FINISHED_TASK:
        instance.waiting = None


def _of(instance: Instance) -> Waiting:
    if instance.waiting is None:
        instance.waiting = Waiting()
    return instance.waiting


def _pause(
    instance: Instance, where: Where, data: TaskRescheduled | TaskDeferred | TaskAwaitsInput
) -> None:
    waiting = _of(instance)
    waiting.first_started_at = waiting.first_started_at or data.started_at
    waiting.resume = None
    waiting.is_trigger_ready = False
    instance.token = instance.worker = ""
    if isinstance(data, TaskRescheduled):
        instance.retry_at = data.until
        waiting.pause = None
        return
    waiting.pause, waiting.attempt = data, where.attempt


def _resume(instance: Instance, data: TaskResumed) -> None:
    waiting = _of(instance)
    pause = waiting.pause
    assert pause is not None, "is_legal looked"
    instance.token = instance.worker = ""
    waiting.is_trigger_ready = False
    waiting.pause = None
    waiting.resume = Resume(
        cause=data.cause,
        method=pause.method,
        kwargs=pause.kwargs,
        payload=data.payload,
        message=data.message,
        traceback=data.traceback,
    )


def trigger_of(run: Run, number: int, instance: Instance, where: Where) -> Iterator[Fact]:
    """The next attempt of a trigger; for one that is ready already, the same attempt again. Nothing
    for a task that the scheduler's own timer wakes."""
    waiting = instance.waiting
    pause = waiting.pause if waiting is not None else None
    if waiting is None or not isinstance(pause, TaskDeferred) or pause.trigger is None:
        return
    attempt = instance.attempt if waiting.is_trigger_ready else instance.attempt + 1
    yield Fact(
        where.task(where.task_id, where.map_index, attempt),
        TriggerReady(
            queue=run.version.graph.tasks[number].queue,
            version=run.version.version,
            trigger=pause.trigger,
            bundle=run.version.bundle,
            file=run.version.spec.file,
            timeout_at=pause.timeout_at,
        ),
    )


def wait_ends(pause: TaskDeferred | TaskAwaitsInput) -> tuple[datetime, bool] | None:
    """The instant at which a wait ends by itself, and whether that is its time-out."""
    wake_at = pause.wake_at if isinstance(pause, TaskDeferred) else None
    timeout_at = pause.timeout_at
    if wake_at is not None and (timeout_at is None or wake_at <= timeout_at):
        return wake_at, False
    return None if timeout_at is None else (timeout_at, True)
