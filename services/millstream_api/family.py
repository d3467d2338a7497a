"""Several api processes behind one port: who starts them, and starts one again that died.

The kernel hands each new connection to one of those that listen. One that dies takes its
connections with it, and its callers go on at the others.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

import structlog

from millstream.adapters.service import Service
from millstream.adapters.settings import PREFIX
from millstream.core.errors import MillstreamError

log = structlog.get_logger(__name__)

MOST_DEATHS_BEFORE_READY = 5
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
# A process has its calls end within five seconds, and then closes what it holds.
STOP_S = 15.0


async def run_family(service: Service, environ: Mapping[str, str] = os.environ) -> None:
    """As many processes as the setting says, until the service is stopped. Raises
    :class:`MillstreamError` if the port is taken, or if one never gets ready."""
    settings = service.settings
    with reserved(settings.grpc_host, settings.grpc_port) as place:
        port = place.getsockname()[1]
        members = [
            _Member(
                number,
                dict(environ)
                | {
                    f"{PREFIX}INSTANCE": f"{settings.instance}-{number}",
                    f"{PREFIX}API_PROCESS": str(number),
                    f"{PREFIX}GRPC_PORT": str(port),
                    f"{PREFIX}PARENT_PID": str(os.getpid()),
                },
            )
            for number in range(1, settings.api_processes + 1)
        ]
        running = [asyncio.create_task(member.run()) for member in members]
        stopping = asyncio.create_task(service.stopping.wait())
        getting_ready = asyncio.create_task(_all_ready(members, service))
        tasks: list[asyncio.Task[Any]] = [*running, stopping, getting_ready]
        try:
            done, _ = await asyncio.wait(tasks[:-1], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(member.stop() for member in members))


def reserved(host: str, port: int) -> socket.socket:
    """A socket that holds the port for processes that share it, and takes no connections. Raises
    :class:`MillstreamError` if somebody else has it: two who share a port without knowing of each
    other would answer each other's callers."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((host, port))
            found: int = alone.getsockname()[1]
        place = socket.socket(family)
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place.bind((host, found))
    except OSError as error:
        raise MillstreamError(
            f"The api cannot listen on {host}:{port}: the port is taken or the address is not of "
            f"this machine. Set {PREFIX}GRPC_PORT to another port."
        ) from error
    return place


async def _all_ready(members: list[_Member], service: Service) -> None:
    await asyncio.gather(*(member.is_ready.wait() for member in members))
    service.ready()


class _Member:
    """One of the processes, under a name of its own."""

    def __init__(self, number: int, environ: dict[str, str]) -> None:
        self.number = number
        self.is_ready = asyncio.Event()
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Keep it running, until cancelled. Raises :class:`MillstreamError` if it keeps dying
        before it was ready once."""
        deaths, pause_s = 0, FIRST_PAUSE_S
        while True:
            began = asyncio.get_running_loop().time()
            code = await self._live()
            log.warning("api_process_ended", number=self.number, code=code)
            deaths += 1
            if not self.is_ready.is_set() and deaths >= MOST_DEATHS_BEFORE_READY:
                raise MillstreamError(f"Process {self.number} of the api never gets ready.")
            has_lived = asyncio.get_running_loop().time() - began > LONGEST_PAUSE_S
            pause_s = FIRST_PAUSE_S if has_lived else min(pause_s * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _live(self) -> int:
        """From its start to its end."""
        theirs, ours = os.pipe()
        os.set_blocking(theirs, False)
        loop = asyncio.get_running_loop()

        def on_ready() -> None:
            loop.remove_reader(theirs)
            if os.read(theirs, 16):
                self.is_ready.set()

        loop.add_reader(theirs, on_ready)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "millstream_api"),
                env=self._environ | {f"{PREFIX}READY_FD": str(ours)},
                pass_fds=(ours,),
            )
            os.close(ours)
            ours = -1
            return await self._process.wait()
        finally:
            loop.remove_reader(theirs)
            os.close(theirs)
            if ours >= 0:
                os.close(ours)

    async def stop(self) -> None:
        """Ask it to end, and see to it."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
