"""The rows of DAGs: what the latest version is, whether it is paused, which run comes next."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from millstream.core.events import (
    DagPaused,
    DagUnpaused,
    DagVersionSubmitted,
    Event,
    NextRunPlanned,
    RunCreated,
)
from millstream.core.schedule_text import describe
from millstream.core.spec import DagSpec, decode_spec
from millstream.core.timetables.run_times import RunTimes
from millstream.projection.changes import text_of
from millstream.projection.rows import DagRow


class DagRows:
    """Every DAG's row is kept: there are few of them, and most events change a part."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], DagRow] = {}

    def restore(self, row: DagRow) -> None:
        self._rows[row.namespace, row.dag_id] = row

    def apply(self, event: Event) -> DagRow | None:
        """The row that the event changed."""
        where, data = event.where, event.data
        row = self._rows.get((where.namespace, where.dag_id))
        if isinstance(data, DagVersionSubmitted):
            if row is None:
                row = DagRow(namespace=where.namespace, dag_id=where.dag_id)
                self.restore(row)
            row.latest_version, row.submitted_at = data.version, event.recorded_at
            _describe(row, decode_spec(bytes(data.spec)))
            return row
        if row is None:
            return None
        match data:
            case DagPaused():
                row.is_paused, row.pause_reason = True, data.reason
                # What was planned is planned anew when the DAG goes on.
                _plan(row, None)
            case DagUnpaused():
                row.is_paused, row.pause_reason = False, ""
            case NextRunPlanned():
                _plan(row, data.next)
            case RunCreated(run_type="scheduled"):
                _plan(row, None)
            case _:
                return None
        return row


def _describe(row: DagRow, spec: DagSpec) -> None:
    """What lists say of a DAG without reading its spec."""
    owners = dict.fromkeys(text_of(task.owner) for task in spec.tasks if task.owner)
    row.display_name, row.description = text_of(spec.display_name), text_of(spec.description)
    row.tags = _json_list(map(text_of, spec.tags))
    row.owners = _json_list(owners)
    row.schedule, row.file = text_of(describe(spec.schedule)), text_of(spec.file)


def _json_list(texts: Iterable[str]) -> str:
    return msgspec.json.encode(list(texts)).decode()


def _plan(row: DagRow, times: RunTimes | None) -> None:
    row.next_logical_date = times.logical_date if times else None
    row.next_interval_start = times.interval_start if times else None
    row.next_interval_end = times.interval_end if times else None
    row.next_run_after = times.run_after if times else None
