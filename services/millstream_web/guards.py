"""What every request passes before it gets to a route, and every answer on its way back."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream_web.failures import Problem

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
ANY_NAME = "*"
# Load balancers ask by address.
PROBES = ("/livez", "/readyz")
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


class Hosts:
    """Refuses requests for other names than ours: a page whose name was bound to our address after
    it was loaded (DNS rebinding) asks under its own name."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = {*LOOPBACK_NAMES, *(name.lower().strip("[]") for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            self._check(Headers(scope=scope))
        await self._app(scope, receive, send)

    def _check(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        name = name_of(hosts[0]) if len(hosts) == 1 else None
        if name is None or (name not in self._names and ANY_NAME not in self._names):
            raise Problem(
                "INVALID_ARGUMENT",
                "MISDIRECTED",
                "This host is not served here: see the setting MILLSTREAM_HTTP_HOSTS.",
                status=421,
            )


class SameOrigin:
    """Refuses what pages of other sites ask for. A call that brings its own token proves by that
    that no other page sent it: browsers let none set this header without asking us first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_ours(scope["path"]):
            headers = Headers(scope=scope)
            if "authorization" not in headers and not is_same_origin(headers):
                raise Problem(
                    "PERMISSION_DENIED", "CROSS_SITE", "A page of another site may not do this."
                )
        await self._app(scope, receive, send)


def is_same_origin(headers: Headers) -> bool:
    """Does it come from a page of ours, or from no page at all?"""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origins = headers.getlist("origin")
    return not origins or (len(origins) == 1 and _place(origins[0]) == headers.get("host", ""))


def _place(origin: str) -> str | None:
    scheme, _, place = origin.partition("://")
    return place if scheme in ("http", "https") else None


def name_of(host: str) -> str | None:
    """The name in a Host header; None if that is none."""
    try:
        found = urlsplit(f"//{host}")
        _ = found.port  # it raises for what is no port
    except ValueError:
        return None
    return found.hostname if not found.path and found.username is None else None


def _is_ours(path: str) -> bool:
    """What pages may not be shown by a link alone."""
    return path == "/session" or path.startswith("/api/")
