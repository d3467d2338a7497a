"""One channel to the api: deadlines, retries of what may be retried, and errors as sentences."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from functools import cache
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message

from millstream.client.errors import NotReached, Overloaded, WaitTimeout, from_grpc
from millstream.client.transport import Transport
from millstream.core.errors import Unavailable

# How long an api that never answered is tried: it is probably not there.
FIRST_CONTACT_S = 3.0
# A stream that lived that long was well; the patience with outages begins anew.
HEALTHY_S = 5.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0

T = TypeVar("T")


class Channel:
    """Carries calls out, each as often as it takes until the api answers or the time is over."""

    def __init__(self, address: str, timeout_s: float, transport: Transport) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self.transport = transport
        # What the caller was told, every later read shows: it waits for the read tables if it must.
        self.told = 0
        self._was_reached = False

    def run(self, waiting: Awaitable[T]) -> Any:
        """What the caller of a call gets: its answer, or the call itself to await."""
        return self.transport.run(waiting)

    def iterate(self, items: AsyncIterator[T]) -> Any:
        """What the caller of a listing gets."""
        return self.transport.iterate(items)

    async def ask(self, request: Message, method: str = "") -> Any:
        """The answer to a request. While the api is unavailable it is sent again until the time is
        over: every request may be repeated, since those that change something carry an id."""
        self._show_told(request)
        return await self._repeat(method_of(type(request).DESCRIPTOR, method), lambda: request)

    async def upload(self, kind: type[Message], parts: Callable[[], Iterable[Message]]) -> Any:
        """The answer to a stream of requests of one kind; ``parts`` makes it for each try."""
        return await self._repeat(method_of(kind.DESCRIPTOR), parts)

    async def _repeat(
        self, method: MethodDescriptor, make: Callable[[], Message | Iterable[Message]]
    ) -> Any:
        outage = Outage(self.timeout_s)
        deadline = time.monotonic() + self.timeout_s
        while True:
            try:
                left_s = max(deadline - time.monotonic(), 0.05)
                answer = await self.transport.call(method, make(), left_s)
                self._was_reached = True
                return answer
            except grpc.RpcError as error:
                pause_s = self._judge(error, outage)
            await self.transport.sleep(pause_s)

    async def watch(
        self, request: Callable[[int], Message], first: int, timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        """The answers of a stream of events from position ``first`` on. A lost stream is opened
        again after the last event seen. Raises :class:`WaitTimeout` after ``timeout_s``."""
        upcoming = first
        answers = self.stream(lambda: request(upcoming), timeout_s)
        async with contextlib.aclosing(answers):
            async for answer in answers:
                upcoming = answer.event.position + 1
                yield answer

    async def stream(
        self, request: Callable[[], Message], timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        """The answers of a stream. A lost stream is opened again with what ``request`` gives then,
        which must ask for what follows the last answer. Raises :class:`WaitTimeout` after
        ``timeout_s``."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        outage = Outage(self.timeout_s)
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise WaitTimeout(f"The time of {timeout_s:g} s is over.")
            opened = time.monotonic()
            message = request()
            self._show_told(message)
            method = method_of(type(message).DESCRIPTOR)
            try:
                stream = self.transport.stream(method, message, left)
                async with contextlib.aclosing(stream):
                    async for answer in stream:
                        outage.end()
                        self._was_reached = True
                        yield answer
                return
            except grpc.RpcError as error:
                if time.monotonic() - opened > HEALTHY_S:
                    outage.end()
                    self._was_reached = True
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and deadline is not None:
                    raise WaitTimeout(f"The time of {timeout_s:g} s is over.") from None
                pause_s = self._judge(error, outage, deadline)
            await self.transport.sleep(pause_s)

    def _show_told(self, request: Message) -> None:
        """A read shows what the caller was told: it does not answer from before that."""
        if _is_read(type(request).DESCRIPTOR):
            asked = request.min_position  # type: ignore[attr-defined]
            request.min_position = max(asked, self.told)  # type: ignore[attr-defined]

    def _judge(self, error: grpc.RpcError, outage: Outage, deadline: float | None = None) -> float:
        """How long to wait before the next try; raises what the error means if there is none."""
        known = from_grpc(error, self.address)
        if not isinstance(known, NotReached):
            self._was_reached = True
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            # What went wrong before says more than that the time is over.
            raise (outage.last_error or known) from None
        if not isinstance(known, Unavailable):
            raise known from None
        outage.last_error = known
        most = outage.patience_s if self._was_reached else FIRST_CONTACT_S
        if not outage.may_go_on(min(most, outage.patience_s)):
            raise known from None
        # Who is away may be back at once; who has too much to do is left alone as long as it asks.
        least_s = known.retry_after_s if isinstance(known, Overloaded) else 0.0
        pause_s = outage.pause_s(least_s)
        return pause_s if deadline is None else min(pause_s, max(deadline - time.monotonic(), 0.0))


@cache
def _is_read(kind: Descriptor) -> bool:
    return "min_position" in kind.fields_by_name


@cache
def method_of(kind: Descriptor, name: str = "") -> MethodDescriptor:
    """The method that takes a request. ``XRequest`` is for ``X`` of the service in its file, which
    is the rule that the linter of our protos checks."""
    wanted = name or kind.name.removesuffix("Request")
    for service in kind.file.services_by_name.values():
        method = service.methods_by_name.get(wanted)
        if method is not None and method.input_type is kind:
            return method
    raise AssertionError(f"no service in {kind.file.name} has a method {wanted} for {kind.name}")


class Outage:
    """How long the api has been away, and how long to wait before the next try."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.last_error: Unavailable | None = None
        self._began: float | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._overloads = 0

    def end(self) -> None:
        self.last_error = None
        self._began = None
        self._pause_s = _FIRST_PAUSE_S
        self._overloads = 0

    def may_go_on(self, most_s: float) -> bool:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        return now - self._began + self._pause_s < most_s

    def pause_s(self, least_s: float = 0.0) -> float:
        """How long to wait now: longer each time, with jitter, so that those who were sent away
        together do not come back together; never less than ``least_s``."""
        if least_s:
            longest = least_s * 2 ** min(self._overloads, 3)
            self._overloads += 1
            return random.uniform(least_s, max(longest, least_s * 1.5))  # noqa: S311 - jitter
        pause_s = self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        return pause_s
