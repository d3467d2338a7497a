"""Tasks that decide which of the tasks after them go on: branches and short circuits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from millstream.core.event_parts import Choice
from millstream.sdk.errors import AirflowException
from millstream.sdk.operator import BaseOperator
from millstream.sdk.operators.python import PythonOperator

if TYPE_CHECKING:
    from millstream.sdk.context import Context

FOLLOWED_KEY = "skipmixin_key"


class BaseBranchOperator(BaseOperator):
    """Override :meth:`choose_branch`. Of the tasks directly downstream only the chosen ones go on;
    a task that can also be reached from a chosen one is not skipped."""

    def choose_branch(self, context: Context) -> str | Iterable[str] | None:
        """The id of a task or of a task group, several of them, or None to skip all."""
        raise NotImplementedError(f"{type(self).__name__} does not say which branch it chooses")

    def execute(self, context: Context) -> Any:
        """Chooses; the choice is the XCom too."""
        chosen = self.choose_branch(context)
        follow(self, chosen, context)
        return chosen if chosen is None or isinstance(chosen, str) else list(chosen)


class BranchPythonOperator(PythonOperator):
    """A branch whose choice a function returns."""

    def take_result(self, result: Any, context: Context) -> Any:
        """Follows what the function returned."""
        chosen = super().take_result(result, context)
        follow(self, chosen, context)
        return chosen if chosen is None or isinstance(chosen, str) else list(chosen)


class ShortCircuitOperator(PythonOperator):
    """Goes on only if the function returns something true.

    Otherwise all tasks downstream are skipped, or, with ``ignore_downstream_trigger_rules=False``,
    those directly downstream, and the trigger rules decide about the rest. Teardowns are never
    skipped by it.
    """

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        super().__init__(**kwargs)

    def take_result(self, result: Any, context: Context) -> Any:
        """Stops what comes after, or not; the function's result is the XCom."""
        condition = super().take_result(result, context)
        if not condition:
            cut_off(self.ignore_downstream_trigger_rules, context)
        return condition


def cut_off(everything: bool, context: Context) -> None:
    """Nothing downstream goes on: all of it, or what is directly downstream."""
    context["ti"].choice = Choice(skip="all" if everything else "direct")


def follow(task: BaseOperator, chosen: object, context: Context) -> None:
    """Only ``chosen`` goes on. Raises AirflowException for what is no task of the DAG."""
    names = _names(task, chosen)
    followed = tuple(dict.fromkeys(id_ for name in names for id_ in _expand(task, name)))
    context["ti"].choice = Choice(follow=followed)
    context["ti"].xcom_push(FOLLOWED_KEY, {"followed": list(followed)})


def _names(task: BaseOperator, chosen: object) -> list[str]:
    if chosen is None:
        return []
    if isinstance(chosen, str):
        return [chosen]
    names: list[str] = []
    for name in list(chosen) if isinstance(chosen, Iterable) else [chosen]:
        if not isinstance(name, str):
            raise AirflowException(
                f"the branch {task.task_id!r} must return a task id, a list of task ids or None, "
                f"not {name!r} of type {type(name).__name__}"
            )
        names.append(name)
    return names


def _expand(task: BaseOperator, name: str) -> list[str]:
    """A task group stands for the tasks it begins with."""
    dag = task.dag
    assert dag is not None, "a task that runs belongs to a DAG"
    if name in dag.task_dict:
        return [name]
    group = dag.task_groups.get(name)
    if group is None:
        raise AirflowException(
            f"the branch {task.task_id!r} chose {name!r}, which is no task and no task group of "
            f"DAG {dag.dag_id!r}"
        )
    return [root.task_id for root in group.get_roots()]
