"""A spec compiled for scheduling: tasks are numbers, edges are tuples of numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from millstream.core.priorities import effective_priorities
from millstream.core.spec import DagSpec, MapSource, TaskSpec, TriggerRule

# Another task, and how many levels of mapped groups it shares with this one.
Edge = tuple[int, int]


class Level(NamedTuple):
    """One level of a task's map index: the mapped group, or (the last one) the task itself, that is
    repeated ``over`` something. ``sources`` are the tasks whose results are mapped over."""

    is_group: bool
    over: tuple[MapSource, ...]
    sources: tuple[Edge, ...]


class Graph:
    """The edges of one DAG version, shared by all its runs and never changed.

    ``number`` maps a task id to its index in ``tasks``; ``upstream[i]`` and ``downstream[i]`` hold
    indices in the order in which the spec names them, ``above[i]`` and ``below[i]`` the same as
    edges; ``starts`` holds those that wait for nothing. ``is_leaf[i]``: the run's outcome depends
    on this task. ``needs[i]``: for a teardown the tasks between its setups and itself, for another
    task the setups that it needs beyond its own upstream tasks; ``informs[i]`` are the tasks that
    wait for ``i`` in one of these two ways.

    ``levels[i]`` are the levels of task ``i``'s map index, the outermost first; ``feeds[i]`` are
    the tasks that are mapped, on any level, over the result of ``i``, ``is_measured[i]`` says that
    for one of them an instance of ``i`` must return something with a length, and ``known[i]`` that
    the first level of ``i`` is known before the run. ``finest[i]``: down to this level the
    instances of ``i`` wait for different things.

    ``pools`` names the pools of the tasks; ``limited`` are the tasks of which only so many
    instances may be active.
    """

    __slots__ = (
        "_groups",
        "_priorities",
        "above",
        "below",
        "downstream",
        "feeds",
        "finest",
        "informs",
        "is_leaf",
        "is_measured",
        "known",
        "levels",
        "limited",
        "needs",
        "number",
        "pools",
        "starts",
        "tasks",
        "upstream",
    )

    def __init__(self, spec: DagSpec) -> None:
        self.tasks: tuple[TaskSpec, ...] = spec.tasks
        self.number = {task.task_id: index for index, task in enumerate(spec.tasks)}
        self.upstream = tuple(
            tuple(self.number[name] for name in dict.fromkeys(task.upstream)) for task in spec.tasks
        )
        self.downstream = _reversed(self.upstream)
        self.starts = tuple(
            index
            for index, task in enumerate(spec.tasks)
            if not self.upstream[index] or task.trigger_rule is TriggerRule.ALWAYS
        )
        self.is_leaf = tuple(map(self._decides_outcome, range(len(spec.tasks))))
        needed = self._setups_and_scopes()
        mapped = {group.group_id: group for group in spec.groups if group.mapped_over}
        chains = group_chains(spec)
        self._groups = tuple(
            tuple(name for name in chains.get(task.group, ()) if name in mapped)
            for task in spec.tasks
        )
        self.above = self._edges(self.upstream)
        self.below = self._edges(self.downstream)
        self.needs = self._edges(needed)
        self.informs = self._edges(_reversed(needed))
        self.levels = tuple(
            (
                *(self._level(i, True, mapped[name].mapped_over) for name in self._groups[i]),
                *((self._level(i, False, task.mapped_over),) if task.mapped_over else ()),
            )
            for i, task in enumerate(spec.tasks)
        )
        self.known = tuple(bool(levels) and not levels[0].sources for levels in self.levels)
        sources = tuple(
            tuple(dict.fromkeys(other for level in levels for other, _ in level.sources))
            for levels in self.levels
        )
        self.feeds = self._edges(_reversed(sources))
        self.is_measured = tuple(
            any(shared == len(levels) for _, shared in feeds)
            for feeds, levels in zip(self.feeds, self.levels, strict=True)
        )
        self.finest = tuple(
            max((shared for _, shared in (*above, *needs)), default=0)
            for above, needs in zip(self.above, self.needs, strict=True)
        )
        self.pools = tuple(dict.fromkeys(task.pool for task in spec.tasks))
        self.limited = tuple(
            index
            for index, task in enumerate(spec.tasks)
            if task.max_active_tis_per_dag is not None or task.max_active_tis_per_dagrun is not None
        )
        self._priorities: tuple[int, ...] | None = None

    @property
    def priorities(self) -> tuple[int, ...]:
        """The effective priority of each task, reckoned when somebody first has to wait."""
        if self._priorities is None:
            self._priorities = effective_priorities(self.tasks, self.upstream, self.downstream)
        return self._priorities

    def shared(self, one: int, other: int) -> int:
        """How many levels of mapped groups two tasks have in common."""
        count = 0
        for ours, theirs in zip(self._groups[one], self._groups[other], strict=False):
            if ours != theirs:
                break
            count += 1
        return count

    def is_expanded_early(self, number: int) -> bool:
        """Is a task expanded before the run: over what is known by then, and is not empty?"""
        return self.known[number] and all(map(known_length, self.levels[number][0].over))

    def group_levels(self, number: int) -> int:
        """In how many mapped groups a task is."""
        return len(self._groups[number])

    def _edges(self, others: tuple[tuple[int, ...], ...]) -> tuple[tuple[Edge, ...], ...]:
        return tuple(
            tuple((other, self.shared(index, other)) for other in each)
            for index, each in enumerate(others)
        )

    def _level(self, number: int, is_group: bool, over: tuple[MapSource, ...]) -> Level:
        names = dict.fromkeys(name for source in over for name in source_tasks(source))
        sources = [self.number[name] for name in names]
        return Level(is_group, over, tuple((each, self.shared(number, each)) for each in sources))

    def descendants(self, numbers: Iterable[int]) -> list[int]:
        """Everything downstream of these tasks, nearest first; not the tasks themselves."""
        return _reach(self.downstream, numbers)

    def ancestors(self, numbers: Iterable[int]) -> list[int]:
        """Everything upstream of these tasks, nearest first; not the tasks themselves."""
        return _reach(self.upstream, numbers)

    def _decides_outcome(self, number: int) -> bool:
        """Airflow's effective leaves: teardowns do not count, unless their failure shall."""

        def counts(task: TaskSpec) -> bool:
            return not task.is_teardown or task.on_failure_fail_dagrun

        children = self.downstream[number]
        return counts(self.tasks[number]) and not any(counts(self.tasks[c]) for c in children)

    def _setups_and_scopes(self) -> tuple[tuple[int, ...], ...]:
        nothing: tuple[tuple[int, ...], ...] = ((),) * len(self.tasks)
        if not any(task.is_setup or task.is_teardown for task in self.tasks):
            return nothing
        needs = list(nothing)
        for number, task in enumerate(self.tasks):
            above = _reach(self.upstream, [number])
            if task.is_teardown:
                own = [up for up in self.upstream[number] if self.tasks[up].is_setup]
                between = set(_reach(self.downstream, own)) & set(above)
                needs[number] = tuple(sorted(between - set(self.upstream[number])))
                continue
            below = {n for n in _reach(self.downstream, [number]) if self.tasks[n].is_teardown}
            needs[number] = tuple(
                up
                for up in above
                if self.tasks[up].is_setup
                and up not in self.upstream[number]
                and self._is_relevant_setup(up, below)
            )
        return tuple(needs)

    def _is_relevant_setup(self, setup: int, teardowns_below: set[int]) -> bool:
        """A setup matters to a task if one of its teardowns is still to come, or it has none."""
        own = [child for child in self.downstream[setup] if self.tasks[child].is_teardown]
        return not own or any(teardown in teardowns_below for teardown in own)


def source_tasks(source: MapSource) -> Iterator[str]:
    """The ids of the tasks whose results are in a source, in its order."""
    if source.task_id:
        yield source.task_id
    for part in source.of:
        yield from source_tasks(part)


def known_length(source: MapSource) -> int:
    """How many values a source has in which no results of tasks are."""
    match source.how:
        case "zip":
            return min(map(known_length, source.of), default=0)
        case "zip_longest":
            return max(map(known_length, source.of), default=0)
        case "concat":
            return sum(map(known_length, source.of))
        case _:
            return source.length


def group_chains(spec: DagSpec) -> dict[str, tuple[str, ...]]:
    """For each group its ids from the outermost group to itself. A parent that is unknown, or that
    is its own, ends the chain."""
    parents = {group.group_id: group.parent for group in spec.groups}
    chains: dict[str, tuple[str, ...]] = {}
    for name in parents:
        chain: dict[str, None] = {}
        while name in parents and name not in chain:
            chain[name] = None
            name = parents[name]
        names = tuple(reversed(chain))
        chains[names[-1]] = names
    return chains


def _reversed(edges: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    back: list[list[int]] = [[] for _ in edges]
    for index, others in enumerate(edges):
        for other in others:
            back[other].append(index)
    return tuple(map(tuple, back))


def _reach(edges: tuple[tuple[int, ...], ...], starts: Iterable[int]) -> list[int]:
    """What can be reached along the edges, breadth first; the starts only if an edge leads
    there."""
    seen: dict[int, None] = {}
    queue = deque(child for start in starts for child in edges[start])
    while queue:
        number = queue.popleft()
        if number not in seen:
            seen[number] = None
            queue.extend(edges[number])
    return list(seen)


def find_cycle(upstream: dict[str, tuple[str, ...]]) -> list[str] | None:
    """The ids along one cycle, first id repeated at the end, in the direction of ``>>``; or None.

    Iterative, so that a chain of ten thousand tasks is no problem for the interpreter's stack.
    """
    done: set[str] = set()
    for start in upstream:
        if start in done:
            continue
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            name, next_parent = stack.pop()
            if next_parent == 0:
                path.append(name)
                on_path.add(name)
            parents = upstream.get(name, ())
            if next_parent < len(parents):
                stack.append((name, next_parent + 1))
                parent = parents[next_parent]
                if parent in on_path:
                    return [parent, *reversed(path[path.index(parent) :])]
                if parent not in done:
                    stack.append((parent, 0))
            else:
                path.pop()
                on_path.remove(name)
                done.add(name)
    return None
