"""A spec compiled for scheduling: tasks are numbers, edges are tuples of numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from millstream.core.spec import DagSpec, TaskSpec, TriggerRule


class Graph:
    """The edges of one DAG version, shared by all its runs and never changed.

    ``number`` maps a task id to its index in ``tasks``; ``upstream[i]`` and ``downstream[i]`` hold
    indices in the order in which the spec names them; ``starts`` holds those that wait for nothing.
    ``is_leaf[i]``: the run's outcome depends on this task. ``setups[i]`` are the setups that task
    ``i`` needs beyond its own upstream tasks, ``scope[i]`` the tasks between the setups of teardown
    ``i`` and itself; ``informed[i]`` are the tasks that wait for ``i`` in one of these two ways.
    ``sources[i]`` are the tasks over whose results task ``i`` is mapped, in the order of its spec;
    ``is_source[i]``: some task is mapped over this one's result.
    """

    __slots__ = (
        "downstream",
        "informed",
        "is_leaf",
        "is_source",
        "number",
        "scope",
        "setups",
        "sources",
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
        downstream: list[list[int]] = [[] for _ in spec.tasks]
        for index, parents in enumerate(self.upstream):
            for parent in parents:
                downstream[parent].append(index)
        self.downstream = tuple(map(tuple, downstream))
        self.starts = tuple(
            index
            for index, task in enumerate(spec.tasks)
            if not self.upstream[index] or task.trigger_rule is TriggerRule.ALWAYS
        )
        self.sources = tuple(
            tuple(self.number[source.task_id] for source in task.mapped_over if source.task_id)
            for task in spec.tasks
        )
        mapped_over = {source for sources in self.sources for source in sources}
        self.is_source = tuple(index in mapped_over for index in range(len(spec.tasks)))
        self.is_leaf = tuple(map(self._decides_outcome, range(len(spec.tasks))))
        self.setups, self.scope = self._setups_and_scopes()
        informed: list[list[int]] = [[] for _ in spec.tasks]
        for index, others in enumerate(zip(self.setups, self.scope, strict=True)):
            for other in (*others[0], *others[1]):
                informed[other].append(index)
        self.informed = tuple(map(tuple, informed))

    def descendants(self, numbers: Iterable[int]) -> list[int]:
        """Everything downstream of these tasks, nearest first; not the tasks themselves."""
        return _reach(self.downstream, numbers)

    def _decides_outcome(self, number: int) -> bool:
        """Airflow's effective leaves: teardowns do not count, unless their failure shall."""

        def counts(task: TaskSpec) -> bool:
            return not task.is_teardown or task.on_failure_fail_dagrun

        children = self.downstream[number]
        return counts(self.tasks[number]) and not any(counts(self.tasks[c]) for c in children)

    def _setups_and_scopes(self) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
        nothing: tuple[tuple[int, ...], ...] = ((),) * len(self.tasks)
        if not any(task.is_setup or task.is_teardown for task in self.tasks):
            return nothing, nothing
        setups, scopes = list(nothing), list(nothing)
        for number, task in enumerate(self.tasks):
            above = _reach(self.upstream, [number])
            if task.is_teardown:
                own = [up for up in self.upstream[number] if self.tasks[up].is_setup]
                between = set(_reach(self.downstream, own)) & set(above)
                scopes[number] = tuple(sorted(between - set(self.upstream[number])))
                continue
            below = {n for n in _reach(self.downstream, [number]) if self.tasks[n].is_teardown}
            setups[number] = tuple(
                up
                for up in above
                if self.tasks[up].is_setup
                and up not in self.upstream[number]
                and self._is_relevant_setup(up, below)
            )
        return tuple(setups), tuple(scopes)

    def _is_relevant_setup(self, setup: int, teardowns_below: set[int]) -> bool:
        """A setup matters to a task if one of its teardowns is still to come, or it has none."""
        own = [child for child in self.downstream[setup] if self.tasks[child].is_teardown]
        return not own or any(teardown in teardowns_below for teardown in own)


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
