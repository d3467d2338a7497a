"""``@setup``, ``@teardown`` and ``with``: what is made before the work, and cleared away after it.

What the marks mean while a DAG runs is said in :mod:`millstream.core.graph`: a teardown waits for
all between its setups and itself, and runs however that ended if one of its setups succeeded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from millstream.sdk.errors import AirflowException

if TYPE_CHECKING:
    from millstream.sdk.operator import BaseOperator


class SetupTeardownScope:
    """An open ``with`` block of a setup or a teardown, as in Airflow: of the tasks that are made in
    it, those that wait for nothing run after the setups, and the teardowns after those that nothing
    waits for. A block inside of it is torn down before it."""

    def __init__(self, entered: BaseOperator) -> None:
        if entered.is_teardown:
            self.setups = _nearest(entered, lambda task: task.upstream_list, "is_setup")
            self.teardowns = [entered]
        else:
            self.setups = [entered]
            self.teardowns = _nearest(entered, lambda task: task.downstream_list, "is_teardown")
        self.tasks: list[BaseOperator] = []

    def add_task(self, task: Any) -> None:
        """Takes a task into the block that was made outside of it."""
        operator = getattr(task, "operator", task)
        if self not in _open.get():
            raise AirflowException(
                f"task {operator.task_id!r} cannot be added to a 'with' block that is closed"
            )
        self.tasks.append(operator)

    def join(self, outer: SetupTeardownScope | None) -> None:
        """Sets the edges, at the end of the block."""
        work = [task for task in self.tasks if not (task.is_setup or task.is_teardown)]
        roots = [task for task in work if not task.upstream_list] or work[:1]
        leaves = [task for task in work if not task.downstream_list] or work[-1:]
        _edges(self.setups, roots)
        _edges(leaves, self.teardowns)
        if outer is not None:
            _edges(outer.setups, self.setups)
            _edges(self.teardowns, outer.teardowns)


_open: ContextVar[tuple[SetupTeardownScope, ...]] = ContextVar("scopes", default=())


def enter_scope(task: BaseOperator) -> SetupTeardownScope:
    """Entering ``with task``."""
    if not (task.is_setup or task.is_teardown):
        raise AirflowException(
            f"'with' needs a setup or a teardown, and task {task.task_id!r} is neither; mark it "
            f"with as_setup(), as_teardown(), @setup or @teardown"
        )
    scope = SetupTeardownScope(task)
    _open.set((*_open.get(), scope))
    return scope


def leave_scope(is_whole: bool) -> None:
    """Leaving the innermost block; one that raised sets no edges."""
    *outer, scope = _open.get()
    _open.set(tuple(outer))
    if is_whole:
        scope.join(outer[-1] if outer else None)


def note_task(task: BaseOperator) -> None:
    """A task was made: it belongs to the innermost open block."""
    scopes = _open.get()
    if scopes:
        scopes[-1].tasks.append(task)


def _nearest(
    task: BaseOperator, neighbours: Callable[[BaseOperator], list[BaseOperator]], mark: str
) -> list[BaseOperator]:
    """The marked tasks that lie nearest on that side."""
    seen = {task.task_id: task}
    level = neighbours(task)
    while level:
        found = [other for other in level if getattr(other, mark)]
        if found:
            return found
        seen.update((other.task_id, other) for other in level)
        further = [next_ for other in level for next_ in neighbours(other)]
        level = [other for other in further if other.task_id not in seen]
    return []


def _edges(parents: Iterable[BaseOperator], children: Iterable[BaseOperator]) -> None:
    for child in children:
        for parent in parents:
            if child is not parent:
                child.add_upstream(parent)


def setup(function: Callable[..., Any]) -> Any:
    """Marks what a ``@task`` function makes as setups; a plain function becomes a ``@task``."""
    return _task_function(function, "setup").marked(is_setup=True)


def teardown(
    function: Callable[..., Any] | None = None, /, *, on_failure_fail_dagrun: bool = False
) -> Any:
    """Marks what a ``@task`` function makes as teardowns; a plain function becomes a ``@task``.
    How they end does not count for the run, unless ``on_failure_fail_dagrun``."""

    def mark(function: Callable[..., Any]) -> Any:
        return _task_function(function, "teardown").marked(
            is_teardown=True, on_failure_fail_dagrun=on_failure_fail_dagrun
        )

    return mark if function is None else mark(function)


def _task_function(function: Any, mark: str) -> Any:
    from millstream.sdk.taskflow import TaskFunction
    from millstream.sdk.taskgroup import TaskGroupFunction

    if isinstance(function, TaskGroupFunction):
        raise AirflowException(
            f"@{mark} cannot mark the task group {function.function.__name__!r}; mark its tasks"
        )
    return function if isinstance(function, TaskFunction) else TaskFunction(function, {})
