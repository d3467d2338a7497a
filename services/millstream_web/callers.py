"""As whom a request is passed on: as whoever its session or its token says, else as nobody.

The web service has no identity of its own to lend. Where it shows the api a certificate, a call
without a token would be the certificate's; so those of nobody carry a token that is nobody's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import grpc
from starlette.requests import Request

from millstream.rpc.v1 import access_pb2
from millstream_web.failures import LOG_IN, Problem
from millstream_web.sessions import CSRF_HEADER, Session, Sessions

Metadata: TypeAlias = Sequence[tuple[str, str]]

NOBODY: Metadata = (("authorization", "Bearer nobody"),)
SAFE = ("GET", "HEAD", "OPTIONS")
WHO_AM_I_S = 5.0
# As long an answer to "does the api ask for names?" is believed.
ASKED_S = 30.0
_CREDENTIALS = re.compile(r"[\x21-\x7e]+ [\x21-\x7e]{1,12288}")


def bearer(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)


class Callers:
    """``is_exposed``: the service listens for others than this machine, and then an api where
    nobody logs in is not passed on to."""

    def __init__(
        self, channel: grpc.aio.Channel, sessions: Sessions, *, is_exposed: bool = False
    ) -> None:
        self._who_am_i: Any = channel.unary_unary(
            "/millstream.rpc.v1.AccessService/WhoAmI",
            request_serializer=access_pb2.WhoAmIRequest.SerializeToString,
            response_deserializer=access_pb2.WhoAmIResponse.FromString,
        )
        self._sessions = sessions
        self._is_exposed = is_exposed
        self._asks_names_until = 0.0

    async def metadata(self, request: Request) -> Metadata:
        """What the caller shows. Raises :class:`Problem` for a session that is used without proof
        that its page did it, and :class:`grpc.aio.AioRpcError`."""
        await self.check_exposure()
        given = request.headers.getlist("authorization")
        if given:
            if len(given) > 1 or not _CREDENTIALS.fullmatch(given[0]):
                raise Problem("UNAUTHENTICATED", "UNAUTHENTICATED", LOG_IN)
            return (("authorization", given[0]),)
        session = self._sessions.of(request)
        if session is None:
            return NOBODY
        if request.method not in SAFE:
            check_csrf(request, session)
        return bearer(session.token)

    async def who(self, metadata: Metadata) -> access_pb2.WhoAmIResponse:
        """Raises :class:`grpc.aio.AioRpcError`."""
        request = access_pb2.WhoAmIRequest()
        answer = await self._who_am_i(request, timeout=WHO_AM_I_S, metadata=metadata)
        assert isinstance(answer, access_pb2.WhoAmIResponse)
        return answer

    async def check_exposure(self) -> None:
        """Raises :class:`Problem` if whoever reaches this service could do all."""
        if not self._is_exposed or time.monotonic() < self._asks_names_until:
            return
        try:
            await self.who(NOBODY)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            self._asks_names_until = time.monotonic() + ASKED_S
            return
        raise Problem(
            "FAILED_PRECONDITION",
            "EXPOSED",
            "Nobody logs in to the api, and this web service listens for the network: let it "
            "listen on 127.0.0.1, or set MILLSTREAM_AUTH=required for the api.",
            status=503,
        )


def check_csrf(request: Request, session: Session) -> None:
    """Raises :class:`Problem` unless the request comes from a page that could read our cookie."""
    if not session.is_proved_by(request.headers.get(CSRF_HEADER, "")):
        raise Problem(
            "PERMISSION_DENIED",
            "CSRF",
            f"Send the header {CSRF_HEADER} with the value of the cookie millstream_csrf.",
        )
