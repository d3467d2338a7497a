"""The gate: whoever may run passes here, at once if there is room, and waits otherwise.

For those who let a task begin:

* ``react.begin_again(run, number, instance, path)`` is the fact that an instance may run (or a
  mapped node: all its instances that have not begun): a retry whose instant has come, an attempt
  that was lost, a sensor whose next poke is due, a task that was cleared. Yield it from ``decide``
  or ``react`` in place of a ``TaskReady``. An event that itself leaves a task SCHEDULED (such as
  ``TaskResumed``) needs nothing more: the task waits from then on.
* ``handle`` passes each such ``TaskScheduled`` through ``has_room``: if nobody is kept waiting by
  that, the attempts become ready at once and there is no ``TaskScheduled`` in the log. Otherwise
  the instances wait with the status SCHEDULED.
* ``first(state)`` is the next of those that wait, None when nobody fits. ``handle`` asks at the end
  of each command and lets each one in before it asks again, so no slot is given out twice. It lets
  in ``MOST_AT_ONCE``; the others are let in by commands of their own, so that a list of a hundred
  thousand keeps nobody else waiting, and is never in memory as so many events.

``make_ready(run, number, instance, path)`` in ``react`` makes the ``TaskReady`` of an instance from
its state alone, now or when its turn comes; what an attempt shall carry has to be in the instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from millstream.core.events import Fact
from millstream.core.pools import Path
from millstream.core.react import make_ready
from millstream.core.state import Instance, Run, State, run_key
from millstream.core.statuses import TASK_TRANSITIONS, TaskStatus
from millstream.core.task_events import TaskScheduled

# More than the tasks that most DAGs have: attempts that are ready at once take their values with
# them, and nothing is said of their wait.
MOST_AT_ONCE = 2000


def ready_alone(state: State, fact: Fact) -> Fact | None:
    """The attempt of one instance if it has room and its task no limit of its own; None if all has
    to be looked at."""
    run = state.runs[run_key(fact.where)]
    found = run.find(fact.where.task_id, fact.where.map_index)
    assert found is not None, "react speaks of what is there"
    number, node = found
    graph, seats = run.version.graph, run.seats
    if state.limits.openings or graph.limited or node.elements:
        return None
    if node.status not in TASK_TRANSITIONS[TaskScheduled] or not seats.is_open:
        return None
    task = graph.tasks[number]
    if task.pool_slots > seats.pools[task.pool].room:
        return None
    return make_ready(run, number, node, fact.where.map_index)


def has_room(state: State, facts: Sequence[Fact]) -> bool:
    """May all that these say may run become ready at once? Not if somebody who waits could take
    the room that there is."""
    if state.limits.openings:
        return False
    taken: dict[object, int] = {}
    total = 0

    def fits(place: object, need: int, room: int) -> bool:
        taken[place] = taken.get(place, 0) + need
        return taken[place] <= room

    for fact in facts:
        where = fact.where
        run = state.runs[run_key(where)]
        found = run.find(where.task_id, where.map_index)
        assert found is not None, "react speaks of what is there"
        number, node = found
        count = 1 if not node.elements else sum(map(_may_begin, node.elements))
        total += count
        if total > MOST_AT_ONCE:
            return False
        seats, task = run.seats, run.version.graph.tasks[number]
        pool = seats.pools[task.pool]
        if seats.is_held or not fits(seats, count, seats.most - seats.active):
            return False
        if not fits(pool, count * task.pool_slots, pool.room):
            return False
        most = task.max_active_tis_per_dagrun
        if most is not None and not fits((seats, number), count, most - seats.counts[number]):
            return False
        limit, most = seats.limits.get(number), task.max_active_tis_per_dag
        if limit is not None and most is not None and not fits(limit, count, most - limit.count):
            return False
    return True


def is_news(state: State, fact: Fact) -> bool:
    """Does a ``TaskScheduled`` say of an instance that it may run, and was that not said before?"""
    run = state.runs[run_key(fact.where)]
    found = run.find(fact.where.task_id, fact.where.map_index)
    assert found is not None, "react speaks of what is there"
    if found[1].elements:
        return any(map(_may_begin, found[1].elements))
    return found[1].status in TASK_TRANSITIONS[TaskScheduled]


def ready_at_once(state: State, fact: Fact) -> Iterator[Fact]:
    """The attempts of those that a ``TaskScheduled`` says may run; there is room for all."""
    run = state.runs[run_key(fact.where)]
    found = run.find(fact.where.task_id, fact.where.map_index)
    assert found is not None, "react speaks of what is there"
    number, node = found
    if not node.elements:
        yield make_ready(run, number, node, fact.where.map_index)
        return
    for path, instance in node.leaves(fact.where.map_index):
        if _may_begin(instance):
            yield make_ready(run, number, instance, path)


def first(state: State) -> tuple[Run, int, Instance, Path] | None:
    """The first of all that wait and fit; None if nobody does."""
    openings = state.limits.openings
    if not openings:
        return None
    found = [pool.best() for pool in openings.values()]
    _, line = min((best for best in found if best is not None), key=lambda best: best[0])
    path, instance = line.top.first()
    return state.runs[line.seats.run], line.top.number, instance, path


def _may_begin(instance: Instance) -> bool:
    return instance.status is TaskStatus.NONE
