"""Our own pull loop over a JetStream consumer: overlapping requests on one inbox, nothing hidden.

nats-py's ``fetch`` hides a deleted consumer and waits a round trip more; see docs/adr/0008.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.core.errors import Unavailable

log = structlog.get_logger(__name__)

REQUEST_EXPIRES_S = 5.0
LOST_AFTER_S = 2.0
RETRY_AFTER_S = 0.1


class Meta(NamedTuple):
    """What the acknowledgement subject of a delivered message says about it."""

    stream_seq: int
    consumer_seq: int
    deliveries: int


def read_meta(reply: str) -> Meta:
    """Both forms of the subject: nine tokens (v1), or with domain and account hash before them
    (v2)."""
    tokens = reply.split(".")
    base = 4 if len(tokens) <= 9 else 6
    return Meta(int(tokens[base + 1]), int(tokens[base + 2]), int(tokens[base]))


def read_sequence(reply: str) -> int:
    """The ``stream_seq`` of `read_meta` alone, for those who read nothing else of each message."""
    tokens = reply.split(".")
    return int(tokens[5 if len(tokens) <= 9 else 7])


class _Request:
    __slots__ = ("deadline", "number", "remaining")

    def __init__(self, number: int, remaining: int, deadline: float) -> None:
        self.number = number
        self.remaining = remaining
        self.deadline = deadline


class Puller:
    """Keeps up to ``want`` messages requested; each one that comes is handed to ``on_message``.

    ``on_message`` runs inside the read loop and must be quick. ``on_missing`` is called (in the
    loop too) whenever the consumer turns out not to exist, ``on_silence`` when a request got no
    answer at all: its server may be cut off or standing still. Lower ``want`` to slow down, raise
    it to go on.
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        consumer: str,
        on_message: Callable[[Delivery], None],
        on_missing: Callable[[], None] | None = None,
        on_silence: Callable[[], None] | None = None,
    ) -> None:
        self._bus = bus
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._on_message = on_message
        self._on_missing = on_missing
        self._on_silence = on_silence
        self._inbox = bus.new_inbox()
        self._requests: deque[_Request] = deque()
        self._outstanding = 0
        self._next_number = 0
        self._want = 0
        self._low_water = 0
        self._most_bytes = 0
        self._changed = asyncio.Event()
        self._is_missing = False
        self._listener = 0

    @property
    def outstanding(self) -> int:
        """How many messages may still come for what was requested."""
        return self._outstanding

    def set_want(self, want: int, low_water: int | None = None, most_bytes: int = 0) -> None:
        """Keep ``want`` messages requested; ask again when fewer than ``low_water`` are
        outstanding. ``most_bytes``: so much may come for one request, at least one message of the
        largest size (0: any amount)."""
        self._want = want
        self._most_bytes = most_bytes
        self._low_water = want if low_water is None else low_water
        if self._outstanding < self._low_water:
            self._changed.set()

    def reset(self) -> None:
        """Forget what was requested: the server has forgotten it too."""
        self._forget_all()
        self._changed.set()

    async def run(self) -> None:
        """Request until cancelled."""
        self._bus.when_reconnected(self.reset)
        self._listener = await self._bus.listen(f"{self._inbox}.*", self._on_delivery)
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._changed.clear()
                self._drop_lost(loop.time())
                if self._is_missing:
                    self._is_missing = False
                    self._forget_all()
                    self._bus.doubt()
                    if self._on_missing:
                        self._on_missing()
                    await asyncio.sleep(RETRY_AFTER_S)
                if self._outstanding < self._low_water:
                    await self._request(self._want - self._outstanding, loop.time())
                try:
                    async with asyncio.timeout(LOST_AFTER_S):
                        await self._changed.wait()
                except TimeoutError:
                    pass
        finally:
            self._bus.forget_reconnects(self.reset)
            await self._bus.unlisten(self._listener)

    async def _request(self, batch: int, now: float) -> None:
        self._next_number += 1
        body = {"batch": batch, "expires": int(REQUEST_EXPIRES_S * 1e9)}
        if self._most_bytes:
            body["max_bytes"] = self._most_bytes
        request = _Request(self._next_number, batch, now + REQUEST_EXPIRES_S + LOST_AFTER_S)
        self._requests.append(request)
        self._outstanding += batch
        try:
            await self._bus.publish(
                self._subject, msgspec.json.encode(body), reply=f"{self._inbox}.{request.number}"
            )
        except Unavailable:
            self._forget_all()
            await asyncio.sleep(RETRY_AFTER_S)
            self._changed.set()

    def _forget_all(self) -> None:
        self._requests.clear()
        self._outstanding = 0

    def _drop_lost(self, now: float) -> None:
        while self._requests and (
            self._requests[0].remaining <= 0 or self._requests[0].deadline < now
        ):
            lost = self._requests.popleft().remaining
            if lost > 0:
                self._outstanding -= lost
                self._bus.doubt()
                if self._on_silence:
                    self._on_silence()

    def _on_delivery(self, delivery: Delivery) -> None:
        # A message of the stream keeps its subject; its headers may say anything, a status even.
        status = delivery.status if delivery.subject.startswith(self._inbox) else 0
        if status == 0:
            # Requests are served in the order in which they were made.
            while self._requests and self._requests[0].remaining <= 0:
                self._requests.popleft()
            if self._requests:
                self._requests[0].remaining -= 1
                self._outstanding -= 1
            if self._outstanding < self._low_water:
                self._changed.set()
            self._on_message(delivery)
            return
        if status == 100:
            return
        number = int(delivery.subject.rpartition(".")[2])
        self._requests = deque(r for r in self._requests if r.number != number)
        self._outstanding = sum(request.remaining for request in self._requests)
        if status in (404, 503) or (status == 409 and b"eleted" in delivery.header):
            self._is_missing = status == 503 or status == 409
        elif status not in (408, 409):
            log.warning("pull_status", status=status, header=delivery.header.decode("latin-1"))
        self._changed.set()
