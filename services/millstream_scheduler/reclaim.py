"""What INBOX had given to the scheduler before this one, and what that one did not settle, is asked
for at once: INBOX itself gives it again only after its time for an acknowledgement."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.bus_client import Delivery
from millstream.adapters.pull import read_meta
from millstream.adapters.subjects import INBOX, scheduler_consumer
from millstream.core.errors import Unavailable

log = structlog.get_logger(__name__)

# At once, and again: NATS may give messages to a process that is dead until it notices.
PAUSES_S = (0.0, 0.1, 0.4, 1.5)
MOST_AT_ONCE = 1000


class Reclaim:
    """``note`` what is delivered to this process while `run` runs; that is left alone.

    A message that somebody is at work on all the same is delivered twice, and its id gets the
    receipt that it got.
    """

    def __init__(self, bus: Bus, shard: int) -> None:
        self._bus = bus
        self._consumer = scheduler_consumer(shard)
        self._mine: set[int] = set()
        self.is_running = True

    def note(self, delivery: Delivery) -> None:
        """This message is ours."""
        self._mine.add(read_meta(delivery.reply).stream_seq)

    async def run(self) -> None:
        """Ask, some times; then it is over."""
        for pause_s in PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                info = await self._bus.jetstream(f"CONSUMER.INFO.{INBOX}.{self._consumer}")
                await self._hand_back(info)
            except (Unavailable, JetStreamError) as error:
                log.debug("reclaim_failed", error=str(error))
        self.is_running = False
        self._mine.clear()

    async def _hand_back(self, info: dict[str, Any]) -> None:
        """Refuse, in the name of whoever has them, the messages that are under way."""
        if not info["num_ack_pending"]:
            return
        first, last = info["ack_floor"]["stream_seq"] + 1, info["delivered"]["stream_seq"]
        # The server wants a number of a delivery that it knows, and looks for the message.
        delivery = info["delivered"]["consumer_seq"]
        count = 0
        for sequence in range(first, last + 1):
            if sequence in self._mine:
                continue
            subject = f"$JS.ACK.{INBOX}.{self._consumer}.1.{sequence}.{delivery}.0.0"
            self._bus.send(subject, b"-NAK")
            count += 1
            if count % MOST_AT_ONCE == 0:
                await asyncio.sleep(0)
        if count:
            log.info("reclaimed", most=count, first=first, last=last)
