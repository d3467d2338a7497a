"""A stream of the API over HTTP: server-sent events, or lines of JSON.

What comes together goes out together. The id of an event is where the stream goes on after it: a
position of the log, or a line of a log. A reader who is slow holds the stream back, up to the api;
one who takes nothing for long, or is gone, has their call cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import grpc
import structlog
from google.protobuf.message import Message
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from millstream_web import failures
from millstream_web.encode import to_bytes
from millstream_web.failures import Problem

log = structlog.get_logger(__name__)

EVENT_STREAM = "text/event-stream"
LINES = "application/x-ndjson"
# Proxies close what is silent for longer; a page knows by then that it is cut off.
KEEPALIVE_S = 10.0
# After one event of a stream the next comes no sooner, with all that came meanwhile: what is quiet
# is shown at once, and what is busy costs fifty sends a second, however much it is.
GATHER_S = 0.02
# A refusal comes within this, and then it is a status; what is quiet for longer has begun.
REFUSED_WITHIN_S = 0.3
# Who takes nothing for so long is not reading.
SLOW_S = 30.0
# So much waits for a reader; then the api waits too.
MOST_WAITING = 1 << 20
MOST_STREAMS = 1000


def resume(message: Message, last_id: str) -> None:
    """Let the stream go on after the event that a reader says it saw last."""
    attempt, _, place = last_id.rpartition(":")
    if not _is_long(place):
        return
    fields = message.DESCRIPTOR.fields_by_name
    if "from_position" in fields:
        message.from_position = int(place)  # type: ignore[attr-defined]
    elif "from_line" in fields and _is_long(attempt):
        message.from_line = int(place)  # type: ignore[attr-defined]
        message.attempt = min(int(attempt), 2**31 - 1)  # type: ignore[attr-defined]


def _is_long(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def place_after(answer: Any) -> str:
    """What :func:`resume` takes."""
    fields = answer.DESCRIPTOR.fields_by_name
    if "event" in fields:
        return str(answer.event.position + 1)
    if "next_line" in fields:
        return f"{answer.attempt}:{answer.next_line}"
    if "position" in fields:
        return str(answer.position + 1)
    return ""


class Taken(NamedTuple):
    """What has come, as JSON, and the id of the last of it. ``is_over``: nothing more comes."""

    answers: list[bytes]
    place: str
    is_over: bool


class Stream:
    """The answers of one call as they come. ``failure``: why it ended early."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._answers: list[bytes] = []
        self._last: Any = None
        self._size = 0
        self._is_over = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self.failure: dict[str, Any] | None = None
        self.error: grpc.aio.AioRpcError | None = None
        self._reader = asyncio.create_task(self._read())

    async def begin(self) -> None:
        """Wait for a first answer, though not for long. Raises what the call was refused with."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFUSED_WITHIN_S):
                await self._news.wait()
        if self.error is not None and not self._answers:
            raise self.error

    async def take(self) -> Taken | None:
        """All that has come; None: nothing did for a while."""
        try:
            async with asyncio.timeout(KEEPALIVE_S):
                await self._news.wait()
        except TimeoutError:
            return None
        place = place_after(self._last) if self._last is not None else ""
        taken = Taken(self._answers, place, self._is_over)
        self._answers, self._last, self._size = [], None, 0
        if not self._is_over:
            self._news.clear()
        self._room.set()
        return taken

    def end(self, failure: dict[str, Any] | None = None) -> None:
        """Nothing more comes, and somebody may be told why."""
        if not self._is_over:
            self._is_over = True
            self.failure = failure
            self._news.set()
        self._reader.cancel()
        self._call.cancel()

    async def _read(self) -> None:
        try:
            async for answer in self._call:
                said = to_bytes(answer)
                self._answers.append(said)
                self._last = answer
                self._size += len(said)
                self._news.set()
                if self._size >= MOST_WAITING:
                    self._room.clear()
                    await self._room.wait()
        except grpc.aio.AioRpcError as error:
            self.error = error
            self.end(failures.of_call(error))
        except Exception as error:
            log.error("stream_failed", exc_info=error)
            self.end({"code": "INTERNAL", "reason": "INTERNAL", "message": "Millstream failed."})
        else:
            self.end()


class Streams:
    """All streams of this process: so many and no more, and all end when it does."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._open: set[Stream] = set()
        self._is_stopping = False

    def __len__(self) -> int:
        return len(self._open)

    def check(self) -> None:
        """Raises :class:`Problem` if there is no place for another one."""
        if self._is_stopping:
            raise Problem("UNAVAILABLE", "STOPPING", "This server stops.", retry_after_s=1.0)
        if len(self._open) >= self._most:
            raise Problem(
                "RESOURCE_EXHAUSTED",
                "OVERLOADED",
                f"{self._most} streams are open already; try again later.",
                retry_after_s=5.0,
            )

    async def open(self, call: Any) -> Stream:
        """The answers of a call that was just made. Raises what it was refused with."""
        stream = Stream(call)
        self._open.add(stream)
        try:
            await stream.begin()
        except BaseException:
            self.close(stream)
            raise
        return stream

    def close(self, stream: Stream) -> None:
        """Nobody reads it any more."""
        self._open.discard(stream)
        stream.end()

    def stop(self) -> None:
        """Tell all readers to come again, and take no others."""
        self._is_stopping = True
        for stream in list(self._open):
            stream.end(
                {
                    "code": "UNAVAILABLE",
                    "reason": "STOPPING",
                    "message": "This server stops; ask again to go on.",
                    "retryAfterS": 1.0,
                }
            )


class StreamAnswer(Response):
    """An answer that lasts, until the stream is over, or its reader is gone or takes nothing."""

    def __init__(self, stream: Stream, streams: Streams, *, is_live: bool) -> None:
        super().__init__(
            media_type=EVENT_STREAM if is_live else LINES,
            # nginx would keep events until it has a few KB of them.
            headers={"X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._stream = stream
        self._streams = streams
        self._pieces = server_sent(stream) if is_live else lines(stream)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(gone(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.close(self._stream)
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with contextlib.aclosing(self._pieces):
            async for piece in self._pieces:
                try:
                    async with asyncio.timeout(SLOW_S):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                except TimeoutError:
                    log.info("stream_dropped", why="its reader takes nothing")
                    return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def server_sent(stream: Stream) -> AsyncGenerator[bytes, None]:
    """As a browser's EventSource reads it; each event's data is a list."""
    yield b": open\n\n"
    while True:
        taken = await stream.take()
        if taken is None:
            yield b": alive\n\n"
            continue
        if taken.answers:
            data = b",".join(taken.answers)
            yield b"id: %s\ndata: [%s]\n\n" % (taken.place.encode(), data)
            if not taken.is_over:
                await asyncio.sleep(GATHER_S)
        if taken.is_over:
            if stream.failure is None:
                yield b"event: end\ndata: {}\n\n"
            else:
                yield b"event: failed\ndata: %s\n\n" % to_bytes(stream.failure)
            return


async def lines(stream: Stream) -> AsyncGenerator[bytes, None]:
    """One answer a line; what broke it off is in the last one, under ``error``."""
    while True:
        taken = await stream.take()
        if taken is None:
            continue
        if taken.answers:
            yield b"\n".join(taken.answers) + b"\n"
        if taken.is_over:
            if stream.failure is not None:
                yield to_bytes({"error": stream.failure}) + b"\n"
            return


async def gone(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
