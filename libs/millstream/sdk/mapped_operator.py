"""``Operator.partial(...).expand(...)``: a task that becomes one instance for each element."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from millstream.core.spec import Action, EmptyAction, TaskSpec
from millstream.core.xcoms import XComQuery
from millstream.sdk import arguments
from millstream.sdk.async_operator import BaseAsyncOperator, awaits, is_async_callable
from millstream.sdk.authoring import current_dag
from millstream.sdk.creation import INHERITED
from millstream.sdk.mapping import (
    Dicts,
    Element,
    Expansion,
    MappedArgument,
    Product,
)
from millstream.sdk.operator import BaseOperator
from millstream.sdk.operators.empty import EmptyOperator
from millstream.sdk.operators.python import PythonOperator
from millstream.sdk.xcom import XComArg, references

if TYPE_CHECKING:
    from millstream.sdk.context import Context
    from millstream.sdk.dag import DAG
    from millstream.sdk.taskgroup import TaskGroup


class MappedOperator(BaseOperator):
    """A mapped task in its DAG. What its operator is made of is known only for an instance:
    :meth:`instance` makes that operator, with the element's arguments among the others'.

    ``into``: the argument of the operator that is a dict and takes the element's arguments in.
    """

    is_mapped = True

    def __init__(
        self,
        *,
        operator_class: type[BaseOperator],
        partial_arguments: Mapping[str, Any],
        expansion: Expansion,
        into: str = "",
        is_strict: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operator_class = operator_class
        self.partial_arguments = dict(partial_arguments)
        self.expansion = expansion
        self.into = into
        self.is_strict = is_strict
        self.multiple_outputs = bool(partial_arguments.get("multiple_outputs"))
        for source in expansion.sources:
            for operator in source.operators():
                self.add_upstream(operator)
        for reference in references(self.partial_arguments):
            for operator in reference.operators():
                self.add_upstream(operator)

    @property
    def is_async(self) -> bool:
        """As far as that is the same for all instances."""
        kind, given = self.operator_class, self.partial_arguments
        if kind.is_async is BaseAsyncOperator.is_async:
            return True
        function = given.get("python_callable")
        return issubclass(kind, PythonOperator) and is_async_callable(function)

    @property
    def shares_loop(self) -> bool:
        return self.is_async and awaits(self.operator_class)

    def action(self) -> Action:
        """The operator itself is made where the DAG file is loaded."""
        if self.operator_class is EmptyOperator and not self.has_hooks:
            return EmptyAction()
        return super().action()

    def to_spec(self) -> TaskSpec:
        spec = super().to_spec()
        return msgspec.structs.replace(
            spec,
            operator=self.operator_class.operator_name or self.operator_class.__name__,
            mapped_over=tuple(source.map_source() for source in self.expansion.sources),
        )

    def queries(self, context: Context) -> Iterator[XComQuery]:
        """The XComs that an instance needs for its arguments."""
        for source in self.expansion.sources:
            yield from source.queries(context)
        for reference in references(self.partial_arguments):
            yield from reference.queries(context)

    def element(self, context: Context) -> Element:
        """What the running instance is made for."""
        return self.expansion.element(context, context["ti"].path[-1])

    def instance(self, element: Element) -> BaseOperator:
        """The operator of an instance."""
        given = dict(self.partial_arguments)
        fixed = given.get(self.into, {}) if self.into else given
        if self.is_strict:
            check_given_once(f"task {self.task_id!r}", fixed, element.arguments)
        if self.into:
            given[self.into] = {**fixed, **element.arguments}
        else:
            given |= element.arguments
        inherited = vars(self).copy()
        for name in _OWN:
            inherited.pop(name, None)
        operator_class: Any = self.operator_class
        operator: BaseOperator = operator_class(
            **given,
            task_id=self.task_id,
            default_args=self._creation.defaults,
            **{INHERITED: inherited},
        )
        # Once more: what its own class says of these holds for no instance.
        vars(operator).update(inherited)
        return operator


_OWN = frozenset(
    {
        "operator_class",
        "partial_arguments",
        "expansion",
        "into",
        "is_strict",
        "multiple_outputs",
        "params",
        "_creation",
    }
)


class OperatorPartial:
    """What ``Operator.partial(...)`` returns: the arguments that all instances share."""

    def __init__(self, operator_class: type[BaseOperator], given: Mapping[str, Any]) -> None:
        self.operator_class = operator_class
        self.given = dict(given)
        _check_known(f"{operator_class.__name__}.partial()", operator_class, self.given)

    def expand(self, **mapped: Any) -> MappedOperator:
        """One instance for each combination of the elements of these arguments, the last argument
        varying fastest."""
        callee = f"{self.operator_class.__name__}.expand()"
        check_mapped(callee, mapped, self.given)
        _check_known(callee, self.operator_class, mapped)
        _check_not_shared(callee, mapped)
        needed: frozenset[str] = getattr(self.operator_class.__init__, "needs", frozenset())
        defaults = _defaults(self.given)
        for name in sorted(needed - {*self.given, *mapped, *defaults}):
            raise TypeError(f"{self.operator_class.__name__}() needs the argument {name!r}")
        mapped = with_elements(self.given["task_id"], mapped, self.given)
        return make_mapped(self.operator_class, self.given, Product(callee, mapped))

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> MappedOperator:
        """One instance for each dict of the list, which has the arguments. ``strict``, as in
        Airflow: an argument must not be in ``partial`` as well."""
        callee = f"{self.operator_class.__name__}.expand_kwargs()"
        if isinstance(kwargs, list | tuple):
            for item in kwargs:
                if isinstance(item, Mapping):
                    _check_known(callee, self.operator_class, item)
                    _check_not_shared(callee, item)
                    if strict:
                        check_given_once(callee, self.given, item)
        named = with_elements(self.given["task_id"], {"kwargs": kwargs}, self.given)
        expansion = Dicts(callee, named["kwargs"])
        return make_mapped(self.operator_class, self.given, expansion, is_strict=strict)


def make_mapped(
    operator_class: type[BaseOperator],
    given: Mapping[str, Any],
    expansion: Expansion,
    into: str = "",
    is_strict: bool = True,
) -> MappedOperator:
    """The task; of ``given`` it takes what every task has, and keeps the rest for its
    instances."""
    shared = _shared_names()
    return MappedOperator(
        operator_class=operator_class,
        partial_arguments={name: each for name, each in given.items() if name not in _PLACE},
        expansion=expansion,
        into=into,
        is_strict=is_strict,
        **{name: each for name, each in given.items() if name in shared or name in _PLACE},
    )


_PLACE = frozenset({"dag", "task_group", "default_args", "task_id"})


def _shared_names() -> frozenset[str]:
    names: frozenset[str] = BaseOperator.__init__.__dict__["knows"]
    return names | arguments.IGNORED_TASK_ARGUMENTS | frozenset(arguments.PLANNED_TASK_ARGUMENTS)


def _defaults(given: Mapping[str, Any]) -> set[str]:
    group: TaskGroup | None = given.get("task_group")
    dag: DAG | None = given.get("dag") or (group.dag if group else current_dag())
    own = given.get("default_args") or {}
    return {*own, *(dag.default_args if dag else ()), *(group.default_args if group else ())}


def check_mapped(callee: str, mapped: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises ``TypeError`` for nothing to map over, and for what is given twice."""
    if not mapped:
        raise TypeError(f"{callee} got no arguments; name what to map over")
    check_given_once(callee, given, mapped)


def check_names(callee: str, signature: inspect.Signature, given: Mapping[str, Any]) -> None:
    """Raises ``TypeError`` for an argument that the function does not have."""
    parameters = signature.parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    for name in given:
        if name not in parameters:
            near = arguments.nearest(name, list(parameters))
            known = ", ".join(parameters) or "none"
            hint = f"did you mean {near!r}?" if near else f"the function has {known}"
            raise TypeError(f"{callee} got an unknown argument {name!r}; {hint}")


def check_complete(callee: str, signature: inspect.Signature, given: Mapping[str, Any]) -> None:
    """Raises ``TypeError`` for an argument that the function needs and does not get."""
    for each in signature.parameters.values():
        is_needed = each.default is each.empty and each.kind not in (
            each.VAR_POSITIONAL,
            each.VAR_KEYWORD,
        )
        if is_needed and each.name not in given:
            raise TypeError(f"{callee} leaves out the argument {each.name!r}, which is needed")


def check_given_once(callee: str, given: Mapping[str, Any], mapped: Mapping[str, Any]) -> None:
    """Raises ``TypeError`` for an argument that ``partial`` has."""
    for name in mapped:
        if name in given:
            raise TypeError(
                f"{callee} got the argument {name!r}, which partial() has as well; give it once"
            )


def _check_known(callee: str, operator_class: type[BaseOperator], given: Mapping[str, Any]) -> None:
    arguments.check_arguments(
        callee,
        {name: value for name, value in given.items() if name not in _PLACE},
        operator_class.known_arguments(),
        arguments.IGNORED_TASK_ARGUMENTS | frozenset(operator_class.known_arguments()),
        arguments.PLANNED_TASK_ARGUMENTS,
    )


def _check_not_shared(callee: str, mapped: Mapping[str, Any]) -> None:
    for name in mapped:
        if name in _shared_names() or name in _PLACE:
            raise TypeError(
                f"{callee} got the argument {name!r}, which is the same for all instances; give it "
                f"to partial()"
            )


def with_elements(
    task_id: str, mapped: Mapping[str, Any], place: Mapping[str, Any]
) -> dict[str, Any]:
    """``mapped``, with a task of its own in place of each argument of a mapped group: how many
    elements that has is known when a task has returned it."""
    return {
        name: _read_element(f"{task_id}__{name}", value, place)
        if isinstance(value, MappedArgument)
        else value
        for name, value in mapped.items()
    }


def _read_element(task_id: str, value: MappedArgument, place: Mapping[str, Any]) -> XComArg:
    return PythonOperator(
        task_id=task_id,
        python_callable=_element,
        op_kwargs={"element": value},
        **{name: each for name, each in place.items() if name in ("dag", "task_group")},
    ).output


def _element(element: Any) -> Any:
    return element
