"""A gRPC server on a loop of its own, for commands that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc.aio

from millstream_api.interceptor import ErrorInterceptor


@contextmanager
def served(register: Callable[[grpc.aio.Server], None]) -> Iterator[str]:
    """Its address, as long as it runs. ``register`` adds the services."""
    started = threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        server = grpc.aio.server(interceptors=[ErrorInterceptor()])
        register(server)
        found["port"] = server.add_insecure_port("127.0.0.1:0")
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()
        await server.start()
        started.set()
        await found["stop"].wait()
        await server.stop(0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(10)
    try:
        yield f"127.0.0.1:{found['port']}"
    finally:
        found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(10)
