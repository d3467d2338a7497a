"""Does somebody wait for events that are not in the read tables yet?"""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from millstream.adapters.bus_client import Delivery

log = structlog.get_logger(__name__)


class _Awaited(msgspec.Struct, frozen=True):
    position: int


_decoder = msgspec.json.Decoder(_Awaited)


class Awaited:
    """``event`` is set as long as somebody does."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._reached = 0
        self._wanted = 0

    def on_message(self, delivery: Delivery) -> None:
        """From an api, for one of its callers."""
        try:
            self.note(_decoder.decode(delivery.data).position)
        except msgspec.MsgspecError as error:
            log.warning("awaited_unreadable", error=str(error))

    def note(self, position: int) -> None:
        """Somebody waits for what ``position`` leads to."""
        if position > self._reached:
            self._wanted = max(self._wanted, position)
            self.event.set()

    def reach(self, position: int) -> None:
        """The tables are there."""
        self._reached = position
        if position >= self._wanted:
            self.event.clear()
