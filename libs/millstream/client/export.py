"""A piece of the log with the ends of its chain, as it is handed out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from millstream.client.channel import Channel
from millstream.client.modes import M, Speaks, listing
from millstream.core.errors import MillstreamError
from millstream.rpc.v1 import events_pb2


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The place of an event in the chain. Who keeps it elsewhere can tell later that nothing before
    it was changed or cut off."""

    position: int
    epoch: int
    digest: str
    recorded_at: datetime | None

    def __str__(self) -> str:
        return f"{self.position}:{self.digest}"


class ChainHeads(msgspec.Struct, frozen=True, kw_only=True):
    """The two ends of a piece of the log: ``before`` is the digest of the event before its first
    one, ``digest`` that of its last."""

    shard: int
    first_position: int
    last_position: int
    before: str
    digest: str


class Export(Speaks[M]):
    """A piece of the log, as it is handed out. ``heads`` is known at once; ``pieces`` can be read
    once, each of them some whole lines."""

    heads: ChainHeads

    def __init__(self, channel: Channel, from_position: int, to_position: int) -> None:
        self._channel = channel
        self._upcoming = from_position
        self._last = to_position
        self._answers = channel.stream(self._request, None)

    async def open(self) -> None:
        """Reads the heads."""
        self.heads = _heads_from((await anext(self._answers)).heads)
        self._upcoming, self._last = self.heads.first_position, self.heads.last_position

    @listing
    async def pieces(self) -> AsyncIterator[bytes]:
        """A lost connection is made again, and nothing is missed or repeated."""
        async with contextlib.aclosing(self._answers):
            async for answer in self._answers:
                if answer.HasField("heads"):  # opened again
                    continue
                self._upcoming = answer.position + 1
                yield answer.lines
                if self._upcoming > self._last:
                    return
        if self._upcoming <= self._last:
            raise MillstreamError(
                f"The export ended after position {self._upcoming - 1}, before {self._last}."
            )

    def _request(self) -> events_pb2.ExportEventsRequest:
        return events_pb2.ExportEventsRequest(from_position=self._upcoming, to_position=self._last)


def _heads_from(heads: events_pb2.ChainHeads) -> ChainHeads:
    return ChainHeads(
        shard=heads.shard,
        first_position=heads.first_position,
        last_position=heads.last_position,
        before=heads.before,
        digest=heads.digest,
    )
