"""A NATS server in memory, with as much of JetStream as the services use, and its faults.

The production ``Bus`` runs on top of :class:`Link`, which stands for nats-py's connection.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import deque
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

from nats import errors

from millstream.adapters.bus_client import Delivery, DirectHandler
from millstream.adapters.streams import ROLL_UP
from simulation.loop import PROCESS, Process, SimulatedLoop, context_of

MAX_PAYLOAD = 1024 * 1024
EXPECTED = b"Nats-Expected-Last-Sequence: "


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


@dataclass
class Request:
    """A pull request that is not served to its end."""

    link: Link
    reply: str
    remaining: int
    expires_at: float


@dataclass(eq=False)
class Consumer:
    name: str
    filter: str
    needs_ack: bool
    ack_wait_s: float
    is_durable: bool
    next_seq: int
    delivered: int = 0
    requests: deque[Request] = field(default_factory=deque)
    pending: dict[int, float] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    again: deque[int] = field(default_factory=deque)


@dataclass(eq=False)
class Stream:
    config: dict[str, Any]
    messages: dict[int, tuple[str, bytes, bytes]] = field(default_factory=dict)
    last: int = 0
    created: str = ""
    consumers: dict[str, Consumer] = field(default_factory=dict)

    @property
    def first(self) -> int:
        return next(iter(self.messages), self.last + 1)


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
    """The server. ``refuse_event`` is asked about each message for a stream EVENTS, by its
    sequence, so that a checker may look at it."""

    def __init__(self, loop: SimulatedLoop, random: Random) -> None:
        self._loop = loop
        self._random = random
        self._outside = context_of(None)
        self.weather = Weather()
        self.is_up = True
        self.is_full = False
        self.links: list[Link] = []
        self.streams: dict[str, Stream] = {}
        # What nobody may send, and who did; what workers reported last.
        self.planted = b""
        self.leaks: list[str] = []
        # How many messages somebody wanted to take in at once.
        self.most_asked = 0
        self.reports: deque[tuple[str, bytes]] = deque(maxlen=100)
        self.on_event: Callable[[str, int, bytes], None] = lambda subject, sequence, data: None
        self._exact: dict[str, list[Subscription]] = {}
        self._wild: list[Subscription] = []
        self._count = 0

    # --- connections

    def connect(self, name: str) -> Link:
        process = PROCESS.get()
        link = Link(self, process, f"{name}{len(self.links)}")
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
        for stream in self.streams.values():
            for name in [n for n, c in stream.consumers.items() if not c.is_durable]:
                del stream.consumers[name]
            for consumer in stream.consumers.values():
                consumer.requests.clear()

    def start(self) -> None:
        self.is_up = True

    def lose_tail(self, stream: str, count: int) -> None:
        """What was acknowledged is gone: the last messages of a stream."""
        kept = self.streams.get(stream)
        if kept is None:
            return
        for sequence in list(kept.messages)[-count:] if count else []:
            del kept.messages[sequence]
        kept.last = min(kept.last, max(kept.messages, default=max(kept.last - count, 0)))
        for consumer in kept.consumers.values():
            consumer.next_seq = min(consumer.next_seq, kept.last + 1)
            for sequence in [s for s in consumer.pending if s > kept.last]:
                del consumer.pending[sequence]
            consumer.again = deque(s for s in consumer.again if s <= kept.last)

    def wipe(self) -> None:
        """The store is gone."""
        self.streams.clear()

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
        if subject.startswith("$JS.ACK."):
            self._acknowledge(subject, data)
            return
        if subject.startswith("$JS.API."):
            self._api(link, subject[8:], data, reply)
            return
        stream = next((s for s in self.streams.values() if _takes(s, subject)), None)
        if stream is not None:
            answer = self._store(stream, subject, data, header)
            if reply and answer is not None:
                self.deliver(reply, "", json.dumps(answer).encode(), b"")
        found = self.deliver(subject, reply, data, header)
        if not found and stream is None and reply:
            self.deliver(reply, "", b"", b"NATS/1.0 503\r\n\r\n")

    def deliver(self, subject: str, reply: str, data: bytes, header: bytes) -> bool:
        """To those who listen; False if there is nobody."""
        found = [
            *self._exact.get(subject, ()),
            *(w for w in self._wild if _fits(w.subject, subject)),
        ]
        groups: dict[str, list[Subscription]] = {}
        for subscription in found:
            if subscription.queue:
                groups.setdefault(subscription.queue, []).append(subscription)
            else:
                self._hand(subscription, Delivery(subject, reply, data, header))
        for group in groups.values():
            self._hand(self._random.choice(group), Delivery(subject, reply, data, header))
        return bool(found)

    def _hand(self, subscription: Subscription, delivery: Delivery) -> None:
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

    # --- streams

    def _store(
        self, stream: Stream, subject: str, data: bytes, header: bytes
    ) -> dict[str, Any] | None:
        if self.is_full:
            return None if self._random.random() < 0.5 else _failure(503, 10077, "no space")
        name = stream.config["name"]
        begin = header.find(EXPECTED)
        if begin >= 0:
            expected = int(header[begin + len(EXPECTED) :].split(b"\r\n", 1)[0])
            if expected != stream.last:
                return _failure(400, 10071, f"wrong last sequence: {stream.last}")
        if ROLL_UP in header:
            for sequence in [s for s, kept in stream.messages.items() if kept[0] == subject]:
                del stream.messages[sequence]
        stream.last += 1
        self.on_event(subject, stream.last, data)
        stream.messages[stream.last] = (subject, data, header)
        for consumer in stream.consumers.values():
            self._dispatch(stream, consumer)
        return {"stream": name, "seq": stream.last}

    def _dispatch(self, stream: Stream, consumer: Consumer) -> None:
        now = self._loop.time()
        while consumer.requests:
            request = consumer.requests[0]
            if request.expires_at <= now or not request.link.is_up or request.remaining <= 0:
                consumer.requests.popleft()
                continue
            sequence = self._next_of(stream, consumer)
            if sequence is None:
                return
            request.remaining -= 1
            consumer.delivered += 1
            count = consumer.counts[sequence] = consumer.counts.get(sequence, 0) + 1
            if consumer.needs_ack:
                self._await_ack(stream, consumer, sequence)
            subject, data, header = stream.messages[sequence]
            ack = (
                f"$JS.ACK.{stream.config['name']}.{consumer.name}.{count}.{sequence}."
                f"{consumer.delivered}.0.0"
            )
            self._to_request(request, Delivery(subject, ack, data, header))

    def _to_request(self, request: Request, delivery: Delivery) -> None:
        """A stream's message goes to the inbox of the request and keeps its own subject."""
        for subscription in request.link.subscriptions.values():
            if _fits(subscription.subject, request.reply):
                self._hand(subscription, delivery)

    def _next_of(self, stream: Stream, consumer: Consumer) -> int | None:
        while consumer.again:
            sequence = consumer.again.popleft()
            if sequence in stream.messages and sequence in consumer.counts:
                return sequence
        consumer.next_seq = max(consumer.next_seq, stream.first)
        while consumer.next_seq <= stream.last:
            sequence = consumer.next_seq
            consumer.next_seq += 1
            found = stream.messages.get(sequence)
            if found is not None and (not consumer.filter or _fits(consumer.filter, found[0])):
                return sequence
        return None

    def _await_ack(self, stream: Stream, consumer: Consumer, sequence: int) -> None:
        deadline = consumer.pending[sequence] = self._loop.time() + consumer.ack_wait_s
        self._loop.call_at(
            deadline, self._overdue, stream, consumer, sequence, context=self._outside
        )

    def _overdue(self, stream: Stream, consumer: Consumer, sequence: int) -> None:
        deadline = consumer.pending.get(sequence)
        if deadline is None:
            return
        if deadline > self._loop.time() + 1e-9:
            return  # it was said to be at work; a later call looks again
        del consumer.pending[sequence]
        if sequence in stream.messages:
            consumer.again.append(sequence)
            if self.is_up:
                self._dispatch(stream, consumer)

    def _acknowledge(self, subject: str, word: bytes) -> None:
        tokens = subject.split(".")
        stream = self.streams.get(tokens[2])
        consumer = stream.consumers.get(tokens[3]) if stream else None
        if stream is None or consumer is None:
            return
        sequence = int(tokens[5])
        if word.startswith(b"+WPI"):
            if sequence in consumer.pending:
                self._await_ack(stream, consumer, sequence)
        elif word.startswith(b"-NAK"):
            if consumer.pending.pop(sequence, None) is not None:
                consumer.again.append(sequence)
                self._dispatch(stream, consumer)
        else:
            consumer.pending.pop(sequence, None)
            consumer.counts.pop(sequence, None)
            if stream.config.get("retention") == "workqueue":
                stream.messages.pop(sequence, None)

    # --- the JetStream API

    def _api(self, link: Link | None, call: str, data: bytes, reply: str) -> None:
        body = json.loads(data) if data else {}
        if call.startswith("CONSUMER.MSG.NEXT."):
            stream, name = call[18:].split(".", 1)
            self._pull(link, stream, name, body, reply)
            return
        verb, _, rest = call.rpartition(".") if not call.startswith("CONSUMER.") else ("", "", "")
        if call.startswith("CONSUMER.DURABLE.CREATE."):
            stream, name = call[24:].split(".", 1)
            answer = self._create_consumer(stream, name, body["config"])
        elif call.startswith("CONSUMER.CREATE."):
            self._count += 1
            stream = call[16:].split(".", 1)[0]
            name = body["config"].get("name", f"e{self._count}")
            answer = self._create_consumer(stream, name, body["config"])
        elif call.startswith("CONSUMER.NAMES."):
            found = self.streams.get(call[15:])
            names = list(found.consumers) if found else []
            answer = {"consumers": names, "total": len(names), "offset": 0, "limit": 1024}
        elif call.startswith(("CONSUMER.INFO.", "CONSUMER.DELETE.")):
            answer = self._consumer_call(*call.split(".", 3)[1:])
        else:
            answer = self._stream_call(verb, rest, body)
        if reply:
            self.deliver(reply, "", json.dumps(answer).encode(), b"")

    def _stream_call(self, verb: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        stream = self.streams.get(name)
        if verb == "STREAM.CREATE":
            if stream is None:
                self.streams[name] = Stream(
                    body, last=body.get("first_seq", 1) - 1, created=f"{self._loop.time():.9f}"
                )
            return {"config": body}
        if stream is None:
            return _failure(404, 10059, "stream not found")
        if verb == "STREAM.INFO":
            return {
                "config": stream.config,
                "created": stream.created,
                "state": {
                    "first_seq": stream.first,
                    "last_seq": stream.last,
                    "messages": len(stream.messages),
                },
            }
        if verb == "STREAM.MSG.GET":
            found = stream.messages.get(body["seq"])
            if found is None:
                return _failure(404, 10037, "no message found")
            return {"message": {"data": base64.b64encode(found[1]).decode(), "seq": body["seq"]}}
        raise AssertionError(f"the simulated server does not know {verb}.{name}")

    def _consumer_call(self, verb: str, stream_name: str, name: str) -> dict[str, Any]:
        stream = self.streams.get(stream_name)
        consumer = stream.consumers.get(name) if stream else None
        if stream is None or consumer is None:
            return _failure(404, 10014 if stream else 10059, "not found")
        if verb == "DELETE":
            del stream.consumers[name]
            return {"success": True}
        waiting = sum(
            sequence >= consumer.next_seq and _fits(consumer.filter or ">", message[0])
            for sequence, message in stream.messages.items()
        )
        last = consumer.next_seq - 1
        return {
            "num_pending": waiting + len(consumer.again),
            "num_ack_pending": len(consumer.pending),
            "ack_floor": {"stream_seq": min(consumer.pending, default=last + 1) - 1},
            "delivered": {"stream_seq": last, "consumer_seq": consumer.delivered},
        }

    def _create_consumer(
        self, stream_name: str, name: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        stream = self.streams.get(stream_name)
        if stream is None:
            return _failure(404, 10059, "stream not found")
        if name not in stream.consumers:
            start = config.get("opt_start_seq", 1)
            stream.consumers[name] = Consumer(
                name=name,
                filter=config.get("filter_subject", ""),
                needs_ack=config.get("ack_policy") == "explicit",
                ack_wait_s=config.get("ack_wait", 30_000_000_000) / 1e9,
                is_durable="durable_name" in config,
                next_seq=start,
            )
        return {"name": name, "stream_name": stream_name, "config": config}

    def _pull(
        self, link: Link | None, stream_name: str, name: str, body: dict[str, Any], reply: str
    ) -> None:
        stream = self.streams.get(stream_name)
        consumer = stream.consumers.get(name) if stream else None
        if stream is None or consumer is None:
            self.deliver(reply, "", b"", b"NATS/1.0 503\r\n\r\n")
            return
        assert link is not None
        self.most_asked = max(self.most_asked, body["batch"])
        expires_s = body.get("expires", 0) / 1e9
        request = Request(link, reply, body["batch"], self._loop.time() + expires_s)
        consumer.requests.append(request)
        self._loop.call_later(expires_s, self._expire, consumer, request, context=self._outside)
        self._dispatch(stream, consumer)

    def _expire(self, consumer: Consumer, request: Request) -> None:
        if request.remaining > 0 and request in consumer.requests:
            consumer.requests.remove(request)
            if self.is_up:
                self.deliver(request.reply, "", b"", b"NATS/1.0 408 Request Timeout\r\n\r\n")


def _hand_over(subscription: Subscription, generation: int, delivery: Delivery) -> None:
    link = subscription.link
    if link.generation == generation and subscription.number in link.subscriptions:
        with contextlib.suppress(Exception):  # as the client does, which logs it
            subscription.handler(delivery)


def _takes(stream: Stream, subject: str) -> bool:
    return any(_fits(pattern, subject) for pattern in stream.config["subjects"])


@lru_cache(maxsize=100_000)
def _fits(pattern: str, subject: str) -> bool:
    if pattern == subject:
        return True
    if "*" not in pattern and ">" not in pattern:
        return False
    wanted, given = pattern.split("."), subject.split(".")
    for index, token in enumerate(wanted):
        if token == ">":
            return len(given) > index
        if index >= len(given) or token not in ("*", given[index]):
            return False
    return len(wanted) == len(given)


def _failure(code: int, err_code: int, text: str) -> dict[str, Any]:
    return {"error": {"code": code, "err_code": err_code, "description": text}}
