"""uvicorn under our own signals, and without patience for connections that say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

import uvicorn

from millstream.adapters.service import Service

# A request's headers come within this, or its connection is closed: an idle one costs a place.
HEADERS_S = 15.0
TICK_S = 1.0
# Connections that are open at a time; beyond them they are answered with 503.
MOST_CONNECTIONS = 2000
# Files that the process needs for itself.
OWN_FILES = 100


class Server(uvicorn.Server):
    """It would raise the signal again, and not end with 0."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._idle = Idle()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the handlers of :class:`Service` in place."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says that we serve as soon as the port is open."""
        await super().startup(sockets)
        if self.started:
            self._service.ready()

    async def main_loop(self) -> None:
        """uvicorn's looks ten times a second whether to end; this one is told."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._service.stopping.wait()

    async def on_tick(self, counter: int) -> bool:
        """Looks after the connections, and says whether to end."""
        self._idle.close(self.server_state.connections, time.monotonic())
        return await super().on_tick(counter) or self._service.stopping.is_set()


class Idle:
    """Which connections wait for a request, and since when."""

    def __init__(self) -> None:
        # With the last request of each, so that one that came and went meanwhile is noticed.
        self._waiting: dict[Any, tuple[float, Any]] = {}

    def close(self, connections: Iterable[Any], now: float) -> None:
        """Close those that have waited for long."""
        waiting: dict[Any, tuple[float, Any]] = {}
        for connection in list(connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                continue
            since, last = self._waiting.get(connection, (now, cycle))
            if last is not cycle:
                since = now
            if now - since >= HEADERS_S:
                connection.transport.abort()
            else:
                waiting[connection] = (since, cycle)
        self._waiting = waiting
