"""The bodies of requests: so large, so long in coming, and so many at a time, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from millstream_web.failures import Problem

LARGEST = 4 << 20
# A body that does not come holds a place so long.
SILENCE_S = 20.0
WHOLE_S = 60.0
# All that are being read or worked on; each takes several times that as objects.
MOST_TOGETHER = 64 << 20


class Bodies:
    """What the requests of this process hold together."""

    def __init__(self, largest: int = LARGEST, together: int = MOST_TOGETHER) -> None:
        self.largest = largest
        self._together = together
        self._held = 0

    @contextmanager
    def hold(self) -> Iterator[Body]:
        """For one request; what it holds is given back at the end."""
        body = Body(self)
        try:
            yield body
        finally:
            self._held -= body.size

    def grow(self, size: int) -> None:
        """Raises :class:`Problem` when there is no more room."""
        if self._held + size > self._together:
            raise Problem(
                "RESOURCE_EXHAUSTED",
                "OVERLOADED",
                "Requests are too large together; try again later.",
                retry_after_s=1.0,
            )
        self._held += size


class Body:
    """One body."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.size = 0

    async def whole(self, request: Request) -> bytes:
        """All of it. Raises :class:`Problem`."""
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._bodies.largest:
            raise too_large(self._bodies.largest)
        data = bytearray()
        try:
            async with asyncio.timeout(WHOLE_S):
                async for piece in pieces(request):
                    if self.size + len(piece) > self._bodies.largest:
                        raise too_large(self._bodies.largest)
                    self._bodies.grow(len(piece))
                    self.size += len(piece)
                    data += piece
        except TimeoutError:
            raise _too_slow() from None
        return bytes(data)


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises :class:`Problem` if it stops coming."""
    stream = request.stream()
    try:
        while True:
            async with asyncio.timeout(SILENCE_S):
                piece = await anext(stream)
            if piece:
                yield piece
    except StopAsyncIteration:
        return
    except TimeoutError:
        raise _too_slow() from None
    except ClientDisconnect:
        raise Problem("CANCELLED", "CLIENT_LEFT", "The client left.") from None


def too_large(most: int) -> Problem:
    return Problem(
        "INVALID_ARGUMENT", "BODY_TOO_LARGE", f"The body has more than {most} bytes.", status=413
    )


def _too_slow() -> Problem:
    return Problem(
        "DEADLINE_EXCEEDED", "BODY_TOO_SLOW", "The body did not come in time.", status=408
    )
