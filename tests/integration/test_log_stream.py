"""Reading a subject of LOGS: in order, past rubbish, and from a stream that was made anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from integration.test_bus import POISON, connected, publish_raw
from millstream.adapters.bus import Bus
from millstream.adapters.log_lines import LogHeader, LogLine, encode_log_lines
from millstream.adapters.log_stream import BATCH, LogStream
from millstream.adapters.settings import Settings
from millstream.adapters.streams import provision
from millstream.adapters.subjects import LOGS
from millstream.embedded.run import RunningServers

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def reading(bus: Bus, subject: str) -> AsyncIterator[LogStream]:
    stream = LogStream(bus, subject)
    await stream.open()
    try:
        yield stream
    finally:
        await stream.close()


async def print_lines(bus: Bus, subject: str, first: int, count: int = 1) -> None:
    for number in range(first, first + count):
        line = LogLine(at=datetime.now(UTC), source="stdout", text=str(number))
        data = encode_log_lines([line])
        await bus.store(subject, data, 5.0, LogHeader(number, claim="c").encode())


async def read_up_to(stream: LogStream, last: str) -> list[str]:
    """The texts of the lines, until one is ``last``; more than one batch a call is an error."""
    found: list[str] = []
    async with asyncio.timeout(15):
        while last not in found:
            messages = await stream.read()
            assert len(messages) <= BATCH
            found += [line.text for message in messages for line in message.lines]
            if not messages:
                await stream.wait(0.5)
    return found


def numbers(first: int, count: int) -> list[str]:
    return [str(number) for number in range(first, first + count)]


async def test_a_stream_of_an_older_release_is_read_too(servers: RunningServers) -> None:
    async with connected(servers) as bus:
        tuned = {"name": LOGS, "subjects": ["ms.log.>"], "max_bytes": 12_345_678}
        await bus.jetstream(f"STREAM.CREATE.{LOGS}", tuned)
        for _ in range(2):
            await provision(bus, Settings())
        config = (await bus.jetstream(f"STREAM.INFO.{LOGS}"))["config"]
        assert config["allow_direct"] is True
        assert config["max_bytes"] == 12_345_678


async def test_what_is_there_and_what_comes(servers: RunningServers) -> None:
    async with connected(servers) as bus, reading(bus, "ms.log.a") as stream:
        assert await stream.read() == []
        await print_lines(bus, "ms.log.a", 0, 3 * BATCH)
        await print_lines(bus, "ms.log.b", 0, 2)
        assert await read_up_to(stream, str(3 * BATCH - 1)) == numbers(0, 3 * BATCH)
        following = asyncio.create_task(read_up_to(stream, "1001"))
        await print_lines(bus, "ms.log.a", 1000, 2)
        assert await following == ["1000", "1001"]
        assert await stream.read() == []


async def test_rubbish_is_read_past(servers: RunningServers) -> None:
    async with connected(servers) as bus, reading(bus, "ms.log.c") as stream:
        for number, header in enumerate(POISON):
            await print_lines(bus, "ms.log.c", number)
            await publish_raw(servers.nats_url, "ms.log.c", header, b"{rubbish")
        await print_lines(bus, "ms.log.c", len(POISON))
        assert await read_up_to(stream, str(len(POISON))) == numbers(0, len(POISON) + 1)


async def test_a_stream_that_was_made_anew_is_read_from_its_beginning(
    servers: RunningServers,
) -> None:
    async with connected(servers) as bus, reading(bus, "ms.log.d") as stream:
        await print_lines(bus, "ms.log.d", 0, 5)
        assert await read_up_to(stream, "4") == numbers(0, 5)
        config = (await bus.jetstream(f"STREAM.INFO.{LOGS}"))["config"]
        await bus.jetstream(f"STREAM.DELETE.{LOGS}")
        await bus.jetstream(f"STREAM.CREATE.{LOGS}", config)
        await print_lines(bus, "ms.log.d", 5, 2)
        assert await read_up_to(stream, "6") == ["5", "6"]
