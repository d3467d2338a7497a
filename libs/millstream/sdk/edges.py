"""``>>``, ``<<``, ``set_upstream``, ``set_downstream``, ``Label``, ``chain``, ``chain_linear`` and
``cross_downstream``: how tasks are ordered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from millstream.sdk.operator import BaseOperator


class Node:
    """Anything that stands for tasks on either side of ``>>``."""

    @property
    def roots(self) -> Sequence[BaseOperator]:
        """The tasks that an edge to this node leads to."""
        raise NotImplementedError

    @property
    def leaves(self) -> Sequence[BaseOperator]:
        """The tasks that an edge from this node comes from."""
        raise NotImplementedError

    def set_downstream(self, other: Nodes) -> None:
        """``other`` (a task, a group, or a list of them) runs after this."""
        _connect(self, other)

    def set_upstream(self, other: Nodes) -> None:
        """``other`` (a task, a group, or a list of them) runs before this."""
        _connect(other, self)

    def __rshift__(self, other: NodesT) -> NodesT:
        _connect(self, other)
        return other

    def __lshift__(self, other: NodesT) -> NodesT:
        _connect(other, self)
        return other

    def __rrshift__(self, other: Sequence[Node]) -> Node:
        _connect(other, self)
        return self

    def __rlshift__(self, other: Sequence[Node]) -> Node:
        _connect(self, other)
        return self


Nodes: TypeAlias = Node | Sequence[Node]
NodesT = TypeVar("NodesT", bound=Nodes)


class Label(Node):
    """A text on the edges through it: ``branch >> Label("yes") >> archive``.

    It is kept in ``DAG.edge_labels`` under the ids of the two tasks and changes nothing that runs.
    """

    def __init__(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError(f"label is {label!r}; it must be a str")
        self.label = label
        self._before: list[Node] = []
        self._after: list[Node] = []

    def follow(self, parent: Node) -> None:
        """``parent`` is on the side where the edges begin."""
        self._before.append(parent)
        for child in self._after:
            self._join(parent, child)

    def lead_to(self, child: Node) -> None:
        """``child`` is on the side where the edges end."""
        self._after.append(child)
        for parent in self._before:
            self._join(parent, child)

    def _join(self, parent: Node, child: Node) -> None:
        for root in child.roots:
            for leaf in parent.leaves:
                root.add_upstream(leaf)
                assert root.dag is not None, "an edge brings both of its tasks into a DAG"
                root.dag.edge_labels[leaf.task_id, root.task_id] = self.label

    def __repr__(self) -> str:
        return f"Label({self.label!r})"


def _flat(nodes: Nodes) -> list[Node]:
    if isinstance(nodes, Node):
        return [nodes]
    if not isinstance(nodes, list | tuple):
        raise TypeError(
            f"only tasks, groups and lists of them can be ordered with >> and <<, not {nodes!r}"
            + ("; call the @task function to get its task" if callable(nodes) else "")
        )
    return [node for item in nodes for node in _flat(item)]


def _connect(upstream: Nodes, downstream: Nodes) -> None:
    parents, children = _flat(upstream), _flat(downstream)
    for child in children:
        for parent in parents:
            _connect_two(parent, child)


def _connect_two(parent: Node, child: Node) -> None:
    if isinstance(parent, Label) and isinstance(child, Label):
        raise TypeError(f"{parent!r} >> {child!r}: a label stands between two tasks")
    if isinstance(parent, Label):
        parent.lead_to(child)
    elif isinstance(child, Label):
        child.follow(parent)
    else:
        for root in child.roots:
            for leaf in parent.leaves:
                root.add_upstream(leaf)


def chain(*nodes: Nodes) -> None:
    """Orders all arguments one after the other. Two neighbouring lists are paired element by
    element and must be of equal length, as in Airflow: ``chain(a, [b, c], [d, e], f)``."""
    for left, right in pairwise(nodes):
        if isinstance(left, Node) or isinstance(right, Node):
            _connect(left, right)
            continue
        if len(left) != len(right):
            raise TypeError(
                f"chain() pairs neighbouring lists, so they need the same length; "
                f"these have {len(left)} and {len(right)}"
            )
        for parent, child in zip(left, right, strict=True):
            _connect(parent, child)


def chain_linear(*elements: Nodes) -> None:
    """Orders all arguments one after the other; of two neighbouring lists each element runs after
    all of the list before: ``chain_linear(a, [b, c], [d, e], f)``."""
    levels: list[list[Node]] = []
    for position, element in enumerate(elements, 1):
        level = _flat(element)
        labels = [node for node in level if isinstance(node, Label)]
        if labels:
            raise ValueError(
                f"argument {position} of chain_linear() is {labels[0]!r}; only tasks, groups and "
                f"lists of them are allowed, so use chain() or >> for labels"
            )
        levels.append(level)
    edges = [(before, after) for before, after in pairwise(levels) if before and after]
    if not edges:
        raise ValueError(
            f"chain_linear() got {_described(elements)}, which makes no edge; give two arguments "
            f"or more, and write chain_linear(*tasks) for a list of tasks"
        )
    for before, after in edges:
        _connect(before, after)


def _described(elements: tuple[Any, ...]) -> str:
    return "nothing" if not elements else ", ".join(map(repr, elements))


def cross_downstream(from_tasks: Sequence[Node], to_tasks: Nodes) -> None:
    """Every one of ``to_tasks`` runs after all of ``from_tasks``."""
    if isinstance(from_tasks, Node) or not isinstance(from_tasks, list | tuple):
        raise TypeError(f"from_tasks is {from_tasks!r}; it must be a list of tasks")
    _connect(from_tasks, to_tasks)
