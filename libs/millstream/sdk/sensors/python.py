"""A sensor that asks a function, and ``@task.sensor``."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from millstream.sdk.operators.python import call_arguments
from millstream.sdk.sensors.sensor import BaseSensorOperator, PokeReturnValue

if TYPE_CHECKING:
    from millstream.sdk.context import Context


class PythonSensor(BaseSensorOperator):
    """Waits until ``python_callable(*op_args, **op_kwargs)`` returns something true, or a
    :class:`PokeReturnValue` that is done. Arguments are filled in as in ``PythonOperator``."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not callable(python_callable):
            raise TypeError(f"python_callable is {python_callable!r}; pass a function, without ()")
        self.python_callable = python_callable
        self.op_args = op_args if op_args is not None else ()
        self.op_kwargs = op_kwargs if op_kwargs is not None else {}
        self.templates_dict = templates_dict
        super().__init__(**kwargs)

    def poke(self, context: Context) -> PokeReturnValue:
        """Calls the function."""
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        args = tuple(self.op_args)
        kwargs = call_arguments(self.python_callable, args, {**context, **self.op_kwargs})
        found = self.python_callable(*args, **kwargs)
        if inspect.iscoroutine(found):
            with asyncio.Runner() as runner:
                found = runner.run(found)
        return found if isinstance(found, PokeReturnValue) else PokeReturnValue(bool(found))


class DecoratedSensor(PythonSensor):
    """The task of a ``@task.sensor`` function."""

    operator_name: ClassVar[str] = "@task.sensor"

    def __init__(self, *, multiple_outputs: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
