"""What the services need from the outside world, as protocols; the adapters implement them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the shells see it. The core gets instants as arguments."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never steps: leases and time-outs are measured with it."""
        ...


class BlobStore(Protocol):
    """Bytes addressed by their SHA-256 in hexadecimal. A put is idempotent; nothing is ever
    changed."""

    async def put(self, data: bytes) -> str:
        """Store and return the key."""
        ...

    async def get(self, key: str) -> bytes:
        """The bytes, verified. Raises :class:`~millstream.core.errors.NotFound`."""
        ...

    async def exists(self, key: str) -> bool: ...


class MessageSource(Protocol):
    """Messages of a stream or a subject, in order."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
