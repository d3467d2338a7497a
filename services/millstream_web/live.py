"""A stream of the API as server-sent events.

The id of each is where the stream goes on after it: the position of the log, or the line of a log.
What comes together goes out together, in one event whose data is a list.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import Message

from millstream_web import failures
from millstream_web.messages import to_json

EVENT_STREAM = "text/event-stream"
# Proxies close what is silent for longer; a page knows by then that it is cut off.
KEEPALIVE_S = 10.0
MOST_AT_ONCE = 500


def resume(message: Message, last_id: str) -> None:
    """Let the stream go on after the event that a reader says it saw last."""
    attempt, _, place = last_id.rpartition(":")
    if not place.isdecimal():
        return
    fields = message.DESCRIPTOR.fields_by_name
    if "from_position" in fields:
        message.from_position = int(place)  # type: ignore[attr-defined]
    elif "from_line" in fields and attempt.isdecimal():
        message.from_line = int(place)  # type: ignore[attr-defined]
        message.attempt = int(attempt)  # type: ignore[attr-defined]


async def server_sent(call: Any) -> AsyncIterator[bytes]:
    """The answers of a call, until it ends or nobody listens any more."""
    waiting: asyncio.Queue[Message | _End] = asyncio.Queue(MOST_AT_ONCE)
    reader = asyncio.create_task(_read(call, waiting))
    yield b": open\n\n"
    try:
        while True:
            try:
                async with asyncio.timeout(KEEPALIVE_S):
                    found = [await waiting.get()]
            except TimeoutError:
                yield b": alive\n\n"
                continue
            while not waiting.empty():
                found.append(waiting.get_nowait())
            answers = [each for each in found if isinstance(each, Message)]
            if answers:
                yield _event(answers)
            if isinstance(found[-1], _End):
                yield found[-1].event()
                return
    finally:
        reader.cancel()
        call.cancel()


class _End(NamedTuple):
    """The stream is over, and not just cut off: a reader need not come again."""

    error: grpc.aio.AioRpcError | None = None

    def event(self) -> bytes:
        if self.error is None:
            return b"event: end\ndata: {}\n\n"
        return f"event: failed\ndata: {json.dumps(failures.of_call(self.error))}\n\n".encode()


async def _read(call: Any, waiting: asyncio.Queue[Message | _End]) -> None:
    try:
        async for answer in call:
            await waiting.put(answer)
    except grpc.aio.AioRpcError as error:
        await waiting.put(_End(error))
    else:
        await waiting.put(_End())


def _event(answers: list[Message]) -> bytes:
    data = json.dumps([to_json(answer) for answer in answers], ensure_ascii=False)
    return f"id: {_next(answers[-1])}\ndata: {data}\n\n".encode()


def _next(answer: Any) -> str:
    """What :func:`resume` takes."""
    fields = answer.DESCRIPTOR.fields_by_name
    if "event" in fields:
        return str(answer.event.position + 1)
    if "next_line" in fields:
        return f"{answer.attempt}:{answer.next_line}"
    return ""
