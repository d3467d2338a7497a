"""The routes: two probes, the API as JSON, and the page."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream.core.errors import Unavailable
from millstream.version import __version__
from millstream_web.calls import Calls
from millstream_web.page_files import PageFiles
from millstream_web.system import System

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
        "worker-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Adds the headers to every answer, errors too; what a route set itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class LoopbackNames:
    """Refuses requests for another host than this machine: a page whose name was bound to
    127.0.0.1 after it was loaded (DNS rebinding) asks under its own name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "")
            if _name_of(host) not in LOOPBACK_NAMES:
                answer = PlainTextResponse("This host is not served here.\n", status_code=421)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def build_app(system: System, calls: Calls, *, is_local: bool = False) -> Starlette:
    """The web application. It holds no state of its own. ``is_local``: it listens on the loopback
    interface alone."""

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        try:
            await system.status()
        except Unavailable as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        return PlainTextResponse("ok\n")

    async def version(request: Request) -> Response:
        try:
            status = await system.status()
        except Unavailable as error:
            body: dict[str, object] = {"version": __version__, "api": None, "error": str(error)}
            return JSONResponse(body, status_code=503)
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

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/api/v1/version", version),
            *calls.routes(),
            *PageFiles().routes(),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            *([Middleware(LoopbackNames)] if is_local else []),
        ],
    )
