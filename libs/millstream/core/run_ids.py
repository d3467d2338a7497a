"""The ids of runs that nobody gave one."""

from __future__ import annotations

from datetime import UTC, datetime


def operator_run_id(instant: datetime) -> str:
    """Of a run that a task asked for: by its logical date or, without one, by when it may begin."""
    return f"operator_triggered__{instant.astimezone(UTC).isoformat()}"
