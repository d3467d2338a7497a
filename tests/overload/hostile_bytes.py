"""What a port may be sent that speaks gRPC, and NATS messages whose headers are none."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from urllib.parse import urlsplit

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = (
    0,
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
)
END_STREAM, END_HEADERS = 1, 4
# How long a connection is looked at, unless the server ends it.
LOOK_S = 0.3


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


def literal(name: bytes, value: bytes) -> bytes:
    """A header field in HPACK, not indexed and not compressed."""
    return b"\0" + _length(name) + name + _length(value) + value


def _length(text: bytes) -> bytes:
    size = len(text)
    if size < 127:
        return bytes([size])
    size -= 127
    out = [127]
    while size >= 128:
        out.append(size % 128 + 128)
        size //= 128
    return bytes([*out, size])


def call(
    path: bytes = b"/millstream.rpc.v1.DagService/ListDags", *more: tuple[bytes, bytes]
) -> bytes:
    """The headers of a call."""
    fields = [
        *((b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x")),
        *((b"te", b"trailers"), (b"content-type", b"application/grpc"), *more),
    ]
    return b"".join(literal(*field) for field in fields)


HELLO = PREFACE + frame(SETTINGS)


def _random_frames(number: int) -> bytes:
    chance = random.Random(number)
    frames = [
        frame(
            chance.randrange(12),
            chance.randbytes(chance.randrange(60)),
            chance.randrange(256),
            chance.randrange(9),
        )
        for _ in range(50)
    ]
    return HELLO + b"".join(frames)


def _rapid_resets(number: int) -> bytes:
    calls = [
        frame(HEADERS, call(), END_HEADERS, stream) + frame(RST, bytes(4), 0, stream)
        for stream in range(1, 1001, 2)
    ]
    return HELLO + b"".join(calls)


def _message(body: bytes, compressed: int = 0) -> bytes:
    return bytes([compressed]) + len(body).to_bytes(4, "big") + body


CONNECTIONS: dict[str, Callable[[int], bytes]] = {
    "random bytes": lambda n: random.Random(n).randbytes(5000),
    "another protocol": lambda n: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": lambda n: (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.Random(n).randbytes(500)
    ),
    "half a greeting": lambda n: PREFACE[: n % len(PREFACE)],
    "a greeting and random bytes": lambda n: HELLO + random.Random(n).randbytes(5000),
    "random frames": _random_frames,
    "a frame of 16 MB": lambda n: HELLO + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(100_000),
    "settings without end": lambda n: PREFACE + frame(SETTINGS) * 2000,
    "settings of a wrong size": lambda n: PREFACE + frame(SETTINGS, b"12345"),
    "pings without end": lambda n: HELLO + frame(PING, bytes(8)) * 2000,
    "windows that overflow": lambda n: HELLO + frame(WINDOW, b"\x7f\xff\xff\xff") * 3,
    "calls that are taken back": _rapid_resets,
    "headers without end": lambda n: (
        HELLO
        + frame(HEADERS, call(), 0, 1)
        + frame(CONTINUATION, literal(b"x", b"y" * 1000), 0, 1) * 500
    ),
    "headers that are none": lambda n: (
        HELLO + frame(HEADERS, random.Random(n).randbytes(300), END_HEADERS, 1)
    ),
    "huge metadata": lambda n: (
        HELLO + frame(HEADERS, call(b"/x", (b"x", b"y" * 15_000)), END_HEADERS, 1) * 1
    ),
    "a message that never ends": lambda n: (
        HELLO + frame(HEADERS, call(), END_HEADERS, 1) + frame(DATA, b"\0\0\x10\0\0abc", 0, 1)
    ),
    "a message of 4 GB": lambda n: (
        HELLO + frame(HEADERS, call(), END_HEADERS, 1) + frame(DATA, b"\0\xff\xff\xff\xff", 0, 1)
    ),
    "a compressed message that is none": lambda n: (
        HELLO
        + frame(
            HEADERS,
            call(b"/millstream.rpc.v1.DagService/ListDags", (b"grpc-encoding", b"gzip")),
            END_HEADERS,
            1,
        )
        + frame(DATA, _message(b"no gzip", 1), END_STREAM, 1)
    ),
    "an unknown method": lambda n: (
        HELLO
        + frame(HEADERS, call(b"/millstream.rpc.v1.DagService/../../x"), END_HEADERS, 1)
        + frame(DATA, _message(b""), END_STREAM, 1)
    ),
    "a deadline that is none": lambda n: (
        HELLO
        + frame(
            HEADERS,
            call(b"/millstream.rpc.v1.DagService/ListDags", (b"grpc-timeout", b"-1x")),
            END_HEADERS,
            1,
        )
        + frame(DATA, _message(b""), END_STREAM, 1)
    ),
    "a stream for ever": lambda n: (
        HELLO + b"".join(frame(HEADERS, call(), END_HEADERS, stream) for stream in range(1, 601, 2))
    ),
    "goodbye first": lambda n: (
        HELLO + frame(GOAWAY, bytes(8)) + frame(HEADERS, call(), END_HEADERS, 1)
    ),
}


async def connect(host: str, port: int, data: bytes) -> None:
    """Send bytes and look for a moment what comes; whatever it is, the connection is given up."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        async with asyncio.timeout(LOOK_S):
            writer.write(data)
            await writer.drain()
            while await reader.read(65536):
                pass
    except (OSError, TimeoutError):
        pass
    finally:
        writer.transport.abort()


BAD_HEADERS = (
    *(
        b"X\r\n\r\n",
        b"NATS/1.0",
        b"NATS/1.0\r\n",
        b"NATS/1.0 \xff\xfe\r\n\r\n",
        b"\r\n\r\n",
        b"\0\0\0\0",
    ),
    *(
        b"NATS/1.0\r\nno colon\r\n\r\n",
        b"NATS/1.0 503\r\n\r\n",
        b"NATS/1.0 100 FlowControl\r\n\r\n",
    ),
    *(b"NATS/1.0 404 No Messages\r\n\r\n", b"NATS/1.0\r\n" + b"A: b\r\n" * 2000 + b"\r\n"),
)


async def publish(url: str, subject: str, number: int, payload: bytes) -> None:
    """A message with a header block that is none, past every client that would refuse it."""
    parts = urlsplit(url)
    header = BAD_HEADERS[number % len(BAD_HEADERS)]
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    await reader.readline()  # INFO
    options = {"user": parts.username, "pass": parts.password, "headers": True, "verbose": False}
    writer.write(b"CONNECT %s\r\n" % json.dumps(options).encode())
    writer.write(b"HPUB %s %d %d\r\n" % (subject.encode(), len(header), len(header) + len(payload)))
    writer.write(header + payload + b"\r\nPING\r\n")
    async with asyncio.timeout(5):
        while await reader.readline() not in (b"PONG\r\n", b""):
            pass
    writer.close()
    await writer.wait_closed()
