"""Who holds a place and who waits for one: pools, the limits of runs and of tasks, pauses.

All of it is folded from the statuses of the instances: ``moved`` is told of every change of a
status, and nothing else counts a place up or down. So a place cannot leak: whoever changes a
status (or drops an instance that is not idle) says so here, and that is all there is to say.

An instance with the status SCHEDULED waits. It stands in the lane of its task and run; lanes of a
run that need as many slots of one pool form a line, and the line's first lane stands for it in the
pool's queue while the run has room. A lane whose task has reached its limit over all runs of the
DAG is parked on a bench; when a place is free there, as many lanes are invited back. So an event
costs what it changes, however many wait.

``gate`` reads what stands here and decides who is next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from millstream.core.event_parts import Where
from millstream.core.events import PoolSet
from millstream.core.pools import (
    DEFAULT_POOL,
    DEFAULT_SLOTS,
    Line,
    Order,
    Path,
    Pool,
    PoolQueue,
    TaskLane,
)
from millstream.core.statuses import FINISHED_TASK, TaskStatus

if TYPE_CHECKING:
    from millstream.core.state import Instance, Run, State

_IDLE, _WAITING, _ACTIVE, _DEFERRED = range(4)
_STANDING = dict.fromkeys(TaskStatus, _IDLE) | {
    TaskStatus.SCHEDULED: _WAITING,
    TaskStatus.QUEUED: _ACTIVE,
    TaskStatus.RUNNING: _ACTIVE,
    TaskStatus.DEFERRED: _DEFERRED,
}


@dataclass(slots=True, eq=False, repr=False)
class TaskLimit:
    """How many instances of a task are active over all runs of its DAG. ``least``: the smallest
    limit that a version states; ``lines``: those whose first lane is of this task; ``runs``: how
    many know of it."""

    least: int
    count: int = 0
    runs: int = 0
    lines: dict[Line, None] = field(default_factory=dict)
    benches: dict[tuple[PoolQueue, int], Bench] = field(default_factory=dict)


@dataclass(slots=True, eq=False, repr=False)
class Bench:
    """Lanes of one task and one queue that wait until fewer than ``most`` of the task are active,
    the older run first; ``invited``: how many were called back and were not served yet."""

    limit: TaskLimit
    most: int
    parked: list[tuple[Order, TaskLane]] = field(default_factory=list)
    invited: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Seats:
    """The places of the run ``run``. ``most``: how many of its instances may be active; ``key``:
    its fairness key; ``counts``: the active instances of each task that has a limit for each run;
    ``is_held``: its DAG is paused."""

    run: tuple[str, str, str]
    pools: dict[str, Pool]
    most: int
    order: Order
    key: str
    is_held: bool = False
    active: int = 0
    waiting: int = 0
    lanes: dict[int, TaskLane] = field(default_factory=dict)
    lines: dict[PoolQueue, Line] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    limits: dict[int, TaskLimit] = field(default_factory=dict)
    invited: dict[TaskLane, None] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """May another instance of the run become active?"""
        return self.active < self.most and not self.is_held


PoolKey = tuple[str, str]


@dataclass(slots=True, eq=False, repr=False)
class Limits:
    """All that is counted. ``openings`` holds the pools in which somebody who waits fits: it is
    empty between two commands, unless more fit than one command lets in. ``freed`` is empty
    between two events."""

    pools: dict[str, dict[str, Pool]] = field(default_factory=dict)
    tasks: dict[tuple[str, str, str], TaskLimit] = field(default_factory=dict)
    openings: dict[PoolKey, Pool] = field(default_factory=dict)
    freed: list[TaskLimit] = field(default_factory=list)

    def of(self, namespace: str) -> dict[str, Pool]:
        """The pools of a namespace; the default pool is always there."""
        pools = self.pools.get(namespace)
        if pools is None:
            default = Pool(namespace, DEFAULT_POOL, DEFAULT_SLOTS, exists=True)
            pools = self.pools[namespace] = {DEFAULT_POOL: default}
        return pools

    def exists(self, namespace: str, name: str) -> bool:
        pools = self.pools.get(namespace, {})
        return name in pools and pools[name].exists

    def find(self, namespace: str, name: str) -> Pool:
        """The pool of this name, which may not exist."""
        pools = self.of(namespace)
        pool = pools.get(name)
        if pool is None:
            pool = pools[name] = Pool(namespace, name)
        return pool


# --- runs and pools come and go


def seat_run(state: State, run: Run) -> None:
    """A run was created."""
    namespace, dag_id, _ = run.key
    graph, spec, limits = run.version.graph, run.version.spec, state.limits
    for name in graph.pools:
        limits.find(namespace, name)
    date = run.created.logical_date or run.created.run_after
    run.seats = Seats(
        run=run.key,
        pools=limits.of(namespace),
        most=spec.max_active_tasks,
        order=(date.timestamp(), run.position),
        key=spec.fairness_key or dag_id,
        is_held=state.dags[namespace, dag_id].is_paused,
    )
    for number in graph.limited:
        task = graph.tasks[number]
        if task.max_active_tis_per_dagrun is not None:
            run.seats.counts[number] = 0
        if task.max_active_tis_per_dag is not None:
            key = (namespace, dag_id, task.task_id)
            limit = limits.tasks.get(key)
            if limit is None:
                limit = limits.tasks[key] = TaskLimit(task.max_active_tis_per_dag)
            limit.least = min(limit.least, task.max_active_tis_per_dag)
            limit.runs += 1
            run.seats.limits[number] = limit


def unseat_run(state: State, run: Run) -> None:
    """A run is over. What it still held or waited for is free; how its tasks ended stays, for
    whoever lets it go on."""
    if run.unfinished:
        for number, root in enumerate(run.instances):
            for path, instance in root.leaves():
                if instance.status not in FINISHED_TASK:
                    before, instance.status = instance.status, TaskStatus.NONE
                    moved(state, run, number, path, instance, before)
    for number, limit in run.seats.limits.items():
        limit.runs -= 1
        if not limit.runs:
            namespace, dag_id, _ = run.key
            del state.limits.tasks[namespace, dag_id, run.version.graph.tasks[number].task_id]


def hold(state: State, run: Run, *, is_held: bool) -> None:
    """The DAG of a run was paused, or it goes on."""
    seats = run.seats
    if seats.is_held == is_held:
        return
    was_open = seats.is_open
    seats.is_held = is_held
    if seats.is_open != was_open:
        _open_or_close(state, seats)
        _invite(state)


def set_pool(state: State, where: Where, data: PoolSet, position: int) -> None:
    """A pool was made or changed."""
    pool = state.limits.find(where.namespace, data.name)
    pool.slots, pool.include_deferred = data.slots, data.include_deferred
    pool.description, pool.exists, pool.position = data.description, True, position
    _tidy(state, pool)


def delete_pool(state: State, where: Where, name: str, position: int) -> None:
    """A pool is gone. What holds its slots goes on; what waits for them waits on."""
    pool = state.limits.find(where.namespace, name)
    pool.slots, pool.include_deferred, pool.description, pool.exists = 0, False, "", False
    pool.position = position
    _tidy(state, pool)


# --- instances move


def moved(
    state: State, run: Run, number: int, path: Path, instance: Instance, before: TaskStatus
) -> None:
    """The status of an instance was ``before`` and is now another one."""
    old, new = _STANDING[before], _STANDING[instance.status]
    if old == new:
        return
    seats = run.seats
    task = run.version.graph.tasks[number]
    pool = seats.pools[task.pool]
    was_open = seats.waiting and seats.is_open
    if old == _ACTIVE:
        seats.active -= 1
        pool.active -= task.pool_slots
    elif old == _WAITING:
        _leave(state, seats.lanes[number], is_served=new == _ACTIVE)
    elif old == _DEFERRED:
        pool.deferred -= task.pool_slots
    if new == _ACTIVE:
        seats.active += 1
        pool.active += task.pool_slots
    elif new == _WAITING:
        _join(state, run, number, ((path, instance),))
    elif new == _DEFERRED:
        pool.deferred += task.pool_slots
    if run.version.graph.limited:
        _count(state, seats, number, (new == _ACTIVE) - (old == _ACTIVE))
    if seats.waiting and seats.is_open != was_open:
        _open_or_close(state, seats)
    if state.limits.freed:
        _invite(state)
    if pool.waiting or state.limits.openings:
        _tidy(state, pool)


def schedule_all(
    state: State, run: Run, number: int, node: Instance, path: Path, position: int
) -> None:
    """All instances at and below a node that have not begun wait from now on."""
    begun = []
    for below, instance in node.leaves(path):
        if instance.status is TaskStatus.NONE:
            instance.status, instance.position = TaskStatus.SCHEDULED, position
            begun.append((below, instance))
    if begun:
        _join(state, run, number, begun)
        _invite(state)
        _tidy(state, run.seats.pools[run.version.graph.tasks[number].pool])


def _join(state: State, run: Run, number: int, joined: Iterable[tuple[Path, Instance]]) -> None:
    seats = run.seats
    lane = seats.lanes.get(number) or _new_lane(run, number)
    before = lane.count
    for path, instance in joined:
        lane.add(path, instance, state.position)
    seats.waiting += lane.count - before
    lane.line.queue.pool.waiting += lane.count - before
    if not lane.is_listed and not lane.is_parked:
        _list(state, lane)


def _new_lane(run: Run, number: int) -> TaskLane:
    seats, graph = run.seats, run.version.graph
    task = graph.tasks[number]
    queue = seats.pools[task.pool].queue(task.pool_slots)
    line = seats.lines.get(queue)
    if line is None:
        line = seats.lines[queue] = Line(seats, queue)
    limit, most = seats.limits.get(number), task.max_active_tis_per_dag
    bench = None
    if limit is not None and most is not None:
        bench = limit.benches.get((queue, most))
        if bench is None:
            bench = limit.benches[queue, most] = Bench(limit, most)
    lane = TaskLane(seats, number, task, graph.priorities[number], line, bench)
    seats.lanes[number] = lane
    return lane


def _leave(state: State, lane: TaskLane, *, is_served: bool) -> None:
    """One that waited in this lane does not any more."""
    line = lane.line
    lane.remove_one()
    lane.seats.waiting -= 1
    line.queue.pool.waiting -= 1
    if is_served and line.offered is not None:
        line.queue.take_turn(line, state.position)
    if lane.is_invited:
        _uninvite(state, lane)
    if not lane.count:
        _offer(state, line)


def _count(state: State, seats: Seats, number: int, change: int) -> None:
    """So many more or fewer instances of a task are active."""
    if not change:
        return
    lane = seats.lanes.get(number)
    if number in seats.counts:
        seats.counts[number] += change
        if lane is not None:
            if change > 0:
                _offer(state, lane.line)
            elif lane.count and not lane.is_listed and not lane.is_parked:
                _list(state, lane)
    limit = seats.limits.get(number)
    if limit is not None:
        limit.count += change
        if change < 0:
            state.limits.freed.append(limit)
        elif limit.count >= limit.least:
            for line in list(limit.lines):
                _offer(state, line)


# --- lines and queues


def _list(state: State, lane: TaskLane) -> None:
    lane.is_listed = True
    heappush(lane.line.heap, (-lane.priority, lane.number, lane))
    _offer(state, lane.line)


def _offer(state: State, line: Line) -> None:
    """Let the queue hold the line as it is now: with its first lane's priority, or not at all."""
    lane = _first_lane(state, line)
    limit = lane.bench.limit if lane is not None and lane.bench is not None else None
    if limit is not line.limited:
        if line.limited is not None:
            del line.limited.lines[line]
        if limit is not None:
            limit.lines[line] = None
        line.limited = limit
    priority = lane.priority if lane is not None and line.seats.is_open else None
    if priority == line.offered:
        return
    if line.offered is not None:
        line.queue.withdraw(line)
    if priority is not None:
        line.queue.offer(line, priority, state.position)
    _tidy(state, line.queue.pool)


def _first_lane(state: State, line: Line) -> TaskLane | None:
    """The first lane that waits for nothing but the run and the pool; the others step out."""
    while line.heap:
        lane = line.top
        bench = lane.bench
        if bench is not None and lane.count and bench.limit.count >= bench.most:
            lane.is_parked = True
            heappush(bench.parked, (lane.seats.order, lane))
        elif lane.count and not is_full(lane):
            return lane
        heappop(line.heap)
        lane.is_listed = False
        if lane.is_invited:
            _uninvite(state, lane)
    return None


def is_full(lane: TaskLane) -> bool:
    """Are as many of its task active in its run as may be?"""
    most = lane.task.max_active_tis_per_dagrun
    return most is not None and lane.seats.counts[lane.number] >= most


def _open_or_close(state: State, seats: Seats) -> None:
    """The run got room, or has none any more."""
    for line in seats.lines.values():
        _offer(state, line)
    if not seats.is_open:
        for lane in list(seats.invited):
            _uninvite(state, lane)


def _uninvite(state: State, lane: TaskLane) -> None:
    """The lane was served or cannot come: another one may."""
    assert lane.bench is not None, "only lanes with a bench are invited"
    lane.is_invited = False
    lane.bench.invited -= 1
    del lane.seats.invited[lane]
    state.limits.freed.append(lane.bench.limit)


def _invite(state: State) -> None:
    """Call back parked lanes, one for each place that is free at their limit. One whose run has no
    room goes back to its line all the same, but then the next one is called too."""
    freed = state.limits.freed
    while freed:
        for bench in freed.pop().benches.values():
            while bench.parked:
                lane = bench.parked[0][1]
                if lane.count and bench.limit.count + bench.invited >= bench.most:
                    break
                heappop(bench.parked)
                lane.is_parked = False
                if not lane.count:
                    continue
                if lane.seats.is_open:
                    lane.is_invited = True
                    bench.invited += 1
                    lane.seats.invited[lane] = None
                _list(state, lane)


def _tidy(state: State, pool: Pool) -> None:
    """Say whether somebody who waits for this pool fits."""
    openings = state.limits.openings
    if pool.waiting and pool.best() is not None:
        openings[pool.namespace, pool.name] = pool
    else:
        openings.pop((pool.namespace, pool.name), None)
