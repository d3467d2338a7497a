"""The stream EVENTS held against the log, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from millstream.adapters.bus import Bus
from millstream.adapters.follow import Follower
from millstream.adapters.log_snapshot import LogSnapshot
from millstream.adapters.streams import stream_state
from millstream.adapters.subjects import events_stream
from millstream.core.errors import Unavailable
from millstream.verify.findings import Findings
from millstream.verify.rows import Row, message

_CONNECT_S = 10.0
_WAIT_S = 5.0


@dataclass(frozen=True)
class Held:
    """The sequences that the stream holds: none if ``last`` is below ``first``."""

    first: int
    last: int


class Mirror:
    """``held``: what the stream held before the log was looked at, so that none of it may be
    missing in the log."""

    def __init__(self, bus: Bus, shard: int, held: Held) -> None:
        self._bus = bus
        self._shard = shard
        self.held = held

    async def check(self, snapshot: LogSnapshot, findings: Findings) -> None:
        """Every message is its event, byte for byte. Raises :class:`Unavailable`."""
        first, last = self.held.first, self.held.last
        if last > snapshot.end.position:
            findings.add(
                "stream",
                snapshot.end.position + 1,
                f"The stream goes on to {last}, but the log ends at {snapshot.end.position}: the "
                "log is an older copy than the stream.",
            )
        if last < first:
            return
        async with aclosing(self._messages()) as messages:
            sequence, data = await anext(messages)
            async for rows in snapshot.rows(first):
                for row in rows:
                    if row.position > last:
                        return
                    if sequence == row.position:
                        self._compare(row, data, findings)
                        sequence, data = await anext(messages)
                    elif await self._is_missed(row.position):
                        findings.add(
                            "stream", row.position, f"The stream has lost message {row.position}."
                        )

    async def close(self) -> None:
        await self._bus.close()

    def _compare(self, row: Row, data: bytes, findings: Findings) -> None:
        findings.judged["stream"] += 1
        if data != message(row):
            findings.add(
                "stream", row.position, f"Message {row.position} of the stream is not the event."
            )

    async def _is_missed(self, position: int) -> bool:
        """Whether the stream should have it: what is too old goes meanwhile."""
        held = await _held(self._bus, self._shard)
        return held.first <= position

    async def _messages(self) -> AsyncGenerator[tuple[int, bytes], None]:
        """What the stream holds, in order, and a mark behind all of it at the end."""
        follower = Follower(self._bus, self._shard, self.held.first)
        following = asyncio.create_task(follower.run())
        reached, last = self.held.first - 1, self.held.last
        try:
            while reached < last and (taken := await follower.take(_WAIT_S)):
                for sequence, data in taken:
                    if sequence > reached:
                        reached = sequence
                        yield sequence, data
            if reached < last and (await _held(self._bus, self._shard)).last < last:
                raise Unavailable("The stream lost its end while it was read.")
            while True:
                yield last + 1, b""
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def open_mirror(url: str, shard: int) -> Mirror:
    """Asks NATS what the stream holds now; to be closed. Raises :class:`Unavailable`."""
    try:
        async with asyncio.timeout(_CONNECT_S):
            bus = await Bus.connect(url, "verify")
    except TimeoutError as error:
        raise Unavailable("NATS does not answer.") from error
    return Mirror(bus, shard, await _held(bus, shard))


async def _held(bus: Bus, shard: int) -> Held:
    state = await stream_state(bus, events_stream(shard))
    return Held(state["first_seq"], state["last_seq"]) if state is not None else Held(1, 0)
