"""The events in order and without a gap, whatever the stream does: what it lost comes from
Postgres."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.event_log import EventLog, Head, Stored
from millstream.adapters.follow import Follower
from millstream.adapters.streams import stream_state
from millstream.adapters.subjects import events_stream
from millstream.core.errors import ChainBroken, StoreBehindStream, Unavailable
from millstream.core.events import Event
from millstream.core.wire import canonical_bytes, check_chain, read_published, to_event

log = structlog.get_logger(__name__)

IDLE_CHECK_S = 5.0
RETRY_AFTER_S = 0.5


async def end_of_log(bus: Bus, event_log: EventLog, shard: int) -> Head:
    """The end of the log, once it is known that the stream is not ahead of it; waits for NATS and
    Postgres. Raises :class:`StoreBehindStream`: what the stream holds beyond the log was lost with
    it, although its digests are right, and must not be taken for something that happened.
    """
    while True:
        try:
            # In this order, since the log is committed before it is relayed.
            stream = await stream_state(bus, events_stream(shard))
            head = await event_log.head()
        except (Unavailable, JetStreamError) as error:
            log.warning("end_of_log_waits", error=str(error))
            await asyncio.sleep(RETRY_AFTER_S)
            continue
        if stream is not None and int(stream["last_seq"]) > head.position:
            raise StoreBehindStream(head.position, int(stream["last_seq"]))
        return head


class Feed:
    """Starts after ``position``, whose digest is ``digest``; both move on with what was taken."""

    def __init__(
        self, event_log: EventLog, follower: Follower, position: int, digest: bytes
    ) -> None:
        self._log = event_log
        self._follower = follower
        self.position = position
        self.digest = digest

    async def catch_up(self) -> list[Event]:
        """What Postgres holds after the position, a batch at a time; empty at the end.

        Raises :class:`ChainBroken` if the log was tampered with, :class:`Unavailable` without
        Postgres.
        """
        batch = await self._log.read(self.position + 1)
        return [self._take(stored) for stored in batch]

    async def take(self) -> list[Event]:
        """Wait for events and return all there are. Raises :class:`StoreBehindStream` if the log
        ends before what was taken already."""
        while True:
            messages = await self._follower.take(IDLE_CHECK_S)
            if messages:
                events = await self._take_messages(messages)
            else:
                # The stream may have lost the last events of all, and then nothing tells of them.
                events = await self._fill_end()
            if events:
                return events

    async def _take_messages(self, messages: list[tuple[int, bytes]]) -> list[Event]:
        events: list[Event] = []
        for sequence, message in messages:
            if sequence <= self.position:
                continue
            if sequence == self.position + 1:
                try:
                    record, canonical = read_published(message)
                    digest = bytes.fromhex(record.digest)
                    check_chain(self.digest, canonical, digest, sequence)
                    event = to_event(record)
                except (msgspec.MsgspecError, ValueError, RecursionError, ChainBroken) as error:
                    log.error("stream_differs_from_log", position=sequence, error=str(error))
                else:
                    self.position, self.digest = sequence, digest
                    events.append(event)
                    continue
            events += await self._fill(sequence)
        return events

    async def _fill_end(self) -> list[Event]:
        try:
            events = await self.catch_up()
            end = self.position if events else (await self._log.head()).position
        except Unavailable:
            return []
        if end < self.position:
            raise StoreBehindStream(end, self.position)
        if events:
            log.info("filled_from_postgres", first=events[0].position, last=self.position)
        return events

    async def _fill(self, last: int) -> list[Event]:
        """The events up to ``last`` from Postgres: the stream lost them, or holds something
        else."""
        log.info("filling_from_postgres", first=self.position + 1, last=last)
        events: list[Event] = []
        while self.position < last:
            try:
                batch = await self._log.read(self.position + 1, last=last)
            except Unavailable:
                await asyncio.sleep(0.2)
                continue
            if not batch:
                break  # foreign messages beyond the end of the log
            events += [self._take(stored) for stored in batch]
        return events

    def _take(self, stored: Stored) -> Event:
        position = stored.record.position
        check_chain(self.digest, canonical_bytes(stored.record), stored.digest, position)
        self.position, self.digest = position, stored.digest
        return to_event(stored.record)
