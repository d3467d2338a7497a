"""What the projector reads for others, over the simulated read tables: the queries written once
more, in Python."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from millstream.adapters.lookup import AssetQuestion, XComQuestion
from millstream.adapters.secret_table import Sealed
from millstream.core.asset_events import AssetAnswer, AssetEventRecord
from millstream.core.run_states import RunStates, StatesAnswer, StatesQuestion
from millstream.core.xcoms import FoundXCom, XComQuery
from millstream.projection.rows import (
    AssetEventRow,
    DagRow,
    RunRow,
    XComRow,
)
from millstream_projector.xcom_queries import stored_xcom
from simulation.postgres import Server
from simulation.rows import ReadConnection, Tables


async def find_xcoms(
    connection: ReadConnection, question: XComQuestion, most_bytes: int
) -> AsyncIterator[FoundXCom]:
    tables = connection.server.tables
    found = await connection.server.do(lambda: list(_find_xcoms(tables, question)))
    for each in found:
        yield each


def _find_xcoms(tables: Tables, question: XComQuestion) -> Any:
    pull = question.pull
    first = pull.after.query if pull.after else 0
    for number, query in enumerate(pull.queries[first:], first):
        begin = pull.after.map_index if pull.after and number == first else None
        run_id: str | None = question.run_id
        if question.until is not None:
            run_id = _newest_run(tables, question, query, question.until)
        for row in sorted(_values(tables, question, query), key=lambda row: row.map_index):
            if row.run_id == run_id and (begin is None or row.map_index > begin):
                xcom = stored_xcom(row.value, row.blob, row.size, row.codec)
                yield FoundXCom(number, row.map_index, xcom)


def _values(tables: Tables, question: XComQuestion, query: XComQuery) -> list[XComRow]:
    about = (question.namespace, question.dag_id, query.task_id, query.key)
    depth = len(query.map_index)
    return [
        row
        for row in tables.of(XComRow)
        if isinstance(row, XComRow)
        and (row.namespace, row.dag_id, row.task_id, row.key) == about
        and (row.map_index[:depth] if query.under else row.map_index) == query.map_index
    ]


def _newest_run(
    tables: Tables, question: XComQuestion, query: XComQuery, until: datetime
) -> str | None:
    valued = {row.run_id for row in _values(tables, question, query)}
    dated = [
        (row.logical_date or row.run_after, row.created_position, row.run_id)
        for row in tables.of(RunRow)
        if isinstance(row, RunRow)
        and (row.namespace, row.dag_id) == (question.namespace, question.dag_id)
        and row.run_id in valued
        and (row.logical_date or row.run_after) <= until
    ]
    return max(dated)[2] if dated else None


async def find_asset_events(
    connection: ReadConnection, question: AssetQuestion, most_bytes: int
) -> AssetAnswer:
    tables = connection.server.tables

    def find() -> list[AssetEventRow]:
        key = (question.namespace, question.dag_id, question.run_id)
        run = tables.rows.get(RunRow, {}).get(key)
        assert run is None or isinstance(run, RunRow)
        wanted = msgspec.json.decode(run.asset_events) if run is not None else []
        rows = tables.rows.get(AssetEventRow, {})
        return [rows[position,] for position in sorted(wanted)]  # type: ignore[misc]

    assert question.is_of_run, "the simulation asks for nothing else"
    return AssetAnswer(
        events=tuple(
            AssetEventRecord(
                position=row.position,
                name=row.name,
                uri=row.uri,
                extra=msgspec.json.decode(row.extra),
                aliases=tuple(msgspec.json.decode(row.aliases)),
                dag_id=row.dag_id,
                run_id=row.run_id,
                task_id=row.task_id,
                map_index=row.map_index,
                recorded_at=row.recorded_at,
            )
            for row in await connection.server.do(find)
        )
    )


async def read_states(connection: ReadConnection, question: StatesQuestion) -> StatesAnswer:
    tables = connection.server.tables

    def find() -> StatesAnswer:
        dag = tables.rows.get(DagRow, {}).get((question.namespace, question.dag_id))
        missing = () if dag is not None else (f"DAG {question.dag_id!r}",)
        runs = [
            RunStates(run_id=row.run_id, logical_date=row.logical_date, state=row.state)
            for row in tables.of(RunRow)
            if isinstance(row, RunRow)
            and (row.namespace, row.dag_id) == (question.namespace, question.dag_id)
            and (row.run_id in question.run_ids or row.logical_date in question.logical_dates)
        ]
        answer = StatesAnswer(runs=tuple(runs), task_ids=question.task_ids, missing=missing)
        return msgspec.structs.replace(answer, digest=msgspec.json.encode(answer).hex()[:4000])

    return await connection.server.do(find)


class SimulatedSecretTable:
    """Stands for ``SecretTable``."""

    server: Server

    def __init__(self, database: Any, shard: int) -> None:
        pass

    async def find(self, namespace: str, kind: str, name: str) -> Sealed | None:
        def find() -> Sealed | None:
            for row in reversed(self.server.secrets):
                if (row.namespace, row.kind, row.name) == (namespace, kind, name):
                    return Sealed(row.version, row.sealed) if row.sealed is not None else None
            return None

        return await self.server.do(find)
