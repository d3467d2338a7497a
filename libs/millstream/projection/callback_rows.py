"""The rows of callbacks, which may go on when their run is over."""

from __future__ import annotations

from millstream.core.callbacks import task_of
from millstream.core.events import Event
from millstream.core.statuses import next_status
from millstream.core.task_events import (
    TaskFailed,
    TaskLost,
    TaskReady,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from millstream.projection.changes import text_of as _text
from millstream.projection.rows import CallbackRow, Key, key_of


class CallbackRows:
    """Those that are not over are kept."""

    def __init__(self) -> None:
        self._rows: dict[Key, CallbackRow] = {}

    def restore(self, row: CallbackRow) -> None:
        self._rows[key_of(row)] = row

    def apply(self, event: Event) -> CallbackRow:
        """The row that the event changed."""
        where = event.where
        row = CallbackRow(
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            callback_id=where.task_id,
            map_index=where.map_index,
            task_id=task_of(where.task_id),
        )
        key = key_of(row)
        row = self._rows.get(key, row)
        status = next_status(event.data)
        assert status is not None, "only events of attempts are about callbacks"
        row.state, row.position = status.value, event.position
        row.attempt = where.attempt
        match event.data:
            case TaskReady():
                row.queue, row.queued_at = event.data.queue, event.recorded_at
                row.worker, row.started_at = "", None
            case TaskStarted():
                row.worker, row.started_at = event.data.worker, event.data.started_at
            case TaskSucceeded():
                row.worker = event.data.worker or row.worker
                row.started_at, row.ended_at = event.data.started_at, event.data.ended_at
            case TaskSkipped():
                row.reason, row.ended_at = _text(event.data.reason), event.recorded_at
            case TaskFailed():
                row.started_at, row.ended_at = event.data.started_at, event.data.ended_at
                row.reason = _text(f"{event.data.error_type}: {event.data.message}")
                row.traceback = _text(event.data.traceback)
            case TaskLost():
                row.reason = f"lost: {event.data.reason}"
                row.ended_at = event.recorded_at if event.data.is_final else None
        if row.ended_at is None:
            self._rows[key] = row
        else:
            self._rows.pop(key, None)
        return row
