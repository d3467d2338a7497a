"""Following the stream EVENTS from a position on, across lost connections, consumers and streams.

A follower makes its own consumer, which lives as long as somebody pulls from it. It delivers
messages in the order of the stream, may deliver some again, and may leave a gap where the stream
lost some: who follows knows the positions and fills a gap from Postgres.
"""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.bus_client import Delivery
from millstream.adapters.pull import Puller, read_sequence
from millstream.adapters.subjects import events_stream
from millstream.core.errors import Unavailable

log = structlog.get_logger(__name__)

MOST_BUFFERED = 2048
MOST_BUFFERED_BYTES = 64 * 1024 * 1024
_INACTIVE_NS = 60 * 1_000_000_000


class Follower:
    """``run`` keeps pulling in a task of its own; ``take`` waits for messages and returns all there
    are."""

    def __init__(self, bus: Bus, shard: int, start: int) -> None:
        self._bus = bus
        self._stream = events_stream(shard)
        self._next = start
        self._messages: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._missing = asyncio.Event()
        self._puller: Puller | None = None

    async def take(self, timeout_s: float | None = None) -> list[tuple[int, bytes]]:
        """(stream sequence, message) pairs, oldest first; an empty list after ``timeout_s`` without
        any."""
        if not self._messages:
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        taken = list(self._messages)
        self._messages.clear()
        self._bytes = 0
        self._tune()
        return taken

    def rewind(self, start: int) -> None:
        """Go on from another position: what was buffered is dropped and the consumer made anew."""
        self._next = start
        self._messages.clear()
        self._bytes = 0
        self._missing.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                name = await self._create_consumer()
            except (JetStreamError, Unavailable) as error:
                log.debug("follow_waits", error=str(error))
                await asyncio.sleep(0.1)
                continue
            self._missing.clear()
            # The consumer lives in the memory of one server: one that says nothing is made anew.
            anew = self._missing.set
            puller = self._puller = Puller(
                self._bus, self._stream, name, self._on_message, on_missing=anew, on_silence=anew
            )
            self._tune()
            pulling = asyncio.create_task(puller.run())
            try:
                await self._missing.wait()
            finally:
                self._puller = None
                pulling.cancel()
                await asyncio.gather(pulling, return_exceptions=True)

    def _tune(self) -> None:
        if self._puller is not None:
            free = max(MOST_BUFFERED - len(self._messages), 0)
            free_bytes = MOST_BUFFERED_BYTES - self._bytes
            if free_bytes <= 0:
                free = 0
            # The largest message of all must fit.
            self._puller.set_want(free, free // 2, max(free_bytes, 2 * self._bus.max_payload))

    def _on_message(self, delivery: Delivery) -> None:
        sequence = read_sequence(delivery.reply)
        if sequence != self._next and self._messages and sequence > self._next:
            log.info("follow_gap", expected=self._next, got=sequence)
        self._next = sequence + 1
        self._messages.append((sequence, delivery.data))
        self._bytes += len(delivery.data)
        self._arrived.set()

    async def _create_consumer(self) -> str:
        answer = await self._bus.jetstream(
            f"CONSUMER.CREATE.{self._stream}",
            {
                "stream_name": self._stream,
                "config": {
                    "deliver_policy": "by_start_sequence",
                    "opt_start_seq": max(self._next, 1),
                    "ack_policy": "none",
                    "mem_storage": True,
                    "num_replicas": 1,
                    "inactive_threshold": _INACTIVE_NS,
                },
            },
        )
        return str(answer["name"])
