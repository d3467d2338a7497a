"""Reading and writing the read tables, in the schema of the connection's search path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import structlog

import millstream.adapters
from millstream.adapters.postgres import Connection, Record
from millstream.adapters.visibility import IS_VISIBLE, VISIBLE_SUFFIX
from millstream.core.state import RunKey
from millstream.projection.changes import Changes, changed_rows
from millstream.projection.rows import (
    ROW_TYPES,
    RUN_ROW_TYPES,
    BackfillRow,
    CallbackRow,
    DagRow,
    Row,
)

log = structlog.get_logger(__name__)

READ_SCHEMA = "millstream_read"
_DDL = Path(millstream.adapters.__file__).parent / "sql" / "read_tables.sql"
_JSON_COLUMNS = {
    "spec",
    "conf",
    "value",
    "request",
    "answer",
    "extra",
    "aliases",
    "asset_events",
    "tags",
    "owners",
    "fields",
}


def quoted(schema: str) -> str:
    """A schema name of ours as an identifier."""
    assert schema.replace("_", "").isalnum(), schema
    return f'"{schema}"'


async def ensure_tables(connection: Connection, schema: str) -> None:
    """Create the schema and its tables if they do not exist, with a checkpoint of 0. Those of
    another release are dropped: they are folded again from the log."""
    ddl = _DDL.read_text()
    made_by = hashlib.sha256(f"{ddl}{IS_VISIBLE}".encode()).hexdigest()
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", schema)
        found = await connection.fetchval(
            "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace "
            "WHERE nspname = $1",
            schema,
        )
        if found == made_by:
            return
        if found is not None:
            log.info("read_tables_dropped", schema=schema)
            await connection.execute(f"DROP SCHEMA {quoted(schema)} CASCADE")
        await connection.execute(f"CREATE SCHEMA {quoted(schema)}")
        await connection.execute(f"COMMENT ON SCHEMA {quoted(schema)} IS '{made_by}'")
        await connection.execute(f"SET LOCAL search_path = {quoted(schema)}")
        await connection.execute(ddl)
        await _make_views(connection, schema)


def visible_schema(schema: str) -> str:
    """Of the views for callers who may see some DAGs only."""
    return f"{schema}{VISIBLE_SUFFIX}"


async def _make_views(connection: Connection, schema: str) -> None:
    """A view of the same name for each table with a DAG in its rows. They go with the tables."""
    views = quoted(visible_schema(schema))
    await connection.execute(f"DROP SCHEMA IF EXISTS {views} CASCADE")
    await connection.execute(f"CREATE SCHEMA {views}")
    for row_type in ROW_TYPES:
        if "dag_id" in row_type.__struct_fields__ and "namespace" in row_type.__struct_fields__:
            await connection.execute(
                f"CREATE VIEW {views}.{row_type.TABLE} AS "  # noqa: S608 - our own names
                f"SELECT * FROM {quoted(schema)}.{row_type.TABLE} WHERE {IS_VISIBLE}"
            )


class Step(NamedTuple):
    """How far the tables get by a write, and where they stood before it."""

    shard: int
    position: int
    digest: bytes
    generation: int
    before: int


_MOVE = (
    "UPDATE checkpoint SET position = $2, digest = $3 "
    "WHERE shard = $1 AND generation = $4 AND position IN ($2, $5) RETURNING shard"
)


async def write_step(connection: Connection, step: Step, changes: Changes) -> bool:
    """Write all rows and move the checkpoint, all of it or nothing. False: it is not where it
    was."""
    if any(changes.gone.values()):
        async with connection.transaction():
            has_moved = await connection.fetchval(_MOVE, *step) is not None
            if has_moved:
                await write_changes(connection, changes)
        return has_moved
    # One statement is one message to Postgres and one back; a task's step writes four tables. In
    # one order, or the same tables would be as many statements as they have orders.
    written = sorted(changed_rows(changes), key=lambda each: ROW_TYPES.index(each[0]))
    arguments = [argument for row_type, rows in written for argument in _arrays(row_type, rows)]
    query = _step_statement(tuple(row_type for row_type, _ in written))
    return bool(await connection.fetchval(query, *step, *arguments))


@cache
def _step_statement(row_types: tuple[type[Row], ...]) -> str:
    parts = [f"moved AS ({_MOVE})"]
    first = len(Step._fields) + 1
    for number, row_type in enumerate(row_types):
        parts.append(f"w{number} AS ({_upsert(row_type, first, 'moved, ')})")
        first += len(_columns(row_type))
    return f"WITH {', '.join(parts)} SELECT count(*) FROM moved"  # noqa: S608 - our own names


def _arrays(row_type: type[Row], rows: list[Row]) -> Iterator[list[object]]:
    for name, _ in _columns(row_type):
        yield [_encode(getattr(row, name)) for row in rows]


async def write_changes(connection: Connection, changes: Changes) -> None:
    """Write all rows with one statement a table. The caller has the transaction."""
    for row_type, keys in changes.gone.items():
        if keys:
            await connection.executemany(_delete(row_type), list(keys))
    for row_type, rows in changed_rows(changes):
        await connection.execute(_upsert(row_type), *_arrays(row_type, rows))


async def read_open_rows(connection: Connection) -> list[Row]:
    """The rows of all DAGs, and every row of the runs that are not over: runs, then what belongs
    to them; and the callbacks and backfills that are not over."""
    rows: list[Row] = []
    wanted: list[tuple[type[Row], str]] = [
        (DagRow, "true"),
        (BackfillRow, "t.state IN ('running', 'paused')"),
        (CallbackRow, "t.ended_at IS NULL"),
    ]
    for row_type, condition in wanted:
        found = await connection.fetch(
            f"SELECT {_select_list(row_type)} FROM {row_type.TABLE} t "  # noqa: S608 - our own names
            f"WHERE {condition}"
        )
        rows += [row_type(**_decode(record)) for record in found]
    return rows + await _read_rows(connection, "r.state IN ('queued', 'running')")


async def read_rows_of(connection: Connection, run: RunKey) -> list[Row]:
    """Every row of one run, over or not."""
    return await _read_rows(
        connection, "r.namespace = $1 AND r.dag_id = $2 AND r.run_id = $3", *run
    )


async def _read_rows(connection: Connection, condition: str, *arguments: str) -> list[Row]:
    rows: list[Row] = []
    for row_type in RUN_ROW_TYPES:
        found = await connection.fetch(
            f"SELECT {_select_list(row_type)} FROM {row_type.TABLE} t "  # noqa: S608 - our own names
            f"JOIN dag_run r USING (namespace, dag_id, run_id) "
            f"WHERE {condition}",
            *arguments,
        )
        rows += [row_type(**_decode(record)) for record in found]
    return rows


def _select_list(row_type: type[Row]) -> str:
    return ", ".join(
        f"t.{name}::text AS {name}" if name in _JSON_COLUMNS else f"t.{name}"
        for name, _ in _columns(row_type)
    )


def _decode(record: Record) -> dict[str, Any]:
    values = dict(record)
    if "map_index" in values:
        values["map_index"] = tuple(values["map_index"])
    return values


def _encode(value: object) -> object:
    # unnest flattens arrays of arrays, so paths of indices travel as text
    return "{" + ",".join(map(str, value)) + "}" if isinstance(value, tuple) else value


@cache
def _columns(row_type: type[Row]) -> tuple[tuple[str, str], ...]:
    """(name, Postgres type) of each column, in the order of the Struct."""
    hints = get_type_hints(row_type)
    return tuple((name, _pg_type(name, hints[name])) for name in row_type.__struct_fields__)


def _pg_type(name: str, hint: Any) -> str:
    if name in _JSON_COLUMNS:
        return "json"
    if get_origin(hint) is tuple:
        return "integer[]"
    options = [o for o in get_args(hint) if o is not type(None)] if _is_union(hint) else [hint]
    types = {str: "text", bool: "boolean", int: "bigint", datetime: "timestamptz"}
    return types[options[0]]


def _is_union(hint: Any) -> bool:
    return get_origin(hint) is Union or type(hint).__name__ == "UnionType"


@cache
def _delete(row_type: type[Row]) -> str:
    named = [f"{name} = ${number}" for number, name in enumerate(row_type.KEY, 1)]
    return f"DELETE FROM {row_type.TABLE} WHERE {' AND '.join(named)}"  # noqa: S608 - our own names


@cache
def _upsert(row_type: type[Row], first: int = 1, beside: str = "") -> str:
    """``first``: the number of its first argument. ``beside``: of each row of which the rows are
    written."""
    columns = _columns(row_type)
    names = ", ".join(name for name, _ in columns)
    travels = {"json": "text", "integer[]": "text"}
    arrays = ", ".join(f"${i}::{travels.get(pg, pg)}[]" for i, (_, pg) in enumerate(columns, first))
    chosen = ", ".join(f"u.{name}::{pg}" if pg in travels else f"u.{name}" for name, pg in columns)
    rest = [name for name, _ in columns if name not in row_type.KEY]
    updates = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return (
        f"INSERT INTO {row_type.TABLE} ({names}) "  # noqa: S608 - our own names
        f"SELECT {chosen} FROM {beside}unnest({arrays}) AS u({names}) "
        f"ON CONFLICT ({', '.join(row_type.KEY)}) DO UPDATE SET {updates}"
    )


def comparable_columns(row_type: type[Row]) -> str:
    """A select list in which every column can be compared: JSON is compared as its text."""
    return ", ".join(
        f"{name}::text AS {name}" if pg == "json" else name for name, pg in _columns(row_type)
    )


def column_names(row_type: type[Row]) -> list[str]:
    return [name for name, _ in _columns(row_type)]


__all__ = [
    "READ_SCHEMA",
    "ROW_TYPES",
    "Step",
    "column_names",
    "comparable_columns",
    "ensure_tables",
    "quoted",
    "read_open_rows",
    "read_rows_of",
    "visible_schema",
    "write_changes",
    "write_step",
]
