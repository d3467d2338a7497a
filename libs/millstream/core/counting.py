"""What the instances of a run wait for, as counts in their trees: what ``evolve`` does to the
others when a task is expanded or ends.

Two tasks share the levels of the mapped groups that both are in. An instance waits for the upstream
instances that have the same indices on the shared levels; these are counted once, at the node of
that depth, however many instances are below it. While that node is not there yet, they are counted
at the nearest node above it, and go down when the node is made.
"""

from __future__ import annotations

from collections.abc import Iterator

from millstream.core.choices import tasks_cut_off
from millstream.core.event_parts import Choice
from millstream.core.graph import Graph
from millstream.core.mapping import forget_length
from millstream.core.spec import TaskSpec
from millstream.core.state import Extra, Instance, Run
from millstream.core.statuses import FINISHED_TASK, TaskStatus

BAD = (TaskStatus.FAILED, TaskStatus.UPSTREAM_FAILED)
Path = tuple[int, ...]


def new_instance(graph: Graph, number: int) -> Instance:
    """A task of a new run, with what it waits for."""
    instance = Instance(total=len(graph.upstream[number]))
    for other, _ in graph.above[number]:
        if _is_own_setup(graph, other, number):
            _extra(instance).setups += 1
    for _ in graph.needs[number]:
        _count_needed(instance, graph.tasks[number], TaskStatus.NONE, 1)
    return instance


def count_end(run: Run, number: int, path: Path, status: TaskStatus, position: int) -> None:
    """An instance ended: so the nodes above it know, and all that waits for it."""
    graph = run.version.graph
    _close(run, number, path, 1)
    if graph.is_leaf[number] and status in BAD:
        count_name(run.failed_leaves, graph.tasks[number].task_id, 1)
    for child, shared in graph.below[number]:
        node = run.nearest(child, path[:shared])[0] if shared else run.instances[child]
        count = _count(node, status, 1)
        done = node.success + node.skipped + node.failed + node.upstream_failed
        if count == 1 or done >= node.total:
            node.news = position
        if _is_own_setup(graph, number, child):
            _count_setup(_extra(node), status, 1)
    for other, shared in graph.informs[number]:
        node = run.nearest(other, path[:shared])[0] if shared else run.instances[other]
        _count_needed(node, graph.tasks[other], TaskStatus.NONE, -1)
        _count_needed(node, graph.tasks[other], status, 1)
        if not _extra(node).waits or status is not TaskStatus.SUCCESS:
            node.news = position


def uncount_end(run: Run, number: int, path: Path, status: TaskStatus) -> None:
    """Take back that an instance ended as ``status``."""
    graph = run.version.graph
    _close(run, number, path, -1)
    if graph.is_leaf[number] and status in BAD:
        count_name(run.failed_leaves, graph.tasks[number].task_id, -1)
    for child, shared in graph.below[number]:
        node = run.nearest(child, path[:shared])[0]
        _count(node, status, -1)
        if _is_own_setup(graph, number, child):
            _count_setup(_extra(node), status, -1)
    for other, shared in graph.informs[number]:
        node = run.nearest(other, path[:shared])[0]
        _count_needed(node, graph.tasks[other], status, -1)
        _count_needed(node, graph.tasks[other], TaskStatus.NONE, 1)


def note_choice(run: Run, number: int, path: Path, instance: Instance, choice: Choice) -> None:
    """An instance decided which others are skipped."""
    instance.choice = choice
    _count_cuts(run, number, path, choice, 1)


def take_back(run: Run, number: int, path: Path, instance: Instance) -> None:
    """An instance that had ended has not: nothing that its end counted for holds any more."""
    if instance.choice is not None:
        _count_cuts(run, number, path, instance.choice, -1)
        instance.choice = None
    if instance.length != -1:
        forget_length(run, number, path)
    uncount_end(run, number, path, instance.status)


def _count_cuts(run: Run, number: int, path: Path, choice: Choice, count: int) -> None:
    graph = run.version.graph
    for other, shared in tasks_cut_off(graph, number, choice):
        node, _ = run.nearest(other, path[:shared])
        if node.cuts is None:
            node.cuts = {}
        count_name(node.cuts, graph.tasks[number].task_id, count)


def count_name(counts: dict[str, int], name: str, count: int) -> None:
    """Names stand in the order in which they first counted, as long as they count."""
    counts[name] = counts.get(name, 0) + count
    if counts[name] <= 0:
        del counts[name]


def expand(run: Run, number: int, path: Path, length: int) -> None:
    """A node becomes ``length`` nodes: so many wait, and so many are waited for."""
    graph = run.version.graph
    node = run.nearest(number, path)[0]
    node.elements = tuple(Instance() for _ in range(length))
    node.open = length
    _close(run, number, path, 1 - length)
    for other, shared in graph.above[number]:
        if shared > len(path):
            _take_down(run, (other, number), path, node, is_upstream=True)
    for other, shared in graph.needs[number]:
        if shared > len(path):
            _take_down(run, (other, number), path, node, is_upstream=False)
    for child, shared in graph.below[number]:
        for waiting, count in _wait_for_more(run, child, path, shared, length):
            _count_upstream(graph, waiting, (number, child), TaskStatus.NONE, count)
    for other, shared in graph.informs[number]:
        for waiting, count in _wait_for_more(run, other, path, shared, length):
            _count_needed(waiting, graph.tasks[other], TaskStatus.NONE, count)


def may_resize(run: Run, number: int, node: Instance, depth: int, length: int) -> bool:
    """Only instances that have not begun go."""
    if not node.elements or depth >= len(run.version.graph.levels[number]) or length < 0:
        return False
    return all(
        leaf.status is TaskStatus.NONE
        for element in node.elements[length:]
        for _, leaf in element.leaves()
    )


def resize(run: Run, number: int, path: Path, length: int) -> None:
    """A node that is expanded gets another number of elements, since what it is mapped over has
    changed. Those that go have not begun."""
    node = run.nearest(number, path)[0]
    for index in range(length, len(node.elements)):
        _remove(run, number, (*path, index))
    gone, node.elements = node.elements[length:], node.elements[:length]
    for element in gone:
        _give_back(node, element)
    old = len(node.elements)
    if not length:  # it is one instance again, which has not begun
        _close(run, number, path, -1)
        _wait_for(run, number, path, 1)
    if length == old:
        return
    graph = run.version.graph
    node.elements += tuple(Instance() for _ in range(length - old))
    _close(run, number, (*path, old), old - length)
    for edges, is_upstream in ((graph.above[number], True), (graph.needs[number], False)):
        for other, shared in edges:
            if shared > len(path):
                _take_down(run, (other, number), path, node, is_upstream, since=old)
    for index in range(old, length):
        _wait_for(run, number, (*path, index), 1)


def _remove(run: Run, number: int, path: Path) -> None:
    """Nothing counts any more for what is at ``path`` and below."""
    for below, _ in list(run.nearest(number, path)[0].leaves(path)):
        _close(run, number, below, 1)
        _wait_for(run, number, below, -1)


def _wait_for(run: Run, number: int, path: Path, count: int) -> None:
    """What comes after this task waits for one more, or one less, that has not begun."""
    graph = run.version.graph
    for child, shared in graph.below[number]:
        node, _ = run.nearest(child, path[:shared])
        _count_upstream(graph, node, (number, child), TaskStatus.NONE, count)
    for other, shared in graph.informs[number]:
        node, _ = run.nearest(other, path[:shared])
        _count_needed(node, graph.tasks[other], TaskStatus.NONE, count)


def _give_back(node: Instance, element: Instance) -> None:
    """What was counted at an element that goes is counted above it again."""
    for part in (element, *(below for child in element.elements for below in _nodes(child))):
        node.total += part.total
        node.success += part.success
        node.skipped += part.skipped
        node.failed += part.failed
        node.upstream_failed += part.upstream_failed
        if part.extra is not None:
            extra = _extra(node)
            extra.waits += part.extra.waits
            extra.setups += part.extra.setups
            extra.setup_success += part.extra.setup_success
            extra.setup_skipped += part.extra.setup_skipped
            extra.setup_failed += part.extra.setup_failed


def _nodes(node: Instance) -> Iterator[Instance]:
    yield node
    for element in node.elements:
        yield from _nodes(element)


def _close(run: Run, number: int, path: Path, count: int) -> None:
    run.unfinished -= count
    node = run.instances[number]
    for index in path:
        node.open -= count
        node = node.elements[index]


def _wait_for_more(
    run: Run, number: int, path: Path, shared: int, length: int
) -> list[tuple[Instance, int]]:
    """Which nodes of task ``number`` wait for how many more instances, now that another task is
    expanded at ``path``."""
    node, depth = run.nearest(number, path[:shared])
    if shared <= len(path) or depth < len(path) or not node.elements:
        return [(node, length - 1)]
    known = node.elements[:length]
    return [(node, length - len(known) - 1), *((element, 1) for element in known)]


def _take_down(
    run: Run,
    edge: tuple[int, int],
    path: Path,
    node: Instance,
    is_upstream: bool,
    since: int = 0,
) -> None:
    """What was counted at a node, and belongs to its elements now that they are there."""
    graph = run.version.graph
    source, depth = run.nearest(edge[0], path)
    if depth < len(path):
        return
    pairs = zip(node.elements[since:], source.elements[since:], strict=False)
    for element, part in pairs:
        for _, leaf in part.leaves():
            for waiting, count in ((node, -1), (element, 1)):
                if is_upstream:
                    _count_upstream(graph, waiting, edge, leaf.status, count)
                else:
                    _count_needed(waiting, graph.tasks[edge[1]], leaf.status, count)


def _count_upstream(
    graph: Graph, node: Instance, edge: tuple[int, int], status: TaskStatus, count: int
) -> None:
    """``node`` waits for ``count`` more upstream instances, which are in this status."""
    node.total += count
    if status in FINISHED_TASK:
        _count(node, status, count)
    if _is_own_setup(graph, *edge):
        extra = _extra(node)
        extra.setups += count
        if status in FINISHED_TASK:
            _count_setup(extra, status, count)


def _count_needed(node: Instance, task: TaskSpec, status: TaskStatus, count: int) -> None:
    """``node`` needs ``count`` more instances that are in this status."""
    extra = _extra(node)
    if status not in FINISHED_TASK:
        extra.waits += count
    if not task.is_teardown:
        extra.setups += count
        if status in FINISHED_TASK:
            _count_setup(extra, status, count)


def _is_own_setup(graph: Graph, upstream: int, number: int) -> bool:
    return graph.tasks[number].is_teardown and graph.tasks[upstream].is_setup


def _extra(node: Instance) -> Extra:
    if node.extra is None:
        node.extra = Extra()
    return node.extra


def _count(node: Instance, status: TaskStatus, count: int) -> int:
    match status:
        case TaskStatus.SUCCESS:
            node.success += count
            return node.success
        case TaskStatus.SKIPPED:
            node.skipped += count
            return node.skipped
        case TaskStatus.FAILED:
            node.failed += count
            return node.failed
        case _:
            node.upstream_failed += count
            return node.upstream_failed


def _count_setup(extra: Extra, status: TaskStatus, count: int) -> None:
    match status:
        case TaskStatus.SUCCESS:
            extra.setup_success += count
        case TaskStatus.SKIPPED:
            extra.setup_skipped += count
        case _:
            extra.setup_failed += count
