"""``Client.assets``: the assets that DAGs read and write, and their updates."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from millstream.client.channel import Channel
from millstream.client.pages import pages
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


class Assets:
    """The calls of AssetService in one namespace."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        self._channel = channel
        self._namespace = namespace

    def list(self, *, min_position: int = 0) -> Iterator[Asset]:
        """By name."""

        def page(token: str, size: int) -> tuple[list[Asset], str]:
            request = assets_pb2.ListAssetsRequest(
                namespace=self._namespace,
                page_size=size,
                page_token=token,
                min_position=min_position,
            )
            answer = self._channel.call(self._channel.assets.ListAssets, request)
            return [_asset(one) for one in answer.assets], answer.next_page_token

        return pages(page, None)

    def events(
        self, name: str = "", *, limit: int | None = 100, min_position: int = 0
    ) -> Iterator[AssetEvent]:
        """Updates of an asset, or of all: the latest first."""

        def page(token: str, size: int) -> tuple[list[AssetEvent], str]:
            request = assets_pb2.ListAssetEventsRequest(
                namespace=self._namespace,
                name=name,
                page_size=size,
                page_token=token,
                min_position=min_position,
            )
            answer = self._channel.call(self._channel.assets.ListAssetEvents, request)
            return [_event(one) for one in answer.events], answer.next_page_token

        return pages(page, limit)

    def emit(
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
        position: int = self._channel.call(self._channel.assets.EmitAssetEvent, request).position
        return position


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
