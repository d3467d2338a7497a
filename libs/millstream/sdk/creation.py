"""How an operator is made: what its caller left out is taken from ``default_args``, for each
``__init__`` of the class hierarchy, as in Airflow."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.sdk import arguments
from millstream.sdk.authoring import author_place, current_dag, current_group
from millstream.sdk.errors import AirflowException

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG
    from millstream.sdk.operator import BaseOperator
    from millstream.sdk.taskgroup import TaskGroup

Init = Callable[..., None]
# The argument by which a mapped task makes the operator of one of its instances: the attributes
# that all of them share with it.
INHERITED = "__inherited"


class Creation(NamedTuple):
    """What holds for all the ``__init__`` calls that make one operator. ``inherited``: it is an
    instance of a mapped task, with these attributes of that one, which were checked when it was
    made."""

    dag: DAG | None
    group: TaskGroup | None
    defaults: Mapping[str, Any]
    line: int
    inherited: Mapping[str, Any] | None = None


def with_defaults(init: Init) -> Init:
    """``init``, with what the caller left out taken from ``default_args``."""
    parameters = [
        parameter
        for parameter in list(inspect.signature(init).parameters.values())[1:]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    names = [parameter.name for parameter in parameters]
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty]

    @functools.wraps(init)
    def initialize(self: BaseOperator, /, *args: Any, **kwargs: Any) -> None:
        callee = type(self).__name__
        if args:
            raise TypeError(f"{callee}() takes keyword arguments only, such as task_id='fetch'")
        outermost = "_creation" not in self.__dict__
        if outermost:
            self._creation = _begin(kwargs)
        defaults = self._creation.defaults
        if defaults:
            for name in names:
                if name not in kwargs and name in defaults:
                    kwargs[name] = defaults[name]
        for name in needed:
            if name not in kwargs:
                near = _misspelt(type(self), name, kwargs)
                hint = f"; you wrote {near!r}" if near else ""
                raise TypeError(f"{callee}() needs the argument {name!r}{hint}")
        init(self, **kwargs)
        if outermost and self._creation.inherited is None:
            self._finish()

    initialize.__dict__["knows"] = frozenset(names)
    initialize.__dict__["needs"] = frozenset(needed)
    return initialize


def _begin(kwargs: dict[str, Any]) -> Creation:
    inherited = kwargs.pop(INHERITED, None)
    if inherited is not None:
        return Creation(None, None, kwargs.pop("default_args"), 0, inherited)
    dag, group = _place(kwargs)
    defaults = {
        **(dag.default_args if dag else {}),
        **(group.default_args if group else {}),
        **(kwargs.pop("default_args", None) or {}),
    }
    return Creation(dag, group, defaults, author_place()[1])


def _place(kwargs: dict[str, Any]) -> tuple[DAG | None, TaskGroup | None]:
    """The DAG and the group that the arguments name, or that are open."""
    dag, group = kwargs.pop("dag", None), kwargs.pop("task_group", None)
    if group is None:
        dag = dag or current_dag()
        return dag, current_group(dag)
    if dag not in (None, group.dag):
        raise AirflowException(
            f"task_group {group.group_id!r} belongs to DAG {group.dag.dag_id!r}, not to "
            f"{dag.dag_id!r}"
        )
    return group.dag, group


def _misspelt(cls: type[BaseOperator], name: str, kwargs: Mapping[str, Any]) -> str | None:
    known = cls.known_arguments()
    return arguments.nearest(name, [given for given in kwargs if given not in known])
