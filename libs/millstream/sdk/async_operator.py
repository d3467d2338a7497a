"""Operators whose work is a coroutine: Airflow's ``BaseAsyncOperator``."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Coroutine
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from millstream.sdk.operator import BaseOperator

if TYPE_CHECKING:
    from millstream.sdk.context import Context

T = TypeVar("T")


class BaseAsyncOperator(BaseOperator):
    """Override :meth:`aexecute`. On a worker such tasks share the event loop of their bundle, some
    thousand at a time, and take no slot; elsewhere :meth:`execute` runs one to its end."""

    @property
    def is_async(self) -> bool:
        return True

    @property
    def shares_loop(self) -> bool:
        return self.is_async and awaits(type(self))

    async def aexecute(self, context: Context) -> Any:
        """The task's work; the return value is its XCom."""
        raise NotImplementedError(f"{type(self).__name__} has no aexecute method")

    def execute(self, context: Context) -> Any:
        """Runs :meth:`aexecute` in an event loop of its own."""
        return run_to_end(self.aexecute(context))


def run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Its result, in an event loop of its own; what it left running is cancelled."""
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


def is_async_callable(function: object) -> bool:
    """Whether a call gives a coroutine. Of a decorated function the outermost decides: what it
    wraps may be run in a loop of the decorator's own."""
    while isinstance(function, functools.partial):
        function = function.func
    if type(function) is FunctionType and not function.__dict__:
        return bool(function.__code__.co_flags & inspect.CO_COROUTINE)
    return inspect.iscoroutinefunction(function) or (
        type(function) is not FunctionType
        and callable(function)
        and inspect.iscoroutinefunction(type(function).__call__)
    )


def awaits(kind: type[BaseOperator]) -> bool:
    """Whether ``aexecute`` is all that the class's ``execute`` does: a subclass may have put more
    into ``execute``, which then must be what runs."""
    owners = {name: _owner(kind, name) for name in ("execute", "aexecute")}
    return owners["aexecute"] >= 0 and owners["execute"] >= owners["aexecute"]


def _owner(kind: type, name: str) -> int:
    """How far up the class is that defines it; -1: none does."""
    return next((i for i, each in enumerate(kind.__mro__) if name in each.__dict__), -1)
