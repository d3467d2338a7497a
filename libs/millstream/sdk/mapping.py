"""What a task or a group is mapped over: values of the DAG file, results of tasks, and what is made
of these; and how one instance finds its own element in them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from millstream.core.spec import MapSource
from millstream.core.xcoms import XComQuery
from millstream.sdk.errors import AirflowException
from millstream.sdk.xcom import Mappable, Reference, XComArg, references

if TYPE_CHECKING:
    from millstream.sdk.context import Context
    from millstream.sdk.operator import BaseOperator
    from millstream.sdk.taskgroup import MappedTaskGroup, TaskGroup

_UNSET: Any = object()


class _Items(Sequence[Any]):
    """A sequence whose items are made when they are looked at."""

    def __init__(self, length: int, item: Callable[[int], Any]) -> None:
        self._length = length
        self._item = item

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._item(i) for i in range(self._length)[index]]
        return self._item(range(self._length)[index])


class Values(Mappable):
    """A list or a dict in the DAG file; of a dict each element is a key with its value."""

    def __init__(self, values: Sequence[Any] | Mapping[Any, Any]) -> None:
        self._items = list(values.items()) if isinstance(values, Mapping) else list(values)
        self._references: list[Reference] | None = None

    def map_source(self) -> MapSource:
        return MapSource(length=len(self._items))

    def operators(self) -> Iterator[BaseOperator]:
        for reference in references(self._items):
            yield from reference.operators()

    def queries(self, context: Context) -> Iterator[XComQuery]:
        if self._references is None:  # looked for once, not by each of many instances
            self._references = list(references(self._items))
        for reference in self._references:
            yield from reference.queries(context)

    def items(self, context: Context) -> Sequence[Any]:
        return self._items


class MappedValues(Mappable):
    """``x.map(f)``: ``f`` is called in the instance that gets the element."""

    def __init__(self, base: Mappable, function: Any) -> None:
        if hasattr(function, "expand") or not callable(function):
            raise TypeError(
                f"map() got {function!r}; it needs a plain function, not a @task or a value"
            )
        self._base = base
        self._function = function

    def map_source(self) -> MapSource:
        return self._base.map_source()

    def operators(self) -> Iterator[BaseOperator]:
        return self._base.operators()

    def queries(self, context: Context) -> Iterator[XComQuery]:
        yield from self._base.queries(context)

    def items(self, context: Context) -> Sequence[Any]:
        items = self._base.items(context)
        return _Items(len(items), lambda index: self._function(_resolved(items[index], context)))


class ZippedValues(Mappable):
    """``x.zip(y)``: tuples of one element of each, as many as the shortest has, or with a
    ``fillvalue`` as the longest."""

    def __init__(self, parts: Sequence[Mappable], fillvalue: Any = _UNSET) -> None:
        self._parts = parts
        self._fillvalue = fillvalue

    def map_source(self) -> MapSource:
        parts = tuple(part.map_source() for part in self._parts)
        return MapSource(how="zip" if self._fillvalue is _UNSET else "zip_longest", of=parts)

    def operators(self) -> Iterator[BaseOperator]:
        return itertools.chain.from_iterable(part.operators() for part in self._parts)

    def queries(self, context: Context) -> Iterator[XComQuery]:
        for part in self._parts:
            yield from part.queries(context)

    def items(self, context: Context) -> Sequence[Any]:
        parts = [part.items(context) for part in self._parts]
        lengths = [len(part) for part in parts]
        is_longest = self._fillvalue is not _UNSET
        return _Items(
            max(lengths) if is_longest else min(lengths),
            lambda index: tuple(
                _resolved(part[index], context) if index < len(part) else self._fillvalue
                for part in parts
            ),
        )


class ConcatenatedValues(Mappable):
    """``x.concat(y)``: the elements of one after those of the other."""

    def __init__(self, parts: Sequence[Mappable]) -> None:
        self._parts = parts

    def map_source(self) -> MapSource:
        return MapSource(how="concat", of=tuple(part.map_source() for part in self._parts))

    def operators(self) -> Iterator[BaseOperator]:
        return itertools.chain.from_iterable(part.operators() for part in self._parts)

    def queries(self, context: Context) -> Iterator[XComQuery]:
        for part in self._parts:
            yield from part.queries(context)

    def items(self, context: Context) -> Sequence[Any]:
        parts = [part.items(context) for part in self._parts]

        def item(index: int) -> Any:
            for part in parts:
                if index < len(part):
                    return part[index]
                index -= len(part)
            raise IndexError(index)

        return _Items(sum(map(len, parts)), item)


class Element(NamedTuple):
    """The arguments of one instance, and how many instances there are; ``as_they_are`` are the
    arguments that no template is looked for in, since they came from other tasks."""

    arguments: dict[str, Any]
    as_they_are: list[Any]
    instances: int


class Product:
    """``expand(a=..., b=...)``: every combination, the last argument varying fastest."""

    def __init__(self, callee: str, values: Mapping[str, Any]) -> None:
        self._sources = {
            name: source_of(f"{callee}: {name!r}", value) for name, value in values.items()
        }

    @property
    def sources(self) -> list[Mappable]:
        """What is mapped over, the last one fastest."""
        return list(self._sources.values())

    def element(self, context: Context, index: int) -> Element:
        """The arguments of the instance with this index."""
        items = {name: source.items(context) for name, source in self._sources.items()}
        count = math.prod(map(len, items.values()))
        arguments, as_they_are = {}, []
        for name in reversed(self._sources):
            index, at = divmod(index, max(len(items[name]), 1))
            item = items[name][at]
            arguments[name] = _resolved(item, context)
            if not isinstance(self._sources[name], Values) or isinstance(item, Reference):
                as_they_are.append(arguments[name])
        return Element(arguments, as_they_are, count)


class Dicts:
    """``expand_kwargs([{...}, {...}])``: each dict is the arguments of one instance."""

    def __init__(self, callee: str, value: Any) -> None:
        if isinstance(value, Mapping):
            raise TypeError(
                f"{callee} got a dict; it needs a list of dicts, or what a task returns"
            )
        for item in value if isinstance(value, list | tuple) else ():
            if not isinstance(item, Mapping | Reference):
                raise TypeError(f"{callee} got {item!r} in its list; each item must be a dict")
            for key in item if isinstance(item, Mapping) else ():
                if not isinstance(key, str):
                    raise TypeError(f"{callee} got a dict with the key {key!r}; it must be a str")
        self._callee = callee
        self._source = source_of(callee, value)

    @property
    def sources(self) -> list[Mappable]:
        """What is mapped over."""
        return [self._source]

    def element(self, context: Context, index: int) -> Element:
        """The arguments of the instance with this index."""
        items = self._source.items(context)
        item = items[index]
        is_own = isinstance(self._source, Values) and not isinstance(item, Reference)
        item = _resolved(item, context)
        if not isinstance(item, Mapping) or not all(isinstance(key, str) for key in item):
            raise AirflowException(
                f"{self._callee} needs a list of dicts whose keys are arguments; element {index} "
                f"is {item!r}"
            )
        arguments = {name: _resolved(value, context) for name, value in item.items()}
        if not is_own:
            return Element(arguments, list(arguments.values()), len(items))
        came = [arguments[name] for name, value in item.items() if isinstance(value, Reference)]
        return Element(arguments, came, len(items))


Expansion = Product | Dicts


def source_of(what: str, value: Any) -> Mappable:
    """What ``value`` is to be mapped over. Raises ``TypeError`` for what cannot be mapped."""
    if isinstance(value, XComArg):
        value.check_mappable(what)
    if isinstance(value, Mappable):
        return value
    if isinstance(value, Mapping) or (
        isinstance(value, Sequence) and not isinstance(value, str | bytes)
    ):
        return Values(value)
    hint = ""
    if callable(value):
        hint = "; call the @task function to get its result"
    elif isinstance(value, set | frozenset):
        hint = "; a set has no order, so write sorted(...)"
    elif isinstance(value, Reference):
        hint = "; let a task return it"
    raise TypeError(
        f"{what} is {value!r}, which cannot be mapped over: it must be a list, a dict, or what a "
        f"task returns{hint}"
    )


def _resolved(item: Any, context: Context) -> Any:
    return item.resolve(context) if isinstance(item, Reference) else item


class MappedArgument(Reference):
    """An argument of a mapped group's function: in each instance of the group another element."""

    def __init__(self, expansion: Expansion, name: str) -> None:
        self.expansion = expansion
        self.name = name
        self.group: MappedTaskGroup | None = None

    def queries(self, context: Context) -> Iterator[XComQuery]:
        for source in self.expansion.sources:
            yield from source.queries(context)

    def resolve(self, context: Context) -> Any:
        assert self.group is not None, "the group is made with its arguments"
        level = len(mapped_groups(self.group)) - 1
        path = context["ti"].path
        if level >= len(path):
            raise AirflowException(
                f"argument {self.name!r} of the mapped group {self.group.group_id!r} has a value "
                f"only for tasks of the group"
            )
        found = self.expansion.element(context, path[level]).arguments
        if self.name not in found:
            raise AirflowException(
                f"element {path[level]} of the mapped group {self.group.group_id!r} has no "
                f"argument {self.name!r}; it has {', '.join(map(repr, found)) or 'none'}"
            )
        return found[self.name]

    def __repr__(self) -> str:
        return f"MappedArgument({self.name!r})"

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            f"argument {self.name!r} of a mapped group has a value only when the group runs; pass "
            f"it to a task, or map a task over it with expand()"
        )

    def __bool__(self) -> bool:
        iter(self)
        return False


def mapped_groups(group: TaskGroup | None) -> list[MappedTaskGroup]:
    """The mapped groups that a group is or is in, the outermost first."""
    found: list[Any] = []
    while group is not None:
        if group.is_mapped:
            found.append(group)
        group = group.parent_group
    return found[::-1]


def shared_levels(one: BaseOperator, other: BaseOperator) -> int:
    """How many levels of mapped groups two tasks have in common."""
    mine = mapped_groups(one.task_group)
    if not mine:
        return 0
    pairs = zip(mine, mapped_groups(other.task_group), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] is pair[1], pairs))


def levels_of(operator: BaseOperator) -> int:
    """How many indices an instance of a task has."""
    return len(mapped_groups(operator.task_group)) + operator.is_mapped
