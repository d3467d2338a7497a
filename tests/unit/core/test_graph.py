"""Edges and cycles."""

from __future__ import annotations

import itertools

import pytest

from millstream.core.graph import Graph, find_cycle
from millstream.core.spec import TriggerRule
from shard import dag, task


def test_a_graph_numbers_tasks_and_counts_an_edge_once() -> None:
    graph = Graph(dag(task("a"), task("b", "a", "a"), task("c", "a", "b")))
    assert graph.number == {"a": 0, "b": 1, "c": 2}
    assert graph.upstream == ((), (0,), (0, 1))
    assert graph.downstream == ((1, 2), (2,), ())
    assert graph.is_leaf == (False, False, True)
    assert graph.starts == (0,)


def test_a_task_with_the_rule_always_waits_for_nothing() -> None:
    graph = Graph(dag(task("a"), task("b", "a", trigger_rule=TriggerRule.ALWAYS)))
    assert graph.starts == (0, 1)


@pytest.mark.parametrize(
    ("upstream", "cycle"),
    [
        ({}, None),
        ({"a": ()}, None),
        ({"a": (), "b": ("a",), "c": ("a", "b")}, None),
        ({"a": ("nobody",)}, None),
        ({"a": ("a",)}, ["a", "a"]),
        ({"a": ("c",), "b": ("a",), "c": ("b",)}, ["a", "b", "c", "a"]),
        ({"x": (), "a": ("x", "b"), "b": ("x", "a")}, ["a", "b", "a"]),
    ],
)
def test_find_cycle(upstream: dict[str, tuple[str, ...]], cycle: list[str] | None) -> None:
    assert find_cycle(upstream) == cycle


def test_a_cycle_follows_the_edges() -> None:
    upstream = {"a": (), "b": ("a", "e"), "c": ("b",), "d": ("c",), "e": ("d",), "f": ("e",)}
    cycle = find_cycle(upstream)
    assert cycle is not None
    assert cycle[0] == cycle[-1]
    for parent, child in itertools.pairwise(cycle):
        assert parent in upstream[child]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_chain_of_ten_thousand(is_reversed: bool) -> None:
    names = [str(index) for index in range(10_000)]
    edges: dict[str, tuple[str, ...]] = {
        name: (names[index - 1],) if index else () for index, name in enumerate(names)
    }
    ordered = dict(reversed(edges.items())) if is_reversed else edges
    assert find_cycle(ordered) is None
    cycle = find_cycle(ordered | {"0": ("9999",)})
    assert cycle is not None
    assert len(cycle) == 10_001
