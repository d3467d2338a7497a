"""A command's way to the scheduler and its receipt's way back."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import structlog

from millstream.adapters import telemetry
from millstream.adapters.bus import Bus, JetStreamError, TooLarge
from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import EventLog
from millstream.adapters.failpoints import reach
from millstream.adapters.streams import STORE_FAILED
from millstream.adapters.subjects import inbox_subject, receipt_subject
from millstream.core.commands import ApiCommand, encode_command
from millstream.core.errors import MillstreamError, Refused, Unavailable
from millstream.core.receipts import Receipt, decode_receipts
from millstream_api.admission import Overloaded
from millstream_api.contents import Mac, contents_of_call
from millstream_api.identity import name_in_log

log = structlog.get_logger(__name__)

# A command is sent again when no receipt came, for each time later: a scheduler that cannot keep up
# must not be given the same work once more by everybody who waits for it.
SEND_AGAIN_S = 1.0
SEND_AGAIN_LATEST_S = 8.0
PAUSE_S = 0.1
# Commands of this process without a receipt, those included whose callers wait no more.
MOST_UNANSWERED = 128
UNANSWERED_S = 15.0
# How long NATS may be away before a request is told so: a restart takes less.
PATIENCE_S = 3.0
ROLE = "api"


class Commands:
    """Sends a command until its receipt comes. The same id gets the same receipt, so sending again
    is harmless."""

    def __init__(
        self,
        bus: Bus,
        shard: int,
        instance: str,
        macs: Sequence[Mac] = (),
        event_log: EventLog | None = None,
    ) -> None:
        """``macs``: see :mod:`millstream_api.contents`."""
        self._bus = bus
        self._macs = macs
        self._log = event_log
        self._subject = inbox_subject(shard, ROLE, instance)
        self._receipts = receipt_subject(ROLE, instance)
        self._waiting: dict[str, list[asyncio.Future[Receipt]]] = {}
        # Those that wait no more, and until when their receipts are expected: oldest first.
        self._given_up: OrderedDict[str, float] = OrderedDict()

    async def start(self) -> None:
        await self._bus.listen(self._receipts, self.on_receipts)

    def on_receipts(self, delivery: Delivery) -> None:
        try:
            receipts = decode_receipts(delivery.data)
        except msgspec.MsgspecError:
            log.warning("receipts_unreadable", size=len(delivery.data))
            return
        for receipt in receipts:
            self._given_up.pop(receipt.id, None)
            for future in self._waiting.get(receipt.id, ()):
                if not future.done():
                    future.set_result(receipt)

    @asynccontextmanager
    async def checks(self, request_id: str) -> AsyncIterator[None]:
        """Around checks of a request against how things stand, which may have changed since the
        same request was carried out: that one is not judged again."""
        try:
            yield
        except Unavailable:
            raise
        except MillstreamError:
            # Without an id of its caller's own it was never made before.
            if not request_id or self._log is None or not await self._log.caused_by([request_id]):
                raise

    async def send(self, command: ApiCommand, timeout_s: float) -> Receipt:
        """The receipt of a command that was carried out.

        Raises :class:`Refused`, :class:`Unavailable` where no receipt came in time (the command may
        still be carried out) and :class:`Overloaded`.
        """
        command = msgspec.structs.replace(
            command,
            trace=telemetry.current_traceparent(),
            principal=name_in_log(),
            contents=contents_of_call(self._macs),
        )
        payload = encode_command(command)
        most = self._bus.largest_command
        if len(payload) > most:
            raise TooLarge(
                f"The request takes {len(payload)} bytes as JSON; {most} are allowed. "
                f"A NATS server with a larger max_payload takes more."
            )
        self._check_room(command.id)
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(command.id, []).append(future)
        try:
            async with asyncio.timeout(timeout_s):
                wait_s = SEND_AGAIN_S
                while not future.done():
                    if await self._send_once(payload, future, wait_s):
                        wait_s = min(wait_s * 2, SEND_AGAIN_LATEST_S)
                receipt = future.result()
        except TimeoutError as error:
            raise Unavailable(
                f"The scheduler did not answer within {timeout_s:.1f} s. The request may still be "
                f"carried out; ask again with request_id {command.id!r} to get its answer."
            ) from error
        finally:
            waiting = self._waiting[command.id]
            waiting.remove(future)
            if not waiting:
                del self._waiting[command.id]
                if not future.done() or future.cancelled():
                    self._given_up[command.id] = asyncio.get_running_loop().time() + UNANSWERED_S
        reach("api.before_answer")
        if receipt.is_refused:
            raise Refused(receipt.reason, receipt.message)
        return receipt

    def _check_room(self, command_id: str) -> None:
        """Raises :class:`Overloaded` where too many commands wait for the scheduler already. One
        that was sent before is no more work: its receipt may be on its way."""
        now = asyncio.get_running_loop().time()
        while self._given_up and next(iter(self._given_up.values())) <= now:
            self._given_up.popitem(last=False)
        if command_id in self._waiting or self._given_up.pop(command_id, None) is not None:
            return
        unanswered = len(self._waiting) + len(self._given_up)
        if unanswered >= MOST_UNANSWERED:
            raise Overloaded(
                f"The scheduler has {unanswered} requests of this api to answer; try again later."
            )

    async def _send_once(
        self, payload: bytes, future: asyncio.Future[Receipt], wait_s: float
    ) -> bool:
        """Store the command, then wait a while for the receipt. False if it was not stored."""
        reach("api.before_send")
        try:
            await self._bus.store(self._subject, payload, SEND_AGAIN_S)
        except Unavailable as error:
            if self._bus.seconds_away > PATIENCE_S:
                raise Unavailable(
                    "NATS is away, so nothing can be changed now. What runs goes on; try again."
                ) from error
            await _settled(future, PAUSE_S)
            return False
        except JetStreamError as error:
            if error.err_code == STORE_FAILED:
                raise Overloaded("Too many requests are waiting; try again later.") from error
            raise Unavailable(f"NATS does not take the request: {error}") from error
        reach("api.sent")
        await _settled(future, wait_s)
        return True


async def _settled(future: asyncio.Future[Receipt], wait_s: float) -> None:
    """Wait until it has its result, or for so long: asyncio.wait for one future, at half the
    price."""
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def wake(_: object = None) -> None:
        if not woken.done():
            woken.set_result(None)

    timer = loop.call_later(wait_s, wake)
    future.add_done_callback(wake)
    try:
        await woken
    finally:
        timer.cancel()
        future.remove_done_callback(wake)
