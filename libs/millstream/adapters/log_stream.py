"""Reading one attempt's subject of the stream LOGS, from its first message on and as more come.

There is no consumer: batches are read by ``DIRECT.GET``, from a sequence on, and a plain
subscription to the same subject says when there is more. So a reader leaves nothing behind in the
server, and a server that was restarted knows nothing that a reader needs.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.log_lines import (
    LogHeader,
    LogLine,
    decode_log_header,
    decode_log_lines,
)
from millstream.adapters.streams import stream_identity
from millstream.adapters.subjects import LOGS
from millstream.core.errors import Unavailable

log = structlog.get_logger(__name__)

BATCH = 64
BATCH_BYTES = 1024 * 1024
ANSWER_TIMEOUT_S = 3.0
# What was announced may be stored a moment later, and an announcement may be lost.
FIRST_PAUSE_S = 0.005
MOST_MISSES = 7
LONGEST_PAUSE_S = 0.8

_SEQUENCE = b"Nats-Sequence"
_END_OF_BATCH = (204, 404)


class LogMessage(NamedTuple):
    """A message of LOGS: what it says of its lines, and the lines."""

    header: LogHeader
    lines: list[LogLine]


class LogStream:
    """``open`` it, then ``read`` until nothing comes, ``wait``, ``read`` again; ``close`` it.

    After the stream was lost and made again, messages may come a second time: their lines have
    numbers.
    """

    def __init__(self, bus: Bus, subject: str) -> None:
        self._bus = bus
        self._subject = subject
        self._inbox = bus.new_inbox()
        self._listeners: list[int] = []
        self._batch: list[Delivery] = []
        self._answered = asyncio.Event()
        self._asked = 0
        self._next = 1
        self._made = ""
        self._is_doubtful = True
        self._hinted = asyncio.Event()
        self._misses = 0

    async def open(self) -> None:
        """Raises :class:`Unavailable`."""
        self._bus.when_reconnected(self._doubt)
        self._listeners.append(await self._bus.listen(f"{self._inbox}.*", self._on_answer))
        self._listeners.append(await self._bus.listen(self._subject, self._on_hint))

    async def close(self) -> None:
        self._bus.forget_reconnects(self._doubt)
        for listener in self._listeners:
            await self._bus.unlisten(listener)

    async def read(self) -> list[LogMessage]:
        """The next messages that are stored, oldest first; none: there are no more now. Raises
        :class:`Unavailable`."""
        if self._is_doubtful:
            await self._check_stream()
        was_hinted = self._hinted.is_set()
        self._hinted.clear()
        found = await self._get_batch()
        if found or not was_hinted:
            self._misses = 0
        elif self._misses < MOST_MISSES:
            self._misses += 1
            self._hinted.set()
        else:
            self._misses = 0
            self._is_doubtful = True
        return found

    async def wait(self, timeout_s: float) -> None:
        """Until there may be more to read, at most ``timeout_s``."""
        if self._misses:  # it was announced, and not there yet
            await asyncio.sleep(min(FIRST_PAUSE_S * 2**self._misses, timeout_s))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(timeout_s, LONGEST_PAUSE_S)):
                await self._hinted.wait()

    def _doubt(self) -> None:
        self._is_doubtful = True
        self._hinted.set()

    async def _check_stream(self) -> None:
        """Begin anew if this is not the stream that was read so far."""
        made, last = await stream_identity(self._bus, LOGS)
        if made != self._made or last + 1 < self._next:
            if self._made:
                log.info("log_stream_is_another", subject=self._subject)
            self._made, self._next = made, 1
        self._is_doubtful = False

    async def _get_batch(self) -> list[LogMessage]:
        self._asked += 1
        self._batch = []
        self._answered.clear()
        body = {
            "next_by_subj": self._subject,
            "seq": self._next,
            "batch": BATCH,
            "max_bytes": BATCH_BYTES,
        }
        await self._bus.publish(
            f"$JS.API.DIRECT.GET.{LOGS}",
            msgspec.json.encode(body),
            reply=f"{self._inbox}.{self._asked}",
        )
        is_whole = True
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._answered.wait()
        except TimeoutError:
            is_whole = False
        batch, self._batch = self._batch, []
        end = batch.pop().status if is_whole else 0
        found = [message for delivery in batch if (message := self._message(delivery))]
        if not found and end not in _END_OF_BATCH:
            raise Unavailable(f"The stream {LOGS} does not answer (status {end}); try again.")
        return found

    def _message(self, delivery: Delivery) -> LogMessage | None:
        self._next = max(_sequence(delivery.header) + 1, self._next)
        header = decode_log_header(delivery.header)
        try:
            return LogMessage(header, decode_log_lines(delivery.data))
        except msgspec.MsgspecError as error:
            log.warning("log_message_unreadable", subject=self._subject, error=str(error))
            return LogMessage(header, [])

    def _on_answer(self, delivery: Delivery) -> None:
        if not delivery.subject.endswith(f".{self._asked}"):
            return  # of an older request
        self._batch.append(delivery)
        # The end of a batch alone has no sequence; a stored message may have any status.
        if not _sequence(delivery.header):
            self._answered.set()

    def _on_hint(self, delivery: Delivery) -> None:
        self._hinted.set()


def _sequence(header: bytes) -> int:
    """The server puts it behind the headers of the message itself."""
    name, _, rest = header.rpartition(b"\r\n" + _SEQUENCE + b": ")
    number = rest.partition(b"\r\n")[0]
    return int(number) if name and number.isdigit() else 0
