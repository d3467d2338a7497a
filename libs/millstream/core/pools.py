"""Pools: their slots, and who waits for one, in order. Only ``limits`` changes what is here.

Of those that wait for slots of a pool the highest priority comes first; within a priority the
fairness keys take turns, and within a key the run that is older comes first.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from millstream.core.spec import TaskSpec
from millstream.core.statuses import TaskStatus

if TYPE_CHECKING:
    from millstream.core.limits import Bench, Seats, TaskLimit
    from millstream.core.state import Instance

DEFAULT_POOL = "default_pool"
DEFAULT_SLOTS = 128
_UNLIMITED = 2**62

# The logical date of a run as seconds (or when it was to run), and the position of its creation.
Order = tuple[float, int]
Path = tuple[int, ...]


@dataclass(slots=True, eq=False, repr=False)
class Pool:
    """``active`` counts the slots of attempts that are queued or running, ``deferred`` those of
    deferred ones, ``waiting`` the instances that wait. One that does not exist was named by a task
    and has no slots. ``slots`` of -1: as many as anybody wants. ``position``: of the event that set
    or deleted it last."""

    namespace: str
    name: str
    slots: int = 0
    include_deferred: bool = False
    description: str = ""
    exists: bool = False
    position: int = 0
    active: int = 0
    deferred: int = 0
    waiting: int = 0
    queues: dict[int, PoolQueue] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many slots are free; below zero where the pool was made smaller."""
        if not self.exists:
            return 0
        if self.slots < 0:
            return _UNLIMITED
        return self.slots - self.active - (self.deferred if self.include_deferred else 0)

    def queue(self, need: int) -> PoolQueue:
        """The queue of those that need ``need`` slots: who needs fewer may pass."""
        queue = self.queues.get(need)
        if queue is None:
            queue = self.queues[need] = PoolQueue(self)
        return queue

    def best(self) -> tuple[Rank, Line] | None:
        """The first of those that wait and fit."""
        room = self.room
        found = None
        for need, queue in self.queues.items():
            if need <= room and queue.priorities:
                rank, line = queue.best()
                if found is None or rank < found[0]:
                    found = rank, line
        return found


# The priority (negated), when the key's turn came, the order of the run.
Rank = tuple[int, int, Order]


@dataclass(slots=True, eq=False, repr=False)
class TaskLane:
    """The instances of one task of a run that wait, in the order of their map indices.

    ``count`` says how many; an entry whose instance does not wait any more is passed over.
    ``is_listed``: it is in its line; ``is_parked``: it waits on its bench.
    """

    seats: Seats
    number: int
    task: TaskSpec
    priority: int
    line: Line
    bench: Bench | None
    count: int = 0
    is_listed: bool = False
    is_parked: bool = False
    is_invited: bool = False
    fresh: deque[tuple[Path, Instance]] = field(default_factory=deque)
    again: list[tuple[Path, int, Instance]] = field(default_factory=list)

    def add(self, path: Path, instance: Instance, position: int) -> None:
        self.count += 1
        if not self.fresh or path > self.fresh[-1][0]:
            self.fresh.append((path, instance))
        else:
            heappush(self.again, (path, position, instance))

    def remove_one(self) -> None:
        """One of them waits no more."""
        self.count -= 1
        while self.fresh and self.fresh[0][1].status is not TaskStatus.SCHEDULED:
            self.fresh.popleft()
        while self.again and self.again[0][2].status is not TaskStatus.SCHEDULED:
            heappop(self.again)

    def first(self) -> tuple[Path, Instance]:
        if self.again and (not self.fresh or self.again[0][0] < self.fresh[0][0]):
            return self.again[0][0], self.again[0][2]
        return self.fresh[0]


@dataclass(slots=True, eq=False, repr=False)
class Line:
    """The lanes of one run that wait for as many slots of one pool, the highest priority first.

    ``offered`` is the priority with which its first lane stands in the queue, None where the run
    has no room. ``filed``: the priorities under which a heap of the queue holds this line;
    ``limited``: the limit of its first lane's task.
    """

    seats: Seats
    queue: PoolQueue
    heap: list[tuple[int, int, TaskLane]] = field(default_factory=list)
    offered: int | None = None
    filed: set[int] = field(default_factory=set)
    limited: TaskLimit | None = None

    @property
    def top(self) -> TaskLane:
        return self.heap[0][2]


@dataclass(slots=True, eq=False, repr=False)
class Share:
    """The lines of one fairness key with one priority. Its turn came at position ``since``."""

    since: int
    offered: int = 0
    heap: list[tuple[Order, Line]] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class PoolQueue:
    """Those that need the same number of slots of a pool. ``rings`` has the keys that take turns,
    for each priority; ``priorities`` is in ascending order."""

    pool: Pool
    priorities: list[int] = field(default_factory=list)
    rings: dict[int, OrderedDict[str, Share]] = field(default_factory=dict)

    def best(self) -> tuple[Rank, Line]:
        """The first one; there must be one."""
        priority = self.priorities[-1]
        share = next(iter(self.rings[priority].values()))
        order, line = share.heap[0]
        return (-priority, share.since, order), line

    def offer(self, line: Line, priority: int, position: int) -> None:
        """Put a line in. A key that is new here is the last of its ring."""
        ring = self.rings.get(priority)
        if ring is None:
            ring = self.rings[priority] = OrderedDict()
            insort(self.priorities, priority)
        share = ring.get(line.seats.key)
        if share is None:
            share = ring[line.seats.key] = Share(position)
        if priority not in line.filed:
            line.filed.add(priority)
            heappush(share.heap, (line.seats.order, line))
        share.offered += 1
        line.offered = priority

    def withdraw(self, line: Line) -> None:
        """Take out a line that is offered."""
        priority = line.offered
        assert priority is not None, "only what is offered is withdrawn"
        line.offered = None
        ring = self.rings[priority]
        share = ring[line.seats.key]
        share.offered -= 1
        if share.offered:
            while share.heap[0][1].offered != priority:
                heappop(share.heap)[1].filed.discard(priority)
            return
        for _, other in share.heap:
            other.filed.discard(priority)
        del ring[line.seats.key]
        if not ring:
            del self.rings[priority]
            del self.priorities[bisect_left(self.priorities, priority)]

    def take_turn(self, line: Line, position: int) -> None:
        """The key of an offered line was served: it goes to the end of its ring."""
        assert line.offered is not None, "only what is offered is served"
        ring = self.rings[line.offered]
        ring[line.seats.key].since = position
        ring.move_to_end(line.seats.key)
