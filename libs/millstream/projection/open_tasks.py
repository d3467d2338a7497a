"""How many task instances wait or run, by DAG, queue and state: counted while the log is folded, so
that nobody has to look at the instances of all runs that go on."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

from millstream.core.state import RunKey
from millstream.core.statuses import BEGUN_TASK
from millstream.projection.changes import Changes
from millstream.projection.rows import OpenTasksRow, TaskRow

_OPEN = frozenset(status.value for status in BEGUN_TASK)
# Namespace, DAG, queue and state: the key of a row.
Place = tuple[str, str, str, str]


class OpenTasks:
    """Of runs that are not over the instances that have begun and are not over."""

    def __init__(self) -> None:
        self._counts: Counter[Place] = Counter()
        # Where each instance is counted.
        self._places: dict[RunKey, dict[tuple[str, tuple[int, ...]], Place]] = {}
        self._touched: dict[Place, None] = {}

    def note(self, rows: Iterable[TaskRow]) -> None:
        """Count rows as they are now, each of which may have been counted before."""
        for row in rows:
            run = (row.namespace, row.dag_id, row.run_id)
            instance = (row.task_id, row.map_index)
            places = self._places.get(run)
            before = places.get(instance) if places is not None else None
            if row.state not in _OPEN:
                if before is not None:
                    assert places is not None
                    del places[instance]
                    self._add(before, -1)
                continue
            now = (row.namespace, row.dag_id, sys.intern(row.queue), sys.intern(row.state))
            if now == before:
                continue
            if before is not None:
                self._add(before, -1)
            self._places.setdefault(run, {})[instance] = now
            self._add(now, 1)

    def forget(self, run: RunKey) -> None:
        """The run is over, whatever its instances are."""
        for place in self._places.pop(run, {}).values():
            self._add(place, -1)

    def put_changes(self, changes: Changes) -> None:
        """The rows of the counts that are others than at the last time."""
        for place in self._touched:
            number = self._counts[place]
            if number:
                namespace, dag_id, queue, state = place
                changes.put_again(
                    OpenTasksRow(
                        namespace=namespace,
                        dag_id=dag_id,
                        queue=queue,
                        state=state,
                        number=number,
                    )
                )
            else:
                del self._counts[place]
                changes.drop(OpenTasksRow, place)
        self._touched = {}

    def _add(self, place: Place, by: int) -> None:
        self._counts[place] += by
        self._touched[place] = None
