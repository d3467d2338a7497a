"""AssetService: assets, their updates, and updates from outside."""

from __future__ import annotations

import msgspec

from millstream.core.commands import EmitAssetEvent
from millstream.rpc.convert import dict_from, shown_struct, timestamp_from
from millstream.rpc.v1 import assets_pb2, assets_pb2_grpc
from millstream_api.callers import look_up, namespace_of, need, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.errors import FieldProblem
from millstream_api.interceptor import Context
from millstream_api.listing import Conditions, Key, Listing, search_in
from millstream_api.snapshot import Row, Snapshots

EXTRA_BYTES = 64 * 1024

_ASSETS = Listing(
    name="assets",
    columns="a.namespace, a.name, a.uri, a.asset_group, e.position, e.recorded_at",
    source="""asset a LEFT JOIN LATERAL (
    SELECT position, recorded_at FROM asset_event
    WHERE namespace = a.namespace AND name = a.name ORDER BY position DESC LIMIT 1) e ON true""",
    orders={"name": (Key("a.name"),)},
    default="name",
)
_EVENTS = Listing(
    name="asset_events",
    columns="*",
    source="asset_event",
    orders={"position": (Key("position", int),)},
    default="position desc",
)


class AssetService(assets_pb2_grpc.AssetServiceServicer):
    def __init__(self, commands: Commands, snapshots: Snapshots, receipt_timeout_s: float) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._receipt_timeout_s = receipt_timeout_s

    async def ListAssets(  # noqa: N802 - gRPC's name
        self, request: assets_pb2.ListAssetsRequest, context: Context
    ) -> assets_pb2.ListAssetsResponse:
        namespace = namespace_of(request.namespace)
        plan = _ASSETS.plan(request)
        where = Conditions().add("a.namespace = {}", namespace)
        where.add_if(look_up("group", request.group), "a.asset_group = {}")
        search_in(where, look_up("search", request.search), "a.name", "a.uri")
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, _asset)
        return assets_pb2.ListAssetsResponse(assets=page, next_page_token=token)

    async def ListAssetEvents(  # noqa: N802
        self, request: assets_pb2.ListAssetEventsRequest, context: Context
    ) -> assets_pb2.ListAssetEventsResponse:
        namespace = namespace_of(request.namespace)
        plan = _EVENTS.plan(request)
        where = Conditions().add("namespace = {}", namespace)
        where.add_if(look_up("name", request.name), "name = {}")
        if request.run_id:
            where.add("dag_id = {}", need("dag_id", request.dag_id))
            where.add("run_id = {} AND run_id <> ''", look_up("run_id", request.run_id))
        elif request.dag_id:
            where.add("dag_id = {} AND run_id <> ''", look_up("dag_id", request.dag_id))
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, _event)
        return assets_pb2.ListAssetEventsResponse(events=page, next_page_token=token)

    async def EmitAssetEvent(  # noqa: N802
        self, request: assets_pb2.EmitAssetEventRequest, context: Context
    ) -> assets_pb2.EmitAssetEventResponse:
        if not request.name and not request.uri:
            raise FieldProblem("name", "Name the asset by its name or its URI.")
        if request.extra.ByteSize() > EXTRA_BYTES:
            raise FieldProblem("extra", f"extra may have at most {EXTRA_BYTES} bytes.")
        command = EmitAssetEvent(
            id=request_id_of(request.request_id),
            namespace=namespace_of(request.namespace),
            name=look_up("name", request.name),
            uri=look_up("uri", request.uri),
            extra=dict_from(request.extra, "extra"),
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        return assets_pb2.EmitAssetEventResponse(position=receipt.position)


def _asset(row: Row) -> assets_pb2.Asset:
    return assets_pb2.Asset(
        namespace=row["namespace"],
        name=row["name"],
        uri=row["uri"],
        group=row["asset_group"],
        updated_at=timestamp_from(row["recorded_at"]),
        last_event=row["position"] or 0,
    )


def _event(row: Row) -> assets_pb2.AssetEvent:
    return assets_pb2.AssetEvent(
        position=row["position"],
        namespace=row["namespace"],
        name=row["name"],
        uri=row["uri"],
        extra=shown_struct(msgspec.json.decode(row["extra"])),
        aliases=msgspec.json.decode(row["aliases"]),
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        task_id=row["task_id"],
        map_index=row["map_index"],
        recorded_at=timestamp_from(row["recorded_at"]),
    )
