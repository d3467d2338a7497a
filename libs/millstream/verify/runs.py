"""One run as the checker remembers it while it goes on, and the number that is left of it after."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.verify.data import Created, Memo
from millstream.verify.instances import FINISHED, Instances, Path, Task
from millstream.verify.places import Places, Seats
from millstream.verify.rows import Row
from millstream.verify.specs import DagRules

RunKey = tuple[str, str, str]


def run_key(row: Row) -> RunKey:
    return (row.namespace, row.dag_id, row.run_id)


class Run:
    """``status``: queued or running; ``opened_at``: the position of what made or reopened it;
    ``recalled``: 0 where the tasks that it was reopened with are those that it ended with."""

    __slots__ = (
        "backfill_id",
        "dag",
        "instances",
        "is_rerun",
        "key",
        "opened_at",
        "recalled",
        "seats",
        "status",
    )

    def __init__(self, key: RunKey, dag: DagRules, created: Created, position: int) -> None:
        self.key = key
        self.dag = dag
        self.backfill_id = created.backfill_id
        self.is_rerun = created.rerun is not None
        self.status = "queued"
        self.opened_at = position
        self.recalled = 0
        self.instances = Instances(dag)
        self.seats = Seats(key[0], key[1], dag.max_active_tasks)

    def change(self, places: Places, task_id: str, path: Path, task: Task, status: str) -> None:
        """An instance stands like this from now on."""
        places.move(self.seats, self.dag.tasks[task_id], task.status, status)
        self.instances.change((task_id, path), task, status)

    def leave(self, places: Places) -> None:
        """The run is over: what its tasks still held is free."""
        for (task_id, _), task in self.instances.tasks.items():
            places.move(self.seats, self.dag.tasks[task_id], task.status, "none")

    def left_as(self) -> int:
        """A number that tells how its tasks were left, as the memos of a reopened run do."""
        instances = self.instances
        total = sum(hash((*key, length)) for key, length in instances.expanded.items())
        for (task_id, path), task in instances.tasks.items():
            status = task.status if task.status in FINISHED else "none"
            if status != "none" or task.attempt:
                total += hash((task_id, path, task.attempt, status))
        return total

    def take_over(self, memos: Iterable[Memo]) -> str:
        """Put tasks as another run left them. Says what is wrong with them, "" if nothing is."""
        for memo in memos:
            where = (memo.task_id, memo.map_index)
            rules = self.dag.tasks.get(memo.task_id)
            task = self.instances.find(*where) if rules is not None else None
            if rules is None or task is None:
                return f"the version has no such task as {memo.task_id!r}"
            if memo.expanded >= 0:
                if len(memo.map_index) >= rules.levels or not memo.expanded:
                    return f"task {memo.task_id!r} cannot have {memo.expanded} instances"
                self.instances.expand(*where, memo.expanded)
            elif memo.attempt or memo.status not in ("success", "skipped"):
                return f"task {memo.task_id!r} has no result that could be taken over"
            else:
                self.instances.change(where, task, memo.status)
        return ""

    def recall(self, memos: Iterable[Memo]) -> None:
        """Put tasks as they were left. What the version does not have is left out."""
        for memo in memos:
            where = (memo.task_id, memo.map_index)
            rules = self.dag.tasks.get(memo.task_id)
            if memo.expanded >= 0:
                self.recalled -= hash((*where, memo.expanded))
                if rules is not None and len(memo.map_index) < rules.levels and memo.expanded:
                    self.instances.expand(*where, memo.expanded)
                continue
            self.recalled -= hash((*where, memo.attempt, memo.status))
            task = self.instances.find(*where)
            if task is not None:
                task.attempt = memo.attempt
                self.instances.change(where, task, memo.status)
