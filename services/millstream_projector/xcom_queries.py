"""XComs from the read tables: of runs that are over, and of the newest of several runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from millstream.adapters.lookup import XComQuestion
from millstream.adapters.postgres import Connection
from millstream.core.event_parts import XCom
from millstream.core.xcoms import FoundXCom, MapIndex, XComQuery

MOST_ROWS = 5000

_IS_ASKED_FOR = (
    "x.namespace = $1 AND x.dag_id = $2 AND x.task_id = $3 AND x.key = $4 "
    "AND ($6 AND x.map_index[1:cardinality($5::int[])] = $5::int[] OR x.map_index = $5::int[])"
)
# `ahead`: the bytes of the values before a row, so that no more is fetched than one answer holds.
_VALUES = (
    "SELECT map_index, value, blob, size, codec FROM ("  # noqa: S608 - our own text
    "SELECT map_index, value::text AS value, blob, size, codec, "
    "sum(octet_length(value::text)) OVER (ORDER BY map_index) "
    "- coalesce(octet_length(value::text), 0) AS ahead "
    f"FROM xcom x WHERE {_IS_ASKED_FOR} AND x.run_id = $7 "
    "AND ($8::int[] IS NULL OR x.map_index > $8::int[])) AS asked "
    "WHERE ahead IS NULL OR ahead < $9 ORDER BY map_index LIMIT $10"
)
_NEWEST_RUN = (
    "SELECT r.run_id FROM dag_run r "  # noqa: S608 - our own text
    "WHERE r.namespace = $1 AND r.dag_id = $2 AND coalesce(r.logical_date, r.run_after) <= $7 "
    f"AND EXISTS (SELECT 1 FROM xcom x WHERE {_IS_ASKED_FOR} AND x.run_id = r.run_id) "
    "ORDER BY coalesce(r.logical_date, r.run_after) DESC, r.created_position DESC LIMIT 1"
)
_DATE_OF_RUN = (
    "SELECT coalesce(logical_date, run_after) FROM dag_run "
    "WHERE namespace = $1 AND run_id = $3 ORDER BY dag_id <> $2 LIMIT 1"
)


async def find_xcoms(
    connection: Connection, question: XComQuestion, most_bytes: int
) -> AsyncIterator[FoundXCom]:
    """By query and path, up to about ``most_bytes`` of values for each query."""
    pull = question.pull
    until = question.until
    if "\0" in question.dag_id + question.run_id:
        return
    if pull.include_prior_dates and until is None:
        until = await connection.fetchval(
            _DATE_OF_RUN, question.namespace, question.dag_id, question.run_id
        )
        if until is None:
            return
    first = pull.after.query if pull.after else 0
    for number, query in enumerate(pull.queries[first:], first):
        if not _can_be_stored(query):
            continue
        begin = pull.after.map_index if pull.after and number == first else None
        run_id: str | None = question.run_id
        if until is not None:
            run_id = await _newest_run(connection, question, query, until)
        if run_id is None:
            continue
        async for found in _values(connection, question, number, run_id, begin, most_bytes):
            yield found


async def _newest_run(
    connection: Connection, question: XComQuestion, query: XComQuery, until: datetime
) -> str | None:
    run_id: str | None = await connection.fetchval(
        _NEWEST_RUN,
        question.namespace,
        question.dag_id,
        query.task_id,
        query.key,
        list(query.map_index),
        query.under,
        until,
    )
    return run_id


async def _values(
    connection: Connection,
    question: XComQuestion,
    number: int,
    run_id: str,
    after: MapIndex | None,
    most_bytes: int,
) -> AsyncIterator[FoundXCom]:
    query = question.pull.queries[number]
    rows = await connection.fetch(
        _VALUES,
        question.namespace,
        question.dag_id,
        query.task_id,
        query.key,
        list(query.map_index),
        query.under,
        run_id,
        None if after is None else list(after),
        most_bytes,
        MOST_ROWS + 1,
    )
    for row in rows:
        xcom = stored_xcom(row["value"], row["blob"], row["size"], row["codec"])
        yield FoundXCom(number, tuple(row["map_index"]), xcom)


def _can_be_stored(query: XComQuery) -> bool:
    """Postgres takes no other values, so nothing can be found under them."""
    return "\0" not in query.task_id + query.key and all(
        0 <= index < 2**31 for index in query.map_index
    )


def stored_xcom(value: str | None, blob: str, size: int, codec: str) -> XCom:
    """From the columns of a row."""
    if value is None:
        return XCom(blob=blob, size=size, codec=codec)
    return XCom(value=msgspec.Raw(value.encode()), size=size, codec=codec)
