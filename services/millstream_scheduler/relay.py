"""The relay: what is committed goes to the stream EVENTS, in order, so that sequence equals
position.

Recovery is one rule: ask the stream for its last sequence and publish from there on. Receipts and
acknowledgements leave only when the stream holds the events they stand for.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import structlog

from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import EventLog, Stored
from millstream.adapters.failpoints import is_on, reach, reach_flushed
from millstream.adapters.settings import Settings
from millstream.adapters.streams import (
    LATE_HEADER,
    NO_MESSAGE,
    XCOMS_HEADER,
    create_events,
    provision,
    stream_state,
)
from millstream.adapters.subjects import event_subject, events_stream, receipt_subject
from millstream.core.errors import MillstreamError, StoreBehindStream, Unavailable
from millstream.core.lanes import lane_name
from millstream.core.receipts import Receipt, encode_receipts
from millstream.core.state import State
from millstream.core.wire import canonical_bytes, published_bytes, read_published
from millstream_scheduler.admission import Sender
from millstream_scheduler.lanes import Lanes

log = structlog.get_logger(__name__)

MOST_IN_FLIGHT = 1000
MOST_KEPT = 20_000
MOST_BYTES_IN_FLIGHT = 64 * 1024 * 1024
MOST_BYTES_KEPT = 256 * 1024 * 1024
# Messages of INBOX whose senders are not answered yet, events or none.
MOST_UNSETTLED = 20_000
ACK_EVERY = 100
ACK_TIMEOUT_S = 2.0
CONSUMER_CHECK_S = 5.0
# The events that workers pull, under the subject of their queue.
FOR_WORKERS = frozenset({"TaskReady", "TriggerReady"})
EXPECTED = b"Nats-Expected-Last-Sequence"


class ForeignStream(MillstreamError):
    """The stream EVENTS holds the history of another installation."""

    reason = "FOREIGN_STREAM"


class _Broken(Exception):
    """The stream is not as the relay thought: recover."""


class _Ack(msgspec.Struct):
    seq: int = 0
    error: dict[str, object] | None = None


_ack_decoder = msgspec.json.Decoder(_Ack)


class _Pending(NamedTuple):
    """A message to be sent; ``headers`` are raw lines."""

    position: int
    subject: str
    payload: bytes
    headers: bytes

    @property
    def size(self) -> int:
        return len(self.payload) + len(self.headers)


@dataclass(slots=True)
class Settlement:
    """What may be said when position ``position`` is on the stream: receipts by sender, and the
    acknowledgement subjects of the INBOX messages."""

    position: int
    receipts: list[tuple[Sender, Receipt]]
    acks: list[str]


class Relay:
    """``push`` after each commit, in order; ``run`` does the rest."""

    def __init__(self, bus: Bus, event_log: EventLog, settings: Settings, state: State) -> None:
        self._bus = bus
        self._log = event_log
        self._settings = settings
        self._state = state
        self._shard = settings.shard
        self._committed = state.position
        self._pending: deque[_Pending] = deque()
        self._pending_bytes = 0
        self._unsettled = 0
        self._flying_bytes = 0  # of those that are sent and not acknowledged
        self._settlements: deque[Settlement] = deque()
        self._published = 0
        self._late_until = state.position
        self._acked = 0
        # Since when nothing was acknowledged beyond what was seen to be.
        self._seen = 0
        self._waits_since = 0.0
        self._error: str | None = None
        self._generation = 0
        self._inbox = bus.new_inbox()
        self._wake = asyncio.Event()
        # Not before the stream was seen to be ours: what is refused must not commit either.
        self._has_room = asyncio.Event()
        self._lanes = Lanes(bus, settings.shard, state)
        self._is_disturbed = False
        bus.when_reconnected(self.disturb)

    async def room(self) -> None:
        """Wait until the relay is not too far behind the commits."""
        await self._has_room.wait()

    async def prepare_lanes(self, lanes: set[str]) -> None:
        """Create the consumers of new lanes, before the events that name them are committed. A
        failure is left to the recovery."""
        try:
            await self._lanes.make(lanes)
        except (Unavailable, JetStreamError):
            self.disturb()

    async def check_log(self) -> None:
        """Postgres may be another server than before: does it hold what was committed?"""
        await self._log.check_holds(self._committed)

    def push(
        self,
        batch: list[Stored],
        payloads: list[bytes],
        settlement: Settlement,
        xcoms: Mapping[int, bytes],
    ) -> None:
        """Hand over a committed batch (possibly empty) and what to say when it is relayed. The
        events at the positions of ``xcoms`` take those with them."""
        for stored, payload in zip(batch, payloads, strict=True):
            record = stored.record
            lane = "_"
            if record.type in FOR_WORKERS:
                lane = _lane_of(record.data)
                self._lanes.note(lane)
            known = xcoms.get(record.position)
            headers = b"" if known is None else b"%s: %s\r\n" % (XCOMS_HEADER, known)
            subject = event_subject(self._shard, record.type, lane)
            pending = _Pending(record.position, subject, payload, headers)
            self._pending.append(pending)
            self._pending_bytes += pending.size
        if batch:
            self._committed = batch[-1].record.position
        self._settlements.append(settlement)
        self._unsettled += len(settlement.acks)
        if self._is_full():
            self._has_room.clear()
        self._wake.set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Relay forever; calls ``ready`` once when the stream has everything."""
        await self._bus.listen(f"{self._inbox}.*", self._on_ack)
        is_ready = False
        while True:
            try:
                await self._recover()
                if not is_ready:
                    is_ready = True
                    ready()
                await self._stream()
            except (_Broken, Unavailable, JetStreamError) as error:
                log.warning("relay_recovers", error=str(error), acked=self._acked)
                await asyncio.sleep(0.1)

    async def drain(self) -> None:
        """Before a stop: say what still can be said. What is left the next scheduler relays."""
        try:
            async with asyncio.timeout(2):
                self._acknowledge(self._send_receipts())
                await self._bus.flush()
        except (TimeoutError, Unavailable):
            log.info("relay_left_work", pending=len(self._pending))

    # --- recovery

    async def _recover(self) -> None:
        """Find out where the stream ends, create what is missing, and set the cursor there."""
        self._is_disturbed = False
        self._error = None
        self._generation += 1
        self._late_until = self._committed
        _, end = await asyncio.gather(
            provision(self._bus, self._settings),
            stream_state(self._bus, events_stream(self._shard)),
        )
        if end is None:
            # The state may be ahead of the log, by what is decided and not committed yet.
            first = min(self._state.oldest_ready() or self._committed + 1, self._committed + 1)
            first = min(first, self._pending[0].position if self._pending else first)
            await create_events(self._bus, self._settings, first)
            last = first - 1
        else:
            last = int(end["last_seq"])
            await self._check_history(last, int(end["messages"]))
        await self._lanes.recover()
        self._acked = self._published = last
        self._flying_bytes = 0
        while self._pending and self._pending[0].position <= last:
            self._pending_bytes -= self._pending.popleft().size
        known_from = self._pending[0].position if self._pending else self._committed + 1
        if last + 1 < known_from:
            await self._relay_stored(last + 1, known_from - 1)

    async def _check_history(self, last: int, messages: int) -> None:
        """Raises if the stream is ahead of Postgres or ends with an event that is not in the
        log."""
        if last > self._committed:
            head = await self._log.head()
            if last > head.position:
                raise StoreBehindStream(head.position, last)
        if not messages:
            return
        try:
            answer = await self._bus.jetstream(
                f"STREAM.MSG.GET.{events_stream(self._shard)}", {"seq": last}
            )
        except JetStreamError as error:
            if error.err_code == NO_MESSAGE:
                return  # somebody deleted just this one: there is nothing to compare
            raise
        stored = await self._log.read(last, 1, last=last)
        try:
            published, _ = read_published(base64.b64decode(answer["message"].get("data", "")))
            is_ours = bool(stored) and published.digest == stored[0].digest.hex()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            is_ours = False
        if not is_ours:
            raise ForeignStream(
                f"Message {last} of stream {events_stream(self._shard)} is not event {last} of "
                f"this database. "
                f"NATS belongs to another installation, or somebody wrote into the stream. Name "
                f"the right "
                f"NATS server, or delete the stream: it is made again from Postgres."
            )

    async def _relay_stored(self, first: int, last: int) -> None:
        """Relay a range that only Postgres still has."""
        log.info("relay_from_postgres", first=first, last=last)
        async for stored in self._log.read_all(first, last):
            record = stored.record
            lane = _lane_of(record.data) if record.type in FOR_WORKERS else "_"
            pending = _Pending(
                record.position,
                event_subject(self._shard, record.type, lane),
                published_bytes(canonical_bytes(record), stored.digest),
                b"",
            )
            is_asked = record.position == last or record.position % ACK_EVERY == 0
            self._publish(pending, is_asked)
            while self._published - self._acked >= MOST_IN_FLIGHT:
                await self._wait_for_news()
        while self._acked < last:
            await self._wait_for_news()

    # --- the steady state

    async def _stream(self) -> None:
        sent = 0  # how many of the pending ones are under way
        while True:
            self._raise_if_broken()
            while self._pending and self._pending[0].position <= self._acked:
                size = self._pending.popleft().size
                self._pending_bytes -= size
                # A scheduler that was replaced meanwhile may find here what was relayed by another.
                if sent:
                    self._flying_bytes -= size
                    sent -= 1
            acks = self._send_receipts()
            if acks and is_on():
                await reach_flushed("scheduler.receipts_sent", self._bus.flush)
            self._acknowledge(acks)
            if not self._is_full():
                self._has_room.set()
            if self._lanes.is_any_missing:
                await self._lanes.make()
            until = min(len(self._pending), MOST_IN_FLIGHT)
            half = (sent + until) // 2 if is_on() and until - sent > 1 else 0
            while sent < until and self._flying_bytes < MOST_BYTES_IN_FLIGHT:
                pending = self._pending[sent]
                sent += 1
                self._flying_bytes += pending.size
                is_last = sent == until or self._flying_bytes >= MOST_BYTES_IN_FLIGHT
                self._publish(pending, is_last or pending.position % ACK_EVERY == 0)
                if sent == half:
                    await reach_flushed("scheduler.half_relayed", self._bus.flush)
            self._raise_if_broken()
            if sent:
                await self._wait_for_news()
            else:
                self._wake.clear()
                if len(self._pending) == sent and not self._settlements and not self._is_disturbed:
                    await self._idle()

    async def _idle(self) -> None:
        """Wait for work."""
        try:
            async with asyncio.timeout(CONSUMER_CHECK_S):
                await self._wake.wait()
        except TimeoutError:
            await self._lanes.check()

    def _is_full(self) -> bool:
        return (
            len(self._pending) > MOST_KEPT
            or self._pending_bytes > MOST_BYTES_KEPT
            or self._unsettled > MOST_UNSETTLED
        )

    def _publish(self, pending: _Pending, is_asked: bool) -> None:
        """``is_asked``: the stream shall acknowledge. Each message names the sequence before it, so
        the acknowledgement of one vouches for all before it, and one that is missing fails all
        after it."""
        position = pending.position
        headers = b"%s: %d\r\n%s" % (EXPECTED, position - 1, pending.headers)
        if position <= self._late_until:
            headers += b"%s: 1\r\n" % LATE_HEADER
        reply = f"{self._inbox}.{self._generation}" if is_asked else ""
        self._bus.send(pending.subject, pending.payload, reply, headers)
        if self._published <= self._acked:  # the first that is under way
            self._waits_since = asyncio.get_running_loop().time()
        self._published = position

    async def _wait_for_news(self) -> None:
        """Until an acknowledgement, an error or new work comes; no acknowledgement for long:
        broken. New work is none: it must not keep what is lost from being noticed."""
        self._raise_if_broken()
        now = asyncio.get_running_loop().time()
        if self._acked != self._seen:
            self._seen, self._waits_since = self._acked, now
        self._wake.clear()
        try:
            async with asyncio.timeout_at(self._waits_since + ACK_TIMEOUT_S):
                await self._wake.wait()
        except TimeoutError:
            if self._acked == self._seen:
                raise _Broken("no acknowledgement from the stream") from None
        self._raise_if_broken()

    def _send_receipts(self) -> list[str]:
        """Say what may be said now, one message a producer. Returns what is to be acknowledged
        after it."""
        receipts: dict[Sender, list[Receipt]] = {}
        acks: list[str] = []
        while self._settlements and self._settlements[0].position <= self._acked:
            settlement = self._settlements.popleft()
            for sender, receipt in settlement.receipts:
                receipts.setdefault(sender, []).append(receipt)
            acks += settlement.acks
            self._unsettled -= len(settlement.acks)
        if receipts:
            reach("scheduler.relayed")
        for sender, theirs in receipts.items():
            self._bus.send(receipt_subject(sender.role, sender.principal), encode_receipts(theirs))
        return acks

    def _acknowledge(self, acks: list[str]) -> None:
        for subject in acks:
            self._bus.send(subject, b"+ACK")

    def _raise_if_broken(self) -> None:
        if self._error is not None:
            raise _Broken(self._error)
        if self._is_disturbed:
            raise _Broken("the connection was lost in between")

    def disturb(self) -> None:
        """Something is not as it was: look at the streams and consumers again."""
        self._is_disturbed = True
        self._wake.set()

    def _on_ack(self, delivery: Delivery) -> None:
        if delivery.subject.rpartition(".")[2] != str(self._generation):
            return
        if delivery.status:
            self._error = "the stream does not exist"
        else:
            ack = _ack_decoder.decode(delivery.data)
            if ack.error is not None:
                self._error = str(ack.error.get("description", ack.error))
            elif ack.seq > self._acked:
                self._acked = ack.seq
        self._wake.set()


class _Ready(msgspec.Struct):
    queue: str
    resources: dict[str, int] = {}


_ready_decoder = msgspec.json.Decoder(_Ready)


def _lane_of(data: msgspec.Raw) -> str:
    ready = _ready_decoder.decode(data)
    return lane_name(ready.queue, ready.resources)
