"""XComs as the author sees them: references to another task's value, and the value as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from millstream.core.spec import MapSource
from millstream.core.xcoms import RETURN_VALUE, XComQuery
from millstream.sdk.codecs import Encoded, encode
from millstream.sdk.codecs.plain import Unencodable
from millstream.sdk.edges import Node
from millstream.sdk.errors import AirflowException, XComEncodingError
from millstream.sdk.pulling import values_below

if TYPE_CHECKING:
    from millstream.sdk.context import Context
    from millstream.sdk.operator import BaseOperator
    from millstream.sdk.setup_teardown import SetupTeardownScope

XCOM_RETURN_KEY = RETURN_VALUE
_UNSET: Any = object()


class Reference:
    """A placeholder in an operator's arguments; the worker puts the value in its place."""

    def resolve(self, context: Context) -> Any:
        """The value, inside a running attempt."""
        raise NotImplementedError

    def queries(self, context: Context) -> Iterable[XComQuery]:
        """The XComs that :meth:`resolve` will need: those of all arguments are asked for at
        once."""
        return ()

    def operators(self) -> Iterable[BaseOperator]:
        """The tasks whose results it needs."""
        return ()


class Mappable(Reference, Node):
    """What a task or a group can be mapped over."""

    def map_source(self) -> MapSource:
        """What the scheduler has to know of it: where its length comes from."""
        raise NotImplementedError

    def operators(self) -> Iterator[BaseOperator]:
        raise NotImplementedError

    def items(self, context: Context) -> Sequence[Any]:
        """Its elements, inside a running attempt."""
        raise NotImplementedError

    def resolve(self, context: Context) -> Any:
        return list(self.items(context))

    @property
    def roots(self) -> Sequence[BaseOperator]:
        return list(self.operators())

    @property
    def leaves(self) -> Sequence[BaseOperator]:
        return list(self.operators())

    def map(self, f: Callable[[Any], Any]) -> Mappable:
        """``f`` of each element. It is called in the instance that is mapped over the element; if
        it raises AirflowSkipException, that instance is skipped."""
        from millstream.sdk.mapping import MappedValues

        return MappedValues(self, f)

    def zip(self, *others: Any, fillvalue: Any = _UNSET) -> Mappable:
        """Tuples of one element of this and one of each other; as many as the shortest has, or with
        a ``fillvalue`` as the longest."""
        from millstream.sdk.mapping import ZippedValues, source_of

        parts = [source_of("an argument of zip()", other) for other in (self, *others)]
        return ZippedValues(parts) if fillvalue is _UNSET else ZippedValues(parts, fillvalue)

    def concat(self, *others: Any) -> Mappable:
        """The elements of this, then those of the others."""
        from millstream.sdk.mapping import ConcatenatedValues, source_of

        return ConcatenatedValues(
            [source_of("an argument of concat()", other) for other in (self, *others)]
        )


class XComArg(Mappable):
    """The value that a task will hand on. As an argument of another task it makes the edge and
    pulls the value; ``arg["key"]`` is one key of it."""

    def __init__(self, operator: BaseOperator, key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    @property
    def roots(self) -> Sequence[BaseOperator]:
        return (self.operator,)

    @property
    def leaves(self) -> Sequence[BaseOperator]:
        return (self.operator,)

    def operators(self) -> Iterator[BaseOperator]:
        yield self.operator

    def map_source(self) -> MapSource:
        return MapSource(task_id=self.operator.task_id)

    def check_mappable(self, what: str) -> None:
        """Raises ``TypeError`` for a value whose length nobody will know."""
        if self.key != XCOM_RETURN_KEY:
            raise TypeError(
                f"{what} is the key {self.key!r} of what task {self.operator.task_id!r} hands on, "
                f"and only a whole return value can be mapped over; let a task return that key"
            )

    def items(self, context: Context) -> Sequence[Any]:
        value = self.resolve(context)
        if isinstance(value, Mapping):
            return list(value.items())
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return value
        raise AirflowException(
            f"task {self.operator.task_id!r} returned a {type(value).__name__}; only a list or a "
            f"dict can be mapped over"
        )

    def __getitem__(self, key: str) -> XComArg:
        if not isinstance(key, str):
            raise TypeError(f"an XComArg takes only str keys, not {key!r}")
        return XComArg(self.operator, key)

    def __iter__(self) -> Iterator[Any]:
        self._refuse("iterated over")

    def __bool__(self) -> bool:
        self._refuse("tested")

    def _refuse(self, what: str) -> NoReturn:
        raise TypeError(
            f"the value of task {self.operator.task_id!r} exists only when it has run, so it "
            f"cannot be "
            f"{what} in the DAG file; pass it to another task"
        )

    def as_setup(self) -> XComArg:
        """Marks the task as a setup, and returns this."""
        self.operator.as_setup()
        return self

    def as_teardown(
        self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None
    ) -> XComArg:
        """Marks the task as the teardown of ``setups``, which become setups, and returns this."""
        self.operator.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    def __enter__(self) -> SetupTeardownScope:
        """The tasks made in the block stand between the setups and the teardowns."""
        return self.operator.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.operator.__exit__(kind, error, trace)

    def __str__(self) -> str:
        """A template that pulls the value, so that f-strings work (they make no edge)."""
        key = "" if self.key == XCOM_RETURN_KEY else f", key={self.key!r}"
        return f"{{{{ task_instance.xcom_pull(task_ids={self.operator.task_id!r}{key}) }}}}"

    def __repr__(self) -> str:
        return f"XComArg({self.operator.task_id!r}, {self.key!r})"

    def queries(self, context: Context) -> Iterator[XComQuery]:
        """What :meth:`resolve` will ask for. A key may have been pushed by itself, or be one of the
        returned dict."""
        path = context["ti"].shared_path(self.operator)
        yield XComQuery(self.operator.task_id, self.key, path, True)
        if self.key != XCOM_RETURN_KEY and not self._has_outputs:
            yield XComQuery(self.operator.task_id, XCOM_RETURN_KEY, path, True)

    def resolve(self, context: Context) -> Any:
        """The value; None where the task returned None. A mapped task gives the values of its
        instances. A key that was not pushed by itself is looked up in the returned dict, and is an
        error if it is not there either."""
        from millstream.sdk.mapping import levels_of

        query, *fallback = self.queries(context)
        pulled, number = context["ti"].referenced(query)
        is_many = levels_of(self.operator) > len(query.map_index)
        if is_many or pulled.first(number) is not None:
            return values_below(pulled, number, query)
        if self.key == XCOM_RETURN_KEY or self._has_outputs:
            return None
        pulled, number = context["ti"].referenced(fallback[0])
        if pulled.first(number) is not None:
            returned = values_below(pulled, number, fallback[0])
            if isinstance(returned, dict) and self.key in returned:
                return returned[self.key]
        raise AirflowException(
            f"task {self.operator.task_id!r} has no XCom with the key {self.key!r}"
        )

    @property
    def _has_outputs(self) -> bool:
        return bool(getattr(self.operator, "multiple_outputs", False))


class DagParam(Reference):
    """An argument of a ``@dag`` function: the run's param of that name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"{{{{ params[{self.name!r}] }}}}"

    def resolve(self, context: Context) -> Any:
        return context["params"][self.name]


def references(value: Any) -> Iterator[Reference]:
    """The references in a value, at any depth of lists, tuples, sets and dicts."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from references(item)


def encode_xcom(value: Any, task_id: str, key: str = XCOM_RETURN_KEY) -> Encoded:
    """The value as bytes. Raises :class:`XComEncodingError`; ``task_id`` and ``key`` are for its
    text."""
    verb = "returned" if key == XCOM_RETURN_KEY else f"pushed as {key!r}"
    try:
        return encode(value)
    except Unencodable as error:
        where = f" at {error.path}" if error.path else ""
        raise XComEncodingError(
            f"task {task_id} {verb} {error.what}{where}, {error.advice}"
        ) from error.__cause__
    except RecursionError:
        raise XComEncodingError(
            f"task {task_id} {verb} a value that is nested too deeply or contains itself; return a "
            f"flatter one"
        ) from None
    except UnicodeEncodeError:
        raise XComEncodingError(
            f"task {task_id} {verb} a str with lone surrogates, which is no valid Unicode; decode "
            f"it "
            f"with errors='replace'"
        ) from None
