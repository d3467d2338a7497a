"""What the services need from the outside world, as protocols; the adapters implement them."""

from __future__ import annotations

from typing import Protocol


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
