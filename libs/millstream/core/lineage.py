"""What a run that is made from another one takes over from it.

What succeeded or was skipped stands, unless it is downstream of something that runs again. Results
are taken over by reference: the new run says which run it comes from and as of which position, and
its tasks' values are looked up there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from millstream.core.clearing import is_meant, members, setups_and_teardowns
from millstream.core.commands import TaskRef
from millstream.core.counting import Path
from millstream.core.event_parts import TaskMemo
from millstream.core.graph import Graph
from millstream.core.state import Instance, Run
from millstream.core.statuses import TaskStatus
from millstream.core.versions import DagVersion

# "failed": what did not succeed runs again. "tasks": these and what is downstream of them, too.
# "event": the run goes on from a position of its log: what had not ended then, has not.
Start = Literal["failed", "tasks", "event"]

KEPT = frozenset({TaskStatus.SUCCESS, TaskStatus.SKIPPED})
BAD = frozenset({TaskStatus.FAILED, TaskStatus.UPSTREAM_FAILED})


def results_to_keep(
    run: Run, version: DagVersion, start: Start, tasks: tuple[TaskRef, ...] = ()
) -> tuple[TaskMemo, ...]:
    """The tasks that a rerun with this version of the DAG takes over, as ``memo.restore`` takes
    them: first what is expanded. Raises :class:`Refused` for a task that the version does not
    have."""
    again = _Again(version.graph)
    for ref in tasks if start == "tasks" else ():
        for number in members(version.spec, version.graph, ref):
            again.add(number, ref.map_index)
    for number in range(len(version.graph.tasks)):
        for path in _seeds(run, version.graph, number, is_prefix=start == "event"):
            again.add(number, path)
    again.close()
    return tuple(_memos(run, version.graph, again))


class _Again:
    """The instances that run again: by task, the beginnings of their map indices."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._paths: dict[int, dict[Path, None]] = {}
        self._new: list[tuple[int, Path]] = []

    def has(self, number: int, path: Path) -> bool:
        return is_meant(self._paths.get(number, ()), path)

    def add(self, number: int, path: Path) -> None:
        if not self.has(number, path):
            self._paths.setdefault(number, {})[path] = None
            self._new.append((number, path))

    def close(self) -> None:
        """What is downstream runs again, and with a task the setups that it needs."""
        graph = self._graph
        while self._new:
            number, path = self._new.pop()
            for child, shared in graph.below[number]:
                self.add(child, path[:shared])
            task = graph.tasks[number]
            if task.is_setup or task.is_teardown:
                continue
            for frame in setups_and_teardowns(graph, number):
                beginning = path[: graph.shared(number, frame)]
                if not self.has(frame, beginning):
                    # What else the setup was for need not run again.
                    self._paths.setdefault(frame, {})[beginning] = None


def _seeds(run: Run, graph: Graph, number: int, *, is_prefix: bool) -> Iterator[Path]:
    """The instances that run again whatever is asked for: what is new, and what did not end
    well. ``is_prefix``: what had not ended yet goes on, and what had ended below it stands."""
    known = run.version.graph.number.get(graph.tasks[number].task_id)
    if known is None or _is_other(run.version.graph, known, graph, number):
        yield ()
        return
    for path, instance in run.instances[known].leaves():
        if instance.status in BAD or (instance.status not in KEPT and not is_prefix):
            yield path
        elif graph.feeds[number] and not run.version.graph.feeds[known]:
            yield path  # nobody counted the items, over which a task is mapped now


def _is_other(old: Graph, known: int, new: Graph, number: int) -> bool:
    """Has a task other levels of map indices than before, or is it mapped over something else?"""
    ours = [(level.is_group, level.over) for level in old.levels[known]]
    return ours != [(level.is_group, level.over) for level in new.levels[number]]


def _memos(run: Run, graph: Graph, again: _Again) -> Iterator[TaskMemo]:
    trees = [
        (number, task.task_id, run.instances[known])
        for number, task in enumerate(graph.tasks)
        if (known := run.version.graph.number.get(task.task_id)) is not None
    ]
    for number, task_id, tree in trees:
        yield from _expansions(again, number, task_id, (), tree)
    for number, task_id, tree in trees:
        for path, instance in tree.leaves():
            if instance.status in KEPT and not again.has(number, path):
                yield TaskMemo(
                    task_id=task_id,
                    map_index=path,
                    status=str(instance.status),
                    length=instance.length,
                    choice=instance.choice,
                )


def _expansions(
    again: _Again, number: int, task_id: str, path: Path, node: Instance
) -> Iterator[TaskMemo]:
    if node.elements and not again.has(number, path):
        yield TaskMemo(task_id=task_id, map_index=path, expanded=len(node.elements))
        for index, element in enumerate(node.elements):
            yield from _expansions(again, number, task_id, (*path, index), element)
