"""Dynamic mapping for authors: what can be written, what an instance gets, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from millstream import DAG, BaseOperator, task, task_group
from millstream.core.errors import InvalidDag
from millstream.core.spec import EmptyAction, MapSource
from millstream.sdk.errors import AirflowSkipException
from millstream.sdk.local_run import LocalRun
from millstream.sdk.operators.bash import BashOperator
from millstream.sdk.operators.empty import EmptyOperator
from millstream.sdk.operators.python import PythonOperator


@task
def show(x: Any) -> Any:
    return x


@task
def letters() -> list[str]:
    return ["a", "b", "c"]


@task
def numbers() -> list[int]:
    return [1, 2]


class AddOne(BaseOperator):
    """Works with its argument in ``__init__``, so no stand-in will do there."""

    def __init__(self, *, value: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = value + 1

    def execute(self, context: Any) -> int:
        return self.value


def values(run: LocalRun, task_id: str) -> dict[tuple[int, ...], Any]:
    """What each instance returned, or the state of one that returned nothing."""
    found = {}
    for path, state in sorted(run.instance_states[task_id].items()):
        value = run.xcom(task_id, map_index=path)
        found[path] = value if state == "success" else state
    return found


def run_one(make: Any, task_id: str = "show") -> dict[tuple[int, ...], Any]:
    with DAG("d") as dag:
        make()
    return values(dag.test(), task_id)


def test_the_last_argument_varies_fastest() -> None:
    @task
    def both(sep: str, x: Any, y: Any, *, ti: Any = None, expanded_ti_count: Any = None) -> str:
        return f"{x}{sep}{y} {ti.map_index} of {expanded_ti_count}"

    got = run_one(lambda: both.partial(sep="-").expand(x=letters(), y=[1, 2]), "both")
    assert list(got.values()) == [
        "a-1 0 of 6", "a-2 1 of 6", "b-1 2 of 6", "b-2 3 of 6", "c-1 4 of 6", "c-2 5 of 6",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: show.expand(x=["p", "q"]), ["p", "q"]),
        (lambda: show.expand(x={"k": 1, "l": 2}), [("k", 1), ("l", 2)]),
        (lambda: show.expand(x=letters()), ["a", "b", "c"]),
        (lambda: show.expand(x=letters().map(str.upper).map(ord)), [65, 66, 67]),
        (lambda: show.expand(x=letters().zip(numbers())), [("a", 1), ("b", 2)]),
        (
            lambda: show.expand(x=letters().zip(numbers(), fillvalue=0)),
            [("a", 1), ("b", 2), ("c", 0)],
        ),
        (lambda: show.expand(x=letters().concat(numbers(), [9])), ["a", "b", "c", 1, 2, 9]),
        (lambda: show.expand(x=letters().zip(numbers()).map(lambda p: p[0] * p[1])), ["a", "bb"]),
        (lambda: show.expand(x=[numbers(), 3]), [[1, 2], 3]),
        (lambda: show(letters().map(str.upper)), [["A", "B", "C"]]),
        (lambda: show.expand_kwargs([{"x": 1}, {"x": numbers()}]), [1, [1, 2]]),
        (lambda: show.expand_kwargs(letters().map(lambda x: {"x": x})), ["a", "b", "c"]),
    ],
)
def test_what_a_task_can_be_mapped_over(make: Any, expected: list[Any]) -> None:
    assert list(run_one(make).values()) == expected


def test_a_map_function_may_skip_its_instance() -> None:
    def but_b(x: str) -> str:
        if x == "b":
            raise AirflowSkipException("not b")
        return x

    got = run_one(lambda: show.expand(x=letters().map(but_b)))
    assert got == {(0,): "a", (1,): "skipped", (2,): "c"}


def test_nothing_to_map_over_skips_the_task() -> None:
    @task
    def none() -> list[int]:
        return []

    assert run_one(lambda: show.expand(x=none())) == {(): "skipped"}


def test_what_is_no_list_fails_the_task_that_returned_it() -> None:
    @task
    def text() -> str:
        return "abc"

    with DAG("d") as dag:
        show.expand(x=text())
    run = dag.test()
    assert run.task_states == {"text": "failed", "show": "upstream_failed"}


def test_more_than_may_be_mapped_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLSTREAM_MAX_MAP_LENGTH", "2")
    with DAG("d") as dag:
        show.expand(x=letters())
    assert dag.test().task_states == {"letters": "failed", "show": "upstream_failed"}
    assert "which has 3 items; at most 2 are allowed" in capsys.readouterr().out
    with DAG("e") as other:
        show.expand(x=[1, 2, 3])
    with pytest.raises(InvalidDag, match="mapped over 3 values; at most 2 are allowed"):
        other.test()


def test_the_results_of_all_instances_are_a_list() -> None:
    @task
    def add(xs: Any) -> int:
        return sum(xs)

    def make() -> None:
        added = AddOne.partial(task_id="added").expand(value=numbers())
        add(added.output)

    assert run_one(make, "added") == {(0,): 2, (1,): 3}
    assert run_one(make, "add") == {(): 5}


def test_templates_see_the_element_and_results_are_no_templates() -> None:
    @task
    def texts() -> list[str]:
        return ["{{ 1 + 1 }}"]

    assert run_one(lambda: show.expand(x=["{{ 1 + 1 }}"])) == {(0,): "2"}
    assert run_one(lambda: show.expand(x=texts())) == {(0,): "{{ 1 + 1 }}"}
    made = run_one(
        lambda: BashOperator.partial(task_id="b", env={"A": "{{ ti.map_index }}"}).expand(
            bash_command=["echo x$A", "echo y$A"]
        ),
        "b",
    )
    assert made == {(0,): "x0", (1,): "y1"}


def test_an_instance_has_the_arguments_of_its_task() -> None:
    with DAG("d", default_args={"retries": 1}) as dag:

        @task(retries=3)
        def mine(x: int, *, task: Any = None, ti: Any = None) -> list[Any]:
            return [task.retries, task.task_id, ti.max_tries, task.dag is dag]

        mine.override(task_id="other").expand(x=[1])
        PythonOperator.partial(task_id="op", python_callable=lambda x: x).expand(op_args=[[5]])
    run = dag.test()
    assert values(run, "other") == {(0,): [3, "other", 3, True]}
    assert values(run, "op") == {(0,): 5}
    assert [each.retries for each in dag.to_spec("d.py").tasks] == [3, 1]


def test_a_name_for_each_instance(capsys: pytest.CaptureFixture[str]) -> None:
    with DAG("d") as dag:

        @task(map_index_template="{{ task.op_kwargs['x'] }}/{{ mine }}")
        def named(x: int, **context: Any) -> None:
            context["ti"].task.log.info("%s", x)
            from millstream import get_current_context

            get_current_context()["mine"] = x * 10

        named.expand(x=[1, 2])
        BashOperator.partial(task_id="bad", map_index_template="{{ nothing }}").expand(
            bash_command=["exit 3"]
        )
    dag.test()
    out = capsys.readouterr().out
    assert "named[0] (1/10): success" in out
    assert "named[1] (2/20): success" in out
    assert "bad[0]: failed" in out


def test_a_mapped_task_without_work_needs_no_worker() -> None:
    with DAG("d") as dag:
        EmptyOperator.partial(task_id="e").expand_kwargs([{}, {}])
    [spec] = dag.to_spec("d.py").tasks
    assert spec.action == EmptyAction()
    assert spec.operator == "EmptyOperator"
    assert dag.test().instance_states == {"e": {(0,): "success", (1,): "success"}}


def test_a_mapped_group_runs_its_chain_for_each_element() -> None:
    with DAG("d") as dag:

        @task_group
        def etl(x: int, more: int) -> Any:
            first = show.override(task_id="first")(x)

            @task
            def second(a: int, b: int) -> int:
                return a + b

            return second(first, more)

        show(etl.partial(more=10).expand(x=numbers()))
    spec = dag.to_spec("d.py")
    assert spec.groups[0].mapped_over == (MapSource(task_id="numbers"),)
    assert {each.task_id: each.upstream for each in spec.tasks}["etl.first"] == ("numbers",)
    run = dag.test()
    assert values(run, "etl.second") == {(0,): 11, (1,): 12}
    assert values(run, "show") == {(): [11, 12]}


def test_a_group_over_dicts() -> None:
    with DAG("d") as dag:

        @task_group
        def group(a: int, b: int) -> Any:
            return show.override(task_id="both")([a, b])

        group.expand_kwargs([{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    assert values(dag.test(), "group.both") == {(0,): [1, 2], (1,): [3, 4]}


def test_maps_inside_of_mapped_groups() -> None:
    with DAG("d") as dag:

        @task_group
        def outer(batch: Any) -> Any:
            return show.override(task_id="each").expand(x=batch)

        total = outer.expand(batch=[[1, 2], [3]])
        show.override(task_id="all")(total)

        @task_group
        def lists(batch: Any) -> Any:
            @task_group
            def inner(item: Any) -> Any:
                return show.override(task_id="deep")(item)

            return inner.expand(item=batch)

        show.override(task_id="all_deep")(lists.expand(batch=[["p"], ["q", "r"]]))
    run = dag.test()
    assert values(run, "outer.each") == {(0, 0): 1, (0, 1): 2, (1, 0): 3}
    assert values(run, "all") == {(): [[1, 2], [3]]}
    assert values(run, "lists.inner.deep") == {(0, 0): "p", (1, 0): "q", (1, 1): "r"}
    assert values(run, "all_deep") == {(): [["p"], ["q", "r"]]}


def test_the_path_of_an_instance_in_nested_maps() -> None:
    with DAG("d") as dag:

        @task_group
        def outer(n: Any) -> None:
            @task
            def where(x: Any, *, ti: Any = None) -> Any:
                return list(ti.map_index)

            where.expand(x=["p", "q"])

        outer.expand(n=[1, 2])
    got = values(dag.test(), "outer.where")
    assert got == {(i, j): [i, j] for i in (0, 1) for j in (0, 1)}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: show.expand(), "got no arguments"),
        (lambda: show.expand(y=[1]), "unknown argument 'y'; the function has x"),
        (lambda: show.partial(y=1), "unknown argument 'y'"),
        (lambda: show.partial(x=1).expand(x=[1]), r"'x', which partial\(\) has as well"),
        (lambda: show.partial(x=1).partial(x=2), "has as well"),
        (lambda: show.expand(x=5), "'x' is 5, which cannot be mapped over"),
        (lambda: show.expand(x="abc"), "must be a list, a dict, or what a task returns"),
        (lambda: show.expand(x={1, 2}), "a set has no order"),
        (lambda: show.expand(x=letters), "call the @task function"),
        (lambda: show.expand(x=letters()["k"]), "only a whole return value"),
        (lambda: show.expand(x=letters().map(show)), "needs a plain function"),
        (lambda: show.expand(x=letters().zip(5)), "cannot be mapped over"),
        (lambda: show.expand_kwargs({"x": 1}), "needs a list of dicts"),
        (lambda: show.expand_kwargs([1]), "each item must be a dict"),
        (lambda: show.expand_kwargs([{"z": 1}]), "unknown argument 'z'"),
        (lambda: show.partial(x=1).expand_kwargs([{"x": 1}]), "has as well"),
        (lambda: AddOne.partial(task_id="t", vlaue=1), "did you mean 'value'"),
        (lambda: AddOne.partial(task_id="t").expand(retries=[1]), "the same for all instances"),
        (lambda: AddOne.partial(task_id="t").expand(), "got no arguments"),
        (lambda: BashOperator.partial(task_id="t").expand(env=[{}]), "'bash_command'"),
    ],
)
def test_what_is_refused_where_it_is_written(wrong: Any, says: str) -> None:
    with DAG("d"), pytest.raises(TypeError, match=says):
        wrong()


def test_an_argument_of_a_mapped_group_has_no_value_in_the_file() -> None:
    with DAG("d"):

        @task_group
        def group(x: Any) -> None:
            for _ in x:
                pass

        with pytest.raises(TypeError, match="has a value only when the group runs"):
            group.expand(x=[1])

        @task_group
        def needs(x: Any, y: Any) -> None: ...

        with pytest.raises(TypeError, match="leaves out the argument 'y'"):
            needs.expand(x=[1])


def test_an_element_that_is_no_set_of_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with DAG("d") as dag:
        show.expand_kwargs(numbers())
    assert dag.test().task_states["show"] == "failed"
    assert "element 0 is 1" in capsys.readouterr().out


def test_a_dict_may_win_over_partial() -> None:
    got = run_one(lambda: show.partial(x=1).expand_kwargs([{"x": 2}, {}], strict=False))
    assert got == {(0,): 2, (1,): 1}
