"""Which tasks a clear or a mark is about. The scheduler asks for what it does, the api for a dry
run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from millstream.core.commands import ClearTasks, MarkTasks, TaskRef
from millstream.core.errors import Refused
from millstream.core.graph import Graph
from millstream.core.spec import DagSpec
from millstream.core.statuses import TaskStatus

Path = tuple[int, ...]
# The tasks that are meant, in the order of the spec, and of each the beginnings of the map indices
# that are meant; () means all of its instances.
Choice = dict[int, tuple[Path, ...]]

FAILED = frozenset({TaskStatus.FAILED, TaskStatus.UPSTREAM_FAILED})


def tasks_to_clear(spec: DagSpec, graph: Graph, command: ClearTasks) -> Choice:
    """The tasks that a clear names and those that go with them: what is up and downstream, if
    asked for, and always the setups and teardowns of what is cleared. Raises :class:`Refused`.

    Source: Airflow 3.3, ``DAG.partial_subset``.
    """
    named = _named(spec, graph, command.tasks)
    others: dict[int, None] = {}
    for number in named:
        if command.include_downstream:
            for below in graph.descendants([number]):
                others[below] = None
                if below not in named and not _is_frame(graph, below):
                    others.update(dict.fromkeys(setups_and_teardowns(graph, below)))
        elif graph.tasks[number].is_setup:
            others.update(dict.fromkeys(_teardowns_of(graph, number)))
        if command.include_upstream:
            for above in graph.ancestors([number]):
                others[above] = None
                if graph.tasks[above].is_setup:
                    others.update(dict.fromkeys(_teardowns_of(graph, above)))
        elif not _is_frame(graph, number):
            others.update(dict.fromkeys(setups_and_teardowns(graph, number)))
    return _in_order(named, others)


def tasks_to_mark(spec: DagSpec, graph: Graph, command: MarkTasks) -> Choice:
    """The tasks that a mark names, and what is up and downstream of them if asked for."""
    named = _named(spec, graph, command.tasks)
    others: dict[int, None] = {}
    if command.include_upstream:
        others.update(dict.fromkeys(graph.ancestors(named)))
    if command.include_downstream:
        others.update(dict.fromkeys(graph.descendants(named)))
    return _in_order(named, others)


def setups_and_teardowns(graph: Graph, number: int) -> Iterator[int]:
    """The setups that a task needs, with their teardowns: those of which a teardown is still to
    come, or that have none."""
    below = set(graph.descendants([number]))
    for above in graph.ancestors([number]):
        if not graph.tasks[above].is_setup:
            continue
        teardowns = _teardowns_of(graph, above)
        if not teardowns or any(teardown in below for teardown in teardowns):
            yield above
            yield from (teardown for teardown in teardowns if teardown != number)


def is_cleared(status: TaskStatus, *, only_failed: bool, only_running: bool) -> bool:
    """Does a clear touch an instance that stands like this? What never began, it does not."""
    if not only_failed and not only_running:
        return status is not TaskStatus.NONE
    return (only_failed and status in FAILED) or (only_running and status is TaskStatus.RUNNING)


def is_meant(paths: Iterable[Path], path: Path) -> bool:
    """Is the instance at ``path`` among those whose map index begins like one of ``paths``?"""
    return any(path[: len(prefix)] == prefix for prefix in paths)


def _named(spec: DagSpec, graph: Graph, refs: tuple[TaskRef, ...]) -> Choice:
    if not refs:
        return dict.fromkeys(range(len(graph.tasks)), ((),))
    named: dict[int, list[Path]] = {}
    for ref in refs:
        for number in members(spec, graph, ref):
            named.setdefault(number, []).append(ref.map_index)
    return {number: tuple(paths) for number, paths in named.items()}


def members(spec: DagSpec, graph: Graph, ref: TaskRef) -> list[int]:
    """The tasks that are named, by their own name or that of their group. Raises
    :class:`Refused`."""
    number = graph.number.get(ref.task_id)
    if number is not None:
        return [number]
    inside = {ref.task_id}
    for group in spec.groups:  # a group comes after the one around it
        if group.parent in inside:
            inside.add(group.group_id)
    members = [index for index, task in enumerate(graph.tasks) if task.group in inside]
    if not members:
        raise Refused("TASK_NOT_FOUND", f"DAG {spec.dag_id!r} has no task {ref.task_id!r}.")
    return members


def _in_order(named: Choice, others: Iterable[int]) -> Choice:
    everything: Choice = dict.fromkeys(others, ((),)) | named
    return {number: everything[number] for number in sorted(everything)}


def _is_frame(graph: Graph, number: int) -> bool:
    return graph.tasks[number].is_setup or graph.tasks[number].is_teardown


def _teardowns_of(graph: Graph, number: int) -> list[int]:
    return [child for child in graph.downstream[number] if graph.tasks[child].is_teardown]
