"""``@asset``: a function that makes an asset, with the DAG of one task that runs it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from millstream.sdk.assets import Asset, AssetRef, Ref, asset_list
from millstream.sdk.dag import DAG
from millstream.sdk.operators.python import PythonOperator

_ASSET_ARGUMENTS = ("group", "extra")


class AssetOperator(PythonOperator):
    """The task behind ``@asset``. Of its function's arguments ``self`` is the asset, ``context``
    the context, a context key what it is anywhere; any other names an asset that it reads."""

    operator_name: ClassVar[str] = "@asset"

    def __init__(self, *, own_asset: Asset | None, reads: Mapping[str, Ref], **kwargs: Any) -> None:
        self.own_asset = own_asset
        self.reads = dict(reads)
        super().__init__(inlets=list(reads.values()), **kwargs)

    def call_function(self, context: Any) -> Any:
        """Calls the function."""
        offered = {"self": self.own_asset, "context": context, **self.reads}
        names = inspect.signature(self.python_callable).parameters
        self.op_kwargs = {name: offered[name] for name in names if name in offered}
        return super().call_function(context)


class AssetDefinition(Asset):
    """What ``@asset`` makes of a function: an asset, to be used in schedules, inlets and outlets
    of others. ``dag`` is the DAG that makes it."""

    dag: DAG


class AssetDecorator:
    """``@asset(schedule="@daily", uri="s3://lake/orders")``: see :class:`AssetOperator` for the
    function's arguments. The asset, the DAG and its task are called as the function is."""

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        schedule: Any = None,
        name: str | None = None,
        uri: str | None = None,
        **options: Any,
    ) -> Any:
        if function is None:
            return functools.partial(
                AssetDecorator.__call__, self, schedule=schedule, name=name, uri=uri, **options
            )
        _check_function(function)
        given = {key: options.pop(key) for key in _ASSET_ARGUMENTS if key in options}
        made = AssetDefinition(name or function.__name__, uri, **given)
        made.dag = _dag(function, schedule, made.name, [made], made, options)
        return made

    def multi(self, *, schedule: Any = None, outlets: Sequence[Any], **options: Any) -> Any:
        """One function that makes several assets."""
        refs = asset_list("outlets", outlets, "@asset.multi")
        if not refs:
            raise ValueError("@asset.multi needs outlets")

        def decorate(function: Callable[..., Any]) -> DAG:
            _check_function(function)
            name = options.pop("dag_id", None) or function.__name__
            return _dag(function, schedule, name, refs, None, options)

        return decorate


asset = AssetDecorator()


def _check_function(function: object) -> None:
    if not callable(function):
        raise TypeError(f"@asset needs a function, not {function!r}")
    if inspect.iscoroutinefunction(function):
        return
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(
                f"@asset function {getattr(function, '__name__', function)!r} takes "
                f"{parameter}; name the assets that it reads"
            )


def _dag(
    function: Callable[..., Any],
    schedule: Any,
    name: str,
    outlets: Sequence[Ref],
    own: Asset | None,
    options: dict[str, Any],
) -> DAG:
    from millstream.sdk.context import CONTEXT_KEYS

    known = {"self", "context", *CONTEXT_KEYS}
    reads: dict[str, Ref] = {
        parameter.name: AssetRef(name=parameter.name)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in known and parameter.default is parameter.empty
    }
    options = {"doc_md": inspect.cleandoc(function.__doc__ or ""), **options}
    dag_id = options.pop("dag_id", None) or name
    with DAG(dag_id, schedule=schedule, **options) as dag:
        AssetOperator(
            task_id=function.__name__,
            python_callable=function,
            own_asset=own,
            reads=reads,
            outlets=list(outlets),
        )
    return dag
