"""TCP connections that can be cut, without anybody being told: nothing passes and nothing ends, as
when packets are lost."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any


class Wire:
    """Leads what connects to ``port`` to another port of this machine."""

    def __init__(self, wires: Wires, port: int, target: int) -> None:
        self._wires = wires
        self._target = target
        self._passes = asyncio.Event()
        self._passes.set()
        self.port = port

    def cut(self) -> None:
        self._wires.call(self._set(False))

    def heal(self) -> None:
        self._wires.call(self._set(True))

    async def _set(self, passes: bool) -> None:
        if passes:
            self._passes.set()
        else:
            self._passes.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            self._pump(reader, far_writer), self._pump(far_reader, writer), return_exceptions=True
        )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
            await self._passes.wait()
        finally:
            writer.close()


class Wires:
    """All wires of a test, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def add(self, port: int, target: int) -> Wire:
        wire = Wire(self, port, target)

        async def listen() -> None:
            self._servers.append(await asyncio.start_server(wire.serve, "127.0.0.1", port))

        self.call(listen())
        return wire

    def close(self) -> None:
        self.call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.gather(*others, return_exceptions=True)
