"""Wires the web service: settings, one gRPC channel, uvicorn."""

from __future__ import annotations

import asyncio

import grpc
import uvicorn

from millstream.adapters.open_files import most_connections
from millstream.adapters.service import Service, run_service
from millstream.adapters.settings import Settings, secret_text
from millstream.client.target import Target, from_environment
from millstream.client.transport import OPTIONS
from millstream_web.app import build_app
from millstream_web.guards import LOOPBACK_NAMES
from millstream_web.live import Streams
from millstream_web.server import MOST_CONNECTIONS, OWN_FILES, Server
from millstream_web.sessions import Sessions


async def serve(service: Service) -> None:
    """Serves until the service is stopped."""
    settings = service.settings
    streams = Streams()
    async with _open(from_environment(settings.api_address)) as channel:
        app = build_app(
            channel,
            _sessions(settings),
            hosts=settings.http_hosts,
            streams=streams,
            is_exposed=settings.http_host not in LOOPBACK_NAMES,
        )
        config = uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=most_connections(MOST_CONNECTIONS, OWN_FILES),
            proxy_headers=bool(settings.http_proxies),
            forwarded_allow_ips=list(settings.http_proxies),
            timeout_graceful_shutdown=5,
        )
        ending = asyncio.create_task(_end_streams(service, streams))
        try:
            await Server(config, service).serve()
        finally:
            ending.cancel()


def _open(target: Target) -> grpc.aio.Channel:
    """Without the target's token: whoever has one shows it."""
    credentials = target.credentials()
    if credentials is None:
        return grpc.aio.insecure_channel(target.host, options=OPTIONS)
    return grpc.aio.secure_channel(target.host, credentials, options=OPTIONS)


def _sessions(settings: Settings) -> Sessions:
    """Raises :class:`InvalidSettings`."""
    return Sessions(secret_text(settings, "session_key"), settings.session_s)


def check(settings: Settings) -> None:
    """Raises :class:`InvalidSettings`."""
    _sessions(settings)


async def _end_streams(service: Service, streams: Streams) -> None:
    await service.stopping.wait()
    streams.stop()


if __name__ == "__main__":
    run_service("web", serve, needs=("api_address",), check=check)
