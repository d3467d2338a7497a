"""``run_if``, ``skip_if``, and the functions around ``execute``; operators of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from millstream import DAG, BaseOperator, BashOperator, EmptyOperator, PythonOperator, task
from millstream.core.spec import PythonAction


@pytest.mark.parametrize(
    ("decorator", "answer", "kind", "message"),
    [
        ("run_if", True, "success", ""),
        ("run_if", False, "skipped", "Task was skipped due to condition."),
        ("run_if", (False, "not today"), "skipped", "not today"),
        ("run_if", (True, "not today"), "success", ""),
        ("skip_if", True, "skipped", "Task was skipped due to condition."),
        ("skip_if", 0, "success", ""),
        ("skip_if", (1, None), "skipped", "Task was skipped due to condition."),
    ],
)
def test_conditions(run: Any, decorator: str, answer: object, kind: str, message: str) -> None:
    seen = []

    def condition(context: Any) -> object:
        seen.append(context["ti"].task_id)
        return answer

    with DAG("d") as dag:

        @getattr(task, decorator)(condition)
        @task
        def work() -> int:
            return 1

        work()
    outcome = run(dag, "work")
    assert (outcome.kind, outcome.message) == (kind, message)
    assert seen == ["work"]


def test_a_message_and_several_conditions_and_an_operator(run: Any) -> None:
    with DAG("d") as dag:
        shell = BashOperator(task_id="shell", bash_command="true")
        task.skip_if(lambda context: False)(shell)
        task.run_if(lambda context: False, skip_message="closed")(shell)
    assert isinstance(shell.action(), PythonAction), "the worker needs the DAG file for it"
    assert run(dag, "shell").message == "closed"


def test_conditions_refuse_what_they_cannot_mark() -> None:
    with pytest.raises(TypeError, match=r"@task\.run_if stands above @task"):
        task.run_if(lambda context: True)(print)
    with pytest.raises(TypeError, match=r"condition of @task\.skip_if is 5"):
        task.skip_if(5)  # type: ignore[arg-type]


def test_the_order_of_hooks_and_methods(run: Any) -> None:
    calls: list[str] = []

    class Traced(BaseOperator):
        template_fields = ("text",)

        def __init__(self, *, text: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.text = text

        def pre_execute(self, context: Any) -> None:
            calls.append(f"pre {self.text}")

        def execute(self, context: Any) -> str:
            calls.append("execute")
            return self.text

        def post_execute(self, context: Any, result: Any = None) -> None:
            calls.append(f"post {result}")

    with DAG("d") as dag:
        Traced(
            task_id="t",
            text="{{ ds }}",
            pre_execute=lambda context: calls.append("pre hook"),
            post_execute=lambda context, result: calls.append(f"post hook {result}"),
        )
    outcome = run(dag, "t")
    assert outcome.kind == "success", outcome.message
    assert calls == [
        "pre hook", "pre 2024-02-29", "execute", "post hook 2024-02-29", "post 2024-02-29"
    ]  # fmt: skip
    assert run(dag, "t").xcoms["return_value"] == b'"2024-02-29"'


def test_a_hook_makes_an_empty_operator_run(run: Any) -> None:
    calls = []
    with DAG("d") as dag:
        EmptyOperator(task_id="joint", pre_execute=lambda context: calls.append(1))
    assert run(dag, "joint").kind == "success"
    assert calls == [1]


def test_a_hook_is_a_function() -> None:
    with pytest.raises(TypeError, match="pre_execute is 'f'"):
        PythonOperator(task_id="t", python_callable=print, pre_execute="f")
