"""A spec compiled for scheduling: tasks are numbers, edges are tuples of numbers."""

from __future__ import annotations

from millstream.core.spec import DagSpec, TaskSpec, TriggerRule


class Graph:
    """The edges of one DAG version, shared by all its runs and never changed.

    ``number`` maps a task id to its index in ``tasks``; ``upstream[i]`` and ``downstream[i]`` hold
    indices in the order in which the spec names them; ``starts`` holds those that wait for nothing.
    """

    __slots__ = ("downstream", "is_leaf", "number", "starts", "tasks", "upstream")

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
        self.is_leaf = tuple(not children for children in self.downstream)


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
