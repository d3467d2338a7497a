"""The runs that were made lately, by their own events: who triggers one waits for it next, and is
answered from here and not from Postgres."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from millstream.core.statuses import RUN_ENDS
from millstream.core.wire import Published

# All that is about a run as a whole and says how it stands.
OF_RUNS: Final = RUN_ENDS | {"RunCreated", "RunStarted", "RunMarked", "RunReopened"}
MOST_RUNS = 1000
MOST_BYTES = 4 * 1024 * 1024

# Namespace, DAG and run.
_Key = tuple[str, str, str]


class RecentRuns:
    """Each run that is here is here with every such event that there is up to the hub's position:
    those whose beginning was not heard, or of which something was missed, are not."""

    def __init__(self, most_runs: int = MOST_RUNS, most_bytes: int = MOST_BYTES) -> None:
        self._most_runs = most_runs
        self._most_bytes = most_bytes
        self._runs: OrderedDict[_Key, list[Published]] = OrderedDict()
        self._bytes = 0

    def note(self, record: Published) -> None:
        """The next event of :data:`OF_RUNS`."""
        key = (record.namespace, record.dag_id, record.run_id)
        if record.type == "RunCreated":
            self._forget(key)
            self._runs[key] = []
        elif key not in self._runs:
            return
        self._runs[key].append(record)
        self._bytes += _size(record)
        while self._runs and (len(self._runs) > self._most_runs or self._bytes > self._most_bytes):
            self._forget(next(iter(self._runs)))

    def find(self, namespace: str, dag_id: str, run_id: str) -> list[Published]:
        """Its events in order; none where Postgres is to be asked."""
        return list(self._runs.get((namespace, dag_id, run_id), ()))

    def clear(self) -> None:
        """Something was missed."""
        self._runs.clear()
        self._bytes = 0

    def _forget(self, key: _Key) -> None:
        self._bytes -= sum(map(_size, self._runs.pop(key, ())))


def _size(record: Published) -> int:
    return len(memoryview(record.data))
