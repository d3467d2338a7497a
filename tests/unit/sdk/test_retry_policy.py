"""Which exceptions are tried again, how soon, and what a policy cannot change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from millstream import (
    DAG,
    AirflowFailException,
    AirflowSkipException,
    BashOperator,
    ExceptionRetryPolicy,
    PythonOperator,
    RetryAction,
    RetryDecision,
    RetryPolicy,
    RetryRule,
)
from millstream.core.spec import PythonAction

MINUTE = timedelta(minutes=1)


def failing(error: BaseException, policy: RetryPolicy, **arguments: Any) -> DAG:
    def work() -> None:
        raise error

    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=work, retry_policy=policy, **arguments)
    return dag


RULES = [
    RetryRule(exception=ConnectionRefusedError, action=RetryAction.FAIL),
    RetryRule(exception=ConnectionError, retry_delay=MINUTE, reason="busy"),
    RetryRule(exception=["builtins.KeyError", IndexError], action=RetryAction.FAIL),
    RetryRule(exception=OSError, action=RetryAction.FAIL, match_subclasses=False),
    RetryRule(exception="nowhere.to.be.Found", action=RetryAction.FAIL),
    RetryRule(exception=ArithmeticError, action=RetryAction.DEFAULT),
]


@pytest.mark.parametrize(
    ("error", "may_retry", "delay_s"),
    [
        (ConnectionRefusedError(), False, None),  # the first rule that matches
        (ConnectionResetError(), True, 60.0),
        (KeyError("k"), False, None),
        (IndexError(), False, None),
        (OSError("disk"), False, None),
        (FileNotFoundError(), True, None),  # a subclass of OSError, which is not meant
        (ZeroDivisionError(), True, None),
        (ValueError(), True, None),
        (AirflowFailException("no"), False, None),
    ],
)
def test_rules(run: Any, error: BaseException, may_retry: bool, delay_s: float | None) -> None:
    outcome = run(failing(error, ExceptionRetryPolicy(RULES)), "t")
    assert (outcome.kind, outcome.may_retry, outcome.retry_delay_s) == (
        "failed",
        may_retry,
        delay_s,
    )


def test_the_default_of_a_policy(run: Any) -> None:
    policy = ExceptionRetryPolicy([RULES[1]], default=RetryAction.FAIL)
    assert not run(failing(ValueError(), policy), "t").may_retry
    assert run(failing(ConnectionError(), policy), "t").may_retry


def test_what_says_that_it_always_fails_is_not_asked_about(run: Any) -> None:
    policy = ExceptionRetryPolicy([RetryRule(exception=Exception, retry_delay=MINUTE)])
    outcome = run(failing(AirflowFailException("no"), policy), "t")
    assert (outcome.may_retry, outcome.retry_delay_s) == (False, None)
    assert run(failing(AirflowSkipException("no"), policy), "t").kind == "skipped"


def test_a_policy_of_ones_own_sees_the_try(run: Any) -> None:
    class Patient(RetryPolicy):
        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
        ) -> RetryDecision:
            assert context["ti"].task_id == "t"
            return RetryDecision.retry(MINUTE * try_number * max_tries)

    dag = failing(ValueError(), Patient(), retries=3)
    assert run(dag, "t", tries=2, max_tries=4).retry_delay_s == 360.0


@pytest.mark.parametrize("answer", [None, ZeroDivisionError])
def test_a_policy_that_fails_changes_nothing(run: Any, answer: Any) -> None:
    class Broken(RetryPolicy):
        def evaluate(self, *arguments: Any) -> Any:
            if answer:
                raise answer
            return answer

    outcome = run(failing(ValueError("the first"), Broken()), "t")
    assert (outcome.error_type, outcome.may_retry) == ("ValueError", True)


def test_a_command_with_a_policy_runs_where_the_dag_file_is() -> None:
    shell = BashOperator(task_id="t", bash_command="x", retry_policy=ExceptionRetryPolicy(RULES))
    assert isinstance(shell.action(), PythonAction)


def test_a_whole_run_never_goes_beyond_its_retries(capsys: Any) -> None:
    tries = []

    def work(ti: Any) -> None:
        tries.append((ti.try_number, datetime.now(UTC)))
        raise ConnectionResetError

    policy = ExceptionRetryPolicy([RetryRule(exception=ConnectionError, retry_delay=MINUTE)])
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=work, retries=2, retry_policy=policy)
    assert dag.test().state == "failed"
    assert [number for number, _ in tries] == [1, 2, 3]


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="exception of a RetryRule is 'ValueError'; pass a class"):
        RetryRule(exception="ValueError")
    with pytest.raises(TypeError, match="exception of a RetryRule is 5"):
        RetryRule(exception=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'again' is not a valid RetryAction"):
        RetryRule(exception=ValueError, action="again")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="retry_delay of a RetryRule is 5"):
        RetryRule(exception=ValueError, retry_delay=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="pass RetryRules"):
        ExceptionRetryPolicy([ValueError])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="retry_policy is 3; pass a RetryPolicy"):
        PythonOperator(task_id="t", python_callable=print, retry_policy=3)
