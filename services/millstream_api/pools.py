"""PoolService: pools, their slots and who holds them."""

from __future__ import annotations

from millstream.core.commands import DeletePool, SetPool
from millstream.core.errors import NotFound
from millstream.core.pools import DEFAULT_POOL, DEFAULT_SLOTS
from millstream.rpc.v1 import pools_pb2, pools_pb2_grpc
from millstream_api.callers import look_up, namespace_of, need, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.interceptor import Context
from millstream_api.listing import Conditions, Key, Listing, search_in
from millstream_api.snapshot import Row, Snapshots

# Only tasks of runs that go on hold slots. The default pool is there without a row of its own.
_TAKEN = f"""
WITH taken AS (
    SELECT t.pool AS name,
           sum(t.pool_slots) FILTER (WHERE t.state = 'running') AS running,
           sum(t.pool_slots) FILTER (WHERE t.state = 'queued') AS queued,
           sum(t.pool_slots) FILTER (WHERE t.state = 'deferred') AS deferred,
           sum(t.pool_slots) FILTER (WHERE t.state = 'scheduled') AS scheduled
    FROM dag_run r JOIN task_instance t USING (namespace, dag_id, run_id)
    WHERE r.namespace = $1 AND r.state IN ('queued', 'running')
      AND t.state IN ('running', 'queued', 'deferred', 'scheduled')
    GROUP BY t.pool
), pools AS (
    SELECT name, slots, include_deferred, description FROM pool WHERE namespace = $1
    UNION ALL
    SELECT '{DEFAULT_POOL}', {DEFAULT_SLOTS}, false, ''
    WHERE NOT EXISTS (SELECT 1 FROM pool WHERE namespace = $1 AND name = '{DEFAULT_POOL}')
)"""  # noqa: S608 - our own constants
_LIST = Listing(
    name="pools",
    prelude=_TAKEN,
    columns="""p.name, p.slots, p.include_deferred, p.description,
coalesce(t.running, 0)::bigint AS running, coalesce(t.queued, 0)::bigint AS queued,
coalesce(t.deferred, 0)::bigint AS deferred, coalesce(t.scheduled, 0)::bigint AS scheduled""",
    source="pools p LEFT JOIN taken t USING (name)",
    orders={"name": (Key("p.name"),)},
    default="name",
)
_GET = f"{_TAKEN} SELECT {_LIST.columns} FROM {_LIST.source} WHERE p.name = $2"  # noqa: S608 - ours


class PoolService(pools_pb2_grpc.PoolServiceServicer):
    def __init__(self, commands: Commands, snapshots: Snapshots, receipt_timeout_s: float) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._receipt_timeout_s = receipt_timeout_s

    async def SetPool(  # noqa: N802 - gRPC's name
        self, request: pools_pb2.SetPoolRequest, context: Context
    ) -> pools_pb2.SetPoolResponse:
        command = SetPool(
            id=request_id_of(request.request_id),
            namespace=namespace_of(request.namespace),
            name=need("name", request.name),
            slots=request.slots,
            include_deferred=request.include_deferred,
            description=look_up("description", request.description),
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        return pools_pb2.SetPoolResponse(position=receipt.position)

    async def GetPool(  # noqa: N802
        self, request: pools_pb2.GetPoolRequest, context: Context
    ) -> pools_pb2.GetPoolResponse:
        namespace = namespace_of(request.namespace)
        name = need("name", request.name)
        async with self._snapshots.read(request, context) as rows:
            row = await rows.fetchrow(_GET, namespace, name)
        if row is None:
            raise NotFound(f"Pool {name!r} does not exist.")
        return pools_pb2.GetPoolResponse(pool=_pool(namespace, row))

    async def ListPools(  # noqa: N802
        self, request: pools_pb2.ListPoolsRequest, context: Context
    ) -> pools_pb2.ListPoolsResponse:
        namespace = namespace_of(request.namespace)
        plan = _LIST.plan(request)
        where = Conditions(namespace)
        search_in(where, look_up("search", request.search), "p.name", "p.description")
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, lambda row: _pool(namespace, row))
        return pools_pb2.ListPoolsResponse(pools=page, next_page_token=token)

    async def DeletePool(  # noqa: N802
        self, request: pools_pb2.DeletePoolRequest, context: Context
    ) -> pools_pb2.DeletePoolResponse:
        command = DeletePool(
            id=request_id_of(request.request_id),
            namespace=namespace_of(request.namespace),
            name=need("name", request.name),
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        return pools_pb2.DeletePoolResponse(position=receipt.position)


def _pool(namespace: str, row: Row) -> pools_pb2.Pool:
    counted = row["deferred"] if row["include_deferred"] else 0
    occupied = row["running"] + row["queued"] + counted
    return pools_pb2.Pool(
        namespace=namespace,
        name=row["name"],
        slots=row["slots"],
        include_deferred=row["include_deferred"],
        description=row["description"],
        running_slots=row["running"],
        queued_slots=row["queued"],
        deferred_slots=row["deferred"],
        scheduled_slots=row["scheduled"],
        occupied_slots=occupied,
        open_slots=-1 if row["slots"] < 0 else max(row["slots"] - occupied, 0),
    )
