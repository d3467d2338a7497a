"""NATS as it misbehaves: messages that end other clients, and streams that vanish."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from nats.aio.msg import Msg

from millstream.adapters import streams as streams_module
from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.bus_client import MALFORMED, BusClient, Delivery
from millstream.adapters.follow import Follower
from millstream.adapters.pull import Puller, read_meta
from millstream.adapters.settings import InvalidSettings, Settings
from millstream.adapters.streams import provision
from millstream.core.errors import Unavailable
from millstream.embedded.pids import identify, wait_until_gone
from millstream.embedded.run import RunningServers

pytestmark = pytest.mark.asyncio

RANDOM = Random(20261122)
POISON = [
    b"NATS/1.0",
    b"X\r\n\r\n",
    b"NATS/1.0 \xff\xfe\xfd\r\n\r\n",
    b"NATS/1.0 404 No Messages\r\n\r\n",
    b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0\r\n: \r\n\r\n",
    *(RANDOM.randbytes(RANDOM.randint(1, 40)) for _ in range(12)),
]


async def until(what: str, is_so: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def connected(servers: RunningServers) -> AsyncIterator[Bus]:
    bus = await Bus.connect(servers.nats_url, "test")
    try:
        yield bus
    finally:
        await bus.close()


async def publish_raw(url: str, subject: str, header: bytes, payload: bytes) -> None:
    """What no client library would send, byte for byte."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    options = {"user": parts.username, "pass": parts.password, "headers": True, "verbose": False}
    size = len(header) + len(payload)
    writer.write(b"CONNECT %s\r\n" % json.dumps(options).encode())
    writer.write(b"HPUB %s %d %d\r\n" % (subject.encode(), len(header), size))
    writer.write(header + payload + b"\r\nPING\r\n")
    async with asyncio.timeout(5):
        while (line := await reader.readline()) != b"PONG\r\n":
            assert line, "NATS hung up"
            assert not line.startswith(b"-ERR"), line
    writer.close()
    await writer.wait_closed()


async def create_stream(bus: Bus, name: str, **config: Any) -> None:
    config = {"name": name, "subjects": [f"{name}.>"], "storage": "file"} | config
    await bus.jetstream(f"STREAM.CREATE.{name}", config)


async def create_consumer(bus: Bus, stream: str) -> None:
    config = {"durable_name": "c", "ack_policy": "explicit"}
    await bus.jetstream(
        f"CONSUMER.DURABLE.CREATE.{stream}.c", {"stream_name": stream, "config": config}
    )


async def when_back(call: Callable[[], Any]) -> None:
    """Call until NATS takes it: it may be restarting."""
    deadline = time.monotonic() + 15
    while True:
        try:
            await call()
            return
        except (Unavailable, JetStreamError):
            assert time.monotonic() < deadline, "NATS did not come back"
            await asyncio.sleep(0.05)


async def kill_nats(servers: RunningServers, *, wiped: bool = False) -> None:
    victim = identify(servers.pid("nats"))
    restarts = servers.restarts("nats")
    victim.send(signal.SIGKILL)
    assert await asyncio.to_thread(wait_until_gone, [victim], 10) == []
    if wiped:
        shutil.rmtree(servers.data_dir / "nats", ignore_errors=True)
    await asyncio.to_thread(servers.wait_restarted, "nats", restarts + 1)


class Pulling:
    """A puller at work on the consumer ``c`` of a stream, and what it got."""

    def __init__(self, bus: Bus, stream: str) -> None:
        self._bus = bus
        self.got: list[Delivery] = []
        self.missed = 0
        self.puller = Puller(bus, stream, "c", self._on_message, self._on_missing)
        self.puller.set_want(50)

    @property
    def payloads(self) -> list[bytes]:
        return [delivery.data for delivery in self.got]

    def _on_message(self, delivery: Delivery) -> None:
        self.got.append(delivery)
        self._bus.send(delivery.reply, b"+ACK")

    def _on_missing(self) -> None:
        self.missed += 1

    async def wait_for(self, payload: bytes) -> None:
        await until(f"{payload!r} is delivered", lambda: payload in self.payloads)


@asynccontextmanager
async def pulling(bus: Bus, stream: str) -> AsyncIterator[Pulling]:
    work = Pulling(bus, stream)
    running = asyncio.create_task(work.puller.run())
    try:
        yield work
        assert not running.done(), "the pull loop ended"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_malformed_messages_do_not_keep_a_puller_from_the_good_ones(
    servers: RunningServers,
) -> None:
    async with connected(servers) as bus:
        await create_stream(bus, "POISON")
        await create_consumer(bus, "POISON")
        for number, header in enumerate(POISON):
            await publish_raw(servers.nats_url, f"POISON.{number}", header, b"bad %d" % number)
        await bus.store("POISON.x", b"good", 2)
        async with pulling(bus, "POISON") as work:
            await work.wait_for(b"good")
            assert work.payloads == [*(b"bad %d" % n for n in range(len(POISON))), b"good"]
            assert work.missed == 0
            # The server takes what looks like a status away; this is what ended other clients.
            assert [delivery.header for delivery in work.got[:2]] == POISON[:2]
            assert [read_meta(delivery.reply).stream_seq for delivery in work.got] == list(
                range(1, len(POISON) + 2)
            )
        info = await bus.jetstream("CONSUMER.INFO.POISON.c")
        assert info["num_pending"] == 0


async def test_malformed_messages_do_not_end_the_read_loop_of_a_plain_subscription(
    servers: RunningServers,
) -> None:
    client = BusClient()
    await client.connect(servers.nats_url)
    got: list[Msg] = []

    async def keep(message: Msg) -> None:
        got.append(message)

    try:
        await client.subscribe("plain.>", cb=keep)
        await client.flush()
        for header in POISON:
            await publish_raw(servers.nats_url, "plain.x", header, b"bad")
        await publish_raw(servers.nats_url, "plain.x", b"NATS/1.0\r\nA: b\r\n\r\n", b"good")
        await until("the good one is delivered", lambda: any(m.data == b"good" for m in got))
        assert len(got) == len(POISON) + 1
        assert got[-1].headers == {"A": "b"}
        assert got[1].headers == {MALFORMED: "1"}
    finally:
        await client.close()


async def test_a_flush_vouches_for_what_was_sent_before_it(
    servers: RunningServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = BusClient()
    await client.connect(servers.nats_url)
    transport: Any = client._transport
    wire: list[bytes] = []

    def write(line: bytes, write: Callable[[bytes], None] = transport.write) -> None:
        wire.append(line)
        write(line)

    def writelines(
        lines: list[bytes], writelines: Callable[[list[bytes]], None] = transport.writelines
    ) -> None:
        wire.extend(lines)
        writelines(lines)

    monkeypatch.setattr(transport, "write", write)
    monkeypatch.setattr(transport, "writelines", writelines)
    try:
        client.send("plain.x", b"first")
        await client.flush()
    finally:
        await client.close()
    sent = b"".join(wire)
    assert sent.index(b"first") < sent.index(b"PING")


async def test_who_rests_reads_nothing_and_loses_nothing(servers: RunningServers) -> None:
    got: list[bytes] = []
    never, now = asyncio.Event(), asyncio.Event()
    async with connected(servers) as resting, connected(servers) as speaking:
        await resting.listen("plain.rest", lambda delivery: got.append(delivery.data))
        await resting.flush()
        while_resting: list[int] = []
        rest = asyncio.create_task(resting.rest(0.5, never))
        await asyncio.sleep(0)
        for number in range(1000):
            speaking.send("plain.rest", b"%d" % number)
        await speaking.flush()
        await asyncio.sleep(0.1)
        while_resting.append(len(got))
        await rest
        await until("all is there", lambda: len(got) == 1000)
        assert while_resting == [0]
        assert got == [b"%d" % number for number in range(1000)]
        # What happens ends it at once.
        rest = asyncio.create_task(resting.rest(60, now))
        speaking.send("plain.rest", b"last")
        now.set()
        async with asyncio.timeout(10):
            await rest
        await until("it reads again", lambda: got[-1] == b"last")


async def test_who_rests_while_the_server_dies_comes_back(servers: RunningServers) -> None:
    got: list[bytes] = []
    async with connected(servers) as resting, connected(servers) as speaking:
        await resting.listen("plain.rest", lambda delivery: got.append(delivery.data))
        killing = asyncio.create_task(kill_nats(servers))
        while not killing.done():  # with a connection, without one, and with the next one
            await resting.rest(0.005, asyncio.Event())
        await killing
        await until("both are back", lambda: resting.is_connected and speaking.is_connected)

        async def is_heard() -> None:
            while b"again" not in got:
                with contextlib.suppress(Unavailable):
                    speaking.send("plain.rest", b"again")
                await asyncio.sleep(0.05)

        async with asyncio.timeout(20):
            await is_heard()


async def test_who_floods_inbox_keeps_nobody_else_out(
    servers: RunningServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "MOST_OF_A_SENDER", 3)
    async with connected(servers) as bus:
        await streams_module.provision(bus, Settings())
        try:
            for _ in range(3):
                await bus.store("ms.in.0.worker.flood", b"x", 5)
            with pytest.raises(JetStreamError, match="per subject"):
                await bus.store("ms.in.0.worker.flood", b"x", 5)
            await bus.store("ms.in.0.worker.other", b"x", 5)
        finally:
            await bus.jetstream("STREAM.DELETE.INBOX")


async def test_a_puller_that_is_bounded_in_bytes_gets_everything(servers: RunningServers) -> None:
    """A request that is full before it has its messages is followed by the next one."""
    async with connected(servers) as bus:
        await create_stream(bus, "LARGE")
        await create_consumer(bus, "LARGE")
        sizes = [100_000, 10, 240_000, 100, 200_000, 90_000, 20, 240_000] * 3
        for number, size in enumerate(sizes):
            await bus.store("LARGE.x", b"%04d" % number + bytes(size), 5)
        async with pulling(bus, "LARGE") as work:
            work.puller.set_want(50, most_bytes=250_000)
            await until("all of it came", lambda: len(work.got) >= len(sizes))
            assert [int(payload[:4]) for payload in work.payloads] == list(range(len(sizes)))


async def test_a_puller_says_that_its_consumer_is_gone_and_goes_on_with_a_new_one(
    servers: RunningServers,
) -> None:
    async with connected(servers) as bus:
        await create_stream(bus, "GONE")
        await create_consumer(bus, "GONE")
        async with pulling(bus, "GONE") as work:
            await bus.store("GONE.x", b"1", 2)
            await work.wait_for(b"1")
            await bus.jetstream("CONSUMER.DELETE.GONE.c")
            await until("the puller notices", lambda: work.missed > 0)
            await bus.store("GONE.x", b"2", 2)
            await create_consumer(bus, "GONE")
            await work.wait_for(b"2")


async def test_a_puller_survives_a_stream_that_is_deleted_and_made_again(
    servers: RunningServers,
) -> None:
    async with connected(servers) as bus:
        await create_stream(bus, "AGAIN")
        await create_consumer(bus, "AGAIN")
        async with pulling(bus, "AGAIN") as work:
            await bus.store("AGAIN.x", b"1", 2)
            await work.wait_for(b"1")
            await bus.jetstream("STREAM.DELETE.AGAIN")
            await until("the puller notices", lambda: work.missed > 0)
            await create_stream(bus, "AGAIN")
            await create_consumer(bus, "AGAIN")
            await bus.store("AGAIN.x", b"2", 2)
            await work.wait_for(b"2")


@pytest.mark.parametrize("wiped", [False, True])
async def test_a_puller_survives_a_restart_of_the_server(
    servers: RunningServers, wiped: bool
) -> None:
    async with connected(servers) as bus:
        name = f"RESTART{wiped:d}"
        await create_stream(bus, name)
        await create_consumer(bus, name)
        async with pulling(bus, name) as work:
            await bus.store(f"{name}.x", b"1", 2)
            await work.wait_for(b"1")
            await kill_nats(servers, wiped=wiped)
            if wiped:
                await when_back(lambda: create_stream(bus, name))
                await create_consumer(bus, name)
            await when_back(lambda: bus.store(f"{name}.x", b"2", 2))
            await work.wait_for(b"2")


class Following:
    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.got: list[tuple[int, bytes]] = []

    async def take(self) -> None:
        while True:
            self.got += await self.follower.take()

    async def wait_for(self, position: int) -> None:
        await until(
            f"{position} is delivered", lambda: bool(self.got) and self.got[-1][0] >= position
        )

    def check(self, first: int, last: int) -> None:
        """Every position in order, and each with its own message; some may have come again."""
        assert {position for position, _ in self.got} == set(range(first, last + 1))
        assert all(message == b"event %d" % position for position, message in self.got)


@asynccontextmanager
async def following(bus: Bus, shard: int, start: int) -> AsyncIterator[Following]:
    work = Following(Follower(bus, shard, start))
    tasks = [asyncio.create_task(work.follower.run()), asyncio.create_task(work.take())]
    try:
        yield work
        assert not any(task.done() for task in tasks), "the follower ended"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def create_events(bus: Bus, shard: int, first: int = 1) -> None:
    await create_stream(bus, f"EVENTS_{shard}", first_seq=first)


async def publish_events(bus: Bus, shard: int, first: int, last: int) -> None:
    for position in range(first, last + 1):
        stored = await bus.store(f"EVENTS_{shard}.x", b"event %d" % position, 2)
        assert stored == position


async def test_a_follower_starts_where_it_is_told(servers: RunningServers) -> None:
    async with connected(servers) as bus:
        await create_events(bus, 10)
        await publish_events(bus, 10, 1, 9)
        async with following(bus, 10, 4) as work:
            await work.wait_for(9)
            work.check(4, 9)
            work.got.clear()
            work.follower.rewind(2)
            await work.wait_for(9)
            work.check(2, 9)


async def test_a_follower_waits_for_a_stream_that_does_not_exist_yet(
    servers: RunningServers,
) -> None:
    async with connected(servers) as bus, following(bus, 11, 1) as work:
        await create_events(bus, 11)
        await publish_events(bus, 11, 1, 3)
        await work.wait_for(3)
        work.check(1, 3)


async def test_a_follower_survives_the_loss_of_its_consumer(servers: RunningServers) -> None:
    async with connected(servers) as bus:
        await create_events(bus, 12)
        await publish_events(bus, 12, 1, 3)
        async with following(bus, 12, 1) as work:
            await work.wait_for(3)
            names = await bus.jetstream("CONSUMER.NAMES.EVENTS_12")
            for name in names["consumers"]:
                await bus.jetstream(f"CONSUMER.DELETE.EVENTS_12.{name}")
            await publish_events(bus, 12, 4, 6)
            await work.wait_for(6)
            work.check(1, 6)
            assert len(work.got) == 6, "some came twice"


async def test_a_follower_goes_on_in_a_stream_made_again_with_a_later_first_sequence(
    servers: RunningServers,
) -> None:
    async with connected(servers) as bus:
        await create_events(bus, 13)
        await publish_events(bus, 13, 1, 5)
        async with following(bus, 13, 1) as work:
            await work.wait_for(5)
            await bus.jetstream("STREAM.DELETE.EVENTS_13")
            await create_events(bus, 13, first=4)
            await publish_events(bus, 13, 4, 8)
            await work.wait_for(8)
            work.check(1, 8)


@pytest.mark.parametrize("wiped", [False, True])
async def test_a_follower_survives_a_restart_of_the_server(
    servers: RunningServers, wiped: bool
) -> None:
    async with connected(servers) as bus:
        shard = 14 + wiped
        await create_events(bus, shard)
        await publish_events(bus, shard, 1, 5)
        async with following(bus, shard, 1) as work:
            await work.wait_for(5)
            await kill_nats(servers, wiped=wiped)
            if wiped:
                await when_back(lambda: create_events(bus, shard, first=6))
            await when_back(lambda: bus.jetstream(f"STREAM.INFO.EVENTS_{shard}"))
            await publish_events(bus, shard, 6, 8)
            await work.wait_for(8)
            work.check(1, 8)


async def test_a_question_that_nobody_listens_to_is_answered_at_once(
    servers: RunningServers,
) -> None:
    async with connected(servers) as bus:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="Nobody listens"):
            await bus.ask("nobody.here", b"?", 5)
        assert time.monotonic() - began < 1


async def test_a_question_without_an_answer_ends_in_time(servers: RunningServers) -> None:
    async with connected(servers) as bus:
        await bus.listen("silence", lambda _: None)
        await bus.flush()
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"within 0\.2 s"):
            await bus.ask("silence", b"?", 0.2)
        assert time.monotonic() - began < 1


async def test_what_is_sent_without_a_connection_fails_at_once_and_is_never_delivered(
    servers: RunningServers,
) -> None:
    async with connected(servers) as bus, connected(servers) as other:
        got: list[bytes] = []
        await other.listen("zombies", lambda delivery: got.append(delivery.data))
        await other.flush()
        restarts = servers.restarts("nats")
        identify(servers.pid("nats")).send(signal.SIGKILL)
        await until("the loss is noticed", lambda: not bus.is_connected)
        began = time.monotonic()
        for _ in range(10):
            with pytest.raises(Unavailable):
                bus.send("zombies", b"zombie")
        with pytest.raises(Unavailable):
            await bus.ask("zombies", b"zombie", 5)
        assert time.monotonic() - began < 0.5
        await asyncio.to_thread(servers.wait_restarted, "nats", restarts + 1)
        await until("both are back", lambda: bus.is_connected and other.is_connected)
        await other.flush()
        await when_back(bus.flush)
        bus.send("zombies", b"alive")
        await until("what is sent then is delivered", lambda: b"alive" in got)
        assert got == [b"alive"]


async def test_replicas_need_a_cluster(servers: RunningServers) -> None:
    async with connected(servers) as bus:
        with pytest.raises(InvalidSettings, match="STREAM_REPLICAS=3, but NATS is a single server"):
            await provision(bus, Settings(stream_replicas=3))
