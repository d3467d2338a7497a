"""``rebuild``: fold the log into a second set of tables; then compare every row, or put it in
place.

The live projector goes on meanwhile. At the end its checkpoint row is locked, so that both sets
stand at the same position when they are compared or exchanged.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field

import msgspec

from millstream.adapters.event_log import EventLog
from millstream.adapters.postgres import Connection, Database, connect
from millstream.adapters.run_fold import lend_origins
from millstream.adapters.settings import Settings, read_settings
from millstream.core.errors import MillstreamError
from millstream.core.wire import GENESIS, canonical_bytes, check_chain, to_event
from millstream.projection.projection import Projection, reopened
from millstream.projection.rows import ROW_TYPES, Row
from millstream_projector.projector import apply
from millstream_projector.tables import (
    READ_SCHEMA,
    column_names,
    comparable_columns,
    ensure_tables,
    quoted,
    read_rows_of,
    visible_schema,
    write_changes,
)

REBUILD_SCHEMA = "millstream_rebuild"
OLD_SCHEMA = "millstream_replaced"
MOST_SHOWN = 20
EXIT_DIFFERENT = 1
EXIT_FAILED = 70
_LOCK = 0x4D5302


class Difference(msgspec.Struct):
    """A row that is not the same in both sets. ``live`` or ``rebuilt`` is None where it has
    none."""

    table: str
    key: dict[str, str]
    live: dict[str, str] | None
    rebuilt: dict[str, str] | None


@dataclass
class Result:
    """What came out. ``rows`` counts the rebuilt rows by table; ``seconds`` is the whole
    duration."""

    position: int
    events: int
    rows: dict[str, int]
    differences: list[Difference] = field(default_factory=list)
    different_rows: int = 0
    seconds: float = 0.0


async def rebuild(settings: Settings, is_verify: bool) -> Result:
    """Fold the whole log anew. With ``is_verify`` compare and leave everything as it is, else put
    the new tables in place. Raises ChainBroken if the log does not verify, Unavailable without
    Postgres."""
    began = time.monotonic()
    live = await connect(settings.database_url, schema=READ_SCHEMA, name="rebuild")
    fresh = await connect(settings.database_url, schema=REBUILD_SCHEMA, name="rebuild")
    database = Database(settings.database_url, name="rebuild-log")
    fold = _Fold(fresh, EventLog(database, settings.shard))
    try:
        if not await live.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            raise MillstreamError(
                "Another rebuild is under way on this database; wait for it to end."
            )
        await ensure_tables(live, READ_SCHEMA)
        await fresh.execute(f"DROP SCHEMA IF EXISTS {quoted(REBUILD_SCHEMA)} CASCADE")
        await ensure_tables(fresh, REBUILD_SCHEMA)
        await fold.up_to(await _live_position(live, settings.shard))
        async with live.transaction():
            # The projector's next write waits for this row.
            position = await live.fetchval(
                "SELECT position FROM checkpoint WHERE shard = $1 FOR UPDATE", settings.shard
            )
            await fold.up_to(position or 0)
            result = Result(fold.position, fold.events, await _count_rows(fresh))
            if is_verify:
                for row_type in ROW_TYPES:
                    await _compare(live, row_type, result)
            else:
                await _exchange(live, settings.shard, fold)
        for schema in (REBUILD_SCHEMA, OLD_SCHEMA):
            await live.execute(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")
            await live.execute(f"DROP SCHEMA IF EXISTS {quoted(visible_schema(schema))} CASCADE")
    finally:
        await live.close()
        await fresh.close()
        await database.close()
    result.seconds = time.monotonic() - began
    return result


class _Fold:
    """The log, folded into the second set of tables up to ``position``."""

    def __init__(self, connection: Connection, event_log: EventLog) -> None:
        self._connection = connection
        self._log = event_log
        self._projection = Projection()
        self.digest = GENESIS
        self.position = 0
        self.events = 0

    async def up_to(self, last: int) -> None:
        while self.position < last:
            batch = await self._log.read(self.position + 1, last=last)
            if not batch:
                raise MillstreamError(
                    f"The log ends at position {self.position}, but the read tables are at "
                    f"{last}: they "
                    f"were folded from another log."
                )
            events = [to_event(stored.record) for stored in batch]
            for run in reopened(events):
                if run not in self._projection.runs:
                    self._projection.restore(await read_rows_of(self._connection, run))
            await lend_origins(self._log, self._projection, events)
            for stored, event in zip(batch, events, strict=True):
                position = stored.record.position
                check_chain(self.digest, canonical_bytes(stored.record), stored.digest, position)
                apply(self._projection, event)
                self.digest, self.position = stored.digest, position
            self.events += len(batch)
            async with self._connection.transaction():
                await write_changes(self._connection, self._projection.take_changes())


async def _live_position(connection: Connection, shard: int) -> int:
    return int(
        await connection.fetchval("SELECT position FROM checkpoint WHERE shard = $1", shard) or 0
    )


async def _count_rows(connection: Connection) -> dict[str, int]:
    return {
        row_type.TABLE: await connection.fetchval(f"SELECT count(*) FROM {row_type.TABLE}")  # noqa: S608
        for row_type in ROW_TYPES
    }


async def _compare(connection: Connection, row_type: type[Row], result: Result) -> None:
    """Every row of one table in both sets, column by column."""
    columns = comparable_columns(row_type)
    live, rebuilt = (
        f"{quoted(READ_SCHEMA)}.{row_type.TABLE}",
        f"{quoted(REBUILD_SCHEMA)}.{row_type.TABLE}",
    )
    found: dict[tuple[str, ...], Difference] = {}
    for side, query in (
        ("live", f"SELECT {columns} FROM {live} EXCEPT SELECT {columns} FROM {rebuilt}"),  # noqa: S608
        ("rebuilt", f"SELECT {columns} FROM {rebuilt} EXCEPT SELECT {columns} FROM {live}"),  # noqa: S608
    ):
        count = await connection.fetchval(f"SELECT count(*) FROM ({query}) d", timeout=600)  # noqa: S608
        result.different_rows += count
        for record in await connection.fetch(f"{query} LIMIT {MOST_SHOWN}", timeout=600):
            values = {name: str(record[name]) for name in column_names(row_type)}
            key = tuple(values[name] for name in row_type.KEY)
            difference = found.setdefault(
                key,
                Difference(
                    row_type.TABLE, {name: values[name] for name in row_type.KEY}, None, None
                ),
            )
            setattr(difference, side, values)
    result.differences += list(found.values())[:MOST_SHOWN]


async def _exchange(connection: Connection, shard: int, fold: _Fold) -> None:
    """Put the new tables in place. The projector sees the new generation, ends, and starts from
    them."""
    generation = await connection.fetchval(
        "SELECT generation FROM checkpoint WHERE shard = $1", shard
    )
    await connection.execute(
        f"INSERT INTO {quoted(REBUILD_SCHEMA)}.checkpoint (shard, position, digest, generation) "  # noqa: S608
        f"VALUES ($1, $2, $3, $4)",
        shard,
        fold.position,
        fold.digest,
        (generation or 0) + 1,
    )
    for name_of in (str, visible_schema):
        live, fresh, old = map(quoted, map(name_of, (READ_SCHEMA, REBUILD_SCHEMA, OLD_SCHEMA)))
        await connection.execute(f"DROP SCHEMA IF EXISTS {old} CASCADE")
        await connection.execute(f"ALTER SCHEMA {live} RENAME TO {old}")
        await connection.execute(f"ALTER SCHEMA {fresh} RENAME TO {live}")


def run_rebuild(arguments: list[str]) -> int:
    """The command line: prints what came out; 0 if the sets are equal (or were exchanged), 1 if
    not."""
    parser = argparse.ArgumentParser(prog="millstream rebuild")
    parser.add_argument(
        "--verify", action="store_true", help="compare every row and change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parsed = parser.parse_args(arguments)
    try:
        settings = read_settings().require("database_url")
        result = asyncio.run(rebuild(settings, parsed.verify))
    except MillstreamError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    if parsed.json:
        sys.stdout.write(msgspec.json.encode(_as_json(result)).decode() + "\n")
    else:
        _print(result, parsed.verify)
    return EXIT_DIFFERENT if result.different_rows else 0


def _as_json(result: Result) -> dict[str, object]:
    return {
        "position": result.position,
        "events": result.events,
        "rows": result.rows,
        "equal": not result.different_rows,
        "different_rows": result.different_rows,
        "differences": result.differences,
        "seconds": round(result.seconds, 3),
    }


def _print(result: Result, is_verify: bool) -> None:
    rows = ", ".join(f"{count} {table}" for table, count in result.rows.items() if count)
    print(
        f"Folded {result.events} events up to position {result.position} in {result.seconds:.2f} "
        f"s: {rows}."
    )
    if not is_verify:
        print("The rebuilt tables are in place.")
        return
    if not result.different_rows:
        print(
            "The read tables equal the log: every row is the same, and the digest chain verifies."
        )
        return
    print(f"NOT EQUAL: {result.different_rows} rows differ between the read tables and the log.")
    for difference in result.differences:
        key = ", ".join(f"{name}={value}" for name, value in difference.key.items())
        print(f"  {difference.table} ({key}): {_describe(difference)}")


def _describe(difference: Difference) -> str:
    if difference.live is None:
        return "is missing"
    if difference.rebuilt is None:
        return "should not be there"
    return "; ".join(
        f"{name} is {value!r} and should be {difference.rebuilt[name]!r}"
        for name, value in difference.live.items()
        if value != difference.rebuilt[name]
    )
