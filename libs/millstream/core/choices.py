"""Which tasks a branch or a short circuit cuts off."""

from __future__ import annotations

from millstream.core.events import Choice
from millstream.core.graph import Graph


def tasks_cut_off(graph: Graph, number: int, choice: Choice) -> list[int]:
    """The tasks that are to be skipped because task ``number`` chose so, nearest first.

    A branch cuts off only tasks directly downstream, and not those that can also be reached from a
    task that it follows. Nothing cuts off a teardown.
    """
    if choice.follow is not None:
        followed = [graph.number[name] for name in choice.follow if name in graph.number]
        kept = {*followed, *graph.descendants(followed)}
        return [child for child in graph.downstream[number] if child not in kept]
    if not choice.skip:
        return []
    below = graph.downstream[number] if choice.skip == "direct" else graph.descendants([number])
    return [child for child in below if not graph.tasks[child].is_teardown]
