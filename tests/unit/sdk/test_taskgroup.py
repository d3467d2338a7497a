"""TaskGroup and @task_group: ids, defaults, and the edges to and from a group."""

from __future__ import annotations

from typing import Any

import pytest

from millstream import (
    DAG,
    BashOperator,
    EmptyOperator,
    Label,
    Param,
    PythonOperator,
    TaskGroup,
    chain,
    task,
    task_group,
)
from millstream.core.spec import GroupSpec
from millstream.core.validate import check_dag
from millstream.sdk.errors import AirflowException, DuplicateTaskIdFound, NotSupportedYet


def empty(*names: str) -> list[EmptyOperator]:
    return [EmptyOperator(task_id=name) for name in names]


def edges(dag: DAG) -> set[str]:
    return {f"{up}>{task.task_id}" for task in dag.tasks for up in task.upstream_task_ids}


def test_ids_have_the_prefixes_of_the_groups() -> None:
    with DAG("d") as dag:
        with TaskGroup("outer", tooltip="all of it") as outer:
            (a,) = empty("a")
            with TaskGroup("inner") as inner:
                (b,) = empty("b")
            with TaskGroup("plain", prefix_group_id=False) as plain:
                (c,) = empty("c")
                with TaskGroup("deep") as deep:
                    (d,) = empty("d")
        (e,) = empty("e")
    assert dag.task_ids == ["outer.a", "outer.inner.b", "c", "deep.d", "e"]
    assert list(dag.task_groups) == ["outer", "outer.inner", "outer.plain", "deep"]
    assert (a.task_group, d.task_group, e.task_group) == (outer, deep, None)
    assert list(outer) == [a, b, c, d]
    assert outer.has_task(d)
    assert not outer.has_task(e)
    assert outer.tooltip == "all of it"
    assert (outer.get_child_by_label("a"), outer.get_child_by_label("inner")) == (a, inner)
    assert plain.get_child_by_label("c") is c
    with pytest.raises(
        AirflowException, match=r"'outer.inner' has no child 'zzz'; it has 'outer.inner.b'"
    ):
        inner.get_child_by_label("zzz")
    check_dag(dag.to_spec("d.py"))


def test_edges_on_a_group_are_edges_of_its_roots_and_leaves() -> None:
    with DAG("d") as dag:
        start, end = empty("start", "end")
        with TaskGroup("g") as group:
            a, b, c, d = empty("a", "b", "c", "d")
            a >> c
            [a, b] >> d
        start >> group >> end
    assert [task.task_id for task in group.roots] == ["g.a", "g.b"]
    assert [task.task_id for task in group.leaves] == ["g.c", "g.d"]
    assert list(group.get_roots()) == [a, b]
    assert list(group.get_leaves()) == [c, d]
    assert edges(dag) == {
        "g.a>g.c", "g.a>g.d", "g.b>g.d", "start>g.a", "start>g.b", "g.c>end", "g.d>end",
    }  # fmt: skip


def test_both_directions_and_the_methods() -> None:
    with DAG("d") as dag:
        a, b, c, d = empty("a", "b", "c", "d")
        with TaskGroup("g") as group:
            empty("x")
        b << group << a
        group.set_upstream([c])
        group.set_downstream([d])
    assert edges(dag) == {"a>g.x", "g.x>b", "c>g.x", "g.x>d"}


def test_groups_between_groups_in_lists_and_in_chains() -> None:
    with DAG("d") as dag:
        groups = []
        for name in ("g", "h", "i", "j"):
            with TaskGroup(name) as group:
                chain(*empty("1", "2"))
            groups.append(group)
        g, h, i, j = groups
        (t,) = empty("t")
        g >> h
        [h, t] >> i
        chain(i, [j, t])
    inner = {f"{name}.1>{name}.2" for name in "ghij"}
    assert edges(dag) - inner == {"g.2>h.1", "h.2>i.1", "t>i.1", "i.2>j.1", "i.2>t"}


def test_nested_groups_count_as_their_tasks() -> None:
    with DAG("d") as dag:
        with TaskGroup("outer") as outer:
            with TaskGroup("one") as one:
                empty("x")
            with TaskGroup("two") as two:
                empty("y")
            one >> two
        (end,) = empty("end")
        end << outer
    assert edges(dag) == {"outer.one.x>outer.two.y", "outer.two.y>end"}


def test_an_edge_takes_the_group_as_it_is_then_and_an_empty_group_makes_none() -> None:
    with DAG("d") as dag:
        a, b = empty("a", "b")
        a >> TaskGroup("nothing") >> b
        with TaskGroup("g") as group:
            empty("x")
            a >> group
            empty("y")
    assert edges(dag) == {"a>g.x"}


def test_default_args_stand_between_those_around_and_the_tasks_own() -> None:
    with DAG("d", default_args={"retries": 1, "queue": "dag", "retry_delay": 9}) as dag:
        outer = TaskGroup("g", default_args={"retries": 2, "queue": "outer"})
        with outer, TaskGroup("h", default_args={"retries": 3, "pool": "default_pool"}):
            EmptyOperator(task_id="inherits")
            EmptyOperator(task_id="own", retries=4, default_args={"queue": "mine"})
    inherits, own = dag.tasks
    assert (inherits.retries, inherits.queue, inherits.retry_delay_s) == (3, "outer", 9)
    assert (own.retries, own.queue, own.retry_delay_s) == (4, "mine", 9)


def test_wrong_default_args_of_a_group() -> None:
    with DAG("d") as dag:
        with TaskGroup("g", default_args={"retires": 1, "poke_interval": 3}):
            empty("a")
        with pytest.raises(NotSupportedYet, match="default_args of TaskGroup 'h': executor='p'"):
            TaskGroup("h", default_args={"executor": "p"})
    with pytest.raises(
        TypeError, match=r"TaskGroup 'g' in DAG 'd' has the unknown argument 'retires'; did you"
    ):
        dag.to_spec("")


def test_ids_that_are_taken() -> None:
    with DAG("d"):
        with TaskGroup("g"):
            empty("a")
        with pytest.raises(DuplicateTaskIdFound, match="group_id 'g' is used twice in DAG 'd'"):
            TaskGroup("g")
        with pytest.raises(DuplicateTaskIdFound, match=r"'g', on line \d+, is also the id of a"):
            empty("g")
        empty("t")
        with pytest.raises(DuplicateTaskIdFound, match="'t' is also the id of the task on line"):
            TaskGroup("t")


def test_suffixes_on_collision() -> None:
    with DAG("d") as dag:
        for _ in range(3):
            with TaskGroup("g", add_suffix_on_collision=True):
                TaskGroup("in", add_suffix_on_collision=True)
                TaskGroup("in", add_suffix_on_collision=True)
        TaskGroup("h__7")
        TaskGroup("h")
        TaskGroup("h", add_suffix_on_collision=True)
        TaskGroup("h__7", add_suffix_on_collision=True)
    names = [name for name in dag.task_groups if "in" not in name]
    assert names == ["g", "g__1", "g__2", "h__7", "h", "h__8", "h__9"]
    assert [name for name in dag.task_groups if name.startswith("g__1.")] == [
        "g__1.in",
        "g__1.in__1",
    ]


@pytest.mark.parametrize(
    ("group_id", "error", "message"),
    [
        (5, TypeError, "group_id is 5; it must be a str"),
        (None, TypeError, "group_id is None"),
        ("a.b", ValueError, "group_id 'a.b' is not allowed; it may hold only letters"),
        ("", ValueError, "at least one of them"),
        ("x" * 201, ValueError, "has 201 characters; at most 200"),
    ],
)
def test_ids_that_cannot_be(group_id: Any, error: type[Exception], message: str) -> None:
    with DAG("d"), pytest.raises(error, match=message):
        TaskGroup(group_id)


def test_wrong_arguments() -> None:
    with DAG("d") as dag:
        outer = TaskGroup("outer", ui_color="red")
        with pytest.raises(TypeError, match="unknown argument 'prefix_id'; did you mean 'prefix_g"):
            TaskGroup("g", prefix_id=True)
    with pytest.raises(AirflowException, match="TaskGroup 'g' has no DAG; create it in"):
        TaskGroup("g")
    with pytest.raises(AirflowException, match="parent_group 'outer' of TaskGroup 'g' belongs to"):
        TaskGroup("g", dag=DAG("other"), parent_group=outer)
    with pytest.raises(AirflowException, match="task_group 'outer' belongs to DAG 'd', not to 'x'"):
        EmptyOperator(task_id="a", dag=DAG("x"), task_group=outer)
    assert dag.task_ids == []


def test_groups_that_are_named_instead_of_open() -> None:
    dag = DAG("d")
    group = TaskGroup("g", dag=dag)
    inner = TaskGroup("h", parent_group=group)
    named = EmptyOperator(task_id="a", task_group=inner)
    with group:
        (opened,) = empty("b")
        with DAG("other") as other:
            (foreign,) = empty("c")
            EmptyOperator(task_id="d", dag=dag)
    assert dag.task_ids == ["g.h.a", "g.b", "g.d"]
    assert other.task_ids == ["c"]
    assert (named.dag, opened.dag, foreign.task_group) == (dag, dag, None)


def test_taskflow_in_groups() -> None:
    @task
    def make(n: int = 0) -> int:
        return n

    with DAG("d") as dag:
        make()
        with TaskGroup("g") as group:
            make(make())
        make.override(task_group=group)()
        make()
    assert dag.task_ids == ["make", "g.make", "g.make__1", "g.make__2", "make__1"]
    assert edges(dag) == {"g.make>g.make__1"}


def test_the_decorator_returns_what_the_function_returns_or_the_group() -> None:
    @task
    def double(n: int) -> int:
        return 2 * n

    @task_group
    def twice(n: int) -> Any:
        """Doubles it twice."""
        return double(double(n))

    @task_group(group_id="named", default_args={"retries": 2})
    def returns_nothing() -> None:
        empty("a")

    with DAG("d") as dag:
        start, end = empty("start", "end")
        first = twice(1)
        second = twice(first)
        group = returns_nothing()
        start >> group >> end
        twice.override(group_id="other", tooltip="mine")(2)
    assert dag.task_ids[2:7] == [
        "twice.double", "twice.double__1", "twice__1.double", "twice__1.double__1", "named.a",
    ]  # fmt: skip
    assert second.operator.task_id == "twice__1.double__1"
    assert "twice.double__1>twice__1.double" in edges(dag)
    assert {"start>named.a", "named.a>end"} <= edges(dag)
    assert dag.get_task("named.a").retries == 2
    tooltips = {name: group.tooltip for name, group in dag.task_groups.items()}
    assert (tooltips["twice"], tooltips["other"]) == ("Doubles it twice.", "mine")


def test_what_the_decorator_refuses() -> None:
    with pytest.raises(TypeError, match="@task_group needs a function, not 5"):
        task_group(5)  # type: ignore[arg-type]

    @task_group
    def group() -> None: ...

    with pytest.raises(TypeError, match=r"group.expand\(\) got an unknown argument 'x'"):
        group.expand(x=[1])
    with DAG("d"), pytest.raises(TypeError, match="unknown argument 'tool_tip'; did you mean"):
        group.override(tool_tip="x")()


def test_tasks_of_groups_run_under_their_full_ids(run: Any) -> None:
    with DAG("d") as dag, TaskGroup("g"):
        first = PythonOperator(task_id="first", python_callable=lambda: 5)
        PythonOperator(task_id="second", python_callable=lambda n: n + 1, op_args=[first.output])
        BashOperator(task_id="bash", bash_command="echo {{ ti.xcom_pull('g.first') }}")
    assert run(dag, "g.first").xcoms["return_value"] == b"5"
    assert run(dag, "g.second").xcoms["return_value"] == b"6"
    assert run(dag, "g.bash").xcoms["return_value"] == b'"5"'


def test_a_file_that_fails_inside_a_group_leaves_nothing_open() -> None:
    with DAG("d") as dag:
        with pytest.raises(ZeroDivisionError), TaskGroup("g"):
            _ = 1 / 0
        empty("a")
    assert dag.task_ids == ["a"]


def test_what_a_spec_keeps_for_people() -> None:
    with DAG("d", dag_display_name="The DAG", params={"n": Param(1, "How many", minimum=1)}) as dag:
        first = EmptyOperator(task_id="first", owner="ada", task_display_name="The first")
        with TaskGroup("g", tooltip="both", group_display_name="Group"), TaskGroup("inner") as g:
            empty("a")
        first >> Label("yes") >> g
    spec = dag.to_spec("d.py")
    check_dag(spec)
    assert spec.display_name == "The DAG"
    assert spec.param_schemas == {"n": {"minimum": 1, "description": "How many"}}
    assert spec.groups == (
        GroupSpec(group_id="g", label="Group", tooltip="both"),
        GroupSpec(group_id="g.inner", parent="g", label="inner"),
    )
    assert (spec.tasks[0].owner, spec.tasks[0].display_name) == ("ada", "The first")
    assert (spec.tasks[1].group, spec.tasks[1].edge_labels) == ("g.inner", {"first": "yes"})


def test_names_for_people_are_texts() -> None:
    with pytest.raises(TypeError, match="owner is 5; it must be a str"):
        EmptyOperator(task_id="a", owner=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dag_display_name is"):
        DAG("d", dag_display_name=b"x")  # type: ignore[arg-type]
