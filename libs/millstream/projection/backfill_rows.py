"""The rows of backfills: what was asked for, and how far each has come."""

from __future__ import annotations

import msgspec

from millstream.core.events import (
    BackfillAdvanced,
    BackfillCancelled,
    BackfillCompleted,
    BackfillCreated,
    BackfillPaused,
    BackfillUnpaused,
    Event,
)
from millstream.projection.rows import BackfillRow


class BackfillRows:
    """Those of backfills that are not over are kept."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], BackfillRow] = {}

    def restore(self, row: BackfillRow) -> None:
        self._rows[row.namespace, row.dag_id, row.backfill_id] = row

    def apply(self, event: Event) -> BackfillRow | None:
        """The row that the event changed."""
        where, data = event.where, event.data
        if isinstance(data, BackfillCreated):
            row = BackfillRow(
                namespace=where.namespace,
                dag_id=where.dag_id,
                backfill_id=data.backfill_id,
                from_date=data.from_date,
                to_date=data.to_date,
                reprocess_behavior=data.reprocess_behavior,
                run_backwards=data.run_backwards,
                max_active_runs=data.max_active_runs,
                conf=msgspec.json.encode(data.conf).decode(),
                total=len(data.runs),
                created_at=event.recorded_at,
                created_position=event.position,
                position=event.position,
            )
            self.restore(row)
            return row
        if not isinstance(
            data,
            BackfillAdvanced
            | BackfillPaused
            | BackfillUnpaused
            | BackfillCancelled
            | BackfillCompleted,
        ):
            return None
        key = (where.namespace, where.dag_id, data.backfill_id)
        found = self._rows.get(key)
        if found is None:
            return None
        found.position = event.position
        match data:
            case BackfillAdvanced():
                found.number = data.number
                found.skipped += bool(data.reason)
            case BackfillPaused():
                found.state = "paused"
            case BackfillUnpaused():
                found.state = "running"
            case BackfillCancelled():
                found.state, found.ended_at = "cancelled", event.recorded_at
                del self._rows[key]
            case BackfillCompleted():
                found.state, found.ended_at = "completed", event.recorded_at
                del self._rows[key]
        return found
