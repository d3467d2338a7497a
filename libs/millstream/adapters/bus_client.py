"""nats-py's client, made fit for a service that must not stop: see docs/adr/0008 for what was seen
to break.

Private parts of ``nats.aio.client.Client`` are used and overridden, so nats-py is pinned below 3
and ``tests/integration/test_bus.py`` feeds this client the messages that end the original's read
loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import structlog

from millstream.adapters.left_out import left_out

# For WebSockets, which would be a quarter of each start.
with left_out("aiohttp"):
    from nats import errors as errors
    from nats.aio.client import Client

log = structlog.get_logger(__name__)

MALFORMED = "X-Malformed"


class Delivery(NamedTuple):
    """A message as it came from the wire; ``header`` is its raw header block, empty if it has
    none."""

    subject: str
    reply: str
    data: bytes
    header: bytes

    @property
    def status(self) -> int:
        """The server's status code (404, 408, ..), or 0 for an ordinary message."""
        code = self.header[9:12]
        return int(code) if code.isdigit() and self.header.startswith(b"NATS/1.0 ") else 0

    def field(self, name: bytes) -> bytes | None:
        """The value of the header's first field of this name, None if it has none."""
        begin = self.header.find(b"\r\n%s:" % name)
        if begin < 0:
            return None
        return self.header[begin + len(name) + 3 :].partition(b"\r\n")[0].strip()


DirectHandler = Callable[[Delivery], None]


class BusClient(Client):
    """A client whose header parsing never raises, and which can hand messages straight to a
    function.

    A direct handler runs inside the read loop: it must be quick, and what it raises is only logged.
    """

    def __init__(self) -> None:
        super().__init__()
        self._direct: dict[int, DirectHandler] = {}
        self._kick: asyncio.Future[None] | None = None

    @property
    def connected_server(self) -> str:
        """Host and port of the server, without credentials."""
        server = self._current_server
        return "" if server is None else f"{server.uri.hostname}:{server.uri.port}"

    def send(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        """Publish without a step of the event loop: a third of the cost of ``publish``.

        ``headers`` are raw lines (``Name: value\\r\\n``). The caller answers for the subject.
        Raises the errors of ``publish``.
        """
        if not self.is_connected:
            raise errors.OutboundBufferLimitError
        if len(payload) > self.max_payload:
            raise errors.MaxPayloadError
        if headers:
            block = b"NATS/1.0\r\n%s\r\n" % headers
            sizes = b"%d %d" % (len(block), len(block) + len(payload))
            command = b"HPUB %s %s %s\r\n%s%s\r\n" % (
                subject.encode(), reply.encode(), sizes, block, payload
            )  # fmt: skip
        else:
            command = b"PUB %s %s %d\r\n%s\r\n" % (
                subject.encode(), reply.encode(), len(payload), payload
            )  # fmt: skip
        self._pending.append(command)
        self._pending_data_size += len(command)
        queue = self._flush_queue
        if queue is not None and queue.empty():
            if self._kick is None:
                self._kick = asyncio.get_running_loop().create_future()
                self._kick.set_result(None)
            queue.put_nowait(self._kick)

    async def subscribe_direct(self, subject: str, handler: DirectHandler, queue: str = "") -> int:
        """Subscribe without a queue and a task in between. Returns the id for
        `unsubscribe_direct`."""
        subscription = await self.subscribe(subject, queue=queue)
        self._direct[subscription._id] = handler
        return subscription._id

    async def unsubscribe_direct(self, subscription_id: int) -> None:
        self._direct.pop(subscription_id, None)
        subscription = self._subs.get(subscription_id)
        if subscription is not None and self.is_connected:
            await subscription.unsubscribe()

    async def rest(self, seconds: float, until: asyncio.Event) -> None:
        """Read nothing for so long, or until something happens. What the server sends meanwhile is
        there at once then: one wake-up for some messages, and not one for each."""
        # Private to nats-py and to asyncio's streams; without it nothing is lost but the rest.
        reader = getattr(self._transport, "_io_reader", None)
        reading = getattr(reader, "_transport", None)
        if reading is not None and not reading.is_closing():
            reading.pause_reading()
        try:
            async with asyncio.timeout(seconds):
                await until.wait()
        except TimeoutError:
            pass
        finally:
            if reading is not None and not reading.is_closing():
                reading.resume_reading()

    async def flush(self, timeout: int = 10) -> None:  # noqa: ASYNC109 - the original's
        """As the original, which waits in ``asyncio.wait_for``: before Python 3.12 that forgets
        that it was cancelled when the answer comes in that moment."""
        if self.is_closed:
            raise errors.ConnectionClosedError
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                await self._send_ping(pong)
                await pong
        except TimeoutError:
            raise errors.TimeoutError from None

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        handler = self._direct.get(sid)
        if handler is None:
            await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]
            return
        try:
            handler(
                Delivery(
                    subject.decode("utf-8", "replace"),
                    reply.decode("utf-8", "replace"),
                    data,
                    headers or b"",
                )
            )
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            log.warning("malformed_message", subject=repr(subject), error=repr(error)[:500])
        except Exception:
            log.exception("message_handler_failed", subject=repr(subject))

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        # The original's PING overtakes what waits to be sent, so that a flush was answered before
        # the server had seen the SUB or the PUB that it was to vouch for.
        transport = self._transport
        if self.is_connected and self._pending and transport is not None:
            transport.writelines(self._pending)
            self._pending = []
            self._pending_data_size = 0
        await super()._send_ping(future)

    async def _process_pong(self) -> None:
        # A flush that gave up leaves a cancelled future behind; the original sets it all the same
        # when the server wakes up, and that error ends its read loop.
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # The original goes on without TLS where the server, or whoever answers in its place, says
        # that it needs none, and then sends the password.
        server = self._current_server
        wants_tls = server is not None and server.uri.scheme == "tls"
        if initial_connection and wants_tls and not info.get("tls_required"):
            raise errors.SecureConnRequiredError
        await super()._process_info(info, initial_connection)

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        try:
            parsed: dict[str, str] | None = await super()._process_headers(headers)
        except Exception:
            return {MALFORMED: "1"}
        return parsed
