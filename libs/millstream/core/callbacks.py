"""Callbacks: work of their own, which an event of a task or of a run leads to.

A callback is an attempt like any other (the same events, claims and leases), of something that is
no task: its task id names the task, an ``@`` and the kind, and no task id holds an ``@``. It has in
it all that it takes to run, so that it outlives its run. It is repeated when it is lost, and not
when it fails; nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from millstream.core.event_parts import Where
from millstream.core.events import Data, DeadlineMissed, Event, Fact, RunFailed, RunSucceeded
from millstream.core.spec import CallbackAction, CallbackKind
from millstream.core.state import Callback, Instance, Run, State, instance_key
from millstream.core.statuses import FINISHED_TASK, TaskStatus, may_meet, next_status
from millstream.core.task_events import (
    TaskFailed,
    TaskLost,
    TaskReady,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)

MARK = "@"
# A callback that hangs must not keep a worker's slot for ever.
TIMEOUT_S = 600.0
DEFAULT_QUEUE = "default"
_MAY_MEET = (TaskReady, TaskStarted, TaskSucceeded, TaskFailed, TaskLost, TaskSkipped)


def is_callback(where: Where) -> bool:
    """Whether this is about a callback."""
    return MARK in where.task_id


def task_of(task_id: str) -> str:
    """The task that a callback is about; "" for one that is about the run."""
    return task_id.partition(MARK)[0]


def note_cause(state: State, run: Run, event: Event) -> None:
    """Fold that an event leads to a callback: it is there, and not ready yet."""
    for where, callback in _due(run, event):
        state.callbacks.setdefault(instance_key(where), callback)


def begin(state: State, event: Event) -> Iterator[Fact]:
    """What makes the callbacks ready that an event has led to."""
    for where in (*_wheres(event), *_wheres(event, is_again=True)):
        callback = state.callbacks.get(instance_key(where))
        if callback is not None and callback.instance.status is TaskStatus.NONE:
            yield make_ready(where, callback)


def make_ready(where: Where, callback: Callback) -> Fact:
    """The next attempt of a callback; for one that is ready already, the same attempt again."""
    instance = callback.instance
    is_again = instance.status is TaskStatus.QUEUED
    attempt = instance.attempt if is_again else instance.attempt + 1
    return Fact(
        where.task(where.task_id, where.map_index, attempt),
        TaskReady(
            queue=callback.queue,
            version=callback.version,
            bundle=callback.bundle,
            file=callback.file,
            action=callback.action,
            run=callback.run,
            execution_timeout_s=TIMEOUT_S,
            do_xcom_push=False,
        ),
    )


def is_legal(state: State, where: Where, data: Data) -> bool:
    """May this event of a callback happen?"""
    callback = state.callbacks.get(instance_key(where))
    if callback is None:
        # Whoever starts folds no run that is over: there the callback begins with its ready event.
        return isinstance(data, TaskReady) and isinstance(data.action, CallbackAction)
    if not isinstance(data, _MAY_MEET):
        return False
    instance = callback.instance
    if not may_meet(data, instance.status):
        return False
    if isinstance(data, TaskReady):
        again = 0 if instance.status is TaskStatus.QUEUED else 1
        return where.attempt == instance.attempt + again
    return where.attempt == instance.attempt and instance.status is not TaskStatus.NONE


def evolve(state: State, event: Event) -> None:
    """Fold an event of a callback."""
    where, data = event.where, event.data
    key = instance_key(where)
    if key not in state.callbacks:
        assert isinstance(data, TaskReady), "is_legal looked"
        state.callbacks[key] = _of_ready(data, event.trace)
    instance = state.callbacks[key].instance
    status = next_status(data)
    assert status is not None, "is_legal looked"
    instance.status = status
    match data:
        case TaskReady():
            instance.attempt, instance.ready_at = where.attempt, event.recorded_at
            instance.token = instance.worker = ""
            state.ready.pop(key, None)
            state.ready[key] = event.position
        case TaskStarted():
            instance.token, instance.worker = data.token, data.worker
            state.ready.pop(key, None)
        case TaskSucceeded():
            state.ready.pop(key, None)
        case TaskLost():
            instance.losses += not data.is_given_back
    if status in FINISHED_TASK:
        del state.callbacks[key]


def _of_ready(data: TaskReady, trace: str) -> Callback:
    action = data.action
    assert isinstance(action, CallbackAction), "is_legal looked"
    return Callback(action, data.queue, data.version, data.bundle, data.file, data.run, trace)


def react(state: State, event: Event) -> Iterator[Fact]:
    """What follows from an event of a callback: one that was lost is made ready again."""
    callback = state.callbacks.get(instance_key(event.where))
    if callback is not None and isinstance(event.data, TaskLost):
        yield make_ready(event.where, callback)


def _kind(data: Data) -> CallbackKind | None:
    """The kind of callback that this event leads to."""
    match data:
        case TaskSucceeded() | RunSucceeded():
            return "success"
        case TaskFailed():
            return "failure" if data.retry_at is None else "retry"
        case TaskLost():
            return "failure" if data.is_final else None
        case TaskSkipped():
            return "skipped" if data.token else None  # only if the task itself said so
        case RunFailed():
            return "failure"
        case DeadlineMissed():
            return "deadline"
        case _:
            return None


def _wheres(event: Event, *, is_again: bool = False) -> list[Where]:
    """The callback's place. ``is_again``: tasks of the run were cleared, so that the run, or a task
    without attempts, may have ended before: then the name says by which event."""
    kind = _kind(event.data)
    if kind is None:
        return []
    where = event.where
    if isinstance(event.data, DeadlineMissed):
        return [where.task(f"{MARK}deadline.{event.data.name}")]
    name = f"{MARK}on_{kind}_callback"
    if where.task_id:
        # An attempt leads to one callback, so the name says which attempt it was.
        name = f"{where.task_id}{name}.{where.attempt}"
    if is_again and not where.attempt:
        name = f"{name}.{event.position}"
    return [where.task(name, where.map_index)]


def _due(run: Run, event: Event) -> Iterator[tuple[Where, Callback]]:
    kind = _kind(event.data)
    if kind is None:
        return
    spec = run.version.spec
    where = next(iter(_wheres(event, is_again=run.was_cleared or run.is_reopened)))
    if isinstance(event.data, DeadlineMissed):
        action = CallbackAction(
            on=kind,
            of_run=True,
            deadline=event.data.name,
            due_at=event.data.due_at,
            run_state=run.status.value,
        )
        yield where, _callback(run, action, 0)
        return
    if not event.where.task_id:
        if kind in spec.callbacks:
            yield where, _callback(run, _of_run(run, kind, event), 0)
        return
    number = run.version.graph.number.get(event.where.task_id)
    if number is None:  # an event about a run that names some other task
        return
    if kind in run.version.graph.tasks[number].callbacks:
        action = _of_task(run, kind, number, event)
        yield where, _callback(run, action, number)


def _callback(run: Run, action: CallbackAction, number: int) -> Callback:
    """A callback of the run goes to the queue of its first task, for whose workers it is meant."""
    tasks = run.version.graph.tasks
    return Callback(
        action=action,
        queue=tasks[number].queue if tasks else DEFAULT_QUEUE,
        version=run.version.version,
        bundle=run.version.bundle,
        file=run.version.spec.file,
        run=run.info,
        trace=run.trace,
    )


def _of_task(run: Run, kind: CallbackKind, number: int, event: Event) -> CallbackAction:
    where, data = event.where, event.data
    found = run.find(where.task_id, where.map_index)
    assert found is not None, "the event was legal"
    instance = found[1]
    task = run.version.graph.tasks[number]
    # The end is folded in: a failure counts already, a success has not added to them.
    has_counted = isinstance(data, TaskFailed)
    action = CallbackAction(
        on=kind,
        task_id=where.task_id,
        map_index=where.map_index,
        attempt=where.attempt,
        tries=max(instance.failures + (0 if has_counted else 1), 1),
        max_tries=task.retries + 1,
        state=instance.status.value,
        worker=instance.worker,
        **_times(data),
    )
    return _with_error(action, data)


def _times(data: Data) -> dict[str, Any]:
    if isinstance(data, TaskSucceeded | TaskFailed | TaskSkipped):
        return {"started_at": data.started_at, "ended_at": data.ended_at}
    return {}


def _with_error(action: CallbackAction, data: Data) -> CallbackAction:
    match data:
        case TaskFailed():
            return replace(
                action,
                error_type=data.error_type,
                message=data.message,
                traceback=data.traceback,
            )
        case TaskLost():
            return replace(action, error_type="TaskLost", message=data.reason)
        case TaskSkipped():
            return replace(action, error_type="AirflowSkipException", message=data.reason)
        case _:
            return action


def _of_run(run: Run, kind: CallbackKind, event: Event) -> CallbackAction:
    """The task that the context names is, as in Airflow, one that made the run fail, or for a
    success one that the run ended with."""
    data = event.data
    assert isinstance(data, RunSucceeded | RunFailed), "only these lead to a callback of the run"
    graph = run.version.graph
    failed = data.failed_leaves[:1] if isinstance(data, RunFailed) else ()
    leaves = [task.task_id for task, leaf in zip(graph.tasks, graph.is_leaf, strict=True) if leaf]
    name = (failed or tuple(leaves[-1:]) or ("",))[0]
    found = run.find(name)
    instance = found[1] if found is not None else Instance()
    return CallbackAction(
        on=kind,
        of_run=True,
        task_id=name,
        attempt=instance.attempt,
        tries=max(instance.failures + (instance.status is not TaskStatus.FAILED), 1),
        max_tries=graph.tasks[found[0]].retries + 1 if found is not None else 1,
        state=instance.status.value,
        run_state="success" if kind == "success" else "failed",
        reason=_reason(data),
        ended_at=event.recorded_at,
    )


def _reason(data: RunSucceeded | RunFailed) -> str:
    """Airflow's words."""
    if isinstance(data, RunSucceeded):
        return "success"
    if data.reason == "timeout":
        return "timed_out"
    return data.reason or "task_failure"
