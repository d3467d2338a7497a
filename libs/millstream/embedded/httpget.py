"""One plain GET to a server on this machine, without the weight of an HTTP library."""

from __future__ import annotations

import asyncio


async def get(host: str, port: int, path: str, timeout_s: float) -> tuple[int, str]:
    """Status and body. Raises OSError, TimeoutError or ValueError."""
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(
                f"GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            )
            raw = await reader.read(1 << 20)
            while chunk := await reader.read(1 << 20):
                raw += chunk
        finally:
            writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ValueError(f"not an HTTP answer: {head[:80]!r}")
    return int(words[1]), body.decode(errors="replace")
