"""Who held which place, told from the log and the specs alone: nothing here asks the core."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from millstream.core.events import (
    DagPaused,
    DagUnpaused,
    DagVersionSubmitted,
    Event,
    PoolDeleted,
    PoolSet,
    ResultsTakenOver,
    RunCreated,
    RunFailed,
    RunQuarantined,
    RunReopened,
    RunSucceeded,
)
from millstream.core.spec import DagSpec, TaskSpec, WeightRule, decode_spec
from millstream.core.task_events import (
    TaskAwaitsInput,
    TaskCleared,
    TaskDeferred,
    TaskExpanded,
    TaskFailed,
    TaskLost,
    TaskMarked,
    TaskReady,
    TaskRescheduled,
    TaskResized,
    TaskResumed,
    TaskScheduled,
    TaskSkipped,
    TaskStarted,
    TaskStopped,
    TaskSucceeded,
    TaskUpstreamFailed,
)

RunKey = tuple[str, str]
Key = tuple[str, str, str, tuple[int, ...]]


@dataclass
class Ledger:
    """The log so far. ``faults`` are sentences about what must not be."""

    specs: dict[tuple[str, int], DagSpec] = field(default_factory=dict)
    runs: dict[RunKey, DagSpec] = field(default_factory=dict)
    pools: dict[str, PoolSet] = field(
        default_factory=lambda: {"default_pool": PoolSet(name="default_pool", slots=128)}
    )
    paused: dict[str, None] = field(default_factory=dict)
    active: dict[Key, None] = field(default_factory=dict)
    waiting: dict[Key, None] = field(default_factory=dict)
    deferred: dict[Key, None] = field(default_factory=dict)
    other: dict[Key, str] = field(default_factory=dict)
    served: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def fold(self, event: Event) -> None:
        where, data = event.where, event.data
        if "@" in where.task_id:
            return  # a callback, which takes no place
        run, key = (where.dag_id, where.run_id), (where.dag_id, where.run_id, where.task_id)
        instance = (*key, where.map_index)
        match data:
            case DagVersionSubmitted():
                spec = decode_spec(bytes(data.spec))
                self.specs[where.dag_id, data.version] = spec
            case RunCreated() | RunReopened():
                self.runs[run] = self.specs[where.dag_id, data.version]
            case DagPaused():
                self.paused[where.dag_id] = None
            case DagUnpaused():
                self.paused.pop(where.dag_id, None)
            case PoolSet():
                self.pools[data.name] = data
            case PoolDeleted():
                del self.pools[data.name]
            case RunSucceeded() | RunFailed() | RunQuarantined():
                for kept in (self.active, self.waiting, self.deferred):
                    for one in [one for one in kept if one[:2] == run]:
                        del kept[one]
            case ResultsTakenOver():
                for taken in data.tasks:
                    if taken.expanded < 0:
                        self._idle((*run, taken.task_id, taken.map_index), "taken over")
            case TaskScheduled():
                paths = [(*where.map_index, i) for i in range(data.length)] or [where.map_index]
                for path in paths:
                    self._wait((*key, path), is_one=not data.length)
            case TaskReady():
                self._ready(instance, event)
            case TaskStarted() | TaskExpanded() | TaskResized():
                pass
            case TaskDeferred():
                self._idle(instance, "deferred")
                self.deferred[instance] = None
            case TaskResumed():
                self._idle(instance, "scheduled")
                self.waiting[instance] = None
            case (
                TaskStopped()
                | TaskCleared()
                | TaskMarked()
                | TaskSucceeded()
                | TaskFailed()
                | TaskLost()
                | TaskSkipped()
                | TaskUpstreamFailed()
                | TaskRescheduled()
                | TaskAwaitsInput()
            ):
                self._idle(instance, type(data).__name__)

    def _wait(self, key: Key, *, is_one: bool) -> None:
        if is_one or key not in self.other:
            self._idle(key, "scheduled")
            self.waiting[key] = None

    def _idle(self, key: Key, state: str) -> None:
        for kept in (self.active, self.waiting, self.deferred):
            kept.pop(key, None)
        self.other[key] = state

    def _ready(self, key: Key, event: Event) -> None:
        if key in self.active:
            return  # the same attempt again
        task = self.task(key)
        if not self.fits(key):
            self.faults.append(f"{event.position}: {key} became ready and did not fit")
        for other in self.waiting:
            if (other[0], other[2]) == (key[0], key[2]):
                continue  # of one task, in whatever version of the DAG, the older run is first
            if self.priority(other) > self.priority(key) and self.fits(other):
                self.faults.append(f"{event.position}: {key} was let in before {other}")
        self._idle(key, "ready")
        self.active[key] = None
        self.served[self.runs[key[:2]].fairness_key or key[0]] += task.pool_slots

    # --- what the limits say

    def task(self, key: Key) -> TaskSpec:
        return next(task for task in self.runs[key[:2]].tasks if task.task_id == key[2])

    def occupied(self, pool: str) -> int:
        return sum(self.task(key).pool_slots for key in self.active if self.task(key).pool == pool)

    def fits(self, key: Key) -> bool:
        """Would one more, this one, break no limit?"""
        task, spec = self.task(key), self.runs[key[:2]]
        pool = self.pools.get(task.pool)
        if pool is None or key[0] in self.paused:
            return False
        taken = self.occupied(task.pool)
        if pool.include_deferred:
            taken += sum(
                self.task(one).pool_slots
                for one in self.deferred
                if one != key and self.task(one).pool == task.pool
            )
        if pool.slots >= 0 and taken + task.pool_slots > pool.slots:
            return False
        if sum(one[:2] == key[:2] for one in self.active) >= spec.max_active_tasks:
            return False
        of_run = sum(one[:3] == key[:3] for one in self.active)
        of_dag = sum((one[0], one[2]) == (key[0], key[2]) for one in self.active)
        if task.max_active_tis_per_dagrun is not None and of_run >= task.max_active_tis_per_dagrun:
            return False
        return task.max_active_tis_per_dag is None or of_dag < task.max_active_tis_per_dag

    def priority(self, key: Key) -> int:
        """Airflow's effective weight, reckoned the long way."""
        spec, task = self.runs[key[:2]], self.task(key)
        by_name = {one.task_id: one for one in spec.tasks}
        below = {name: [o.task_id for o in spec.tasks if name in o.upstream] for name in by_name}
        above = {name: list(one.upstream) for name, one in by_name.items()}
        edges = {WeightRule.DOWNSTREAM: below, WeightRule.UPSTREAM: above}.get(task.weight_rule)
        seen: list[str] = []
        todo = list(edges[task.task_id]) if edges else []
        while todo:
            name = todo.pop()
            if edges and name not in seen:
                seen.append(name)
                todo += edges[name]
        return task.priority_weight + sum(by_name[name].priority_weight for name in seen)

    def left_waiting(self) -> list[Key]:
        """Those that wait although they would fit."""
        return [key for key in self.waiting if self.fits(key)]
