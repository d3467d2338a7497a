"""Params: their defaults, their rules, and what a task sees of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from millstream import DAG, BashOperator, Param, PythonOperator, dag
from millstream.core.spec import BashAction, PythonAction, decode_spec, encode_spec
from millstream.sdk.errors import AirflowException, AirflowFailException, ParamValidationError
from millstream.sdk.params import ParamsDict, resolve_params


def test_a_param_checks_its_values() -> None:
    param = Param(5, "how many", type="integer", minimum=1, maximum=10, title="Batches")
    assert (param.value, param.description, param.has_value) == (5, "how many", True)
    assert (param.resolve(), param.resolve(7)) == (5, 7)
    with pytest.raises(ParamValidationError, match=r"a param is 11, but it must be at most 10"):
        param.resolve(11)
    assert Param(1, schema={"type": "integer"}).schema == {"type": "integer"}
    assert repr(Param(1, type="integer")) == "Param(1, type='integer')"
    assert Param((1, 2)).value == [1, 2]


def test_params_that_cannot_be() -> None:
    with pytest.raises(AirflowException, match=r"the default of a Param is datetime.datetime"):
        Param(datetime(2024, 1, 1, tzinfo=UTC))
    with pytest.raises(AirflowException, match="the default of a Param is nan"):
        Param(float("nan"))
    with pytest.raises(ValueError, match="Param: type is 'int'; allowed are"):
        Param(1, type="int")
    with pytest.raises(TypeError, match="schema is 5; it must be a dict"):
        Param(1, schema=5)
    with pytest.raises(TypeError, match=r"params of DAG 'd' is \[1\]; it must be a dict"):
        DAG("d", params=[1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the name 1 must be a str"):
        DAG("d", params={1: 2})  # type: ignore[dict-item]


def test_a_dict_of_params_reads_as_values_and_keeps_rules() -> None:
    params = ParamsDict({"a": Param(1, type="integer"), "b": "x"})
    assert params == {"a": 1, "b": "x"}
    assert params == ParamsDict({"a": 1, "b": "x"})
    assert (dict(params), len(params), "a" in params, "c" in params) == (
        {"a": 1, "b": "x"}, 2, True, False,
    )  # fmt: skip
    params["a"] = 2
    assert params.get_param("a").schema == {"type": "integer"}
    params["a"] = "text"
    with pytest.raises(ParamValidationError, match="param 'a' is 'text', but it must be of type"):
        params.validate()
    params["a"] = Param("text", type="string")
    assert params.validate() == {"a": "text", "b": "x"}
    del params["a"]
    assert "a" not in params
    params["none"] = Param(type="string")
    assert params.dump() == {"b": "x"}
    with pytest.raises(ParamValidationError, match="param 'none': it has no default and was given"):
        _ = params["none"]


def test_dag_params_then_the_tasks_then_the_conf() -> None:
    of_dag = ParamsDict({"a": Param(1, type="integer"), "b": 1, "c": 1, "d": Param(type="string")})
    of_task = ParamsDict({"b": 2, "c": 2, "own": 2})
    conf = {"c": 3, "d": "x", "more": 3}
    assert resolve_params(of_dag, of_task, conf) == {
        "a": 1, "b": 2, "c": 3, "d": "x", "own": 2, "more": 3,
    }  # fmt: skip
    with pytest.raises(ParamValidationError, match=r"'a' is 'x', but it must be of type 'integer'"):
        resolve_params(of_dag, ParamsDict({"a": "x"}), conf)
    with pytest.raises(
        ParamValidationError, match=r"param 'a' is 0.5, given by the run's conf, but it must"
    ):
        resolve_params(of_dag, of_task, {**conf, "a": 0.5})
    assert resolve_params(of_dag, ParamsDict({"a": Param("x", type="string")}), conf)["a"] == "x"
    with pytest.raises(ParamValidationError, match="param 'd': it has no default"):
        resolve_params(of_dag, {}, {})


def test_without_rules_the_conf_alone_is_seen_and_never_shared() -> None:
    conf = {"a": [1]}
    seen = resolve_params(ParamsDict(), {}, conf)
    seen["a"].append(2)
    assert (seen, conf) == ({"a": [1, 2]}, {"a": [1]})
    nothing = resolve_params(ParamsDict(), {}, {})
    nothing["a"] = 1
    assert resolve_params(ParamsDict(), {}, {}) == {}


def test_a_task_that_changes_its_params_changes_them_for_nobody_else(run: Any) -> None:
    with DAG("d", params={"items": [1]}) as made:
        for name in "ab":
            PythonOperator(
                task_id=name, python_callable=lambda params: params["items"].append(2) or params
            )
    outcomes = [json.loads(run(made, name).xcoms["return_value"]) for name in "ab"]
    assert [outcome["items"] for outcome in outcomes] == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("param", "problem"),
    [
        (Param(type="string"), "param 'p': it has no default and was given no value"),
        (Param(None, type="string"), "param 'p' is None, but it must be of type 'string'"),
        (Param(11, maximum=10), r"param 'p' is 11, but it must be at most 10 \(maximum\)"),
    ],
)
def test_a_scheduled_dag_needs_valid_defaults(param: Param, problem: str, load: Any) -> None:
    with pytest.raises(
        AirflowException,
        match=rf"DAG 'd' is scheduled \('@daily'\), so each .* has none: {problem}",
    ):
        DAG("d", schedule="@daily", params={"p": param})
    assert list(DAG("d", params={"p": param}).params) == ["p"]
    DAG("d", schedule="@daily", params={"p": Param(1, type="integer"), "q": None})


def test_the_spec_holds_the_defaults() -> None:
    made = DAG("d", params={"a": Param(1, type="integer"), "b": Param(type="string"), "c": (1,)})
    spec = decode_spec(encode_spec(made.to_spec("")))
    assert spec.params == {"a": 1, "c": [1]}


def test_templates_and_arguments_see_values(run: Any) -> None:
    with DAG("d", params={"n": Param(3, type="integer")}) as made:
        PythonOperator(
            task_id="t",
            python_callable=lambda *args: list(args),
            op_args=["{{ params.n }}", made.param("n"), "{{ params['n'] + 1 }}"],
            params={"n": 4},
        )
    assert json.loads(run(made, "t").xcoms["return_value"]) == ["4", 4, "5"]
    assert json.loads(run(made, "t", conf={"n": 5}).xcoms["return_value"]) == ["5", 5, "6"]


def test_a_conf_that_breaks_the_rules_fails_for_good(run: Any) -> None:
    with DAG("d", params={"n": Param(3, type="integer")}) as made:
        PythonOperator(task_id="python", python_callable=print)
        BashOperator(task_id="bash", bash_command="echo hello")
    for name in made.task_ids:
        assert made.get_task(name).action() == PythonAction()
        outcome = run(made, name, conf={"n": "many"})
        assert (outcome.kind, outcome.may_retry, outcome.error_type) == (
            "failed",
            False,
            "ParamValidationError",
        )
        assert outcome.message == (
            "param 'n' is 'many', given by the run's conf, but it must be of type 'integer'"
        )
        assert outcome.traceback == ""
    assert issubclass(ParamValidationError, AirflowFailException)


def test_params_without_rules_cost_a_bash_task_nothing() -> None:
    with DAG("d", params={"n": 3}):
        bash = BashOperator(task_id="bash", bash_command="echo hello")
    assert isinstance(bash.action(), BashAction)


def test_a_local_run_refuses_a_wrong_conf() -> None:
    with DAG("d", params={"n": Param(type="integer")}) as made:
        PythonOperator(task_id="t", python_callable=lambda params: params["n"])
    with pytest.raises(ParamValidationError, match="param 'n': it has no default"):
        made.test()
    with pytest.raises(ParamValidationError, match="param 'n' is 'x', given by the run's conf"):
        made.test(run_conf={"n": "x"})
    assert made.test(run_conf={"n": 2}).xcom("t") == 2


def test_arguments_of_a_dag_function_may_be_params(run: Any) -> None:
    @dag
    def flow(n: Any = Param(2, type="integer", minimum=1)) -> None:  # noqa: B008
        PythonOperator(task_id="t", python_callable=lambda n: n, op_args=[n])

    made = flow()
    assert made.params == {"n": 2}
    assert run(made, "t").xcoms["return_value"] == b"2"
    assert run(made, "t", conf={"n": 0}).kind == "failed"


def test_dag_param() -> None:
    made = DAG("d")
    assert str(made.param("n", 5)) == "{{ params['n'] }}"
    assert made.params == {"n": 5}
    with pytest.raises(AirflowException, match="DAG 'd' has no param 'm'; it has 'n'"):
        made.param("m")
