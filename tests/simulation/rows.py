"""The read tables of the simulated Postgres, and the projector's way to them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from millstream.core.state import RunKey
from millstream.core.wire import GENESIS
from millstream.projection.changes import Changes
from millstream.projection.rows import (
    RUN_ROW_TYPES,
    BackfillRow,
    CallbackRow,
    DagRow,
    Row,
    RunRow,
)

if TYPE_CHECKING:
    from millstream_projector.tables import Step
    from simulation.postgres import Server


@dataclass
class Checkpoint:
    position: int = 0
    digest: bytes = GENESIS
    generation: int = 0


@dataclass
class Tables:
    """The read tables: rows by their keys."""

    rows: dict[type[Row], dict[tuple[Any, ...], Row]] = field(default_factory=dict)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)

    def copy(self) -> Tables:
        return Tables({kind: dict(rows) for kind, rows in self.rows.items()}, self.checkpoint)

    def all(self) -> list[Row]:
        return [row for rows in self.rows.values() for row in rows.values()]

    def of(self, row_type: type[Row]) -> list[Row]:
        return list(self.rows.get(row_type, {}).values())

    def of_runs(self, runs: set[RunKey]) -> list[Row]:
        return [row for kind in RUN_ROW_TYPES for row in self.of(kind) if _run_of(row) in runs]


class ReadConnection:
    """A connection to the read tables."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._is_locking = False
        self._locked: Tables | None = None

    def transaction(self) -> ReadConnection:
        self._is_locking = True
        return self

    @property
    def tables(self) -> Tables:
        """In a transaction those at its first statement, which keeps writers away."""
        return self._locked or self.server.tables

    async def __aenter__(self) -> ReadConnection:
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._is_locking, self._locked = False, None

    async def execute(self, query: str, *arguments: Any) -> str:
        assert query == "SELECT 1", query
        return await self.server.do(lambda: query)

    async def fetchval(self, query: str, *arguments: Any) -> str | None:
        assert query.startswith("SELECT conf::text FROM dag_run"), query
        row = await self.server.do(lambda: self.server.tables.rows.get(RunRow, {}).get(arguments))
        assert row is None or isinstance(row, RunRow)
        return row.conf if row is not None else None

    async def fetchrow(self, query: str, *arguments: Any) -> dict[str, Any]:
        def look() -> Checkpoint:
            if self._is_locking and self._locked is None:
                self._locked = self.server.tables.copy()
            return self.tables.checkpoint

        checkpoint = await self.server.do(look)
        return {
            "position": checkpoint.position,
            "digest": checkpoint.digest,
            "generation": checkpoint.generation,
        }

    async def close(self) -> None:
        pass


async def write_step(connection: ReadConnection, step: Step, changes: Changes) -> bool:
    rows = {
        row_type: {key: copy(row) for key, row in changed.items()}
        for row_type, changed in changes.rows.items()
    }
    gone = {kind: dict(keys) for kind, keys in changes.gone.items()}
    tables = connection.server.tables

    def commit() -> bool:
        at = tables.checkpoint
        if step.generation != at.generation or at.position not in (step.position, step.before):
            return False
        for row_type, keys in gone.items():
            for key in keys:
                tables.rows.get(row_type, {}).pop(key, None)
        for row_type, changed in rows.items():
            tables.rows.setdefault(row_type, {}).update(changed)
        tables.checkpoint = Checkpoint(step.position, step.digest, step.generation)
        return True

    return await connection.server.do(commit)


async def read_open_rows(connection: ReadConnection) -> list[Row]:
    server = connection.server

    def read() -> list[Row]:
        tables = connection.tables
        backfills = [
            row
            for row in tables.of(BackfillRow)
            if isinstance(row, BackfillRow) and row.state in ("running", "paused")
        ]
        callbacks = [
            row
            for row in tables.of(CallbackRow)
            if isinstance(row, CallbackRow) and row.ended_at is None
        ]
        open_runs = {
            _run_of(row)
            for row in tables.of(RunRow)
            if isinstance(row, RunRow) and row.state in ("queued", "running")
        }
        return [*tables.of(DagRow), *backfills, *callbacks, *tables.of_runs(open_runs)]

    return [copy(row) for row in await server.do(read)]


async def read_rows_of(connection: ReadConnection, run: RunKey) -> list[Row]:
    server = connection.server
    return [copy(row) for row in await server.do(lambda: connection.tables.of_runs({run}))]


def _run_of(row: Any) -> RunKey:
    return (row.namespace, row.dag_id, row.run_id)
