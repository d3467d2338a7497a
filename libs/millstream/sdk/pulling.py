"""Pulling XComs in a running attempt: one question for many values, and values that are decoded
when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Protocol, overload

import msgspec

from millstream.core.asset_events import AssetEventRecord, AssetEventsQuestion
from millstream.core.event_parts import XCom
from millstream.core.xcoms import FoundXCom, MapIndex, Place, XComAnswer, XComPull, XComQuery
from millstream.sdk.codecs import Encoded, Part, decode
from millstream.sdk.codecs.plain import WrittenAsList
from millstream.sdk.stores import Store

MOST_INLINE_BYTES = 48 * 1024


class TaskChannel(Store, Protocol):
    """A running attempt's line to the rest of Millstream."""

    def pull_xcoms(self, pull: XComPull) -> XComAnswer:
        """What is known, or as much of it as fits into an answer."""
        ...

    def get_blob(self, key: str) -> bytes | memoryview:
        """The bytes under a key of the blob store; they may lie in a file."""
        ...

    def put_blob(self, parts: Sequence[Part]) -> str:
        """Puts bytes into the blob store, and returns their key."""
        ...

    def find_asset_events(self, asked: AssetEventsQuestion) -> list[AssetEventRecord]:
        """Updates of assets, oldest first."""

    def find_states(self, question: bytes) -> bytes:
        """How the runs of another DAG stand, as ``sdk.states`` writes questions and answers."""
        ...


class Pulled:
    """The values of one pull, by the number of their query. What did not fit into the first answer
    is asked for when it is needed."""

    def __init__(self, channel: TaskChannel, pull: XComPull) -> None:
        self.channel = channel
        self._pull = pull
        self._found: list[list[FoundXCom]] = [[] for _ in pull.queries]
        self._after: Place | None = None
        self._ask()

    def first(self, number: int) -> FoundXCom | None:
        """The first value of a query, if it has any."""
        self._load(number, 1)
        return next(iter(self._found[number]), None)

    def all(self, number: int) -> list[FoundXCom]:
        """Every value of a query, in the order of the paths."""
        while self._is_open(number):
            self._ask()
        return self._found[number]

    def at(self, number: int, index: int) -> FoundXCom:
        """One value of a query. Raises IndexError."""
        if index < 0:
            return self.all(number)[index]
        self._load(number, index + 1)
        return self._found[number][index]

    def _load(self, number: int, count: int) -> None:
        while len(self._found[number]) < count and self._is_open(number):
            self._ask()

    def _is_open(self, number: int) -> bool:
        return self._after is not None and self._after.query <= number

    def _ask(self) -> None:
        pull = self._pull
        if self._after is not None:
            pull = msgspec.structs.replace(pull, after=self._after)
        answer = self.channel.pull_xcoms(pull)
        for found in answer.found:
            self._found[found.query].append(found)
        self._after = answer.after


class LazyXComs(WrittenAsList):
    """What the instances of a mapped task handed on, in their order; an instance without a value is
    left out. A value is fetched and decoded each time it is looked at."""

    def __init__(self, pulled: Pulled, number: int) -> None:
        self._pulled = pulled
        self._number = number

    def __len__(self) -> int:
        return len(self._pulled.all(self._number))

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._value(found) for found in self._pulled.all(self._number)[index]]
        return self._value(self._pulled.at(self._number, index))

    def __iter__(self) -> Iterator[Any]:
        index = 0
        while True:
            try:
                found = self._pulled.at(self._number, index)
            except IndexError:
                return
            yield self._value(found)
            index += 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    def _value(self, found: FoundXCom) -> Any:
        return decode_xcom(found.xcom, self._pulled.channel)


def decode_xcom(xcom: XCom, channel: TaskChannel) -> Any:
    """The value, wherever it is. Raises XComDecodingError."""
    return decode(xcom.codec, channel.get_blob(xcom.blob) if xcom.blob else xcom.value)


def store_xcom(encoded: Encoded, channel: TaskChannel) -> XCom:
    """As it goes into the result: the text itself, or the key of the blob that was made of it."""
    size = encoded.size
    if not encoded.codec.startswith("packed:") and size <= MOST_INLINE_BYTES:
        text = msgspec.Raw(encoded.data())
        return XCom(value=text, size=size, length=encoded.length, codec=encoded.codec)
    blob = channel.put_blob(encoded.parts)
    return XCom(blob=blob, size=size, length=encoded.length, codec=encoded.codec)


def values_below(pulled: Pulled, number: int, query: XComQuery) -> Any:
    """What lies below the query's path: the value of an instance at that very path, else a sequence
    of the values one level below, and of such sequences where there are more levels."""
    first = pulled.first(number)
    if first is not None and first.map_index == query.map_index:
        return decode_xcom(first.xcom, pulled.channel)
    depth = len(query.map_index)
    if first is None or len(first.map_index) == depth + 1:
        return LazyXComs(pulled, number)
    return _nested(pulled.all(number), depth, pulled.channel)


def _nested(found: Sequence[FoundXCom], depth: int, channel: TaskChannel) -> list[Any]:
    if not found or len(found[0].map_index) <= depth + 1:
        return [decode_xcom(one.xcom, channel) for one in found]
    groups = groupby(found, key=lambda one: one.map_index[depth])
    return [_nested(list(group), depth + 1, channel) for _, group in groups]


def pull_values(
    channel: TaskChannel,
    pull: XComPull,
    single: bool,
    default: Any,
    own: dict[int, Any],
) -> Any:
    """Airflow's ``xcom_pull`` for a list of queries, of which those in ``own`` are answered here.

    A query without a value gives ``default``. The values of a mapped task are put into the list one
    after the other; with ``single`` the one value comes without a list, unless it is of a mapped
    task.
    """
    queries = pull.queries
    if own:
        asked = tuple(query for number, query in enumerate(queries) if number not in own)
        pull = msgspec.structs.replace(pull, queries=asked)
    pulled = Pulled(channel, pull) if pull.queries else None
    place = -1
    values: list[Any] = []
    is_list = not single
    for number, query in enumerate(queries):
        if number in own:
            values.append(own[number])
            continue
        assert pulled is not None
        place += 1
        first = pulled.first(place)
        if first is None:
            values.append(default)
        elif first.map_index == query.map_index:
            values.append(decode_xcom(first.xcom, channel))
        else:
            is_list = True
            values += values_below(pulled, place, query)
    return values if is_list else values[0]


def map_paths(map_indexes: Any) -> tuple[list[MapIndex], bool]:
    """The paths that ``map_indexes`` names, and whether it names one. Raises TypeError."""
    if map_indexes is None or isinstance(map_indexes, int):
        return [_path(map_indexes)], True
    if isinstance(map_indexes, str | bytes):
        raise TypeError(_wrong(map_indexes))
    try:
        return [_path(index) for index in map_indexes], False
    except TypeError:
        raise TypeError(_wrong(map_indexes)) from None


def _path(index: Any) -> MapIndex:
    if index is None:
        return ()
    if isinstance(index, tuple):
        return tuple(int(part) for part in index)
    if not isinstance(index, int):
        raise TypeError(index)
    return () if index < 0 else (int(index),)


def _wrong(map_indexes: Any) -> str:
    return (
        f"map_indexes is {map_indexes!r}; it must be an int, None for a task that is not mapped, "
        f"or several of these (a tuple of ints in the list is a path of nested indices)"
    )
