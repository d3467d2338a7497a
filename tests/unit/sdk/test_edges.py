"""Label, chain_linear and cross_downstream. ``>>`` and ``chain`` are in test_operators.py."""

from __future__ import annotations

import pytest

from millstream import (
    DAG,
    EmptyOperator,
    Label,
    TaskGroup,
    chain,
    chain_linear,
    cross_downstream,
)


def tasks(names: str) -> list[EmptyOperator]:
    return [EmptyOperator(task_id=name) for name in names]


def edges(dag: DAG) -> set[str]:
    return {f"{up}{task.task_id}" for task in dag.tasks for up in task.upstream_task_ids}


def test_a_label_makes_the_edge_and_is_kept_on_it() -> None:
    with DAG("d") as dag:
        a, b, c, d = tasks("abcd")
        a >> Label("yes") >> b
        c << Label("no") << a
        b >> d
    assert edges(dag) == {"ab", "ac", "bd"}
    assert dag.edge_labels == {("a", "b"): "yes", ("a", "c"): "no"}


def test_labels_with_lists_groups_and_chains() -> None:
    with DAG("d") as dag:
        a, b, c, d, e, f = tasks("abcdef")
        [a, b] >> Label("both") >> [c, d]
        with TaskGroup("g") as group:
            tasks("xy")
        d >> Label("all") >> group
        chain(e, Label("one"), f)
        chain(c, [Label("left"), Label("right")], [e, f])
    assert dag.edge_labels == {
        ("a", "c"): "both", ("a", "d"): "both", ("b", "c"): "both", ("b", "d"): "both",
        ("d", "g.x"): "all", ("d", "g.y"): "all", ("e", "f"): "one",
        ("c", "e"): "left", ("c", "f"): "right",
    }  # fmt: skip
    assert len(edges(dag)) == 9


def test_labels_that_are_wrong() -> None:
    with pytest.raises(TypeError, match="label is 5; it must be a str"):
        Label(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Label\('a'\) >> Label\('b'\): a label stands between"):
        Label("a") >> Label("b")


def test_chain_linear_joins_neighbouring_lists_fully() -> None:
    with DAG("d") as dag:
        a, b, c, d, e, f = tasks("abcdef")
        chain_linear(a, [b, c], [d, e], f)
    assert edges(dag) == {"ab", "ac", "bd", "be", "cd", "ce", "df", "ef"}


def test_chain_linear_with_groups() -> None:
    with DAG("d") as dag:
        a, b = tasks("ab")
        with TaskGroup("g") as group:
            tasks("xy")
        chain_linear(a, group, [b])
    assert edges(dag) == {"ag.x", "ag.y", "g.xb", "g.yb"}


def test_chain_linear_that_makes_no_edge() -> None:
    with DAG("d"):
        a, b = tasks("ab")
    with pytest.raises(ValueError, match=r"chain_linear\(\) got nothing, which makes no edge"):
        chain_linear()
    with pytest.raises(ValueError, match=r"write chain_linear\(\*tasks\)"):
        chain_linear([a, b])
    with pytest.raises(ValueError, match=r"argument 2 of chain_linear\(\) is Label\('x'\)"):
        chain_linear(a, Label("x"), b)
    with pytest.raises(TypeError, match="only tasks, groups and lists"):
        chain_linear(a, 5)  # type: ignore[arg-type]
    assert a.downstream_task_ids == set()


def test_cross_downstream() -> None:
    with DAG("d") as dag:
        a, b, c, d, e = tasks("abcde")
        cross_downstream([a, b], [c, d])
        cross_downstream([c], e)
    assert edges(dag) == {"ac", "ad", "bc", "bd", "ce"}
    with pytest.raises(TypeError, match="from_tasks is <EmptyOperator 'a'>; it must be a list"):
        cross_downstream(a, [b])  # type: ignore[arg-type]
