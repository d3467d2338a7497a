"""Looking through the event log: by who, what, where and when; and whole pieces of it.

The log is large and most of it is not indexed by anything but the position: what that would cost,
every task would pay. So a search looks through a part of the log at a time and says how far it got.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from millstream.adapters.event_log import COLUMNS, Stored, stored_from
from millstream.adapters.postgres import Connection, Database
from millstream.adapters.visibility import everything_visible

# So many positions are looked through at first, and more at a time while little is found.
FIRST_WINDOW = 20_000
LARGEST_WINDOW = 1_000_000
# After that a search says how far it got.
LONGEST_SEARCH_S = 2.0
# Of the data of the events that are held at a time.
MOST_BYTES = 4 * 1024 * 1024
EXPORT_BATCH = 500
# A client takes messages of 4 MiB by default; a line has more than the data of its event.
EXPORT_BYTES = 1024 * 1024
# Clocks of schedulers that take over from each other may differ by that much.
CLOCK_SLACK = timedelta(hours=1)

# The types that every task leaves behind: the index `event_log_type` knows all others.
FREQUENT_TYPES = ("TaskScheduled", "TaskReady", "TaskStarted", "TaskSucceeded")
ROLES = ("api", "worker", "scheduler", "projector")


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are wanted; an empty part matches all. ``until`` is not included. ``actor`` is a
    principal, a role, or a role and more of the actor."""

    namespace: str = ""
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    types: tuple[str, ...] = ()
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Place:
    """An event's place in the chain."""

    position: int
    epoch: int
    digest: bytes
    recorded_at: datetime | None


class EventSearch:
    """The readers of one shard's log. Every method raises :class:`Unavailable` when Postgres is
    away."""

    def __init__(self, database: Database, shard: int) -> None:
        self._database = database
        self._shard = shard

    async def find(
        self,
        wanted: EventFilter,
        first: int,
        last: int,
        most: int,
        *,
        is_descending: bool = False,
    ) -> tuple[list[Stored], int]:
        """Up to ``most`` events between two positions, in order, and the position to go on from (0:
        that was all). It may give fewer, or none, before the end is reached."""
        first, last = await self._narrow(wanted, first, last)
        async with self._database.use() as connection:
            conditions, arguments = _conditions(wanted)
            found: list[Stored] = []
            began = time.monotonic()
            window = last if wanted.run_id else FIRST_WINDOW  # a run's events have an index
            while first <= last and len(found) < most:
                low, high = (
                    (max(first, last - window + 1), last)
                    if is_descending
                    else (first, min(last, first + window - 1))
                )
                rows = await connection.fetch(
                    _page(conditions, len(arguments), is_descending),
                    *(*arguments, self._shard, low, high, most - len(found), MOST_BYTES),
                )
                found += map(stored_from, rows)
                is_cut = bool(rows) and bool(rows[-1]["is_cut"])
                if is_descending:
                    last = found[-1].record.position - 1 if is_cut else low - 1
                else:
                    first = found[-1].record.position + 1 if is_cut else high + 1
                if is_cut or time.monotonic() - began > LONGEST_SEARCH_S:
                    break
                window = min(window * 4, LARGEST_WINDOW)
        if first > last:
            return found, 0
        return found, last if is_descending else first

    async def at(self, position: int) -> Place | None:
        """An event's place; None if there is no such event, or it is not kept any more."""
        async with self._whole() as connection:
            return await self._at(connection, position)

    async def oldest(self) -> int:
        """The position of the oldest event that is kept; 0 for an empty log."""
        async with self._whole() as connection:
            return await self._oldest(connection)

    async def position_at(self, instant: datetime) -> int:
        """The position at which the log stood at that instant: the event there was recorded by
        then, and the next one after it. 0: before the first one.

        Where a clock was set back in between there are several such positions, and this is one.
        """
        async with self._whole() as connection:
            return await self._position_at(connection, instant)

    async def lines(self, first: int, last: int) -> AsyncGenerator[list[Stored], None]:
        """Every event of a range in pieces that fit into memory. The connection is free between
        them."""
        while first <= last:
            async with self._database.use() as connection:
                rows = await connection.fetch(
                    _page(("true",), 0, False),
                    *(self._shard, first, last, EXPORT_BATCH, EXPORT_BYTES),
                )
            if not rows:
                return
            batch = [stored_from(row) for row in rows]
            yield batch
            first = batch[-1].record.position + 1

    @asynccontextmanager
    async def _whole(self) -> AsyncIterator[Connection]:
        """For what says where an event stands and not what it is: who may see some DAGs only may
        know of all positions."""
        with everything_visible():
            async with self._database.use() as connection:
                yield connection

    async def _narrow(self, wanted: EventFilter, first: int, last: int) -> tuple[int, int]:
        """Positions outside of which nothing was recorded at the wanted time."""
        if wanted.run_id and wanted.since is None and wanted.until is None:
            return first, last
        async with self._whole() as connection:
            if wanted.since is not None:
                since = _moved(wanted.since, -CLOCK_SLACK)
                first = max(first, await self._position_at(connection, since))
            if wanted.until is not None:
                until = _moved(wanted.until, CLOCK_SLACK)
                last = min(last, await self._position_at(connection, until))
            return max(first, await self._oldest(connection)), last

    async def _position_at(self, connection: Connection, instant: datetime) -> int:
        low = await self._oldest(connection) - 1
        high = await self._newest(connection)
        while low < high:
            middle = (low + high + 1) // 2
            at = await connection.fetchval(
                "SELECT recorded_at FROM event_log WHERE shard = $1 AND position = $2",
                *(self._shard, middle),
            )
            if at is not None and at <= instant:
                low = middle
            else:
                high = middle - 1
        return max(low, 0)

    async def _oldest(self, connection: Connection) -> int:
        position = await connection.fetchval(
            "SELECT position FROM event_log WHERE shard = $1 ORDER BY position LIMIT 1", self._shard
        )
        return int(position or 0)

    async def _newest(self, connection: Connection) -> int:
        position = await connection.fetchval(
            "SELECT position FROM event_log WHERE shard = $1 ORDER BY position DESC LIMIT 1",
            self._shard,
        )
        return int(position or 0)

    async def _at(self, connection: Connection, position: int) -> Place | None:
        row = await connection.fetchrow(
            "SELECT epoch, digest, recorded_at FROM event_log WHERE shard = $1 AND position = $2",
            *(self._shard, position),
        )
        if row is None:
            return None
        return Place(position, row["epoch"], bytes(row["digest"]), row["recorded_at"])


def _moved(instant: datetime, by: timedelta) -> datetime:
    try:
        return instant + by
    except OverflowError:  # at the end of all time
        return instant


def is_caused_by(actor: str, wanted: str) -> bool:
    """Does an event's actor match :attr:`EventFilter.actor`?"""
    if not wanted:
        return True
    if wanted.split("/")[0] in ROLES:
        return actor == wanted or actor.startswith(f"{wanted}/")
    role, _, rest = actor.partition("/")
    return role == "api" and rest.partition("/")[2] == wanted


def _conditions(wanted: EventFilter) -> tuple[tuple[str, ...], list[object]]:
    """What the filter says in SQL. Where an index has a condition, it is said again, or Postgres
    does not see that it may use it."""
    conditions: list[str] = []
    arguments: list[object] = []

    def add(condition: str, value: object) -> None:
        arguments.append(value)
        conditions.append(condition.replace("?", f"${len(arguments)}"))

    for column in ("namespace", "dag_id", "run_id", "task_id"):
        value = getattr(wanted, column)
        if value:
            add(f"{column} = ?", value)
    if wanted.types:
        add("type = ANY(?::text[])", list(wanted.types))
        if not set(wanted.types) & set(FREQUENT_TYPES):
            names = ", ".join(f"'{name}'" for name in FREQUENT_TYPES)
            conditions.append(f"type NOT IN ({names})")
    if wanted.actor:
        if wanted.actor.split("/")[0] in ROLES:
            add("(actor = ?::text OR starts_with(actor, ?::text || '/'))", wanted.actor)
        else:
            add("split_part(actor, '/', 3) = split_part(?::text, '/', 1)", wanted.actor)
            add("substr(actor, 6 + length(split_part(actor, '/', 2))) = ?::text", wanted.actor)
            conditions.append("starts_with(actor, 'api/') AND split_part(actor, '/', 3) <> ''")
    if wanted.since is not None:
        add("recorded_at >= ?::timestamptz", wanted.since)
    if wanted.until is not None:
        add("recorded_at < ?::timestamptz", wanted.until)
    return tuple(conditions), arguments


def _page(conditions: tuple[str, ...], count: int, is_descending: bool) -> str:
    """Rows in order, as many as fit; ``is_cut`` is true of all if there may be more in the
    range. The parameters after the first ``count``: shard, first, last, how many, how many
    bytes."""
    shard, first, last, most, size = (f"${count + number}" for number in range(1, 6))
    order = "position DESC" if is_descending else "position"
    where = " AND ".join((*conditions, f"shard = {shard}", f"position BETWEEN {first} AND {last}"))
    return (
        f"SELECT *, count(*) OVER () < total OR total = {most} AS is_cut FROM ("  # noqa: S608
        "SELECT *, count(*) OVER () AS total, "
        f"sum(octet_length(data)) OVER (ORDER BY {order}) - octet_length(data) AS ahead FROM ("
        f"SELECT {COLUMNS} FROM event_log WHERE {where} ORDER BY {order} LIMIT {most}) AS asked"
        f") AS measured WHERE ahead < {size} ORDER BY {order}"
    )
