"""``@task``: a function whose calls in a DAG file make tasks, and whose results make edges."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from millstream.sdk.authoring import current_dag
from millstream.sdk.conditions import Condition, conditional
from millstream.sdk.context import CONTEXT_KEYS, Context, current_task_instance
from millstream.sdk.errors import AirflowException, NotSupportedYet
from millstream.sdk.mapped_operator import (
    check_complete,
    check_given_once,
    check_mapped,
    check_names,
    make_mapped,
    with_elements,
)
from millstream.sdk.mapping import Dicts, Expansion, Product
from millstream.sdk.operator import BaseOperator
from millstream.sdk.operators.branch import cut_off, follow
from millstream.sdk.operators.python import PythonOperator
from millstream.sdk.xcom import XComArg


class DecoratedOperator(PythonOperator):
    """The task that a call of a ``@task`` function makes.

    With ``multiple_outputs`` the returned dict is pushed key by key, besides being the return
    value.
    """

    operator_name: ClassVar[str] = "@task"

    def __init__(self, *, multiple_outputs: bool = False, **kwargs: Any) -> None:
        self.multiple_outputs = multiple_outputs
        super().__init__(**kwargs)

    def take_result(self, result: Any, context: Context) -> Any:
        """Pushes the outputs."""
        result = super().take_result(result, context)
        if self.multiple_outputs and self.do_xcom_push and result is not None:
            if not isinstance(result, dict):
                raise AirflowException(
                    f"task {self.task_id} has multiple outputs, so it must return a dict, "
                    f"not a {type(result).__name__}"
                )
            for key, value in result.items():
                if not isinstance(key, str):
                    raise AirflowException(
                        f"task {self.task_id} has multiple outputs, so its keys must be str, not "
                        f"{key!r}"
                    )
                context["ti"].xcom_push(key, value)
        return result


class DecoratedBranch(DecoratedOperator):
    """The task of a ``@task.branch`` function: what it returns is followed."""

    operator_name: ClassVar[str] = "@task.branch"

    def take_result(self, result: Any, context: Context) -> Any:
        """Follows what the function returned."""
        chosen = super().take_result(result, context)
        follow(self, chosen, context)
        return chosen


class DecoratedShortCircuit(DecoratedOperator):
    """The task of a ``@task.short_circuit`` function: something false stops what comes after."""

    operator_name: ClassVar[str] = "@task.short_circuit"

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        super().__init__(**kwargs)

    def take_result(self, result: Any, context: Context) -> Any:
        """Stops what comes after, or not; the function's result is the XCom."""
        condition = super().take_result(result, context)
        if not condition:
            cut_off(self.ignore_downstream_trigger_rules, context)
        return condition


class TaskFunction:
    """A ``@task`` function. A call makes a task and returns its :class:`XComArg`."""

    def __init__(
        self,
        function: Callable[..., Any],
        options: Mapping[str, Any],
        operator_class: type[DecoratedOperator] = DecoratedOperator,
    ) -> None:
        if not callable(function):
            raise TypeError(f"@task needs a function, not {function!r}")
        self.operator_class = operator_class
        self.function = function
        self.options = dict(options)
        self.is_setup = self.is_teardown = self.on_failure_fail_dagrun = False
        self._signature = _signature(function)
        self._fills_context = self._signature != inspect.signature(function)
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current_task_instance() is not None:
            return self.function(*args, **kwargs)
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.function.__name__}(): {error}") from None
        if self._fills_context:
            args, kwargs = (), _by_name(bound)
        operator = self.operator_class(
            python_callable=self.function, op_args=args, op_kwargs=kwargs, **self._options()
        )
        self.mark(operator)
        return XComArg(operator)

    def _options(self) -> dict[str, Any]:
        """The arguments of the operator, with the task id that is free now."""
        options = dict(self.options)
        group = options.get("task_group")
        dag = options.get("dag") or (group.dag if group else current_dag())
        wanted = options.pop("task_id", self.function.__name__)
        options["task_id"] = dag.free_task_id(wanted, group) if dag else wanted
        options.setdefault("multiple_outputs", _returns_dict(self.function))
        options.setdefault("doc_md", inspect.cleandoc(self.function.__doc__ or ""))
        return options

    def override(self, **options: Any) -> TaskFunction:
        """The same function with other operator arguments, such as ``task_id``."""
        return TaskFunction(self.function, {**self.options, **options}, self.operator_class).marked(
            self.is_setup, self.is_teardown, self.on_failure_fail_dagrun
        )

    def marked(
        self,
        is_setup: bool = False,
        is_teardown: bool = False,
        on_failure_fail_dagrun: bool = False,
    ) -> TaskFunction:
        """This, with what it makes marked as setups or teardowns."""
        self.is_setup = is_setup or self.is_setup
        self.is_teardown = is_teardown or self.is_teardown
        self.on_failure_fail_dagrun = on_failure_fail_dagrun or self.on_failure_fail_dagrun
        return self

    def mark(self, operator: BaseOperator) -> None:
        """Marks what it made."""
        if self.is_setup:
            operator.as_setup()
        if self.is_teardown:
            operator.as_teardown(on_failure_fail_dagrun=self.on_failure_fail_dagrun)

    def partial(self, **kwargs: Any) -> TaskFunctionPartial:
        """The arguments of the function that all instances of a mapped task share."""
        return TaskFunctionPartial(self, {}).partial(**kwargs)

    def expand(self, **kwargs: Any) -> XComArg:
        """One instance for each combination of the elements of these arguments, the last argument
        varying fastest. The result is the list of what the instances return."""
        return TaskFunctionPartial(self, {}).expand(**kwargs)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """One instance for each dict of the list, which has the function's arguments."""
        return TaskFunctionPartial(self, {}).expand_kwargs(kwargs, strict=strict)

    def mapped(
        self, given: Mapping[str, Any], make: Callable[[str], Expansion], is_strict: bool
    ) -> XComArg:
        """A mapped task; ``make`` gets its id and makes what it is mapped over."""
        options = self._options()
        operator = make_mapped(
            self.operator_class,
            {"python_callable": self.function, "op_args": (), "op_kwargs": dict(given), **options},
            make(options["task_id"]),
            into="op_kwargs",
            is_strict=is_strict,
        )
        self.mark(operator)
        return XComArg(operator)

    @property
    def signature(self) -> inspect.Signature:
        """What a call has to give: the function's own, with context keys optional."""
        return self._signature


class TaskFunctionPartial:
    """What ``function.partial(...)`` returns: arguments that all instances share."""

    def __init__(self, function: TaskFunction, given: Mapping[str, Any]) -> None:
        self._function = function
        self._name = function.function.__name__
        self._given = dict(given)

    def override(self, **options: Any) -> TaskFunctionPartial:
        """The same with other operator arguments, such as ``task_id``."""
        return TaskFunctionPartial(self._function.override(**options), self._given)

    def partial(self, **kwargs: Any) -> TaskFunctionPartial:
        """More arguments that all instances share."""
        callee = f"{self._name}.partial()"
        check_names(callee, self._function.signature, kwargs)
        check_given_once(callee, self._given, kwargs)
        return TaskFunctionPartial(self._function, {**self._given, **kwargs})

    def expand(self, **kwargs: Any) -> XComArg:
        """One instance for each combination of the elements of these arguments, the last argument
        varying fastest."""
        callee = f"{self._name}.expand()"
        check_names(callee, self._function.signature, kwargs)
        check_mapped(callee, kwargs, self._given)
        check_complete(callee, self._function.signature, {**self._given, **kwargs})
        place = self._function.options

        def make(task_id: str) -> Expansion:
            return Product(callee, with_elements(task_id, kwargs, place))

        return self._function.mapped(self._given, make, True)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """One instance for each dict of the list, which has the function's arguments. ``strict``,
        as in Airflow: an argument must not be in ``partial`` as well."""
        callee = f"{self._name}.expand_kwargs()"
        for item in kwargs if isinstance(kwargs, list | tuple) else ():
            if isinstance(item, Mapping):
                check_names(callee, self._function.signature, item)
                check_complete(callee, self._function.signature, {**self._given, **item})
                if strict:
                    check_given_once(callee, self._given, item)
        place = self._function.options

        def make(task_id: str) -> Expansion:
            return Dicts(callee, with_elements(task_id, {"kwargs": kwargs}, place)["kwargs"])

        return self._function.mapped(self._given, make, strict)


class TaskDecorator:
    """``task`` itself: ``@task``, ``@task()`` and ``@task(retries=3)``."""

    def __call__(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        if function is not None:
            return TaskFunction(function, options)
        return functools.partial(TaskFunction, options=options)

    def python(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        """``@task.python`` is ``@task``."""
        return self(function, **options)

    def branch(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        """The function returns the ids of the tasks that go on."""
        return _decorate(function, options, DecoratedBranch)

    def short_circuit(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        """The function says whether the tasks after it go on."""
        return _decorate(function, options, DecoratedShortCircuit)

    def run_if(self, condition: Condition, skip_message: str | None = None) -> Any:
        """Above ``@task``: the task is skipped unless ``condition(context)`` is true."""
        return conditional("run_if", condition, skip_message, runs_if=True)

    def skip_if(self, condition: Condition, skip_message: str | None = None) -> Any:
        """Above ``@task``: the task is skipped if ``condition(context)`` is true."""
        return conditional("skip_if", condition, skip_message, runs_if=False)

    def __getattr__(self, name: str) -> Any:
        class_name = _ELSEWHERE.get(name)
        if class_name is not None:
            from millstream.sdk import decorated

            return functools.partial(_decorator, operator_class=getattr(decorated, class_name))
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotSupportedYet(f"@task.{name} is not supported yet; use @task or an operator")


# Loaded when they are first used: most DAG files use none of them.
_ELSEWHERE = {
    "bash": "DecoratedBash",
    "sensor": "DecoratedSensor",
    "virtualenv": "DecoratedVirtualenv",
    "external_python": "DecoratedExternalPython",
    "branch_virtualenv": "DecoratedBranchVirtualenv",
    "branch_external_python": "DecoratedBranchExternalPython",
}

task = TaskDecorator()


def _decorator(
    function: Callable[..., Any] | None = None,
    /,
    *,
    operator_class: type[DecoratedOperator],
    **options: Any,
) -> Any:
    return _decorate(function, options, operator_class)


def _decorate(
    function: Callable[..., Any] | None,
    options: Mapping[str, Any],
    operator_class: type[DecoratedOperator],
) -> Any:
    if function is not None:
        return TaskFunction(function, options, operator_class)
    return functools.partial(TaskFunction, options=options, operator_class=operator_class)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature with context keys optional: the worker fills them in."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    filled = False
    changed = []
    for parameter in parameters:
        named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if named and parameter.default is parameter.empty and parameter.name in CONTEXT_KEYS:
            parameter = parameter.replace(kind=parameter.KEYWORD_ONLY, default=None)
            filled = True
        changed.append(parameter)
    if not filled:
        return signature
    return signature.replace(parameters=sorted(changed, key=lambda parameter: parameter.kind))


def _by_name(bound: inspect.BoundArguments) -> dict[str, Any]:
    """All arguments as keywords: the context keys between them have no position."""
    named = dict(bound.arguments)
    for parameter in bound.signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            named.update(named.pop(parameter.name, {}))
        elif parameter.kind is parameter.VAR_POSITIONAL and parameter.name in named:
            raise TypeError(
                f"a @task function with context keys among its arguments cannot take "
                f"*{parameter.name}; give the context keys the default None"
            )
    return named


def _returns_dict(function: Callable[..., Any]) -> bool:
    try:
        returned = typing.get_type_hints(function).get("return")
    except Exception:  # annotations may name what exists only for type checkers
        annotation = getattr(function, "__annotations__", {}).get("return")
        return isinstance(annotation, str) and annotation.lower().startswith(("dict", "mapping"))
    origin = typing.get_origin(returned) or returned
    return isinstance(origin, type) and (typing.is_typeddict(origin) or issubclass(origin, Mapping))


def result(function: TaskFunction) -> TaskFunction:
    """``@result`` above ``@task``: what the task returns is the result of the run, which
    ``client.result(run)`` waits for."""
    if not isinstance(function, TaskFunction):
        raise TypeError(f"@result stands above @task; it got {function!r}")
    return function.override(returns_dag_result=True)
