"""Values that go with the ready events of those who are let in later than the rest of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from millstream.core.events import Event
from millstream.core.known_xcoms import result_of, xcoms_to_know
from millstream.core.state import RunKey, run_key
from millstream.core.task_events import TaskReady


class _Result(NamedTuple):
    position: int
    task_id: str
    line: bytes


class HandedOn:
    """By run, the last result for which some waited who are not let in yet."""

    def __init__(self) -> None:
        self._results: dict[RunKey, _Result] = {}

    def of_result(self, events: list[Event], *, are_left: bool) -> dict[int, bytes]:
        """As :func:`xcoms_to_know`; remembered for those who are left."""
        lines = xcoms_to_know(events)
        result = result_of(events) if are_left and lines else None
        if result is not None:
            line = next(iter(lines.values()))
            self._results[run_key(result.where)] = _Result(
                result.position, result.where.task_id, line
            )
        return lines

    def of_those_left(self, events: Iterable[Event]) -> dict[int, bytes]:
        """What goes with their ready events, by the positions of these."""
        found = {}
        for event in events if self._results else ():
            if isinstance(event.data, TaskReady):
                result = self._results.get(run_key(event.where))
                if result is not None:
                    found[event.position] = result.line
        return found

    def forget(self, events: Iterable[Event], *, are_left: bool) -> None:
        """After a batch: whatever happens to a task may make its result another one."""
        if not are_left:
            self._results.clear()
        for event in events if self._results else ():
            result = self._results.get(run_key(event.where))
            if result is None or result.task_id != event.where.task_id:
                continue
            if event.position > result.position:
                del self._results[run_key(event.where)]
