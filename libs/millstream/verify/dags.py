"""What the checker knows of DAGs: their versions, their schedules, and how many runs go on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from millstream.verify.data import Created, Times
from millstream.verify.specs import DagRules

SCHEDULED = "scheduled"


@dataclass
class Backfill:
    most: int
    number: int = 0
    is_paused: bool = False


@dataclass
class Dag:
    """``planned``: the run that the schedule makes next; ``last_date``: the latest logical date of
    a run that it made; ``running``: how many runs go on, by backfill ("" for all others)."""

    versions: dict[int, DagRules] = field(default_factory=dict)
    planned: Times | None = None
    last_date: datetime | None = None
    running: Counter[str] = field(default_factory=Counter)
    backfills: dict[str, Backfill] = field(default_factory=dict)

    @property
    def latest(self) -> DagRules:
        return self.versions[max(self.versions)]

    def places(self, backfill_id: str) -> int:
        """How many runs may go on at once, of a backfill or of all others."""
        backfill = self.backfills.get(backfill_id)
        if backfill is not None:
            return 0 if backfill.is_paused else backfill.most
        return 1 if self.latest.is_continuous else self.latest.max_active_runs

    def schedule_error(self, created: Created) -> str:
        """What is wrong with a run that the schedule made, and remember it; "" if nothing is."""
        planned, self.planned = self.planned, None
        date, last = created.logical_date, self.last_date
        if date is None:
            return "a run of the schedule has no logical date"
        self.last_date = date
        if last is not None and date <= last:
            return f"the schedule has made the run of {last.isoformat()} already"
        if planned is None:
            return "no run was planned"
        if (planned.logical_date, planned.run_after) != (date, created.run_after):
            return f"the run that was planned is the one of {planned.logical_date.isoformat()}"
        return ""
