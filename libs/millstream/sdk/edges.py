"""``>>``, ``<<``, ``set_upstream``, ``set_downstream`` and ``chain``: how tasks are ordered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from millstream.sdk.operator import BaseOperator


class Node:
    """Anything that stands for tasks on either side of ``>>``."""

    @property
    def operators(self) -> Sequence[BaseOperator]:
        """The tasks that an edge to or from this node means."""
        raise NotImplementedError

    def set_downstream(self, other: Nodes) -> None:
        """``other`` (a task or a list of tasks) runs after this."""
        _connect(self, other)

    def set_upstream(self, other: Nodes) -> None:
        """``other`` (a task or a list of tasks) runs before this."""
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


def _operators(nodes: Nodes) -> list[BaseOperator]:
    if isinstance(nodes, Node):
        return list(nodes.operators)
    if not isinstance(nodes, list | tuple):
        raise TypeError(
            f"only tasks and lists of tasks can be ordered with >> and <<, not {nodes!r}"
            + ("; call the @task function to get its task" if callable(nodes) else "")
        )
    return [operator for node in nodes for operator in _operators(node)]


def _connect(upstream: Nodes, downstream: Nodes) -> None:
    parents, children = _operators(upstream), _operators(downstream)
    for child in children:
        for parent in parents:
            child.add_upstream(parent)


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
