"""``Client.pools``: how many tasks may hold a slot at a time."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import msgspec

from millstream.client.modes import Calls, M, call, listing
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


class Pools(Calls[M]):
    """The calls of PoolService in one namespace."""

    @call
    async def set(
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
        return int((await self._ask(request)).position)

    @call
    async def get(self, name: str, *, min_position: int = 0) -> Pool:
        """Raises :class:`NotFound` for a pool that does not exist."""
        request = pools_pb2.GetPoolRequest(
            namespace=self._namespace, name=name, min_position=min_position
        )
        return _pool((await self._ask(request)).pool)

    @listing
    async def list(self, *, min_position: int = 0) -> AsyncIterator[Pool]:
        """By name."""
        request = pools_pb2.ListPoolsRequest(
            namespace=self._namespace,
            min_position=min_position,
        )
        async for one in self._items(request, "pools"):
            yield _pool(one)

    @call
    async def delete(self, name: str, *, request_id: str | None = None) -> int:
        """Returns the position in the log. Raises :class:`NotFound` for a pool that does not
        exist."""
        request = pools_pb2.DeletePoolRequest(
            request_id=request_id or uuid.uuid4().hex, namespace=self._namespace, name=name
        )
        return int((await self._ask(request)).position)


def _pool(message: pools_pb2.Pool) -> Pool:
    return Pool(**{name: getattr(message, name) for name in Pool.__struct_fields__})
