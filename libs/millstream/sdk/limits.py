"""The arguments of a task that say when it gets its place: pools, priorities, limits, the past."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.core.pools import DEFAULT_POOL
from millstream.core.priorities import LEAST, MOST
from millstream.core.spec import WeightRule
from millstream.sdk import arguments

if TYPE_CHECKING:
    from millstream.sdk.operator import BaseOperator


class FirstTry(NamedTuple):
    """What a priority strategy may look at: the first try of a task, before any run."""

    task: BaseOperator
    task_id: str
    dag_id: str
    priority_weight: int
    try_number: int = 1
    map_index: int = -1


class PriorityWeightStrategy(ABC):
    """A weight rule of one's own: pass an instance as ``weight_rule``, or the import path of the
    class. The weight is reckoned when the DAG is submitted; source: Airflow 3.3,
    ``task/priority_strategy.py``."""

    @abstractmethod
    def get_weight(self, ti: FirstTry) -> int:
        """The effective weight of the task."""


def check_pool(value: Any) -> str:
    if value is None:
        return DEFAULT_POOL
    if not isinstance(value, str):
        raise TypeError(f"pool is {value!r}; it must be the name of a pool")
    return value


def optional_limit(name: str, value: Any) -> int | None:
    """A limit, or None for none."""
    return None if value is None else arguments.whole(name, value, 1)


def renamed(new: str, value: Any, old: str, old_value: Any) -> Any:
    """The value of an argument that had another name in Airflow 2."""
    if value is not None and old_value is not None:
        raise TypeError(f"got both {new} and {old}, its old name; pass {new} alone")
    return old_value if value is None else value


def optional_flag(name: str, value: Any) -> bool:
    """True or False; None is False."""
    return value is not None and arguments.flag(name, value)


def weight(value: Any) -> int:
    if value is None:
        return 1
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"priority_weight is {value!r}; it must be a whole number")
    if not LEAST <= value <= MOST:
        raise ValueError(f"priority_weight is {value!r}; {LEAST} to {MOST} is allowed")
    return value


def weight_rule(value: Any) -> WeightRule | PriorityWeightStrategy:
    """The rule, or a strategy of the author's own."""
    if value is None:
        return WeightRule.DOWNSTREAM
    if isinstance(value, PriorityWeightStrategy):
        return value
    if isinstance(value, type) and issubclass(value, PriorityWeightStrategy):
        return value()
    if not isinstance(value, str):
        # Airflow's own strategies, or anything else that can weigh a task.
        if callable(getattr(value, "get_weight", None)):
            return _Foreign(value)
        raise TypeError(f"weight_rule is {value!r}; {_ALLOWED}")
    try:
        return WeightRule(value)
    except ValueError:
        pass
    module, _, name = value.rpartition(".")
    if not module:
        near = arguments.nearest(value, [rule.value for rule in WeightRule])
        hint = f"did you mean {near!r}?" if near else _ALLOWED
        raise ValueError(f"weight_rule {value!r} is unknown; {hint}")
    try:
        return weight_rule(getattr(import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise ValueError(f"weight_rule {value!r} cannot be imported: {error}") from error


_ALLOWED = "use 'downstream', 'upstream', 'absolute', a PriorityWeightStrategy or its import path"


class _Foreign(PriorityWeightStrategy):
    """A strategy that inherits from nothing of ours."""

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy

    def get_weight(self, ti: FirstTry) -> int:
        weight: int = self._strategy.get_weight(ti)
        return weight


def effective_weight(task: BaseOperator) -> tuple[int, WeightRule]:
    """What a spec says of a task's priority. Raises ``ValueError`` for a strategy that fails."""
    rule = task.weight_rule
    if isinstance(rule, WeightRule):
        return task.priority_weight, rule
    dag_id = task.dag.dag_id if task.dag else ""
    try:
        found = rule.get_weight(FirstTry(task, task.task_id, dag_id, task.priority_weight))
    except Exception as error:
        raise ValueError(
            f"the weight_rule of task {task.task_id!r} failed: {type(error).__name__}: {error}"
        ) from error
    if type(found) is not int:
        raise ValueError(
            f"the weight_rule of task {task.task_id!r} says {found!r}; it must say a whole number"
        )
    return min(max(found, LEAST), MOST), WeightRule.ABSOLUTE
