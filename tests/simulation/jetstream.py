"""As much of JetStream as the services use: streams, pull consumers and their API, in memory."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from millstream.adapters.bus_client import Delivery
from millstream.adapters.streams import ROLL_UP
from simulation.loop import SimulatedLoop, context_of

if TYPE_CHECKING:
    from simulation.nats import Broker, Link

EXPECTED = b"Nats-Expected-Last-Sequence: "


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


class JetStream:
    """The streams of a server. ``on_event`` is told of each message for a stream, with its
    sequence, so that a checker may look at it."""

    def __init__(self, loop: SimulatedLoop, random: Random, server: Broker) -> None:
        self._loop = loop
        self._random = random
        self._server = server
        self._outside = context_of(None)
        self.is_full = False
        self.streams: dict[str, Stream] = {}
        # How many messages somebody wanted to take in at once.
        self.most_asked = 0
        self.on_event: Callable[[str, int, bytes], None] = lambda subject, sequence, data: None
        self._count = 0

    def restart(self) -> None:
        """Streams are on disk, the rest is gone."""
        for stream in self.streams.values():
            for name in [n for n, c in stream.consumers.items() if not c.is_durable]:
                del stream.consumers[name]
            for consumer in stream.consumers.values():
                consumer.requests.clear()

    def takes(self, subject: str) -> bool:
        return self._of(subject) is not None

    def _of(self, subject: str) -> Stream | None:
        return next((s for s in self.streams.values() if _takes(s, subject)), None)

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

    def store(self, subject: str, data: bytes, header: bytes, reply: str) -> None:
        """Keep a message, or not, and say so."""
        stream = self._of(subject)
        assert stream is not None
        answer = self._store(stream, subject, data, header)
        if reply and answer is not None:
            self._server.deliver(reply, "", json.dumps(answer).encode(), b"")

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
            if fits(subscription.subject, request.reply):
                self._server.hand(subscription, delivery)

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
            if found is not None and (not consumer.filter or fits(consumer.filter, found[0])):
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
            if self._server.is_up:
                self._dispatch(stream, consumer)

    def acknowledge(self, subject: str, word: bytes) -> None:
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

    # --- the API

    def api(self, link: Link | None, call: str, data: bytes, reply: str) -> None:
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
            self._server.deliver(reply, "", json.dumps(answer).encode(), b"")

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
            sequence >= consumer.next_seq and fits(consumer.filter or ">", message[0])
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
            self._server.deliver(reply, "", b"", b"NATS/1.0 503\r\n\r\n")
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
            if self._server.is_up:
                self._server.deliver(
                    request.reply, "", b"", b"NATS/1.0 408 Request Timeout\r\n\r\n"
                )


def _takes(stream: Stream, subject: str) -> bool:
    return any(fits(pattern, subject) for pattern in stream.config["subjects"])


@lru_cache(maxsize=100_000)
def fits(pattern: str, subject: str) -> bool:
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
