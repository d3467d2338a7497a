"""The services that read, on a Postgres without the others, and the plans of their statements."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from millstream.adapters.read_pool import ReadPool
from millstream_api.assets import AssetService
from millstream_api.backfills import BackfillService
from millstream_api.connections import ConnectionService
from millstream_api.dags import DagService
from millstream_api.human_input import HumanInputService
from millstream_api.pools import PoolService
from millstream_api.progress import Progress
from millstream_api.runs import RunService
from millstream_api.snapshot import Row, Rows, Snapshots
from millstream_api.variables import VariableService

# Of what there is more with each run. The others have some thousand rows at most.
LARGE = {"dag_run", "task_instance", "task_attempt", "xcom", "asset_event", "human_input"}
NOBODY: Any = None


class Context:
    def time_remaining(self) -> None:
        return None


class Explaining:
    """A connection that notes the plan of each statement."""

    def __init__(self, rows: Rows, plans: list[Any]) -> None:
        self._rows = rows
        self._plans = plans

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        await self._explain(query, *args)
        return await self._rows.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        await self._explain(query, *args)
        return await self._rows.fetchrow(query, *args)

    async def cursor(self, query: str, *args: object) -> Any:
        await self._explain(query, *args)
        return await self._rows.cursor(query, *args)

    async def _explain(self, query: str, *args: object) -> None:
        (row,) = await self._rows.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *args)
        self._plans.append(json.loads(row[0])[0]["Plan"])  # type: ignore[index]


class ExplainingSnapshots(Snapshots):
    def __init__(self, pool: ReadPool) -> None:
        super().__init__(pool, Progress(), 0)
        self.plans: list[Any] = []

    @asynccontextmanager
    async def open(self, min_position: int, timeout_s: float) -> AsyncIterator[Rows]:
        async with super().open(min_position, timeout_s) as rows:
            yield cast(Rows, Explaining(rows, self.plans))


class Services:
    """Those that list, without anybody to carry out commands."""

    def __init__(self, url: str) -> None:
        self.pool = ReadPool(url)
        self.snapshots = shots = ExplainingSnapshots(self.pool)
        self.dags = DagService(NOBODY, shots, NOBODY, 1.0, are_new_paused=False, max_map_length=1)
        self.runs = RunService(NOBODY, shots, self.pool, NOBODY, NOBODY, NOBODY, 1.0)
        self.assets = AssetService(NOBODY, shots, 1.0)
        self.backfills = BackfillService(NOBODY, shots, 1.0)
        self.inputs = HumanInputService(NOBODY, shots, 1.0)
        self.pools = PoolService(NOBODY, shots, 1.0)
        self.variables = VariableService(NOBODY, shots, NOBODY, NOBODY, 1.0)
        self.connections = ConnectionService(NOBODY, shots, NOBODY, NOBODY, 1.0)


@asynccontextmanager
async def services(url: str) -> AsyncIterator[Services]:
    made = Services(url)
    try:
        yield made
    finally:
        await made.pool.close()


def check_plan(plan: Any) -> None:
    """No large table is looked at from end to end, and little is read only to be thrown away."""
    name = plan.get("Relation Name")
    assert plan["Node Type"] != "Seq Scan" or name not in LARGE, json.dumps(plan, indent=1)
    for inner in plan.get("Plans", ()):
        check_plan(inner)
