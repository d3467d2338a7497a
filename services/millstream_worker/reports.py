"""Reports to the scheduler: sent again until the receipt comes, results kept in the spool until
then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from millstream.adapters.bus import Bus, TooLarge
from millstream.adapters.bus_client import Delivery
from millstream.adapters.failpoints import reach
from millstream.adapters.subjects import inbox_subject, receipt_subject
from millstream.core.commands import DeleteVariable, SetVariable, encode_command
from millstream.core.errors import Unavailable
from millstream.core.receipts import Receipt, decode_receipts
from millstream.core.reports import Report, StartAttempt
from millstream_worker.spool import Slot, Spool

log = structlog.get_logger(__name__)

FIRST_RESEND_S = 1.0
LONGEST_RESEND_S = 10.0


@dataclass(slots=True)
class _Pending:
    payload: bytes
    token: str
    is_result: bool
    receipt: asyncio.Future[Receipt]
    slot: Slot | None
    resend_at: float
    resend_after_s: float


class Reports:
    """The reports of one worker."""

    def __init__(self, bus: Bus, shard: int, instance: str, spool: Path) -> None:
        self._bus = bus
        self._subject = inbox_subject(shard, "worker", instance)
        self._receipts = receipt_subject("worker", instance)
        self._spool = Spool(spool, instance)
        self._pending: dict[str, _Pending] = {}
        self._is_any_pending = asyncio.Event()

    @property
    def tokens(self) -> tuple[str, ...]:
        """The claims whose results have no receipt yet."""
        return tuple(pending.token for pending in self._pending.values() if pending.is_result)

    def __len__(self) -> int:
        return len(self._pending)

    async def start(self) -> int:
        """Listen for receipts, and send what an earlier life left in the spool. Returns how
        many."""
        await self._bus.listen(self._receipts, self._on_receipts)
        self._bus.when_reconnected(self._hasten)
        left = 0
        for slot, report, payload in self._spool.read(self._bus.largest_command):
            self._send(report.id, report.token, payload, slot, is_result=True)
            left += 1
        return left

    def send(self, report: Report) -> asyncio.Future[Receipt]:
        """Send a report; the future is its receipt. A result is in the spool before it is sent.

        Raises :class:`TooLarge` for what NATS, or the event that follows from it, could not carry.
        """
        payload = encode_command(report)
        most = self._bus.largest_command
        if len(payload) > most:
            raise TooLarge(f"The result takes {len(payload)} bytes; {most} are allowed.")
        is_result = not isinstance(report, StartAttempt)
        slot = self._spool.write(report.token, payload) if is_result else None
        if is_result:
            reach("worker.spooled")
        return self._send(report.id, report.token, payload, slot, is_result=is_result)

    def ask(self, command: SetVariable | DeleteVariable, token: str) -> asyncio.Future[Receipt]:
        """Send a command for the attempt with this claim; the future is its receipt. It is not
        spooled: who asked dies with this process. Raises :class:`TooLarge`."""
        payload = encode_command(command)
        most = self._bus.largest_command
        if len(payload) > most:
            raise TooLarge(f"The request takes {len(payload)} bytes; {most} are allowed.")
        return self._send(command.id, token, payload, None, is_result=False)

    async def run(self) -> None:
        """Send again what has no receipt, forever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._is_any_pending.wait()
            await asyncio.sleep(FIRST_RESEND_S / 4)
            if not self._pending:
                self._is_any_pending.clear()
            now = loop.time()
            for pending in list(self._pending.values()):
                if pending.resend_at <= now:
                    pending.resend_after_s = min(pending.resend_after_s * 2, LONGEST_RESEND_S)
                    pending.resend_at = now + pending.resend_after_s
                    self._publish(pending.payload)

    async def settle(self, timeout_s: float) -> bool:
        """Wait for the outstanding receipts; False if some did not come in time."""
        waiting = [pending.receipt for pending in self._pending.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=timeout_s)
        return not self._pending

    def _hasten(self) -> None:
        """The connection is back: nothing waits for its turn."""
        for pending in self._pending.values():
            pending.resend_at, pending.resend_after_s = 0.0, FIRST_RESEND_S

    def _send(
        self, report_id: str, token: str, payload: bytes, slot: Slot | None, *, is_result: bool
    ) -> asyncio.Future[Receipt]:
        loop = asyncio.get_running_loop()
        receipt: asyncio.Future[Receipt] = loop.create_future()
        self._pending[report_id] = _Pending(
            *(payload, token, is_result, receipt, slot),
            resend_at=loop.time() + FIRST_RESEND_S,
            resend_after_s=FIRST_RESEND_S,
        )
        self._is_any_pending.set()
        self._publish(payload)
        return receipt

    def _publish(self, payload: bytes) -> None:
        try:
            self._bus.send(self._subject, payload)
        except Unavailable:
            pass  # sent again when its time comes
        except TooLarge as error:  # for the server that we are connected to now
            log.error("report_too_large", error=str(error))

    def _on_receipts(self, delivery: Delivery) -> None:
        try:
            receipts = decode_receipts(delivery.data)
        except msgspec.MsgspecError:
            log.warning("receipts_unreadable", size=len(delivery.data))
            return
        for receipt in receipts:
            pending = self._pending.pop(receipt.id, None)
            if pending is None:
                continue
            if pending.slot is not None:
                self._spool.remove(pending.slot)
            if receipt.is_refused:
                log.warning(
                    "report_refused", id=receipt.id, reason=receipt.reason, error=receipt.message
                )
            if not pending.receipt.done():
                pending.receipt.set_result(receipt)
