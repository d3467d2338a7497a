"""Why a task that may run waits for a place: what the gate and the pools say."""

from __future__ import annotations

from collections.abc import Iterator

from millstream.core.event_parts import Where
from millstream.core.explain_names import about, holders, holders_in
from millstream.core.explain_runs import paused
from millstream.core.explanation import (
    MOST_NAMED,
    About,
    Blocker,
    Code,
    Surroundings,
    Told,
    listed,
    plural,
)
from millstream.core.limits import is_full
from millstream.core.pools import Line, Pool, TaskLane
from millstream.core.state import Instance, Run, State

MOST_LINES = 1000


def waiting(
    state: State, run: Run, number: int, instance: Instance, around: Surroundings
) -> Iterator[Blocker]:
    """Why an instance with the status SCHEDULED is not let in. The order is that from the outside
    to the inside: the DAG, the run, the task, the pool, and who comes first there."""
    if around.is_alone:
        yield Blocker(
            code=Code.WAITS_FOR_PLACE,
            text=("It may run and waits for a place", Told(instance.position, "since"), "."),
        )
        return
    yield from paused(state, run)
    lane = run.seats.lanes[number]
    yield from _run_is_full(run)
    yield from _task_is_full(state, run, lane, around)
    yield from hopeless(run, number)
    pool = run.seats.pools[lane.task.pool]
    need = lane.task.pool_slots
    if pool.exists and pool.room < need <= pool.slots:
        yield _pool_is_full(state, run, pool, need, around)
    yield from _others_first(state, run, lane)
    if (pool.namespace, pool.name) in state.limits.openings:
        yield Blocker(
            code=Code.WAITS_FOR_PLACE,
            text=("More wait than are let in at once; it is let in soon, in its turn.",),
        )


def hopeless(run: Run, number: int) -> Iterator[Blocker]:
    """What keeps the task from running for ever, unless somebody changes the pool."""
    task = run.version.graph.tasks[number]
    pool = run.seats.pools[task.pool]
    if not pool.exists:
        yield Blocker(
            code=Code.POOL_MISSING,
            text=(
                f"There is no pool {pool.name!r}; ",
                "it was deleted" if pool.position else "nobody has made it",
                *((Told(pool.position, "at"), Told(pool.position, "by")) if pool.position else ()),
                ".",
            ),
            advice=f"Make the pool {pool.name!r} with at least {plural(task.pool_slots, 'slot')}.",
        )
    elif 0 <= pool.slots < task.pool_slots:
        yield Blocker(
            code=Code.POOL_TOO_SMALL,
            text=(
                f"It takes {plural(task.pool_slots, 'slot')} of pool {pool.name!r}, which has only "
                f"{pool.slots}",
                Told(pool.position, "since"),
                Told(pool.position, "by"),
                ": it waits for ever.",
            ),
            advice="Give the pool more slots, or let the task take fewer (pool_slots).",
        )


def _run_is_full(run: Run) -> Iterator[Blocker]:
    seats = run.seats
    if seats.active < seats.most:
        return
    found = holders_in(run, lambda _: True)
    yield Blocker(
        code=Code.MAX_ACTIVE_TASKS,
        text=(
            f"Only {plural(seats.most, 'task')} of a run may be active at a time "
            f"(max_active_tasks), and so many are: ",
            *listed(found, seats.active, Where(*run.key)),
            ".",
        ),
        advice="Wait for one of them, or raise max_active_tasks of the DAG.",
        about=tuple(found),
    )


def _task_is_full(
    state: State, run: Run, lane: TaskLane, around: Surroundings
) -> Iterator[Blocker]:
    task, home = lane.task, Where(*run.key)
    if is_full(lane):
        found = holders_in(run, lambda number: number == lane.number)
        yield Blocker(
            code=Code.MAX_ACTIVE_TIS_PER_DAGRUN,
            text=(
                f"Only {plural(task.max_active_tis_per_dagrun or 0, 'instance')} of task "
                f"{task.task_id!r} may be active in a run (max_active_tis_per_dagrun), and so many "
                f"are: ",
                *listed(found, run.seats.counts[lane.number], home),
                ".",
            ),
            advice="Wait for one of them, or raise max_active_tis_per_dagrun of the task.",
            about=tuple(found),
        )
    bench = lane.bench
    if bench is not None and bench.limit.count >= bench.most:

        def is_same(other: Run, number: int) -> bool:
            same = other.version.graph.tasks[number].task_id == task.task_id
            return same and other.key[:2] == run.key[:2]

        found = holders(state, around, is_same)
        yield Blocker(
            code=Code.MAX_ACTIVE_TIS_PER_DAG,
            text=(
                f"Only {plural(bench.most, 'instance')} of task {task.task_id!r} may be active in "
                f"all runs of the DAG (max_active_tis_per_dag), and so many are: ",
                *listed(found, bench.limit.count, home),
                ".",
            ),
            advice="Wait for one of them, or raise max_active_tis_per_dag of the task.",
            about=tuple(found),
        )


def _pool_is_full(state: State, run: Run, pool: Pool, need: int, around: Surroundings) -> Blocker:
    def is_of_pool(other: Run, number: int) -> bool:
        same = other.version.graph.tasks[number].pool == pool.name
        return same and other.key[0] == run.key[0]

    found = holders(state, around, is_of_pool)
    taken = pool.active + (pool.deferred if pool.include_deferred else 0)
    deferred = f", {pool.deferred} of them by deferred tasks" if taken > pool.active else ""
    more = "more" if len(found) == MOST_NAMED else ""
    return Blocker(
        code=Code.POOL_FULL,
        text=(
            f"It needs {plural(need, 'slot')} of pool {pool.name!r}, and {taken} of its "
            f"{plural(pool.slots, 'slot')} {'is' if taken == 1 else 'are'} taken{deferred}",
            *((": by ", *listed(found, len(found), Where(*run.key))) if found else ()),
            " and others" if more else "",
            ".",
        ),
        advice=f"Wait for one of them, or give pool {pool.name!r} more slots.",
        about=tuple(found),
        positions=(pool.position,),
    )


def _others_first(state: State, run: Run, lane: TaskLane) -> Iterator[Blocker]:
    """Who is let in before it, once there is a slot."""
    line = lane.line
    first = [_first_of(state, other) for other in _before(line, lane)]
    found = [one for one in first if one is not None]
    if not found:
        return
    yield Blocker(
        code=Code.PRIORITY,
        text=(
            f"Before it (its priority is {lane.priority}) in pool {line.queue.pool.name!r} "
            f"{'comes' if len(found) == 1 else 'come'} ",
            *listed(found, len(found), Where(*run.key)),
            ".",
        ),
        advice="Raise its priority_weight, or wait.",
        about=tuple(found[:MOST_NAMED]),
    )


def _before(line: Line, lane: TaskLane) -> Iterator[TaskLane]:
    """The lanes that stand before this one: in the lines of the pool's queue, then in its own."""
    if line.offered is not None:
        queue, seen = line.queue, 0
        for priority in reversed(queue.priorities):
            if priority < line.offered:
                break
            for key, share in queue.rings[priority].items():
                is_mine = priority == line.offered and key == line.seats.key
                for _, other in sorted(share.heap, key=lambda entry: entry[0])[:MOST_LINES]:
                    seen += 1
                    if other is line or seen > MOST_LINES:
                        break
                    if other.offered == priority:
                        yield other.top
                        if priority == line.offered and not is_mine:
                            break  # keys of one priority take turns
                if is_mine or seen > MOST_LINES:
                    break
    for priority, number, other_lane in sorted(line.heap, key=lambda entry: entry[:2])[:MOST_LINES]:
        if other_lane is lane or (priority, number) >= (-lane.priority, lane.number):
            return
        if other_lane.count:
            yield other_lane


def _first_of(state: State, lane: TaskLane) -> About | None:
    run = state.runs.get(lane.seats.run)
    if run is None or not lane.count:
        return None
    path, instance = lane.first()
    return about(run, lane.number, path, instance)
