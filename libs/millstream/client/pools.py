"""``Client.pools``: how many tasks may hold a slot at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import msgspec

from millstream.client.channel import Channel
from millstream.client.pages import pages
from millstream.rpc.v1 import pools_pb2


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool. ``slots`` and ``open_slots`` of -1: as many as anybody wants. Of the others each says
    how many slots the tasks of that state hold; ``scheduled_slots`` is what waiting tasks want."""

    namespace: str
    name: str
    slots: int
    include_deferred: bool
    description: str
    running_slots: int
    queued_slots: int
    deferred_slots: int
    scheduled_slots: int
    occupied_slots: int
    open_slots: int


class Pools:
    """The calls of PoolService in one namespace."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        self._channel = channel
        self._namespace = namespace

    def set(
        self,
        name: str,
        slots: int,
        *,
        description: str = "",
        include_deferred: bool = False,
        request_id: str | None = None,
    ) -> int:
        """Make a pool or change one; returns the position in the log."""
        request = pools_pb2.SetPoolRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self._namespace,
            name=name,
            slots=slots,
            include_deferred=include_deferred,
            description=description,
        )
        position: int = self._channel.call(self._channel.pools.SetPool, request).position
        return position

    def get(self, name: str, *, min_position: int = 0) -> Pool:
        """Raises :class:`NotFound` for a pool that does not exist."""
        request = pools_pb2.GetPoolRequest(
            namespace=self._namespace, name=name, min_position=min_position
        )
        return _pool(self._channel.call(self._channel.pools.GetPool, request).pool)

    def list(self, *, min_position: int = 0) -> Iterator[Pool]:
        """By name."""

        def page(token: str, size: int) -> tuple[list[Pool], str]:
            request = pools_pb2.ListPoolsRequest(
                namespace=self._namespace,
                page_size=size,
                page_token=token,
                min_position=min_position,
            )
            answer = self._channel.call(self._channel.pools.ListPools, request)
            return [_pool(one) for one in answer.pools], answer.next_page_token

        return pages(page, None)

    def delete(self, name: str, *, request_id: str | None = None) -> int:
        """Returns the position in the log. Raises :class:`NotFound` for a pool that does not
        exist."""
        request = pools_pb2.DeletePoolRequest(
            request_id=request_id or uuid.uuid4().hex, namespace=self._namespace, name=name
        )
        position: int = self._channel.call(self._channel.pools.DeletePool, request).position
        return position


def _pool(message: pools_pb2.Pool) -> Pool:
    return Pool(**{name: getattr(message, name) for name in Pool.__struct_fields__})
