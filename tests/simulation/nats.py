"""A NATS server in memory, and its faults. Its streams are in ``jetstream``.

The production ``Bus`` runs on top of :class:`Link`, which stands for nats-py's connection.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from random import Random

from nats import errors

from millstream.adapters.bus_client import Delivery, DirectHandler
from simulation.jetstream import JetStream, fits
from simulation.loop import PROCESS, Process, SimulatedLoop, context_of

MAX_PAYLOAD = 1024 * 1024


@dataclass
class Weather:
    """How the network treats single messages: the chances that one is lost, comes twice, or comes
    late, and how late at most."""

    loss: float = 0.0
    double: float = 0.0
    late: float = 0.0
    late_s: float = 1.0


@dataclass
class Subscription:
    link: Link
    number: int
    subject: str
    handler: DirectHandler
    queue: str


class Link:
    """One connection, with the methods of ``BusClient``. Each direction keeps its order, unless the
    weather is bad."""

    def __init__(self, broker: Broker, process: Process | None, name: str) -> None:
        self._broker = broker
        self.process = process
        self.name = name
        self.context: Context = context_of(process)
        self.is_up = True
        self.generation = 0
        self.subscriptions: dict[int, Subscription] = {}
        self.on_reconnect: Callable[[], None] = lambda: None
        self.on_disconnect: Callable[[], None] = lambda: None
        self.max_payload = MAX_PAYLOAD
        self._count = 0
        self._last_out = self._last_in = 0.0

    @property
    def is_connected(self) -> bool:
        return self.is_up

    def new_inbox(self) -> str:
        self._count += 1
        return f"_INBOX_{self.name}.{self._count}"

    def send(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        process = PROCESS.get()
        if process is not self.process:
            raise AssertionError(f"{process} uses the connection of {self.process}")
        if not self.is_up:
            raise errors.OutboundBufferLimitError
        if len(payload) > MAX_PAYLOAD:
            raise errors.MaxPayloadError
        header = b"NATS/1.0\r\n%s\r\n" % headers if headers else b""
        self._broker.from_link(self, subject, payload, reply, header)

    async def subscribe_direct(self, subject: str, handler: DirectHandler, queue: str = "") -> int:
        if not self.is_up:
            raise errors.ConnectionReconnectingError
        self._count += 1
        subscription = Subscription(self, self._count, subject, handler, queue)
        self.subscriptions[self._count] = subscription
        self._broker.subscribe(subscription)
        return subscription.number

    async def unsubscribe_direct(self, number: int) -> None:
        subscription = self.subscriptions.pop(number, None)
        if subscription is not None:
            self._broker.unsubscribe(subscription)

    async def flush(self, timeout: float = 5) -> None:  # noqa: ASYNC109 - nats-py's name
        await asyncio.sleep(2 * self._broker.latency_s())
        if not self.is_up:
            raise errors.ConnectionReconnectingError

    async def rest(self, seconds: float, until: asyncio.Event) -> None:
        """What is on its way already comes meanwhile."""
        now = asyncio.get_running_loop().time()
        self._last_in = max(self._last_in, now + seconds)
        try:
            async with asyncio.timeout(seconds):
                await until.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        self._broker.drop(self)

    def when_out(self, latency_s: float, now: float) -> float:
        self._last_out = max(now + latency_s, self._last_out + 1e-9)
        return self._last_out

    def when_in(self, latency_s: float, now: float) -> float:
        self._last_in = max(now + latency_s, self._last_in + 1e-9)
        return self._last_in


class Broker:
    """The server: connections, subjects, and who listens. ``jetstream`` is the rest of it."""

    def __init__(self, loop: SimulatedLoop, random: Random) -> None:
        self._loop = loop
        self._random = random
        self._outside = context_of(None)
        self.weather = Weather()
        self.is_up = True
        self.links: list[Link] = []
        # Each connection has inboxes of its own.
        self._numbers = itertools.count()
        self.jetstream = JetStream(loop, random, self)
        # What nobody may send, and who did; what workers reported last.
        self.planted = b""
        self.leaks: list[str] = []
        self.reports: deque[tuple[str, bytes]] = deque(maxlen=100)
        self._exact: dict[str, list[Subscription]] = {}
        self._wild: list[Subscription] = []

    # --- connections

    def connect(self, name: str) -> Link:
        process = PROCESS.get()
        link = Link(self, process, f"{name}.{next(self._numbers)}")
        link.is_up = self.is_up
        self.links.append(link)
        if process is not None:
            process.on_death.append(lambda: self.drop(link))
        return link

    def drop(self, link: Link) -> None:
        """The connection is over for good."""
        link.is_up = False
        link.generation += 1
        for subscription in list(link.subscriptions.values()):
            self.unsubscribe(subscription)
        link.subscriptions.clear()
        if link in self.links:
            self.links.remove(link)

    def cut(self, link: Link, seconds: float) -> None:
        """The connection is lost for a while; what was under way is lost with it."""
        if not link.is_up:
            return
        link.is_up = False
        link.generation += 1
        for subscription in link.subscriptions.values():
            self.unsubscribe(subscription)
        self._loop.call_soon(link.on_disconnect, context=link.context)
        self._loop.call_later(seconds, self._reconnect, link, context=self._outside)

    def _reconnect(self, link: Link) -> None:
        if link not in self.links or link.is_up:
            return
        if not self.is_up:
            self._loop.call_later(0.1, self._reconnect, link, context=self._outside)
            return
        link.is_up = True
        for subscription in link.subscriptions.values():
            self.subscribe(subscription)
        self._loop.call_soon(link.on_reconnect, context=link.context)

    def stop(self) -> None:
        """As SIGKILL of the server: streams are on disk, the rest is gone."""
        self.is_up = False
        for link in list(self.links):
            self.cut(link, 0.05)
        self.jetstream.restart()

    def start(self) -> None:
        self.is_up = True

    # --- messages

    def latency_s(self) -> float:
        return self._random.uniform(0.0001, 0.0006)

    def from_link(self, link: Link, subject: str, data: bytes, reply: str, header: bytes) -> None:
        now = self._loop.time()
        if self.planted and self.planted in data:
            self.leaks.append(f"{link.name} to {subject}")
        if subject.startswith("ms.in.0.worker."):
            self.reports.append((subject, data))
        for extra_s in self._fates():
            when = link.when_out(self.latency_s(), now) if not extra_s else now + extra_s
            self._loop.call_at(
                when, self._arrive, link, link.generation, subject, data, reply, header,
                context=self._outside,
            )  # fmt: skip

    def _fates(self) -> list[float]:
        """When the copies of a message arrive, in seconds beyond the usual."""
        weather, random = self.weather, self._random
        if not (weather.loss or weather.double or weather.late):
            return [0.0]
        roll = random.random()
        if roll < weather.loss:
            return []
        if roll < weather.loss + weather.double:
            return [0.0, random.uniform(0, weather.late_s)]
        if roll < weather.loss + weather.double + weather.late:
            return [random.uniform(0.001, weather.late_s)]
        return [0.0]

    def _arrive(
        self, link: Link, generation: int, subject: str, data: bytes, reply: str, header: bytes
    ) -> None:
        if self.is_up and link.generation == generation:
            self.receive(link, subject, data, reply, header)

    def receive(
        self, link: Link | None, subject: str, data: bytes, reply: str, header: bytes
    ) -> None:
        """A message that has arrived at the server."""
        jetstream = self.jetstream
        if subject.startswith("$JS.ACK."):
            jetstream.acknowledge(subject, data)
            return
        if subject.startswith("$JS.API."):
            jetstream.api(link, subject[8:], data, reply)
            return
        is_kept = jetstream.takes(subject)
        if is_kept:
            jetstream.store(subject, data, header, reply)
        found = self.deliver(subject, reply, data, header)
        if not found and not is_kept and reply:
            self.deliver(reply, "", b"", b"NATS/1.0 503\r\n\r\n")

    def deliver(self, subject: str, reply: str, data: bytes, header: bytes) -> bool:
        """To those who listen; False if there is nobody."""
        found = [
            *self._exact.get(subject, ()),
            *(w for w in self._wild if fits(w.subject, subject)),
        ]
        groups: dict[str, list[Subscription]] = {}
        for subscription in found:
            if subscription.queue:
                groups.setdefault(subscription.queue, []).append(subscription)
            else:
                self.hand(subscription, Delivery(subject, reply, data, header))
        for group in groups.values():
            self.hand(self._random.choice(group), Delivery(subject, reply, data, header))
        return bool(found)

    def hand(self, subscription: Subscription, delivery: Delivery) -> None:
        link, now = subscription.link, self._loop.time()
        for extra_s in self._fates():
            when = link.when_in(self.latency_s(), now) if not extra_s else now + extra_s
            self._loop.call_at(
                when, _hand_over, subscription, link.generation, delivery, context=link.context
            )

    def subscribe(self, subscription: Subscription) -> None:
        if "*" in subscription.subject or ">" in subscription.subject:
            self._wild.append(subscription)
        else:
            self._exact.setdefault(subscription.subject, []).append(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        known = self._exact.get(subscription.subject, [])
        if subscription in known:
            known.remove(subscription)
        elif subscription in self._wild:
            self._wild.remove(subscription)


def _hand_over(subscription: Subscription, generation: int, delivery: Delivery) -> None:
    link = subscription.link
    if link.generation == generation and subscription.number in link.subscriptions:
        try:
            subscription.handler(delivery)
        except Exception as problem:  # the client goes on after it
            asyncio.get_running_loop().trouble.append(problem)  # type: ignore[attr-defined]
