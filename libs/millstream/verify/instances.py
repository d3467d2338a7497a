"""The tasks of one run and their instances, with what each came to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from millstream.verify.rules import Ended
from millstream.verify.specs import DagRules, Edge

Path = tuple[int, ...]
Key = tuple[str, Path]
FINISHED = {"success": 1, "skipped": 2, "failed": 3, "upstream_failed": 4}
OPEN = ("queued", "running")


class Task:
    """One instance. ``status`` is Airflow's word; ``token``: of the claim on the open attempt;
    ``due``: not before this instant it goes on by itself; ``trigger``: "ready" or "started" for the
    trigger of a deferred one."""

    __slots__ = ("attempt", "due", "status", "token", "trigger")

    def __init__(self) -> None:
        self.status = "none"
        self.attempt = 0
        self.token = ""
        self.due: datetime | None = None
        self.trigger = ""


class Instances:
    """``expanded``: into how many parts a mapped task, or a part of one, was taken apart;
    ``tasks``: of the rest those of which there was an event; ``unfinished``: how many have not
    ended."""

    def __init__(self, rules: DagRules) -> None:
        self.rules = rules
        self.tasks: dict[Key, Task] = {}
        self.expanded: dict[Key, int] = {}
        self.unfinished = len(rules.tasks)
        # Of the instances at and below a node: all, and how many ended in each of four ways.
        self._counts: dict[Key, list[int]] = {}

    def find(self, task_id: str, path: Path) -> Task | None:
        """The instance; None if there is none such."""
        key = (task_id, path)
        task = self.tasks.get(key)
        if task is not None:
            return task
        if task_id not in self.rules.tasks or key in self.expanded:
            return None
        for depth, index in enumerate(path):
            if not 0 <= index < self.expanded.get((task_id, path[:depth]), 0):
                return None
        task = self.tasks[key] = Task()
        return task

    def change(self, key: Key, task: Task, status: str) -> None:
        """The instance stands like this from now on."""
        before, after = FINISHED.get(task.status, 0), FINISHED.get(status, 0)
        task.status = status
        if before != after:
            self._count(key, before, after)

    def _count(self, key: Key, before: int, after: int) -> None:
        task_id, path = key
        self.unfinished += (before != 0) - (after != 0)
        for depth in self.rules.tasks[task_id].depths:
            if depth <= len(path):
                counts = self._node(task_id, path[:depth])
                if before:
                    counts[before] -= 1
                if after:
                    counts[after] += 1

    def _node(self, task_id: str, path: Path) -> list[int]:
        key = (task_id, path)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [1, 0, 0, 0, 0]
        return counts

    # --- mapped tasks

    def expand(self, task_id: str, path: Path, length: int) -> None:
        """What is at ``path`` becomes so many instances, none of which has begun."""
        self.tasks.pop((task_id, path), None)
        self._add(task_id, path, length)
        self.expanded[task_id, path] = length

    def _add(self, task_id: str, path: Path, length: int) -> None:
        self.unfinished += length - 1
        for depth in self.rules.tasks[task_id].depths:
            if depth <= len(path):
                self._node(task_id, path[:depth])[0] += length - 1

    def resize(self, task_id: str, path: Path, length: int) -> bool:
        """There are more or fewer of them. False if one that is gone had begun."""
        had_begun = False
        for index in range(length, self.expanded[task_id, path]):
            for below in list(self.leaves(task_id, (*path, index))):
                task = self.tasks.pop((task_id, below), None)
                status = task.status if task is not None else "none"
                had_begun |= status != "none"
                self._remove(task_id, below, status)
            for key in [k for k in self.expanded if k[0] == task_id and len(k[1]) > len(path)]:
                if key[1][: len(path) + 1] == (*path, index):
                    del self.expanded[key]
            for key in [k for k in self._counts if k[0] == task_id and len(k[1]) > len(path)]:
                if key[1][: len(path) + 1] == (*path, index):
                    del self._counts[key]
        added = length - self.expanded[task_id, path]
        if added > 0:
            self._add(task_id, path, added + 1)
        self.expanded[task_id, path] = length
        if not length:
            del self.expanded[task_id, path]
            self._add(task_id, path, 2)
        return not had_begun

    def _remove(self, task_id: str, path: Path, status: str) -> None:
        ended = FINISHED.get(status, 0)
        self.unfinished -= not ended
        for depth in self.rules.tasks[task_id].depths:
            if depth <= len(path):
                counts = self._node(task_id, path[:depth])
                counts[0] -= 1
                if ended:
                    counts[ended] -= 1

    def leaves(self, task_id: str, path: Path = ()) -> Iterator[Path]:
        """The map indices of the instances at and below a node."""
        length = self.expanded.get((task_id, path))
        if length is None:
            yield path
            return
        for index in range(length):
            yield from self.leaves(task_id, (*path, index))

    # --- what an instance waits for

    def ended(self, task_id: str, path: Path) -> Ended:
        """How those stand that the instance waits for."""
        rules = self.rules.tasks[task_id]
        if len(rules.waits_for) == 1 and not rules.own_setups:
            total, success, skipped, failed, upstream_failed = self._look(rules.waits_for[0], path)
            return Ended(total, success, skipped, failed, upstream_failed)
        sums = [0, 0, 0, 0, 0]
        for edge in rules.waits_for:
            for index, count in enumerate(self._look(edge, path)):
                sums[index] += count
        setups = [self._look(edge, path) for edge in rules.own_setups]
        return Ended(
            *(sums[0], sums[1], sums[2], sums[3], sums[4]),
            sum(each[0] for each in setups),
            sum(each[1] for each in setups),
        )

    def _look(self, edge: Edge, path: Path) -> list[int]:
        """Those that have the same indices on the levels that both tasks are in; if there is no
        such node yet, the one above it."""
        task_id, shared = edge
        depth = min(shared, len(path))
        while depth and (task_id, path[: depth - 1]) not in self.expanded:
            depth -= 1
        prefix = path[:depth]
        counts = self._counts.get((task_id, prefix))
        if depth in self.rules.tasks[task_id].depths:
            return counts if counts is not None else [1, 0, 0, 0, 0]
        sums = [0, 0, 0, 0, 0]
        for below in self.leaves(task_id, prefix):
            task = self.tasks.get((task_id, below))
            sums[0] += 1
            ended = FINISHED.get(task.status, 0) if task is not None else 0
            if ended:
                sums[ended] += 1
        return sums

    def upstream_is_torn(self, task_id: str, path: Path) -> bool:
        """Whether one of the tasks before it has other parts on a level that they share, as happens
        after a clear: then the instance waits for more than can be said from its index."""
        for name, shared in self.rules.tasks[task_id].waits_for:
            for depth in range(min(shared, len(path))):
                ours = self.expanded.get((task_id, path[:depth]), 0)
                theirs = self.expanded.get((name, path[:depth]), 0)
                if theirs and theirs != ours:
                    return True
        return False
