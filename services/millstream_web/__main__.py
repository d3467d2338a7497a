"""Wires the web service: settings, one gRPC channel, uvicorn."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import grpc
import uvicorn

from millstream.adapters.service import Service, run_service
from millstream.client.target import from_environment
from millstream_web.app import LOOPBACK_NAMES, build_app
from millstream_web.calls import Calls
from millstream_web.system import System


class Server(uvicorn.Server):
    """uvicorn under our own signals: it would raise the signal again, and not end with 0."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the handlers of :class:`Service` in place."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says that we serve as soon as the port is open."""
        await super().startup(sockets)
        if self.started:
            self._service.ready()

    async def on_tick(self, counter: int) -> bool:
        """Asked ten times a second whether to end."""
        return await super().on_tick(counter) or self._service.stopping.is_set()


async def serve(service: Service) -> None:
    """Serves until the service is stopped."""
    settings = service.settings
    target = from_environment(settings.api_address)
    credentials = target.credentials()
    opened = (
        grpc.aio.insecure_channel(target.host)
        if credentials is None
        else grpc.aio.secure_channel(target.host, credentials)
    )
    async with opened as channel:
        config = uvicorn.Config(
            build_app(
                System(channel, target.metadata()),
                Calls(channel, target.metadata()),
                is_local=settings.http_host in LOOPBACK_NAMES,
            ),
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        await Server(config, service).serve()


if __name__ == "__main__":
    run_service("web", serve, needs=("api_address",))
