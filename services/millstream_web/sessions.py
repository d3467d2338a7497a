"""Logins of browsers. A session is a token of the api, sealed into a cookie that scripts cannot
read: nothing of it is kept here but which sessions were ended before their time."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import time
from collections import OrderedDict

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from millstream.adapters.settings import PREFIX, InvalidSettings
from millstream_web.failures import Problem

COOKIE = "millstream_session"
# Browsers take this name from https alone, and from no other host of the same domain.
SECURE_COOKIE = f"__Host-{COOKIE}"
CSRF_COOKIE = "millstream_csrf"
CSRF_HEADER = "X-Millstream-CSRF"
KEY_BYTES = 32
NONCE_BYTES = 12
MOST_ENDED = 10_000
# Browsers drop a cookie of more than 4096 bytes, its name and attributes included.
LONGEST_COOKIE = 3800
_CONTEXT = b"millstream session 1"


class Session(msgspec.Struct, frozen=True):
    """``ends_at``: seconds since 1970. ``csrf`` is what the page proves itself with."""

    token: str
    ends_at: float
    csrf: str
    session_id: str

    def is_proved_by(self, text: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), text.encode())


class Sessions:
    """Makes, reads and ends sessions. ``keys``: 32 bytes each in url-safe base64, commas between
    them; the first seals. None: one is made, and sessions end with the process."""

    def __init__(self, keys: str = "", lasts_s: float = 12 * 3600) -> None:
        found = [_key(text) for text in keys.replace("\n", ",").split(",") if text.strip()]
        self._ciphers = [AESGCM(key) for key in found or [os.urandom(KEY_BYTES)]]
        self._lasts_s = lasts_s
        self._ended: OrderedDict[str, float] = OrderedDict()

    def begin(self, token: str, ends_at: float | None = None) -> Session:
        """A session for a token that is good, until ``ends_at`` at the latest."""
        end = time.time() + self._lasts_s
        if ends_at is not None:
            end = min(end, ends_at)
        return Session(token, end, secrets.token_urlsafe(24), secrets.token_urlsafe(12))

    def of(self, request: Request) -> Session | None:
        """The session of a request; None if it has none that is still good."""
        for name in (SECURE_COOKIE, COOKIE):
            sealed = request.cookies.get(name)
            session = self.unseal(sealed) if sealed else None
            if session is not None:
                return session
        return None

    def end(self, session: Session) -> None:
        """From now on it is good for nothing here, whoever kept its cookie."""
        self._ended[session.session_id] = session.ends_at
        while len(self._ended) > MOST_ENDED:
            self._ended.popitem(last=False)

    def seal(self, session: Session) -> str:
        """Raises :class:`Problem` for a token that is too long."""
        nonce = os.urandom(NONCE_BYTES)
        content = msgspec.json.encode(session)
        sealed = self._ciphers[0].encrypt(nonce, content, _CONTEXT)
        text = base64.urlsafe_b64encode(nonce + sealed).decode()
        if len(text) > LONGEST_COOKIE:
            raise Problem(
                "INVALID_ARGUMENT",
                "TOKEN_TOO_LONG",
                "This token is too long for a cookie; make one with: millstream tokens create",
            )
        return text

    def unseal(self, text: str) -> Session | None:
        """None for what is none of ours, or is over."""
        try:
            sealed = base64.b64decode(text, altchars=b"-_", validate=True)
        except ValueError:
            return None
        for cipher in self._ciphers:
            try:
                content = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _CONTEXT)
                session = msgspec.json.decode(content, type=Session)
            except (InvalidTag, ValueError, msgspec.MsgspecError):
                continue
            is_over = session.ends_at <= time.time() or session.session_id in self._ended
            return None if is_over else session
        return None

    def give(self, response: Response, session: Session, *, is_secure: bool) -> None:
        """Set the cookies of a session."""
        lasts_s = max(int(session.ends_at - time.time()), 0)
        for name, value, is_hidden in (
            (SECURE_COOKIE if is_secure else COOKIE, self.seal(session), True),
            (CSRF_COOKIE, session.csrf, False),
        ):
            response.set_cookie(
                name,
                value,
                max_age=lasts_s,
                path="/",
                secure=is_secure,
                httponly=is_hidden,
                samesite="lax",
            )

    def take(self, response: Response, *, is_secure: bool) -> None:
        """Delete the cookies."""
        for name in (COOKIE, CSRF_COOKIE, *((SECURE_COOKIE,) if is_secure else ())):
            response.delete_cookie(
                name, path="/", secure=is_secure, httponly=name != CSRF_COOKIE, samesite="lax"
            )


def _key(text: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidSettings(
            f"{PREFIX}SESSION_KEY holds something that is no key: 32 bytes in url-safe base64. "
            f"Make one with: millstream secrets new-key"
        )
    return key
