"""``@task.run_if`` and ``@task.skip_if``: a condition that is asked right before the task runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from millstream.sdk.errors import AirflowSkipException
from millstream.sdk.operator import BaseOperator, PreExecute

Condition = Callable[[dict[str, Any]], Any]
DEFAULT_MESSAGE = "Task was skipped due to condition."


def conditional(
    name: str, condition: Condition, skip_message: str | None, *, runs_if: bool
) -> Callable[[Any], Any]:
    """A decorator for a ``@task`` function or an operator. ``condition(context)`` returns a bool,
    or a bool and a message; the task is skipped unless that is ``runs_if``."""
    if not callable(condition):
        raise TypeError(f"condition of @task.{name} is {condition!r}; pass a function, without ()")

    @functools.wraps(condition)
    def ask(context: dict[str, Any]) -> None:
        answer = condition(context)
        message = skip_message or DEFAULT_MESSAGE
        if isinstance(answer, tuple):
            answer, own_message = answer
            message = own_message or message
        if bool(answer) is not runs_if:
            raise AirflowSkipException(message)

    def decorate(task: Any) -> Any:
        from millstream.sdk.taskflow import TaskFunction

        if isinstance(task, TaskFunction):
            task.options["pre_execute"] = _both(task.options.get("pre_execute"), ask)
        elif isinstance(task, BaseOperator):
            task.pre_execute_hook = _both(task.pre_execute_hook, ask)
        else:
            raise TypeError(
                f"@task.{name} stands above @task, or takes an operator; it got {task!r}"
            )
        return task

    return decorate


def _both(first: PreExecute | None, second: PreExecute) -> PreExecute:
    if first is None:
        return second

    def call(context: dict[str, Any]) -> None:
        first(context)
        second(context)

    return call
