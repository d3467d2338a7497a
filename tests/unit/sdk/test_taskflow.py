"""@task and XComArg: edges by passing values, ids, outputs."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest

from millstream import DAG, BashOperator, EmptyOperator, PythonOperator, XComArg, result, task
from millstream.sdk.errors import NotSupportedYet


def test_passing_a_value_makes_the_edge_and_pulls_it(run: Any) -> None:
    @task
    def make(n: int) -> list[int]:
        return list(range(n))

    @task
    def add(values: list[int], more: dict[str, Any], *, bonus: int = 0) -> int:
        return sum(values) + more["deep"][0] + bonus

    with DAG("d") as dag:
        add(make(4), {"deep": [10]}, bonus=1)
    assert dag.get_task("add").upstream_task_ids == {"make"}
    assert run(dag, "make").xcoms == {"return_value": b"[0,1,2,3]"}
    assert run(dag, "add").xcoms == {"return_value": b"17"}


def test_references_are_found_at_any_depth(run: Any) -> None:
    @task
    def one() -> int:
        return 1

    with DAG("d") as dag:
        value = one()
        PythonOperator(
            task_id="deep",
            python_callable=lambda *args, **kwargs: repr([list(args), kwargs["a"]]),
            op_args=[value, (value, {"k": [value]})],
            op_kwargs={"a": {"b": value}},
        )
    run(dag, "one")
    assert dag.get_task("deep").upstream_task_ids == {"one"}
    assert run(dag, "deep").xcoms["return_value"] == b"\"[[1, (1, {'k': [1]})], {'b': 1}]\""


def test_repeated_calls_and_override_give_ids_of_their_own() -> None:
    @task(task_id="say")
    def function() -> None: ...

    with DAG("d") as dag:
        for _ in range(3):
            function()
        function.override(task_id="other", retries=4)()
    assert dag.task_ids == ["say", "say__1", "say__2", "other"]
    assert dag.get_task("other").retries == 4
    assert dag.get_task("say").retries == 0


def test_a_missing_argument_is_found_in_the_dag_file() -> None:
    @task
    def function(a: int, ti: Any, b: int) -> Any:
        return [a, b, ti.task_id]

    with (
        DAG("d"),
        pytest.raises(TypeError, match=r"function\(\): missing a required argument: 'b'"),
    ):
        function(1)


def test_context_keys_are_filled_in_between_other_arguments(run: Any) -> None:
    @task
    def function(a: int, ti: Any, b: int, ds: str = "", **rest: Any) -> Any:
        return [a, b, ti.task_id, ds, rest["own"], rest["run_id"]]

    with DAG("d") as dag:
        function(1, 2, own=3)
    expected = b'[1,2,"function","2024-02-29",3,"scheduled__2024"]'
    assert run(dag, "function").xcoms["return_value"] == expected


class Outputs(TypedDict):
    a: int


@pytest.mark.parametrize("annotation", [dict, dict[str, int], Outputs, "dict[str, int]"])
def test_multiple_outputs_are_inferred_from_a_dict_annotation(annotation: Any, run: Any) -> None:
    def function() -> Any:
        return {"a": 1, "b": 2}

    function.__annotations__["return"] = annotation
    with DAG("d") as dag:
        task(function)()
    assert run(dag, "function").xcoms == {"a": b"1", "b": b"2", "return_value": b'{"a":1,"b":2}'}


def test_multiple_outputs_need_a_dict_with_str_keys(run: Any) -> None:
    with DAG("d") as dag:
        task(multiple_outputs=True, task_id="number")(lambda: 5)()
        task(multiple_outputs=True, task_id="keys")(lambda: {1: 2})()
        task(multiple_outputs=False, task_id="off")(lambda: {"a": 2})()
    assert "must return a dict, not a int" in run(dag, "number").message
    assert "keys must be str, not 1" in run(dag, "keys").message
    assert list(run(dag, "off").xcoms) == ["return_value"]


def test_a_key_of_an_xcom(run: Any) -> None:
    @task(multiple_outputs=False)
    def both() -> Any:
        return {"left": 1}

    @task
    def show(value: Any) -> Any:
        return value

    with DAG("d") as dag:
        show(both()["left"])
        show(both()["wrong"])
    for name in ("both", "both__1"):
        run(dag, name)
    assert run(dag, "show").xcoms["return_value"] == b"1"
    assert "task 'both__1' has no XCom with the key 'wrong'" in run(dag, "show__1").message


def test_an_xcom_arg_orders_like_its_task_and_cannot_be_used_as_a_value() -> None:
    @task
    def function() -> None: ...

    with DAG("d"):
        value = function()
        last = EmptyOperator(task_id="last")
        [value] >> last
        first = EmptyOperator(task_id="first")
        first >> value
    assert last.upstream_task_ids == {"function"}
    assert value.operator.upstream_task_ids == {"first"}
    for use in (list, bool, lambda it: it[0]):
        with pytest.raises(TypeError):
            use(value)
    assert str(value["k"]) == "{{ task_instance.xcom_pull(task_ids='function', key='k') }}"
    assert repr(value) == "XComArg('function', 'return_value')"


def test_output_of_a_classic_operator(run: Any) -> None:
    with DAG("d") as dag:
        hello = BashOperator(task_id="hello", bash_command="echo hello")
        assert isinstance(hello.output, XComArg)
        BashOperator(task_id="shout", bash_command=f"echo '{hello.output} you'")
        PythonOperator(task_id="upper", python_callable=str.upper, op_args=[hello.output])
    run(dag, "hello")
    assert run(dag, "shout").xcoms["return_value"] == b'"hello you"'
    assert run(dag, "upper").xcoms["return_value"] == b'"HELLO"'
    assert dag.get_task("upper").upstream_task_ids == {"hello"}


def test_a_task_function_called_inside_a_running_task_is_just_a_function(run: Any) -> None:
    @task
    def inner(n: int) -> int:
        return n + 1

    @task
    def outer() -> int:
        return int(inner(1))

    with DAG("d") as dag:
        outer()
    assert run(dag, "outer").xcoms["return_value"] == b"2"
    assert inner.__name__ == "inner"


def test_async_functions_are_run(run: Any) -> None:
    @task
    async def function() -> int:
        return 7

    with DAG("d") as dag:
        function()
    assert run(dag, "function").xcoms["return_value"] == b"7"


def test_what_is_planned_says_so() -> None:
    with pytest.raises(NotSupportedYet, match="not supported yet"):
        task.kubernetes  # noqa: B018
    with pytest.raises(TypeError, match="@task needs a function"):
        task(5)


def test_the_result_of_a_dag() -> None:
    with DAG("d") as dag:

        @result
        @task
        def predict() -> int:
            return 5

        predict()
    assert [task.returns_dag_result for task in dag.to_spec("d.py").tasks] == [True]
    with pytest.raises(TypeError, match="@result stands above @task; it got 5"):
        result(5)  # type: ignore[arg-type]
