"""Lists out of the read tables: filtered, sorted and cut into pages by the database alone.

A page goes on after the keys of the last row of the page before, so that rows which come or go in
between move nothing. Each order ends in keys that no two rows share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec
from google.protobuf.message import Message

from millstream_api.callers import look_up
from millstream_api.errors import FieldProblem
from millstream_api.paging import PAGE_BYTES, decode_token, encode_token, page_size
from millstream_api.snapshot import Row, Rows

# Rows are taken in such portions, so that a page of large ones is not in memory as a whole.
PORTION = 100
# Of one kind in a request.
MOST_FILTERS = 100
# What has no instant is sorted behind all that have one.
NEVER = "'9999-01-01 00:00:00+00'::timestamptz"
_LARGEST = 2**63

M = TypeVar("M", bound=Message)


class Key(NamedTuple):
    """What an order is by: an SQL expression that is never NULL, and the type it travels as."""

    sql: str
    kind: Any = str

    @property
    def cast(self) -> str:
        return {str: "text", int: "bigint", datetime: "timestamptz"}.get(self.kind, "integer[]")


class Conditions:
    """Conditions that are joined with AND, and their arguments. ``{}`` in a condition stands for
    the place of an argument."""

    def __init__(self, *arguments: object) -> None:
        """``arguments`` are those that the select itself names, from $1 on."""
        self.arguments = list(arguments)
        self._conditions: list[str] = []

    def add(self, condition: str, *values: object) -> Conditions:
        places = []
        for value in values:
            self.arguments.append(value)
            places.append(f"${len(self.arguments)}")
        self._conditions.append(condition.format(*places))
        return self

    def add_if(self, wanted: object, condition: str) -> Conditions:
        """A condition on one value, unless that is empty."""
        return self.add(condition, wanted) if wanted else self

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "true"


class Listing(msgspec.Struct, frozen=True):
    """A list that clients may ask for: ``columns`` of ``source``, after what ``prelude`` defines.
    ``orders`` gives the keys of each ``order_by``, of which ``default`` is taken where the request
    names none."""

    name: str
    columns: str
    source: str
    orders: Mapping[str, tuple[Key, ...]]
    default: str
    prelude: str = ""

    def plan(self, request: Any, order_by: str | None = None) -> Plan:
        """How to answer a request, which has page_size and page_token, and order_by unless it is
        given. Raises :class:`FieldProblem`."""
        wanted = request.order_by if order_by is None else order_by
        name, _, direction = (wanted or self.default).strip().partition(" ")
        keys = self.orders.get(name)
        if keys is None or direction.strip() not in ("", "asc", "desc"):
            raise FieldProblem(
                "order_by",
                f"order_by is {wanted[:100]!r}; it must be one of {', '.join(self.orders)}, "
                f'with " desc" after it for the other way round.',
            )
        scope = (self.name, name, direction.strip(), _digest(request))
        kinds: Any = tuple.__class_getitem__(tuple(key.kind for key in keys))
        after: Any = decode_token(scope, request.page_token, kinds)
        if after is not None:
            after = [_checked(value) for value in after]
        return Plan(
            self,
            keys,
            direction.strip() == "desc",
            scope,
            after,
            page_size(request.page_size),
        )


class Plan(NamedTuple):
    """One page of a list: ``after`` the values of the keys in the last row before it."""

    listing: Listing
    keys: tuple[Key, ...]
    descends: bool
    scope: tuple[str, ...]
    after: Sequence[Any] | None
    most: int

    async def fetch(
        self, rows: Rows, where: Conditions, convert: Callable[[Row], M]
    ) -> tuple[list[M], str]:
        """The messages of the page and the token of the next one, "" for none."""
        query, arguments = self.query(where)
        page, last = await take_page(rows, query, arguments, self.most, convert)
        return page, self.token_after(last) if last is not None else ""

    def token_after(self, last: Row) -> str:
        """Of the page that goes on after this row of the query."""
        keys = [last[f"_key{number}"] for number in range(len(self.keys))]
        return encode_token(self.scope, keys)

    def query(self, where: Conditions) -> tuple[str, list[object]]:
        """The statement and its arguments."""
        names = ", ".join(key.sql for key in self.keys)
        if self.after is not None:
            places = ", ".join(f"{{}}::{key.cast}" for key in self.keys)
            sign = "<" if self.descends else ">"
            if len(self.keys) == 1:
                where.add(f"{names} {sign} {places}", *self.after)
            else:
                where.add(f"({names}) {sign} ({places})", *self.after)
        direction = " DESC" if self.descends else ""
        order = ", ".join(f"{key.sql}{direction}" for key in self.keys)
        keys = ", ".join(f"{key.sql} AS _key{number}" for number, key in enumerate(self.keys))
        # The keys are read as well: a page token is made of them.
        where.arguments.append(self.most + 1)
        query = (
            f"{self.listing.prelude} SELECT {self.listing.columns}, {keys} "  # noqa: S608 - ours
            f"FROM {self.listing.source} WHERE {where} ORDER BY {order} "
            f"LIMIT ${len(where.arguments)}"
        )
        return query, where.arguments


async def take_page(
    rows: Rows, query: str, arguments: Sequence[object], most: int, convert: Callable[[Row], M]
) -> tuple[list[M], Row | None]:
    """The first messages of a query, up to ``most`` and up to the bytes of a page; and, where there
    are more, the row of the last one."""
    page: list[M] = []
    size = 0
    last: Row | None = None
    cursor = await rows.cursor(query, *arguments)
    while True:
        wanted = min(PORTION, most + 1 - len(page))
        portion = await cursor.fetch(wanted)
        for row in portion:
            if len(page) == most:
                return page, last
            message = convert(row)
            size += message.ByteSize()
            if page and size > PAGE_BYTES:
                return page, last
            page.append(message)
            last = row
        if len(portion) < wanted:
            return page, None


def bounds(where: Conditions, request: Any, field: str, sql: str) -> None:
    """The conditions of ``field_from`` (inclusive) and ``field_until`` (exclusive). Raises
    :class:`FieldProblem`."""
    for end, sign in ((f"{field}_from", ">="), (f"{field}_until", "<")):
        instant = instant_of(request, end)
        if instant is not None:
            where.add(f"{sql} {sign} {{}}", instant)


def instant_of(request: Any, field: str) -> datetime | None:
    """None where it is not given. Raises :class:`FieldProblem`."""
    if not request.HasField(field):
        return None
    try:
        return getattr(request, field).ToDatetime(tzinfo=UTC)  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        raise FieldProblem(field, f"{field} is no instant of the years 1 to 9999.") from None


def few(field: str, texts: Iterable[str]) -> list[str]:
    """Texts to look for. Raises :class:`FieldProblem` for too many."""
    found = [look_up(field, text) for text in texts]
    if len(found) > MOST_FILTERS:
        raise FieldProblem(field, f"{field} names {len(found)}; {MOST_FILTERS} are allowed.")
    return found


def search_in(where: Conditions, text: str, *columns: str) -> None:
    """Text anywhere in one of the columns, in upper or lower case."""
    if text:
        found = " OR ".join(f"strpos(lower({column}), lower({{0}})) > 0" for column in columns)
        where.arguments.append(text)
        place = f"${len(where.arguments)}"
        where.add(f"({found})".format(place))


def _digest(request: Any) -> str:
    """Of all that makes the list what it is."""
    same = type(request)()
    same.CopyFrom(request)
    for field in ("page_size", "page_token", "min_position"):
        same.ClearField(field)
    return hashlib.sha256(same.SerializeToString(deterministic=True)).hexdigest()[:24]


def _checked(value: Any) -> Any:
    """A token is from a caller. Raises :class:`FieldProblem` for what Postgres does not know."""
    try:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("NUL")
        if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise ValueError("too large")
        if isinstance(value, tuple | list) and any(not 0 <= one < 2**31 for one in value):
            raise ValueError("no index")
        return value.astimezone(UTC) if isinstance(value, datetime) else value
    except (ValueError, OverflowError):
        raise FieldProblem("page_token", "page_token is not valid here.") from None
