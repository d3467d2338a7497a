"""The rows of task instances, of their attempts, and of what these leave behind."""

from __future__ import annotations

import sys

import msgspec

from millstream.core.deferral import Answer
from millstream.core.event_parts import XCom
from millstream.core.events import Event
from millstream.core.statuses import next_status
from millstream.core.task_events import (
    TaskAwaitsInput,
    TaskCleared,
    TaskDeferred,
    TaskExpanded,
    TaskFailed,
    TaskLost,
    TaskMarked,
    TaskReady,
    TaskRescheduled,
    TaskResized,
    TaskResumed,
    TaskScheduled,
    TaskSkipped,
    TaskStarted,
    TaskStopped,
    TaskSucceeded,
    TaskUpstreamFailed,
    TriggerLost,
    TriggerReady,
    TriggerStarted,
)
from millstream.projection.changes import Changes
from millstream.projection.changes import text_of as _text
from millstream.projection.kept_run import KeptRun, TaskKey, names_of
from millstream.projection.rows import AttemptRow, InputRow, RenderedRow, TaskRow, XComRow, key_of


def change_tasks(changes: Changes, kept: KeptRun, event: Event) -> None:
    """Fold one event about a task of a run that is not over."""
    match event.data:
        case TaskExpanded():
            return  # the instances get rows of their own when something happens to them
        case TaskResized():
            _resize(changes, kept, event, event.data)
        case TaskScheduled():
            _schedule(changes, kept, event, event.data)
        case _:
            _change(changes, kept, event)


def _schedule(changes: Changes, kept: KeptRun, event: Event, data: TaskScheduled) -> None:
    """The instance waits, or those of a mapped task that have not begun. What is known of the
    attempt before stays."""
    where = event.where
    task_id = sys.intern(where.task_id)
    paths = [(*where.map_index, index) for index in range(data.length)] or [where.map_index]
    for path in paths:
        row = kept.tasks.get((task_id, path))
        if row is None:
            names = names_of(where) | {"map_index": path}
            row = kept.tasks[task_id, path] = TaskRow(**names)
        elif data.length and row.state != "none":
            continue
        row.state, row.position = "scheduled", event.position
        row.pool, row.pool_slots = _text(data.pool), data.pool_slots
        changes.put(row)


def _change(changes: Changes, kept: KeptRun, event: Event) -> None:
    where = event.where
    key = (sys.intern(where.task_id), where.map_index)
    row = kept.tasks.get(key)
    if row is None:
        row = kept.tasks[key] = TaskRow(**names_of(where))
    status = next_status(event.data)
    assert status is not None
    row.state, row.position = status.value, event.position
    if key in kept.inputs:
        close_input(changes, kept, key, event)
    match event.data:
        case TaskReady():
            _ready(changes, kept, key, row, event, event.data)
        case TaskStarted():
            row.worker, row.started_at = event.data.worker, event.data.started_at
        case TaskSucceeded():
            row.started_at, row.ended_at = event.data.started_at, event.data.ended_at
            row.worker = event.data.worker or row.worker
            row.map_name = _text(event.data.map_name)
            _push(changes, kept, event, event.data.xcoms)
        case TaskFailed():
            row.started_at, row.ended_at = event.data.started_at, event.data.ended_at
            row.retry_at = event.data.retry_at
            row.reason = _text(f"{event.data.error_type}: {event.data.message}")
            row.traceback = _text(event.data.traceback)
            row.map_name = _text(event.data.map_name)
            _push(changes, kept, event, event.data.xcoms)
        case TaskLost():
            row.ended_at, row.reason = event.recorded_at, f"lost: {event.data.reason}"
        case TaskSkipped():
            row.reason = _text(event.data.reason)
            row.started_at, row.ended_at = (
                event.data.started_at,
                event.data.ended_at or event.recorded_at,
            )
            row.map_name = _text(event.data.map_name)
            _push(changes, kept, event, event.data.xcoms)
        case TaskUpstreamFailed():
            row.reason, row.ended_at = _text(event.data.reason), event.recorded_at
        case TaskStopped() | TaskCleared() | TaskMarked():
            _control(row, event)
        case _:
            _wait(changes, kept, key, row, event)
    changes.put(row)
    _copy_to_attempt(changes, kept, key, row, event)
    match event.data:
        case (
            TaskSucceeded(rendered=fields)
            | TaskFailed(rendered=fields)
            | TaskSkipped(rendered=fields)
        ) if fields:
            _render(changes, event, fields)


def _render(changes: Changes, event: Event, fields: dict[str, str]) -> None:
    changes.put(
        RenderedRow(
            **names_of(event.where),
            attempt=event.where.attempt,
            fields=msgspec.json.encode(fields).decode(),
            position=event.position,
        )
    )


def _resize(changes: Changes, kept: KeptRun, event: Event, data: TaskResized) -> None:
    """The instances beyond the new length are gone; their attempts stay."""
    path = event.where.map_index
    for (task_id, map_index), row in kept.tasks.items():
        is_below = task_id == event.where.task_id and map_index[: len(path)] == path
        if is_below and len(map_index) > len(path) and map_index[len(path)] >= data.length:
            row.state, row.position = "removed", event.position
            row.reason = f"there are {data.length} items now"
            changes.put(row)
            for xcom in kept.xcoms.pop(task_id, map_index):
                changes.drop(XComRow, key_of(xcom))


def _wait(changes: Changes, kept: KeptRun, key: TaskKey, row: TaskRow, event: Event) -> None:
    """What an event says about a task that waits without a process. ``retry_at`` is the instant
    at which it goes on by itself."""
    data = event.data
    match data:
        case TaskRescheduled() | TaskDeferred() | TaskAwaitsInput():
            row.started_at, row.ended_at = data.started_at, data.ended_at
            _push(changes, kept, event, data.xcoms)
    match data:
        case TaskRescheduled():
            row.retry_at = data.until
        case TaskDeferred():
            row.retry_at = data.wake_at or data.timeout_at
            row.reason = f"waits for {data.trigger.classpath}" if data.trigger else ""
        case TaskAwaitsInput():
            row.retry_at = data.timeout_at
            row.reason = _text(data.request.subject)
            _ask(changes, kept, key, event, data)
        case TaskResumed():
            row.retry_at, row.ended_at, row.worker = None, event.recorded_at, ""
        case TriggerReady():
            row.attempt, row.queue, row.worker = event.where.attempt, data.queue, ""
            row.queued_at, row.started_at, row.ended_at = event.recorded_at, None, None
        case TriggerStarted():
            row.worker, row.started_at = data.worker, data.started_at
        case TriggerLost():
            row.worker, row.ended_at = "", event.recorded_at


def _ask(
    changes: Changes, kept: KeptRun, key: TaskKey, event: Event, data: TaskAwaitsInput
) -> None:
    row = InputRow(
        **names_of(event.where),
        attempt=event.where.attempt,
        state="waiting",
        request=_text(msgspec.json.encode(data.request).decode()),
        asked_at=event.recorded_at,
        timeout_at=data.timeout_at,
        asked_position=event.position,
        position=event.position,
    )
    kept.inputs[key] = row
    changes.put(row)


def close_input(changes: Changes, kept: KeptRun, key: TaskKey, event: Event) -> None:
    row = kept.inputs.pop(key)
    row.state, row.ended_at, row.position = "closed", event.recorded_at, event.position
    match event.data:
        case TaskResumed(cause="answer", payload=payload):
            row.answer = bytes(payload).decode()
            said = msgspec.json.decode(row.answer, type=Answer)
            row.state = "timed_out" if said.timedout else "answered"
        case TaskResumed(cause="timeout"):
            row.state = "timed_out"
    changes.put(row)


def _ready(
    changes: Changes, kept: KeptRun, key: TaskKey, row: TaskRow, event: Event, data: TaskReady
) -> None:
    """An attempt begins: what the one before it left behind is gone, as in Airflow."""
    if data.resume is None:  # what goes on keeps what it said before
        for xcom in kept.xcoms.pop(*key):
            changes.drop(XComRow, key_of(xcom))
    if row.attempt != event.where.attempt:
        row.attempt = event.where.attempt
        row.queued_at = event.recorded_at
    row.queue, row.worker, row.taken_from = data.queue, "", ""
    row.pool, row.pool_slots = _text(data.pool), data.pool_slots
    row.started_at = row.ended_at = row.retry_at = None
    row.reason = row.traceback = ""


def _copy_to_attempt(
    changes: Changes, kept: KeptRun, key: TaskKey, row: TaskRow, event: Event
) -> None:
    where = event.where
    if not where.attempt:
        return
    attempt = kept.attempts.get(key)
    is_stopped = isinstance(event.data, TaskStopped)
    if is_stopped and attempt is not None and attempt.state in ("failed", "lost"):
        return  # it was over: only the wait for the next one was ended
    if attempt is None or attempt.attempt != where.attempt:
        attempt = kept.attempts[key] = AttemptRow(**names_of(where), attempt=where.attempt)
    is_lost = isinstance(event.data, TaskLost | TriggerLost)
    attempt.state = "lost" if is_lost else _attempt_state(row.state)
    if is_stopped:
        attempt.state = "stopped"
    attempt.queue, attempt.worker = row.queue, row.worker
    attempt.queued_at, attempt.started_at, attempt.ended_at = (
        row.queued_at,
        row.started_at,
        row.ended_at,
    )
    attempt.reason, attempt.traceback, attempt.position = (
        row.reason,
        row.traceback,
        event.position,
    )
    changes.put(attempt)


def _push(changes: Changes, kept: KeptRun, event: Event, xcoms: dict[str, XCom]) -> None:
    for name, xcom in xcoms.items() if kept.keeps_xcoms else ():
        value = bytes(xcom.value).decode()
        row = XComRow(
            **names_of(event.where),
            key=_text(name),
            value=None if xcom.blob else value,
            blob=xcom.blob,
            size=xcom.size or len(value),
            codec=_text(xcom.codec),
            attempt=event.where.attempt,
            position=event.position,
        )
        kept.xcoms.put(row)
        changes.put_again(row)


def _control(row: TaskRow, event: Event) -> None:
    """What a person, or a rule about the whole run, did to a task."""
    row.retry_at = None
    match event.data:
        case TaskStopped(reason=reason):
            row.ended_at, row.reason = event.recorded_at, _text(f"stopped: {reason}")
        case TaskCleared():
            row.worker = row.reason = row.traceback = row.taken_from = ""
            row.queued_at = row.started_at = row.ended_at = None
        case TaskMarked(state=state, note=note):
            row.ended_at = row.ended_at or event.recorded_at
            row.reason = _text(f"marked {state}" + (f": {note}" if note else ""))
            row.taken_from = ""


def _attempt_state(task_state: str) -> str:
    return {"up_for_retry": "failed", "scheduled": "deferred"}.get(task_state, task_state)
