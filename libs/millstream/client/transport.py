"""What carries a request: gRPC's blocking channel, or its asyncio one. Both look alike from above;
the blocking one never suspends who awaits it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from millstream.client.modes import iterate_now, run_now
from millstream.client.target import Target

RECEIVE_BYTES = 64 * 1024 * 1024
OPTIONS = (
    ("grpc.max_receive_message_length", RECEIVE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)

T = TypeVar("T")
Sent = Message | Iterable[Message]


class Transport(Protocol):
    """A channel and the way to wait on it."""

    async def call(self, method: MethodDescriptor, sent: Sent, timeout_s: float) -> Any:
        """Raises :class:`grpc.RpcError`."""

    def stream(
        self, method: MethodDescriptor, sent: Message, timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        """Raises :class:`grpc.RpcError`."""

    async def sleep(self, seconds: float) -> None: ...

    async def in_thread(self, work: Callable[[], T]) -> T:
        """What takes long and blocks, out of the way of others."""

    def from_thread(self, waiting: Awaitable[T]) -> T:
        """Called by such work: the result of a call."""

    def run(self, waiting: Any) -> Any: ...

    def iterate(self, items: Any) -> Any: ...

    async def close(self) -> None: ...


class SyncTransport:
    """Blocks. One instance may be used from several threads."""

    def __init__(self, target: Target) -> None:
        credentials = target.credentials()
        self._metadata = target.metadata()
        self._channel = (
            grpc.insecure_channel(target.host, options=OPTIONS)
            if credentials is None
            else grpc.secure_channel(target.host, credentials, options=OPTIONS)
        )
        self._methods: dict[str, Any] = {}

    async def call(self, method: MethodDescriptor, sent: Sent, timeout_s: float) -> Any:
        made = _method(self._channel, self._methods, method)
        # An iterator that a request is streamed from must be no list.
        message = sent if isinstance(sent, Message) else iter(sent)
        return made(message, timeout=timeout_s, metadata=self._metadata)

    async def stream(
        self, method: MethodDescriptor, sent: Message, timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        made = _method(self._channel, self._methods, method)
        answers = made(sent, timeout=timeout_s, metadata=self._metadata)
        try:
            for answer in answers:
                yield answer
        finally:
            with contextlib.suppress(Exception):
                answers.cancel()

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - this transport blocks

    async def in_thread(self, work: Callable[[], T]) -> T:
        return work()

    def from_thread(self, waiting: Awaitable[T]) -> T:
        return run_now(waiting)

    def run(self, waiting: Awaitable[T]) -> T:
        return run_now(waiting)

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        return iterate_now(items)

    async def close(self) -> None:
        self._channel.close()


class AsyncTransport:
    """On the event loop that makes the first call; its channel is opened then."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._credentials = target.credentials()
        self._metadata = target.metadata()
        self._opened: grpc.aio.Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._methods: dict[str, Any] = {}

    @property
    def _channel(self) -> grpc.aio.Channel:
        if self._opened is None:
            host = self._target.host
            self._opened = (
                grpc.aio.insecure_channel(host, options=OPTIONS)
                if self._credentials is None
                else grpc.aio.secure_channel(host, self._credentials, options=OPTIONS)
            )
            self._loop = asyncio.get_running_loop()
        return self._opened

    async def call(self, method: MethodDescriptor, sent: Sent, timeout_s: float) -> Any:
        made = _method(self._channel, self._methods, method)
        return await made(sent, timeout=timeout_s, metadata=self._metadata)

    async def stream(
        self, method: MethodDescriptor, sent: Message, timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        made = _method(self._channel, self._methods, method)
        answers = made(sent, timeout=timeout_s, metadata=self._metadata)
        try:
            async for answer in answers:
                yield answer
        finally:
            answers.cancel()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def in_thread(self, work: Callable[[], T]) -> T:
        self._loop = asyncio.get_running_loop()
        return await asyncio.to_thread(work)

    def from_thread(self, waiting: Awaitable[T]) -> T:
        assert self._loop is not None, "in_thread comes first"

        async def wait() -> T:
            return await waiting

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()

    def run(self, waiting: T) -> T:
        return waiting

    def iterate(self, items: T) -> T:
        return items

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


def _method(channel: Any, made: dict[str, Any], method: MethodDescriptor) -> Any:
    """gRPC's callable for a method, made once."""
    found = made.get(method.full_name)
    if found is None:
        sends = "stream" if method.client_streaming else "unary"
        answers = "stream" if method.server_streaming else "unary"
        found = made[method.full_name] = getattr(channel, f"{sends}_{answers}")(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
    return found
