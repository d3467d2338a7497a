"""The core's own word about a log: it accepts each event, and where something began it would let it
begin.

This is the one part of the checker that asks the code under test. It sees what a trigger rule alone
does not say (setups, branches, the past); whether the core itself is right is judged by the others.
"""

from __future__ import annotations

import msgspec

from millstream.core.errors import MillstreamError
from millstream.core.event_parts import Where
from millstream.core.events import Event
from millstream.core.evolve import fold_legal, is_legal
from millstream.core.react import may_begin
from millstream.core.state import State, run_key
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskReady, TaskScheduled, TaskSucceeded
from millstream.core.wire import decode_data
from millstream.verify.attempts import describe
from millstream.verify.findings import Findings
from millstream.verify.rows import Row

_BEGINS = (TaskScheduled, TaskReady, TaskSucceeded)


class Fold:
    """Folds one row after the other. What the core does not accept, it does not fold."""

    def __init__(self) -> None:
        self.findings = Findings()
        self._state = State()

    def add(self, row: Row) -> None:
        try:
            event = _event(row)
        except (MillstreamError, msgspec.MsgspecError, ValueError) as error:
            self._wrong(row, f"the core cannot read it: {error}")
            return
        self.findings.judged["fold"] += 1
        try:
            wrong = self._why_not(event)
            if not wrong:
                fold_legal(self._state, event)
        except Exception as error:  # a fault of the core is what is looked for
            wrong = f"the core fails on it: {error!r}"
        if wrong:
            self._wrong(row, wrong)

    def _wrong(self, row: Row, what: str) -> None:
        self.findings.add("fold", row.position, f"{describe(row)}: {what}.")

    def _why_not(self, event: Event) -> str:
        where, data = event.where, event.data
        if not is_legal(self._state, where, data):
            return "the core does not accept it after what came before"
        if type(data) in _BEGINS and not self._is_due(event):
            return "the core would not have let it begin"
        return ""

    def _is_due(self, event: Event) -> bool:
        where = event.where
        run = self._state.runs.get(run_key(where))
        found = run.find(where.task_id, where.map_index) if run is not None else None
        if run is None or found is None:
            return True  # a callback
        number, instance = found
        if instance.status is not TaskStatus.NONE:
            return True  # it was decided before that it may begin
        return may_begin(run, number, where.map_index, event.recorded_at)


def _event(row: Row) -> Event:
    where = Where(row.namespace, row.dag_id, row.run_id, row.task_id, row.map_index, row.attempt)
    data = decode_data(row.type, row.data)
    return Event(
        row.position, row.epoch, where, data, row.actor, row.causation, row.recorded_at, row.trace
    )
