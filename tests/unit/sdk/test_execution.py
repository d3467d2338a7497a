"""run_attempt: the context, the XComs, and how each ending becomes an Outcome."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest

from millstream import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    PythonOperator,
    get_current_context,
)
from millstream.core.spec import EmptyAction, PythonAction
from millstream.sdk.context import CONTEXT_KEYS
from millstream.sdk.removed_keys import NEED_SCHEDULE


def one(function: Any, **more: Any) -> DAG:
    with DAG("d", params={"n": 1}) as dag:
        PythonOperator(task_id="t", python_callable=function, **more)
    return dag


def value(outcome: Any) -> str:
    assert outcome.kind == "success", outcome
    return str(outcome.xcoms["return_value"].decode())


def test_kwargs_get_the_whole_context(run: Any) -> None:
    seen: dict[str, Any] = {}
    assert run(one(lambda **kwargs: seen.update(kwargs)), "t").kind == "success"
    assert set(seen) == CONTEXT_KEYS - NEED_SCHEDULE
    assert isinstance(seen["logical_date"], pendulum.DateTime)
    assert seen["logical_date"].timezone_name == "UTC"
    assert seen["ti"] is seen["task_instance"]
    assert seen["ti"].task is seen["task"]
    assert seen["dag_run"].data_interval_end == seen["data_interval_end"]


def test_named_arguments_are_filled_in(run: Any) -> None:
    dag = one(
        lambda a, *, ds, ti, b=0, params: [a, ds, ti.dag_id, b, params],
        op_args=["{{ run_id }}"],
        op_kwargs={"b": "{{ ds_nodash }}", "ds": "mine", "unused": 1},
    )
    assert value(run(dag, "t")) == '["scheduled__2024","mine","d","20240229",{"n":1,"size":3}]'


def test_what_is_positional_only_is_no_keyword(run: Any) -> None:
    seen: dict[str, Any] = {}

    def take(first: str = "none", /, **kwargs: Any) -> str:
        seen.update(kwargs)
        return first

    outcome = run(one(take, op_kwargs={"first": 1, "second": 2}), "t")
    assert outcome.xcoms == {"return_value": b'"none"'}
    assert (seen["second"], "first" in seen) == (2, False)


def test_a_positional_argument_must_not_take_a_context_keys_place(run: Any) -> None:
    outcome = run(one(lambda ds: ds, op_args=[1]), "t")
    assert outcome.message.startswith("op_args would set 'ds'")


def test_templates_dict(run: Any) -> None:
    dag = one(lambda templates_dict: templates_dict["a"], templates_dict={"a": "{{ ds }}"})
    assert value(run(dag, "t")) == '"2024-02-29"'


def test_the_task_instance_counts_as_airflow_does(run: Any) -> None:
    dag = one(lambda ti: [ti.try_number, ti.max_tries, ti.map_index, ti.run_id])
    assert value(run(dag, "t", attempt=5, tries=2, max_tries=4)) == '[2,3,-1,"scheduled__2024"]'
    assert value(run(dag, "t", map_index=(7,))) == '[1,0,7,"scheduled__2024"]'


def test_conf_of_the_attempt_beats_the_runs(run: Any) -> None:
    assert value(run(one(lambda dag_run, params: [dag_run.conf, params]), "t", conf={"n": 9})) == (
        '[{"n":9},{"n":9}]'
    )


def test_what_is_pushed_survives_a_failure_and_a_skip(run: Any) -> None:
    def push(ti: Any, error: Exception) -> None:
        ti.xcom_push("k", 1)
        raise error

    for error in (ValueError("x"), AirflowSkipException("x")):
        assert run(one(push, op_kwargs={"error": error}), "t").xcoms == {"k": b"1"}


def test_no_xcom_push_suppresses_the_return_value_only(run: Any) -> None:
    dag = one(lambda ti: ti.xcom_push("k", 1) or 5, do_xcom_push=False)
    assert run(dag, "t").xcoms == {"k": b"1"}
    assert run(one(lambda: None), "t").xcoms == {}
    assert run(one(object, do_xcom_push=False), "t").kind == "success"


def test_a_return_value_that_is_no_json_fails_the_task(run: Any) -> None:
    outcome = run(one(object), "t")
    assert (outcome.kind, outcome.error_type) == ("failed", "XComEncodingError")
    assert outcome.message.startswith("task t returned a object, which no codec knows")
    assert "must be a str" in run(one(lambda ti: ti.xcom_push("", 1)), "t").message


def test_skip_fail_and_other_errors(run: Any) -> None:
    def raises(error: BaseException) -> Any:
        def function() -> None:
            raise error

        return run(one(function), "t")

    skipped = raises(AirflowSkipException("nothing new"))
    assert (skipped.kind, skipped.message, skipped.error_type) == ("skipped", "nothing new", "")
    final = raises(AirflowFailException("for good"))
    assert (final.kind, final.may_retry, final.error_type) == (
        "failed",
        False,
        "AirflowFailException",
    )
    for error in (AirflowException("a"), ValueError("b"), KeyboardInterrupt("c")):
        outcome = raises(error)
        assert (outcome.kind, outcome.may_retry) == ("failed", True)
        assert (outcome.error_type, outcome.message) == (type(error).__name__, str(error))
    assert raises(SystemExit(0)).message == "the task ended the process with exit code 0"


def test_the_traceback_holds_the_users_frames_only(run: Any) -> None:
    def inner() -> None:
        try:
            {}["missing"]
        except KeyError as error:
            raise ValueError("outer") from error

    text = run(one(inner), "t").traceback
    assert text.startswith("Traceback (most recent call last):")
    assert "test_execution.py" in text
    assert "KeyError: 'missing'" in text
    assert text.endswith("ValueError: outer\n")
    assert "millstream/sdk" not in text


def test_texts_are_bounded_and_safe_to_store(run: Any) -> None:
    class Loud(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def long() -> None:
        raise ValueError("ä" * 50_000 + "\0\ud800 end")

    def loud() -> None:
        raise Loud

    outcome = run(one(long), "t")
    assert len(outcome.message.encode()) <= 4 * 1024
    assert len(outcome.traceback.encode()) <= 16 * 1024
    assert outcome.message.endswith("\ufffd? end")
    assert "... (cut) ..." in outcome.message
    assert run(one(loud), "t").message == "(str() of the Loud raised RuntimeError)"


def test_deep_recursion_is_an_ordinary_failure(run: Any) -> None:
    def forever() -> Any:
        return forever()

    outcome = run(one(forever), "t")
    assert outcome.error_type == "RecursionError"
    assert len(outcome.traceback) < 16 * 1024


def test_the_current_context(run: Any) -> None:
    assert value(run(one(lambda: get_current_context()["run_id"]), "t")) == '"scheduled__2024"'
    with pytest.raises(RuntimeError, match="only inside a running task"):
        get_current_context()


def test_hooks_are_called_around_execute(run: Any) -> None:
    calls: list[Any] = []

    class Hooked(BaseOperator):
        def pre_execute(self, context: Any) -> None:
            calls.append("before")

        def execute(self, context: Any) -> int:
            calls.append("execute")
            return 5

        def post_execute(self, context: Any, result: Any = None) -> None:
            calls.append(result)

    with DAG("d") as dag:
        Hooked(task_id="t")
    assert value(run(dag, "t")) == "5"
    assert calls == ["before", "execute", 5]


def test_one_dag_serves_many_attempts(run: Any) -> None:
    class Counting(BaseOperator):
        template_fields = ("text",)
        text = "{{ ti.try_number }}"

        def execute(self, context: Any) -> str:
            return self.text

    with DAG("d") as dag:
        Counting(task_id="t")
    assert [value(run(dag, "t", tries=n)) for n in (1, 2)] == ['"1"', '"2"']


def test_an_unknown_task_and_a_missing_dag_cannot_be_retried(run: Any) -> None:
    for dag, text in ((DAG("d"), "has no task 'zzz'"), (None, "came without its DAG")):
        outcome = run(dag, "zzz", PythonAction())
        assert (outcome.kind, outcome.may_retry) == ("failed", False)
        assert text in outcome.message


def test_an_empty_action_needs_nothing(run: Any) -> None:
    assert run(None, "t", EmptyAction()).kind == "success"
