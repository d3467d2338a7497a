"""BaseOperator and the operators: arguments, edges, and which action each becomes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from millstream import (
    DAG,
    BaseOperator,
    BashOperator,
    EmptyOperator,
    PythonOperator,
    TriggerRule,
    chain,
    task,
)
from millstream.core.spec import BashAction, EmptyAction, PythonAction
from millstream.sdk.errors import AirflowException, NotSupportedYet, TemplateError


def test_all_settings_reach_the_spec() -> None:
    spec = BashOperator(
        task_id="t",
        bash_command="true",
        retries=2,
        retry_delay=timedelta(minutes=1),
        retry_exponential_backoff=True,
        max_retry_delay=600,
        execution_timeout=timedelta(hours=1),
        trigger_rule=TriggerRule.ONE_SUCCESS,
        queue="q",
        exclusive=True,
        isolation="fresh",
        do_xcom_push=False,
    ).to_spec()
    assert (spec.retries, spec.retry_delay_s, spec.retry_multiplier) == (2, 60.0, 2.0)
    assert (spec.max_retry_delay_s, spec.execution_timeout_s) == (600.0, 3600.0)
    assert (spec.trigger_rule, spec.queue) == (TriggerRule.ONE_SUCCESS, "q")
    assert (spec.exclusive, spec.do_xcom_push) == (True, False)
    assert spec.isolation == "fresh"
    assert EmptyOperator(task_id="t").to_spec().isolation == "shared"


@pytest.mark.parametrize(("given", "factor"), [(True, 2.0), (False, 1.0), (3, 3.0), (0, 1.0)])
def test_backoff(given: bool | float, factor: float) -> None:
    assert EmptyOperator(task_id="t", retry_exponential_backoff=given).retry_multiplier == factor


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"retry_delay": "5m"}, "retry_delay is '5m'; pass a datetime.timedelta"),
        ({"execution_timeout": True}, "execution_timeout is True"),
        ({"retries": 1.5}, "retries is 1.5"),
        ({"retries": True}, "retries is True"),
        ({"task_id": 5}, "task_id is 5"),
        ({"isolation": None}, "isolation is None; it must be"),
        ({"bash_comand": "x"}, "unknown argument 'bash_comand'; did you mean 'bash_command'"),
        ({"bash_command": 5}, "bash_command is 5"),
    ],
)
def test_bad_arguments_say_what_to_pass(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        BashOperator(**{"task_id": "t", "bash_command": "true", **arguments})


def test_an_unknown_isolation_says_what_there_is() -> None:
    with pytest.raises(ValueError, match="isolation is 'thread'; it must be 'shared' or 'fresh'"):
        EmptyOperator(task_id="t", isolation="thread")  # type: ignore[arg-type]

    @task(isolation="own")
    def work() -> None: ...

    with pytest.raises(ValueError, match="isolation is 'own'"):
        work()


def test_missing_and_positional_arguments() -> None:
    with pytest.raises(TypeError, match=r"PythonOperator\(\) needs the argument 'python_callable'"):
        PythonOperator(task_id="t")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs the argument 'task_id'"):
        EmptyOperator()
    with pytest.raises(TypeError, match="keyword arguments only"):
        EmptyOperator("t")  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"pass a function, without \(\)"):
        PythonOperator(task_id="t", python_callable=None)  # type: ignore[arg-type]


def test_an_unknown_trigger_rule_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="'all_succes' is unknown; did you mean 'all_success'"):
        EmptyOperator(task_id="t", trigger_rule="all_succes")
    with pytest.raises(ValueError, match="use one of all_success, all_failed"):
        EmptyOperator(task_id="t", trigger_rule="zzz")


def test_harmless_arguments_are_accepted_and_planned_ones_refused() -> None:
    EmptyOperator(
        task_id="t", owner="me", email_on_failure=True, provide_context=True, pool_slots=1
    )
    for planned in ({"executor": "mine"}, {"end_date": "2026-01-01"}):
        with pytest.raises(NotSupportedYet, match=r"EmptyOperator: .* is not supported yet"):
            EmptyOperator(task_id="t", **planned)


def test_which_action_an_operator_becomes() -> None:
    class Mine(BashOperator):
        pass

    class NotEmpty(EmptyOperator):
        pass

    def bash(command: object, **more: object) -> BashOperator:
        return BashOperator(task_id="t", bash_command=command, **more)  # type: ignore[arg-type]

    plain = bash(
        "echo {{ ds }} {{ ti.try_number }}", env={"A": "{{ run_id }}"}, skip_on_exit_code=[7, 8]
    )
    assert plain.action() == BashAction(
        command="echo {{ ds }} {{ ti.try_number }}",
        env={"A": "{{ run_id }}"},
        skip_exit_codes=(7, 8),
    )
    assert bash("x", skip_on_exit_code=None).action() == BashAction(command="x", skip_exit_codes=())
    assert EmptyOperator(task_id="t").action() == EmptyAction()
    needs_file = [
        bash("echo {{ params.n }}"),
        bash("echo {{ dag.dag_id }}"),
        bash("run.sh"),
        bash("true", params={"n": 1}),
        bash("true", env={"A": 1}),
        bash("true", cwd="{{ params.dir }}"),
        bash("{{ greet() }}", dag=DAG("d", user_defined_macros={"greet": print})),
        Mine(task_id="t", bash_command="true"),
        NotEmpty(task_id="t"),
        PythonOperator(task_id="t", python_callable=print),
    ]
    assert [operator.action() for operator in needs_file] == [PythonAction()] * len(needs_file)


def test_a_bash_template_that_cannot_be_parsed_is_found_at_submission() -> None:
    operator = BashOperator(task_id="t", bash_command="echo\necho ${#array[@]}")
    with pytest.raises(TemplateError, match="template of bash_command, line 2"):
        operator.to_spec()


def test_edges_in_all_spellings() -> None:
    with DAG("d") as made:
        a, b, c, d, e = (EmptyOperator(task_id=name) for name in "abcde")
        assert (a >> b) is b
        assert (c << b) is b
        [a, b] >> d
        e << [c, d]
        e.set_upstream([a])
        a.set_downstream(c)
    assert {name: made.get_task(name).to_spec().upstream for name in "abcde"} == {
        "a": (),
        "b": ("a",),
        "c": ("b", "a"),
        "d": ("a", "b"),
        "e": ("c", "d", "a"),
    }
    assert a.downstream_task_ids == {"b", "c", "d", "e"}
    assert e.upstream_task_ids == {"a", "c", "d"}
    assert [each.task_id for each in a.downstream_list] == ["b", "d", "e", "c"]
    assert [each.task_id for each in c.upstream_list] == ["b", "a"]


def test_the_same_edge_twice_counts_once() -> None:
    with DAG("d"):
        a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
        a >> b
        a >> b
    assert b.to_spec().upstream == ("a",)


def test_list_on_the_right_of_shift_left_of_a_list() -> None:
    with DAG("d"):
        a, b, c = (EmptyOperator(task_id=name) for name in "abc")
        [a, b] << c
    assert a.upstream_task_ids == b.upstream_task_ids == {"c"}


def test_chain_pairs_lists() -> None:
    with DAG("d"):
        a, b, c, d, e, f = (EmptyOperator(task_id=name) for name in "abcdef")
        chain(a, [b, c], [d, e], f)
        with pytest.raises(TypeError, match="these have 1 and 2"):
            chain([a], [b, c])
    assert d.upstream_task_ids == {"b"}
    assert e.upstream_task_ids == {"c"}
    assert f.upstream_task_ids == {"d", "e"}


def test_edges_that_cannot_be() -> None:
    one, other = DAG("one"), DAG("other")
    a = EmptyOperator(task_id="a", dag=one)
    with pytest.raises(AirflowException, match="belong to different DAGs"):
        a >> EmptyOperator(task_id="b", dag=other)
    with pytest.raises(AirflowException, match="have no DAG yet"):
        EmptyOperator(task_id="c") >> EmptyOperator(task_id="d")
    with pytest.raises(TypeError, match="only tasks, groups and lists"):
        a >> None  # type: ignore[type-var]

    @task
    def function() -> None: ...

    with pytest.raises(TypeError, match="call the @task function"):
        a >> function


def test_a_task_without_dag_joins_the_others() -> None:
    made = DAG("d")
    a, b, c = (
        EmptyOperator(task_id="a", dag=made),
        EmptyOperator(task_id="b"),
        EmptyOperator(task_id="c"),
    )
    a >> b
    c >> b
    assert made.task_ids == ["a", "b", "c"]


def test_base_operator_has_nothing_to_execute() -> None:
    with pytest.raises(NotImplementedError, match="BaseOperator has no execute"):
        BaseOperator(task_id="t").execute({})
    assert BaseOperator(task_id="t").log.name == "millstream.task.BaseOperator"
    assert repr(BaseOperator(task_id="t")) == "<BaseOperator 't'>"
