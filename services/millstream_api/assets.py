"""AssetService: assets, their updates, and updates from outside."""

from __future__ import annotations

import msgspec

from millstream.core.commands import EmitAssetEvent
from millstream.rpc.convert import dict_from, struct_from, timestamp_from
from millstream.rpc.v1 import assets_pb2, assets_pb2_grpc
from millstream_api.callers import look_up, namespace_of, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.errors import FieldProblem
from millstream_api.interceptor import Context
from millstream_api.paging import decode_token, encode_token, fill_page, page_size
from millstream_api.snapshot import Row, Snapshots

EXTRA_BYTES = 64 * 1024

_ASSETS = """
SELECT a.namespace, a.name, a.uri, a.asset_group, e.position, e.recorded_at FROM asset a
LEFT JOIN LATERAL (
    SELECT position, recorded_at FROM asset_event
    WHERE namespace = a.namespace AND name = a.name ORDER BY position DESC LIMIT 1) e ON true
WHERE a.namespace = $1 AND a.name > $2 ORDER BY a.name LIMIT $3
"""
_EVENTS = """
SELECT * FROM asset_event
WHERE namespace = $1 AND ($2 = '' OR name = $2) AND ($3 = 0 OR position < $3)
ORDER BY position DESC LIMIT $4
"""


class AssetService(assets_pb2_grpc.AssetServiceServicer):
    def __init__(self, commands: Commands, snapshots: Snapshots, receipt_timeout_s: float) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._receipt_timeout_s = receipt_timeout_s

    async def ListAssets(  # noqa: N802 - gRPC's name
        self, request: assets_pb2.ListAssetsRequest, context: Context
    ) -> assets_pb2.ListAssetsResponse:
        namespace = namespace_of(request.namespace)
        most = page_size(request.page_size)
        scope = ("assets", namespace)
        after = look_up("page_token", decode_token(scope, request.page_token, str) or "")
        async with self._snapshots.open(request.min_position, seconds_left(context)) as rows:
            found = await rows.fetch(_ASSETS, namespace, after, most + 1)
        page, is_more = fill_page(found, _asset, most)
        token = encode_token(scope, page[-1].name) if is_more else ""
        return assets_pb2.ListAssetsResponse(assets=page, next_page_token=token)

    async def ListAssetEvents(  # noqa: N802
        self, request: assets_pb2.ListAssetEventsRequest, context: Context
    ) -> assets_pb2.ListAssetEventsResponse:
        namespace = namespace_of(request.namespace)
        name = look_up("name", request.name)
        most = page_size(request.page_size)
        scope = ("asset_events", namespace, name)
        before = decode_token(scope, request.page_token, int) or 0
        async with self._snapshots.open(request.min_position, seconds_left(context)) as rows:
            found = await rows.fetch(_EVENTS, namespace, name, before, most + 1)
        page, is_more = fill_page(found, _event, most)
        token = encode_token(scope, page[-1].position) if is_more else ""
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
        extra=struct_from(msgspec.json.decode(row["extra"]), "extra"),
        aliases=msgspec.json.decode(row["aliases"]),
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        task_id=row["task_id"],
        map_index=row["map_index"],
        recorded_at=timestamp_from(row["recorded_at"]),
    )
