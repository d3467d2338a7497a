"""``Client.assets``: the assets that DAGs read and write, and their updates."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from millstream.client.modes import Calls, M, call, listing
from millstream.rpc.convert import datetime_from, dict_from, struct_from
from millstream.rpc.v1 import assets_pb2


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """An asset. ``last_event``: the position of its latest update, 0 for none."""

    namespace: str
    name: str
    uri: str
    group: str
    updated_at: datetime | None
    last_event: int


class AssetEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An update of an asset; the task is empty for one from outside."""

    position: int
    namespace: str
    name: str
    uri: str
    extra: dict[str, Any]
    aliases: tuple[str, ...]
    dag_id: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    recorded_at: datetime | None


class Assets(Calls[M]):
    """The calls of AssetService in one namespace."""

    @listing
    async def list(self, *, min_position: int = 0) -> AsyncIterator[Asset]:
        """By name."""
        request = assets_pb2.ListAssetsRequest(
            namespace=self._namespace,
            min_position=min_position,
        )
        async for one in self._items(request, "assets"):
            yield _asset(one)

    @listing
    async def events(
        self, name: str = "", *, limit: int | None = 100, min_position: int = 0
    ) -> AsyncIterator[AssetEvent]:
        """Updates of an asset, or of all: the latest first."""
        request = assets_pb2.ListAssetEventsRequest(
            namespace=self._namespace,
            name=name,
            min_position=min_position,
        )
        async for one in self._items(request, "events", limit):
            yield _event(one)

    @call
    async def emit(
        self,
        name: str = "",
        *,
        uri: str = "",
        extra: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> int:
        """Say that an asset was updated outside; returns the position in the log. Raises
        :class:`NotFound` for an asset that no DAG names."""
        request = assets_pb2.EmitAssetEventRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self._namespace,
            name=name,
            uri=uri,
            extra=struct_from(extra or {}, "extra"),
        )
        return int((await self._ask(request)).position)


def _asset(message: assets_pb2.Asset) -> Asset:
    return Asset(
        namespace=message.namespace,
        name=message.name,
        uri=message.uri,
        group=message.group,
        updated_at=datetime_from(message, "updated_at"),
        last_event=message.last_event,
    )


def _event(message: assets_pb2.AssetEvent) -> AssetEvent:
    return AssetEvent(
        position=message.position,
        namespace=message.namespace,
        name=message.name,
        uri=message.uri,
        extra=dict_from(message.extra, "extra"),
        aliases=tuple(message.aliases),
        dag_id=message.dag_id,
        run_id=message.run_id,
        task_id=message.task_id,
        map_index=tuple(message.map_index),
        recorded_at=datetime_from(message, "recorded_at"),
    )
