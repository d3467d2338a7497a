"""A task that calls a Python function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.sdk.asset_events import Metadata
from millstream.sdk.async_operator import BaseAsyncOperator, is_async_callable, run_to_end

if TYPE_CHECKING:
    from millstream.sdk.context import Context


class PythonOperator(BaseAsyncOperator):
    """Calls ``python_callable(*op_args, **op_kwargs)``; its return value is the XCom.

    Arguments of the function that are named like a context key (``ti``, ``ds``, ``params``, ...)
    are filled in, and ``**kwargs`` gets the whole context. Arguments that end in one of
    ``templates_exts`` are template files. An ``async def`` runs as those of
    :class:`BaseAsyncOperator` do.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if not callable(python_callable):
            raise TypeError(f"python_callable is {python_callable!r}; pass a function, without ()")
        self.python_callable = python_callable
        self.op_args = op_args if op_args is not None else ()
        self.op_kwargs = op_kwargs if op_kwargs is not None else {}
        self.templates_dict = templates_dict
        if isinstance(templates_exts, str):
            raise TypeError(f"templates_exts is {templates_exts!r}; pass [{templates_exts!r}]")
        if templates_exts:
            self.template_ext = tuple(templates_exts)
        super().__init__(**kwargs)

    @property
    def is_async(self) -> bool:
        return is_async_callable(self.python_callable)

    def execute(self, context: Context) -> Any:
        """Calls the function."""
        if self.is_async:
            return super().execute(context)
        result = self.call_function(context)
        if inspect.isgenerator(result) and inspect.isgeneratorfunction(self.python_callable):
            result = _take_metadata(result, context)
        elif inspect.iscoroutine(result):
            result = run_to_end(result)
        return self.take_result(result, context)

    async def aexecute(self, context: Context) -> Any:
        """Calls the function, and awaits it."""
        return self.take_result(await self.call_function(context), context)

    def take_result(self, result: Any, context: Context) -> Any:
        """What follows from the function's result; returns the task's."""
        return result

    def call_function(self, context: Context) -> Any:
        """Calls the function with the arguments that it takes."""
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        args = tuple(self.op_args)
        kwargs = call_arguments(self.python_callable, args, {**context, **self.op_kwargs})
        return self.python_callable(*args, **kwargs)


def _take_metadata(yields: Generator[Any, Any, Any], context: Context) -> Any:
    """Runs a function that yields :class:`Metadata` of its outlets; what it returns is the
    result."""
    while True:
        try:
            said = next(yields)
        except StopIteration as end:
            return end.value
        if not isinstance(said, Metadata):
            raise TypeError(
                f"the function of a task yielded {said!r}; it may yield Metadata of its outlets, "
                f"and return its result"
            )
        context["outlet_events"].take(said)


def call_arguments(
    function: Callable[..., Any], args: Sequence[Any], offered: Mapping[str, Any]
) -> dict[str, Any]:
    """What of ``offered`` the function takes by name: all with ``**kwargs``, else what it names.

    Raises ``TypeError`` where a positional argument takes the place of a context key, as in
    Airflow.
    """
    signature = _signature(function)
    clash = sorted(set(signature.positional[: len(args)]) & set(offered)) if args else ()
    if clash:
        raise TypeError(
            f"op_args would set {clash[0]!r}, which is also filled in from the context or "
            f"op_kwargs; "
            f"rename the argument"
        )
    if signature.takes_all:
        taken = dict(offered)
        for name in signature.positional_only:
            taken.pop(name, None)
        return taken
    return {name: value for name, value in offered.items() if name in signature.named}


class _Signature(NamedTuple):
    """What a call of a function needs to know of it. ``positional``: its parameters that take
    positional arguments, in order; ``named``: those that are given by name."""

    positional: tuple[str, ...]
    positional_only: frozenset[str]
    named: frozenset[str]
    takes_all: bool


def _signature(function: Callable[..., Any]) -> _Signature:
    # Only plain functions: what other callables compare equal to is up to them.
    return _remembered(function) if type(function) is FunctionType else _read(function)


def _read(function: Callable[..., Any]) -> _Signature:
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return _Signature(
        positional=tuple(p.name for p in positional),
        positional_only=frozenset(p.name for p in positional if p.kind is p.POSITIONAL_ONLY),
        named=frozenset(
            p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ),
        takes_all=any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


# A process runs the same functions again and again.
_remembered = lru_cache(maxsize=4096)(_read)
