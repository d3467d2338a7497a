"""Which tasks a branch or a short circuit cuts off."""

from __future__ import annotations

from millstream.core.event_parts import Choice
from millstream.core.graph import Edge, Graph


def tasks_cut_off(graph: Graph, number: int, choice: Choice) -> list[Edge]:
    """The tasks that are to be skipped because task ``number`` chose so, nearest first; of those in
    a mapped group only the instances that share the chooser's index.

    A branch cuts off only tasks directly downstream, and not those that can also be reached from a
    task that it follows. Nothing cuts off a teardown. What one instance of a mapped group decides
    goes no further than the group, but for tasks directly downstream. Further down a short circuit
    does not reach what is expanded before the run: that only its trigger rule decides.
    """
    if choice.follow is not None:
        followed = [graph.number[name] for name in choice.follow if name in graph.number]
        kept = {*followed, *graph.descendants(followed)}
        return [edge for edge in graph.below[number] if edge[0] not in kept]
    if not choice.skip:
        return []
    if choice.skip == "direct":
        return [edge for edge in graph.below[number] if not graph.tasks[edge[0]].is_teardown]
    levels = graph.group_levels(number)
    cut_off = []
    for other in graph.descendants([number]):
        shared = graph.shared(number, other)
        is_near = other in graph.downstream[number]
        is_reached = shared == levels and (levels or not graph.is_expanded_early(other))
        if (is_near or is_reached) and not graph.tasks[other].is_teardown:
            cut_off.append((other, shared))
    return cut_off
