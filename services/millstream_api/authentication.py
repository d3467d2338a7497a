"""Who calls: nobody in particular (on a laptop), a token of ours, a token of an OIDC provider, or
the holder of a client certificate. What a caller sent and why it was refused is in no log."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from millstream.core.access import EVERYTHING, Principal, is_name
from millstream_api import tokens
from millstream_api.directory import Directory
from millstream_api.identity import (
    LOCAL_PRINCIPAL,
    NOBODY_LOGS_IN,
    Caller,
    PermissionDenied,
    Unauthenticated,
)
from millstream_api.tokens import TokenCheck

AUTHORIZATION = "authorization"
_BEARER = "bearer "
LONGEST_TOKEN = 12 * 1024
ADMIN_NAME = "admin-token"
# A browser sends these with what a page asks for, and nobody else does.
_OF_BROWSERS = ("origin", "referer", "sec-fetch-site", "sec-fetch-mode")

Metadata = Iterable[tuple[str, str | bytes]]
Certificates = Mapping[str, Sequence[bytes]]


class Authenticator(Protocol):
    """Finds out who calls, and what they may at this moment."""

    async def identify(self, metadata: Metadata, certificate: Certificates) -> Caller:
        """Raises :class:`Unauthenticated`, :class:`PermissionDenied` or :class:`Unavailable`."""
        ...

    def principal(self, caller: Caller) -> Principal:
        """What a caller may, as things stand now. Raises :class:`Unauthenticated` if it is over:
        the token was revoked or has expired."""
        ...


class Local:
    """Nobody logs in: the api listens on the loopback interface alone, and whoever can connect may
    all. Pages in a browser on this machine may nothing, whichever way they got here."""

    async def identify(self, metadata: Metadata, certificate: Certificates) -> Caller:
        for name, _ in metadata:
            if name in _OF_BROWSERS:
                raise PermissionDenied("A page in a browser may not call this api.")
        return NOBODY_LOGS_IN

    def principal(self, caller: Caller) -> Principal:
        return LOCAL_PRINCIPAL


class Provider(Protocol):
    """Checks the tokens of somebody else."""

    async def check(self, text: str) -> Caller:
        """Raises :class:`Unauthenticated` or :class:`Unavailable`."""
        ...


class Required:
    """Everybody proves who they are."""

    def __init__(
        self,
        directory: Directory,
        checked: TokenCheck,
        admin_token: str = "",
        provider: Provider | None = None,
    ) -> None:
        self._directory = directory
        self._checked = checked
        self._admin = _digest(admin_token) if admin_token else b""
        self._provider = provider
        self._grants: dict[Caller, Principal] = {}
        self._grants_of = -1

    async def identify(self, metadata: Metadata, certificate: Certificates) -> Caller:
        text = _bearer(metadata)
        if text is None:
            return _of_certificate(certificate)
        if self._admin and hmac.compare_digest(_digest(text), self._admin):
            return Caller(ADMIN_NAME, "admin token")
        if not tokens.is_ours(text):
            if self._provider is None:
                raise tokens.rejected()
            return await self._provider.check(text)
        token_id = tokens.id_of(text)
        if self._directory.find_token(token_id) is None:
            await self._directory.look_again()  # it may have been made just now
            if self._directory.find_token(token_id) is None:
                raise tokens.rejected()
        await self._checked.check(text)
        token = self._directory.find_token(token_id)
        if token is None:
            raise tokens.rejected()
        return Caller(token.user, "token", token_id, expires_at=token.expires_at)

    def principal(self, caller: Caller) -> Principal:
        if caller.how == "admin token":
            return Principal(caller.name, (EVERYTHING,))
        if caller.expires_at is not None and caller.expires_at <= datetime.now(UTC):
            raise tokens.rejected()
        self._directory.check_fresh()
        if self._grants_of != self._directory.version or len(self._grants) > tokens.MOST_REMEMBERED:
            self._grants.clear()
            self._grants_of = self._directory.version
        known = self._grants.get(caller)
        if known is None:
            known = self._grants[caller] = self._look_up(caller)
        return known

    def _look_up(self, caller: Caller) -> Principal:
        bindings = self._directory.access.bindings_of(caller.name, caller.groups)
        if not caller.token_id:
            return Principal(caller.name, (bindings,))
        token = self._directory.find_token(caller.token_id)
        if token is None:
            raise tokens.rejected()
        grants = (bindings, token.scopes) if token.scopes else (bindings,)
        return Principal(caller.name, grants)


def _bearer(metadata: Metadata) -> str | None:
    """None if the caller sent nothing. Raises :class:`Unauthenticated` for what is no token."""
    found = [value for name, value in metadata if name == AUTHORIZATION]
    if not found:
        return None
    value: Any = found[0]
    if len(found) > 1 or not isinstance(value, str) or len(value) > LONGEST_TOKEN:
        raise tokens.rejected()
    if value[: len(_BEARER)].lower() != _BEARER:
        raise Unauthenticated("Send a token as metadata: authorization: Bearer <token>.")
    return value[len(_BEARER) :].strip()


def _of_certificate(certificate: Certificates) -> Caller:
    """The holder of a client certificate is called as its common name says. TLS has checked it
    against our own CA, or there would be none here."""
    names = certificate.get("x509_common_name", ())
    is_checked = tuple(certificate.get("transport_security_type", ())) == (b"ssl",)
    if is_checked and len(names) == 1:
        name = names[0].decode("utf-8", "replace")
        if is_name(name):
            return Caller(name, "certificate")
        raise Unauthenticated("The common name of the certificate is no name of a user.")
    raise Unauthenticated("Log in: send a token as metadata, authorization: Bearer <token>.")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
