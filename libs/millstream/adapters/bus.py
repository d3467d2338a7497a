"""The connection to NATS: publish, listen, ask. Streams and consumers are in ``streams`` and
``pull``."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from millstream.adapters.bus_client import BusClient, Delivery, DirectHandler
from millstream.adapters.bus_client import errors as nats_errors
from millstream.adapters.server_urls import InvalidServers, NatsTls, nats_servers
from millstream.core.errors import MillstreamError, Unavailable

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 2
FLUSH_TIMEOUT_S = 5.0
# An event repeats its command and says a little more. One that the stream does not take could never
# be relayed, so its command must not get as far as the log.
EVENT_OVERHEAD_BYTES = 8 * 1024
# A server that is cut off from its cluster keeps its clients: so many times in a row it must fail
# to answer before one goes to another.
PROBES = 3
PROBE_TIMEOUT_S = 1.5
PROBE_PAUSE_S = 0.5
CLUSTER_NOT_AVAILABLE = 10008


class JetStreamError(MillstreamError):
    """An answer of the JetStream API that is an error; ``err_code`` is the server's own number."""

    reason = "JETSTREAM"

    def __init__(self, api: str, code: int, err_code: int, description: str) -> None:
        self.code = code
        self.err_code = err_code
        super().__init__(f"JetStream refused {api}: {description} ({code}/{err_code})")


class NobodyListens(Unavailable):
    """A question on a subject to which nobody is subscribed."""


class TooLarge(MillstreamError):
    """A message that is larger than the server's limit."""

    reason = "TOO_LARGE"


class Bus:
    """One connection. A call while there is no connection raises :class:`Unavailable` at once, and
    nothing is kept to be sent later."""

    def __init__(self, client: BusClient) -> None:
        self._client = client
        self._waiting: dict[str, asyncio.Future[Delivery]] = {}
        self._next_reply = 0
        self._inbox = client.new_inbox()
        self._on_reconnect: list[Callable[[], None]] = []
        self._is_closing = False
        self._may_move = False
        self._probing: asyncio.Task[None] | None = None
        self._last_connected = time.monotonic()
        self.closed = asyncio.Event()

    @classmethod
    async def connect(cls, url: str, name: str) -> Bus:
        """Connects to one of the servers of ``url`` (see `nats_servers`), waiting as long as it
        takes. ``closed`` is set if the client gives up for good (wrong credentials, say): the
        process should end then. Raises :class:`InvalidServers`."""
        servers = nats_servers(url)
        tls = _tls_context(servers.tls) if servers.tls is not None else None
        random.shuffle(servers.urls)
        client = BusClient()
        bus = cls(client)
        bus._may_move = True

        async def on_closed() -> None:
            bus.closed.set()

        async def on_error(error: Exception) -> None:
            log.warning("nats_error", error=repr(error))

        async def on_reconnected() -> None:
            log.info("nats_reconnected")
            for callback in list(bus._on_reconnect):
                callback()

        async def on_disconnected() -> None:
            bus._last_connected = time.monotonic()
            if not bus._is_closing:
                log.warning("nats_disconnected")

        await client.connect(
            servers.urls,
            name=name,
            user=servers.user,
            password=servers.password,
            token=servers.token,
            tls=tls,
            dont_randomize=True,  # in turn, so that the next one is another one
            error_cb=on_error,
            closed_cb=on_closed,
            reconnected_cb=on_reconnected,
            disconnected_cb=on_disconnected,
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=0.1,  # type: ignore[arg-type]
            max_reconnect_attempts=-1,
            ping_interval=5,
            max_outstanding_pings=2,
            pending_size=0,
            inbox_prefix=f"_INBOX.{name}",
        )
        bus._inbox = client.new_inbox()
        await client.subscribe_direct(f"{bus._inbox}.*", bus._on_reply)
        return bus

    @property
    def is_connected(self) -> bool:
        return bool(self._client.is_connected)

    @property
    def server(self) -> str:
        """Host and port of the server that it is or was connected to."""
        return self._client.connected_server

    @property
    def seconds_away(self) -> float:
        """For how long there has been no connection; 0 while there is one."""
        return 0.0 if self.is_connected else time.monotonic() - self._last_connected

    @property
    def max_payload(self) -> int:
        """The bytes of the largest message that the server takes."""
        return int(self._client.max_payload)

    @property
    def largest_command(self) -> int:
        """The bytes that a command may have, so that the events that repeat it still fit."""
        return self.max_payload - EVENT_OVERHEAD_BYTES

    def when_reconnected(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each reconnect; it must only set flags."""
        self._on_reconnect.append(callback)

    def forget_reconnects(self, callback: Callable[[], None]) -> None:
        """The other end of `when_reconnected`."""
        if callback in self._on_reconnect:
            self._on_reconnect.remove(callback)

    def new_inbox(self) -> str:
        """A subject of our own that nobody else listens to."""
        return str(self._client.new_inbox())

    def send(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        """Publish at once, without a wait. ``headers`` are raw lines. Raises :class:`Unavailable`,
        and :class:`TooLarge` for what no server takes."""
        try:
            self._client.send(subject, payload, reply, headers)
        except nats_errors.MaxPayloadError as error:
            raise TooLarge(f"A message of {len(payload)} bytes is more than NATS takes.") from error
        except nats_errors.Error as error:
            raise Unavailable("NATS is not connected; it will be tried again.") from error

    async def publish(
        self, subject: str, payload: bytes, *, reply: str = "", headers: bytes = b""
    ) -> None:
        """As `send`, for callers that are in no hurry."""
        self.send(subject, payload, reply, headers)

    async def listen(self, subject: str, handler: DirectHandler, queue: str = "") -> int:
        """Hand every message of a subject to ``handler``, inside the read loop."""
        try:
            return await self._client.subscribe_direct(subject, handler, queue)
        except nats_errors.Error as error:
            raise Unavailable(
                f"NATS did not take the subscription to {subject}: {error!r}"
            ) from error

    async def unlisten(self, listener: int) -> None:
        try:
            await self._client.unsubscribe_direct(listener)
        except nats_errors.Error:
            pass  # the connection is gone, and the subscription with it

    async def ask(
        self, subject: str, payload: bytes, timeout_s: float, headers: bytes = b""
    ) -> bytes:
        """Request and reply. Raises :class:`Unavailable` without an answer in time or without a
        responder."""
        self._next_reply += 1
        token = str(self._next_reply)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Delivery] = loop.create_future()
        self._waiting[token] = future
        try:
            await self.publish(subject, payload, reply=f"{self._inbox}.{token}", headers=headers)
            # For a single future a timer is enough, and much cheaper than asyncio.timeout.
            timer = loop.call_later(timeout_s, _give_up, future)
            try:
                delivery = await future
            finally:
                timer.cancel()
        except TimeoutError as error:
            raise Unavailable(f"No answer from {subject} within {timeout_s:g} s.") from error
        finally:
            del self._waiting[token]
        if delivery.status == 503:
            raise NobodyListens(f"Nobody listens on {subject}.")
        return delivery.data

    async def jetstream(self, api: str, body: Any = None, timeout_s: float = 5.0) -> dict[str, Any]:
        """A call of the JetStream API, such as ``STREAM.INFO.EVENTS_0``. Raises
        :class:`JetStreamError`."""
        payload = b"" if body is None else msgspec.json.encode(body)
        try:
            text = await self.ask(f"$JS.API.{api}", payload, timeout_s)
        except Unavailable:
            self.doubt()
            raise
        answer: dict[str, Any] = msgspec.json.decode(text)
        error = answer.get("error")
        if error:
            if error.get("err_code") == CLUSTER_NOT_AVAILABLE:
                self.doubt()
            raise JetStreamError(
                api, error.get("code", 0), error.get("err_code", 0), error.get("description", "")
            )
        return answer

    async def store(
        self, subject: str, payload: bytes, timeout_s: float, headers: bytes = b""
    ) -> int:
        """Publish into a stream and wait for its acknowledgement. Returns the sequence."""
        try:
            text = await self.ask(subject, payload, timeout_s, headers)
        except Unavailable:
            self.doubt()
            raise
        answer = msgspec.json.decode(text)
        error = answer.get("error")
        if error:
            raise JetStreamError(
                subject,
                error.get("code", 0),
                error.get("err_code", 0),
                error.get("description", ""),
            )
        return int(answer["seq"])

    def doubt(self) -> None:
        """JetStream did not answer in time. If this server does not answer for it at all, and there
        are others, go to another one: it may be cut off from its cluster and not know what to
        do about it."""
        if self._may_move and self._probing is None and len(self._client.server_pool) > 1:
            self._probing = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        try:
            for _ in range(PROBES):
                if not self.is_connected or self._is_closing:
                    return
                try:
                    await self.jetstream("INFO", timeout_s=PROBE_TIMEOUT_S)
                    return
                except Unavailable:
                    pass
                except JetStreamError as error:
                    if error.err_code != CLUSTER_NOT_AVAILABLE:
                        return
                await asyncio.sleep(PROBE_PAUSE_S)
            log.warning("nats_server_without_cluster", server=self.server)
            await self._client.force_reconnect()
        finally:
            self._probing = None

    async def flush(self, timeout_s: float = FLUSH_TIMEOUT_S) -> None:
        """Wait until the server has read what was published. Raises :class:`Unavailable`."""
        try:
            await self._client.flush(timeout=timeout_s)  # type: ignore[arg-type]
        except (nats_errors.Error, TimeoutError) as error:
            raise Unavailable(f"NATS did not answer: {error!r}") from error

    async def rest(self, seconds: float, until: asyncio.Event) -> None:
        """Read nothing of this connection for so long, or until something happens."""
        await self._client.rest(seconds, until)

    async def wait_closed(self) -> None:
        """Returns when the client has given up for good: the process should end then."""
        await self.closed.wait()
        log.error("nats_gave_up")

    async def close(self) -> None:
        """Send what is pending and end the connection."""
        self._is_closing = True
        if self._probing is not None:
            self._probing.cancel()
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await self._client.close()
        except (TimeoutError, nats_errors.Error, OSError):
            log.warning("nats_close_failed")

    def _on_reply(self, delivery: Delivery) -> None:
        # The subject of an answer is our inbox with the token; a deputy's answer has another
        # subject or an unknown token and is dropped.
        future = self._waiting.get(delivery.subject.rpartition(".")[2])
        if future is not None and not future.done():
            future.set_result(delivery)


def _give_up(answer: asyncio.Future[Delivery]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _tls_context(tls: NatsTls) -> ssl.SSLContext:
    """Raises :class:`InvalidServers` for files that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ValueError) as error:
        raise InvalidServers(
            f"A file that MILLSTREAM_NATS_URL names for TLS cannot be used: {error}."
        ) from None
    return context
