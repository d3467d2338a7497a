"""What every call passes before its handler: who is it, not too often, and may they.

Streams last, and what their callers may changes meanwhile: they are judged again whenever
somebody's rights change, and when their tokens expire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from millstream.adapters.visibility import Visibility, current_visibility, show
from millstream.core.errors import MillstreamError, Unavailable
from millstream_api import identity
from millstream_api.authentication import Authenticator, Local
from millstream_api.authorization import authorize
from millstream_api.identity import Caller
from millstream_api.rate import Rate
from millstream_api.turns import Turns

log = structlog.get_logger(__name__)

# So often expired tokens end the streams that they opened.
TICK_S = 1.0


@dataclass(slots=True, eq=False)
class Stream:
    """A stream that is open. ``visible``: what it shows; ``answer``: the latest; ``ended``: why it
    may not go on."""

    caller: Caller
    method: str
    request: Any
    task: asyncio.Task[Any]
    visible: Visibility
    turns: Turns
    answer: Any = None
    ended: MillstreamError | None = None
    _waits: bool = False

    async def has_next(self, answers: AsyncGenerator[Any, None]) -> bool:
        """Wait for the next answer. Raises what ended the stream, or is cancelled by it."""
        self.check()
        self._waits = True
        try:
            self.answer = await anext(answers)
            await self.turns.take()
        except StopAsyncIteration:
            return False
        finally:
            self._waits = False
        self.check()
        return True

    def check(self) -> None:
        if self.ended is not None:
            raise self.ended

    def end(self, error: MillstreamError) -> None:
        """Only its wait for an answer is broken off: gRPC's own, for a reader that is slow, would
        not survive that."""
        self.ended = error
        if self._waits:
            self.task.cancel()


class Gate:
    """One for all calls of a process."""

    def __init__(
        self, authenticator: Authenticator | None = None, rate: Rate | None = None
    ) -> None:
        self._authenticator = authenticator or Local()
        self._rate = rate or Rate(0, 1)
        self._streams: set[Stream] = set()
        self._turns = Turns()

    async def identify(self, context: Any) -> Caller:
        """Who calls. Raises :class:`Unauthenticated` and :class:`RateLimited`."""
        caller = await self._authenticator.identify(
            context.invocation_metadata() or (), context.auth_context()
        )
        self._rate.take(caller.name)
        return caller

    def allow(self, caller: Caller, method: str, request: Any) -> None:
        """Raises :class:`PermissionDenied`; else the rest of this call is theirs."""
        principal = self._authenticator.principal(caller)
        show(authorize(principal, method, request))
        identity.enter(caller, principal)

    @contextmanager
    def stream(self, caller: Caller, method: str, request: Any) -> Iterator[Stream]:
        """A stream that is judged again as long as it is open."""
        task = asyncio.current_task()
        assert task is not None, "a stream is answered by a task"
        stream = Stream(caller, method, request, task, current_visibility(), self._turns)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    async def run(self, changed: asyncio.Event) -> None:
        """Judge streams again, for ever. ``changed`` is set when somebody's rights are others."""
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    await changed.wait()
            except TimeoutError:
                pass
            changed.clear()
            for stream in list(self._streams):
                self._judge(stream)

    def _judge(self, stream: Stream) -> None:
        if stream.ended is not None:
            return
        try:
            principal = self._authenticator.principal(stream.caller)
            visible = authorize(principal, stream.method, stream.request)
        except MillstreamError as error:
            stream.end(error)
            return
        if visible != stream.visible:
            stream.end(Unavailable("What you may see has changed; ask again to go on."))
