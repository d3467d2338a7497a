"""Somebody who writes into INBOX and hears the receipts, with the rights of an administrator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.bus_client import Delivery
from millstream.adapters.streams import STORE_FAILED
from millstream.adapters.subjects import inbox_subject, receipt_subject
from millstream.core.commands import ApiCommand, encode_command
from millstream.core.receipts import Receipt, decode_receipts
from millstream.core.reports import Report

RECEIPT_S = 20.0


class Producer:
    """One role and name on the bus."""

    def __init__(self, bus: Bus, role: str, name: str) -> None:
        self.bus = bus
        self.actor = f"{role}/{name}"
        self.subject = inbox_subject(0, role, name)
        self._receipts: asyncio.Queue[Receipt] = asyncio.Queue()

    def on_receipts(self, delivery: Delivery) -> None:
        for receipt in decode_receipts(delivery.data):
            self._receipts.put_nowait(receipt)

    async def put(self, payload: bytes, subject: str = "", headers: bytes = b"") -> None:
        """Any bytes under any subject. Waits while too many of a sender are there already."""
        while True:
            try:
                await self.bus.store(subject or self.subject, payload, 5, headers)
                return
            except JetStreamError as error:
                if error.err_code != STORE_FAILED:
                    raise
                await asyncio.sleep(0.05)

    async def ask(self, command: ApiCommand | Report) -> Receipt:
        """The receipt of a command; it is sent once."""
        await self.put(encode_command(command))
        async with asyncio.timeout(RECEIPT_S):
            while (receipt := await self._receipts.get()).id != command.id:
                pass
        return receipt


@asynccontextmanager
async def producing(nats_url: str, role: str, name: str) -> AsyncIterator[Producer]:
    bus = await Bus.connect(nats_url, f"test-{name}")
    producer = Producer(bus, role, name)
    try:
        await bus.listen(receipt_subject(role, name), producer.on_receipts)
        await bus.flush()
        yield producer
    finally:
        await bus.close()
