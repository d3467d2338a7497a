"""The routes: two probes, the API as JSON, logins, and the page."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from millstream.core.errors import Unavailable
from millstream.version import __version__
from millstream_web.callers import Callers
from millstream_web.calls import Calls
from millstream_web.failures import Failures, not_found
from millstream_web.guards import Hosts, SameOrigin, SecurityHeaders
from millstream_web.live import Streams
from millstream_web.login import Login
from millstream_web.openapi import document
from millstream_web.page_files import PageFiles
from millstream_web.sessions import Sessions
from millstream_web.system import System


def build_app(
    channel: grpc.aio.Channel,
    sessions: Sessions | None = None,
    *,
    hosts: Sequence[str] = (),
    streams: Streams | None = None,
    is_exposed: bool = False,
) -> Starlette:
    """The web application: a client of the api behind ``channel``, which somebody else closes.
    ``hosts``: the names under which it answers, beside those of this machine; ``is_exposed``:
    others than this machine can reach it."""
    system = System(channel)
    sessions = sessions or Sessions()
    callers = Callers(channel, sessions, is_exposed=is_exposed)

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        try:
            await system.check()
        except Unavailable as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        return PlainTextResponse("ok\n")

    async def version(request: Request) -> Response:
        status = await system.status(await callers.metadata(request))
        return JSONResponse(
            {
                "version": __version__,
                "api": status.version,
                "log_position": status.log_position,
                "projected_position": status.projected_position,
                "epoch": status.epoch,
                "nats_is_connected": status.nats_is_connected,
                "workers": len(status.workers),
            }
        )

    async def openapi(request: Request) -> Response:
        return Response(document(), media_type="application/json")

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/api/v1/version", version),
            Route("/api/v1/openapi.json", openapi),
            *Calls(channel, callers, streams).routes(),
            Route("/api/{rest:path}", not_found),
            *Login(callers, sessions).routes(),
            *PageFiles().routes(),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Failures),
            Middleware(Hosts, names=hosts),
            Middleware(SameOrigin),
        ],
        exception_handlers={405: _not_allowed},
    )


async def _not_allowed(request: Request, error: Exception) -> Response:
    return JSONResponse(
        {
            "error": {
                "code": "INVALID_ARGUMENT",
                "reason": "METHOD_NOT_ALLOWED",
                "message": f"{request.method} is not allowed here.",
            }
        },
        status_code=405,
        headers=dict(getattr(error, "headers", None) or {}),
    )
