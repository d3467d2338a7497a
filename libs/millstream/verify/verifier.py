"""The checks put together."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.verify.chain import Chain
from millstream.verify.findings import Findings
from millstream.verify.history import History
from millstream.verify.rows import Row

_RESULTS = (
    *("TaskSucceeded", "TaskFailed", "TaskSkipped", "TaskLost"),
    *("TaskRescheduled", "TaskDeferred", "TaskAwaitsInput"),
)
_WAITS = ("TaskFailed", "TaskRescheduled", "TaskDeferred", "TaskAwaitsInput")
_ENDS = ("RunSucceeded", "RunFailed", "RunQuarantined")
# What a check counts: the events of these types.
_COUNTED: dict[str, tuple[str, ...]] = {
    "open attempts": ("TaskStarted", "TaskSucceeded", "TriggerStarted"),
    "attempts": ("TaskReady", "TriggerReady"),
    "results": _RESULTS,
    "tokens": _RESULTS,
    "readiness": ("TaskScheduled", "TaskReady", "TaskSucceeded"),
    "limits": ("TaskReady", "RunStarted"),
    "times": _WAITS,
    "successes": ("TaskReady",),
    "finished runs": _ENDS,
    "schedule": ("NextRunPlanned",),
}


class Verifier:
    """Takes the rows of a log from its first one on. ``findings`` can be read at any time, and are
    complete after :meth:`finish`."""

    def __init__(self) -> None:
        self.findings = Findings()
        self._chain = Chain(self.findings)
        self._history = History(self.findings)

    def add(self, row: Row) -> None:
        self._chain.add(row)
        self._history.add(row)

    def finish(self) -> Findings:
        judged, types = self.findings.judged, self._history.types
        rows = types.total()
        judged.update({"rows": rows, "transitions": rows, "gaps": rows})
        for check, counted in _COUNTED.items():
            judged[check] += sum(types[name] for name in counted)
        self._history.count(judged)
        return self.findings

    def check_end(self, position: int, epoch: int, digest: bytes) -> None:
        """Hold the last row against what the writer's own row says."""
        chain = self._chain
        self.findings.judged["end of the log"] += 1
        if position != chain.position:
            what = f"The log ends at {chain.position}, and its writer's row says {position}."
        elif epoch < chain.epoch:
            what = f"The log ends in epoch {chain.epoch}, and its writer's row says {epoch}."
        elif digest != chain.digest:
            what = "The digest of the last row is not the one that its writer's row has."
        else:
            return
        self.findings.add("end of the log", max(chain.position, 1), what)


def verify_rows(rows: Iterable[Row]) -> Findings:
    """Judge a whole log."""
    verifier = Verifier()
    for row in rows:
        verifier.add(row)
    return verifier.finish()
