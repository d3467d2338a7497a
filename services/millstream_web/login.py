"""``/session``: log in with a token of the api, ask who one is, log out."""

from __future__ import annotations

import ipaddress
import re
import time
from collections import OrderedDict
from typing import Any

import grpc
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from millstream.core.errors import InvalidArgument
from millstream.rpc.v1 import access_pb2
from millstream_web.bodies import Bodies
from millstream_web.callers import NOBODY, Callers, bearer, check_csrf
from millstream_web.decode import BadField, decode
from millstream_web.encode import to_json
from millstream_web.failures import Problem
from millstream_web.sessions import Session, Sessions

# So many wrong tokens at once from one address, and then one in so many seconds.
BURST = 10
EACH_S = 6.0
MOST_ADDRESSES = 10_000
LARGEST_BODY = 32 << 10
_TOKEN = re.compile(r"[\x21-\x7e]{1,12288}")


class Attempts:
    """How often each address may still show a wrong token."""

    def __init__(self, burst: int = BURST, each_s: float = EACH_S) -> None:
        self._burst = float(burst)
        self._each_s = each_s
        # What is left, and as of when; those who tried last are at the end.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now: float | None = None) -> None:
        """One attempt. Raises :class:`Problem` if there is none left."""
        now = time.monotonic() if now is None else now
        name = _network(address)
        left, since = self._left.pop(name, (self._burst, now))
        left = min(left + (now - since) / self._each_s, self._burst)
        self._left[name] = (max(left - 1.0, 0.0) if left >= 1.0 else left, now)
        if len(self._left) > MOST_ADDRESSES:
            self._left.popitem(last=False)
        if left < 1.0:
            raise Problem(
                "RESOURCE_EXHAUSTED",
                "LOGIN_RATE",
                "Too many attempts to log in; try again later.",
                retry_after_s=(1.0 - left) * self._each_s,
            )

    def give_back(self, address: str) -> None:
        """It was no wrong token."""
        name = _network(address)
        left, since = self._left.get(name, (self._burst, 0.0))
        self._left[name] = (min(left + 1.0, self._burst), since)


class Login:
    """The routes under ``/session``."""

    def __init__(
        self, callers: Callers, sessions: Sessions, attempts: Attempts | None = None
    ) -> None:
        self._callers = callers
        self._sessions = sessions
        self._attempts = attempts or Attempts()
        self._bodies = Bodies(LARGEST_BODY)

    def routes(self) -> list[Route]:
        return [
            Route("/session", self.show, methods=["GET"]),
            Route("/session", self.begin, methods=["POST"]),
            Route("/session", self.end, methods=["DELETE"]),
        ]

    async def show(self, request: Request) -> Response:
        """Who one is here, and whether one has to log in."""
        await self._callers.check_exposure()
        session = self._sessions.of(request)
        try:
            who = await self._callers.who(bearer(session.token) if session else NOBODY)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            return JSONResponse(_state(None, None))
        return JSONResponse(_state(who, session))

    async def begin(self, request: Request) -> Response:
        """Log in with ``{"token": ...}``."""
        await self._callers.check_exposure()
        with self._bodies.hold() as body:
            token = _token(await body.whole(request))
        address = request.client.host if request.client else ""
        self._attempts.take(address)
        try:
            who = await self._callers.who(bearer(token))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                self._attempts.give_back(address)
                raise
            raise Problem("UNAUTHENTICATED", "UNAUTHENTICATED", "This token is not good.") from None
        self._attempts.give_back(address)
        if who.authenticated_by == "local":
            return JSONResponse(_state(who, None))
        ends_at = who.expires_at.seconds if who.HasField("expires_at") else None
        session = self._sessions.begin(token, ends_at)
        response = JSONResponse(_state(who, session))
        self._sessions.give(response, session, is_secure=is_secure(request))
        return response

    async def end(self, request: Request) -> Response:
        """Log out: the cookie is good for nothing any more, also where somebody kept it."""
        session = self._sessions.of(request)
        if session is not None:
            check_csrf(request, session)
            self._sessions.end(session)
        response = JSONResponse(_state(None, None))
        self._sessions.take(response, is_secure=is_secure(request))
        return response


def is_secure(request: Request) -> bool:
    """Did the browser ask over https? Behind a proxy only the browser itself says so."""
    origin = request.headers.get("origin", "")
    return request.url.scheme == "https" or origin.startswith("https://")


def _state(who: access_pb2.WhoAmIResponse | None, session: Session | None) -> dict[str, Any]:
    return {
        "isLoginNeeded": who is None,
        "user": to_json(who) if who is not None else None,
        "csrf": session.csrf if session is not None else "",
        "endsAt": int(session.ends_at) if session is not None else None,
    }


def _token(body: bytes) -> str:
    value = decode(body)
    token = value.get("token") if isinstance(value, dict) else None
    if not isinstance(token, str):
        raise InvalidArgument('Send {"token": "..."}.')
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        raise BadField("This is no token.", "token")
    return token


def _network(address: str) -> str:
    """Whoever has one address of IPv6 has 2^64 of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
