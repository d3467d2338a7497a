"""Who holds which place: the slots of pools, and the limits of runs, tasks and DAGs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from millstream.verify.specs import TaskRules

PoolKey = tuple[str, str]
DEFAULT_POOL, DEFAULT_SLOTS = "default_pool", 128
_ACTIVE = {"queued": True, "running": True}


class Pool(NamedTuple):
    slots: int
    include_deferred: bool


class Seats:
    """The places that one run's tasks hold."""

    __slots__ = ("active", "by_task", "dag", "most")

    def __init__(self, namespace: str, dag_id: str, most: int) -> None:
        self.dag = (namespace, dag_id)
        self.most = most
        self.active = 0
        self.by_task: Counter[str] = Counter()


@dataclass
class Places:
    """All places of a shard. ``paused`` names the DAGs of which nothing may start."""

    pools: dict[PoolKey, Pool] = field(default_factory=dict)
    paused: dict[tuple[str, str], None] = field(default_factory=dict)
    _active: Counter[PoolKey] = field(default_factory=Counter)
    _deferred: Counter[PoolKey] = field(default_factory=Counter)
    _by_task: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def pool(self, key: PoolKey) -> Pool | None:
        found = self.pools.get(key)
        if found is None and key[1] == DEFAULT_POOL:
            return Pool(DEFAULT_SLOTS, include_deferred=False)
        return found

    def move(self, seats: Seats, rules: TaskRules, before: str, after: str) -> None:
        """An instance stood like ``before`` and stands like ``after`` from now on."""
        was, will_be = before in _ACTIVE, after in _ACTIVE
        task = rules.shape
        if was != will_be:
            count = 1 if will_be else -1
            seats.active += count
            self._active[seats.dag[0], task.pool] += count * task.pool_slots
            if rules.is_limited:
                seats.by_task[task.task_id] += count
                self._by_task[(*seats.dag, task.task_id)] += count
        if (before == "deferred") != (after == "deferred"):
            count = 1 if after == "deferred" else -1
            self._deferred[seats.dag[0], task.pool] += count * task.pool_slots

    def broken_by(self, seats: Seats, rules: TaskRules) -> str:
        """Which limit one more attempt of a task would break; "" if none."""
        task = rules.shape
        if self.paused and seats.dag in self.paused:
            return f"its DAG {seats.dag[1]!r} is paused"
        key = (seats.dag[0], task.pool)
        pool = self.pool(key)
        if pool is None:
            return f"its pool {task.pool!r} does not exist"
        taken = self._active[key] + (self._deferred[key] if pool.include_deferred else 0)
        if pool.slots >= 0 and taken + task.pool_slots > pool.slots:
            return (
                f"its pool {task.pool!r} has {pool.slots} slots, of which {taken} are taken, and "
                f"it needs {task.pool_slots}"
            )
        if seats.active >= seats.most:
            return f"max_active_tasks is {seats.most}, and so many of its run are active"
        if not rules.is_limited:
            return ""
        most, count = task.max_active_tis_per_dagrun, seats.by_task[task.task_id]
        if most is not None and count >= most:
            return f"max_active_tis_per_dagrun is {most}, and {count} are active in its run"
        most, count = task.max_active_tis_per_dag, self._by_task[(*seats.dag, task.task_id)]
        if most is not None and count >= most:
            return f"max_active_tis_per_dag is {most}, and {count} are active"
        return ""
