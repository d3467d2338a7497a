"""Tokens of an OIDC provider: signed by one of its keys, of this issuer, for this audience, now.

The keys are fetched over HTTP and kept. A token that names a key which is not known has them
fetched again, but not more often than every few seconds, whoever asks.
"""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import jwt
import msgspec
import structlog

from millstream.adapters.settings import PREFIX, InvalidSettings, Settings
from millstream.core.access import is_name
from millstream.core.errors import Unavailable
from millstream_api.exposure import is_loopback
from millstream_api.identity import Caller, Unauthenticated
from millstream_api.tokens import rejected

log = structlog.get_logger(__name__)

# Signatures alone: with a shared secret, whoever can check a token can make one.
ALLOWED = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
LEEWAY_S = 30
KEYS_LAST_S = 3600.0
LEAST_BETWEEN_S = 5.0
FETCH_TIMEOUT_S = 5.0
MOST_BYTES = 1024 * 1024
MOST_GROUPS = 200
_DISCOVERY = "/.well-known/openid-configuration"


def check_oidc(settings: Settings) -> None:
    """Raises :class:`InvalidSettings`."""
    if not settings.oidc_issuer:
        return
    if not settings.oidc_audience:
        raise InvalidSettings(
            f"{PREFIX}OIDC_AUDIENCE is not set: without it, tokens that the provider made for "
            f"others would be taken."
        )
    wrong = [name for name in settings.oidc_algorithms if name not in ALLOWED]
    if wrong or not settings.oidc_algorithms:
        raise InvalidSettings(
            f"{PREFIX}OIDC_ALGORITHMS names {', '.join(wrong) or 'none'}; allowed are "
            f"{', '.join(ALLOWED)}."
        )
    for name, url in (("ISSUER", settings.oidc_issuer), ("JWKS_URL", settings.oidc_jwks_url)):
        if url and not _is_safe(url):
            raise InvalidSettings(f"{PREFIX}OIDC_{name}={url!r} must be an https:// address.")


class Oidc:
    """The provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.oidc_issuer
        self._audience = settings.oidc_audience
        self._algorithms = list(settings.oidc_algorithms)
        self._user_claim = settings.oidc_user_claim
        self._groups_claim = settings.oidc_groups_claim
        self._keys = Keys(settings.oidc_issuer, settings.oidc_jwks_url)

    async def check(self, text: str) -> Caller:
        """Who the token is of. Raises :class:`Unauthenticated`, and :class:`Unavailable` where the
        provider's keys cannot be had."""
        try:
            header = jwt.get_unverified_header(text)
            algorithm, key_id = header.get("alg"), header.get("kid")
            if algorithm not in self._algorithms or "crit" in header:
                raise rejected()
            key = await self._keys.find(key_id if isinstance(key_id, str) else None)
            if key is None:
                raise rejected()
            if key.algorithm_name not in (None, algorithm):
                raise rejected()
            claims: dict[str, Any] = jwt.decode(
                text,
                key.key,
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"], "strict_aud": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise rejected() from None
        return self._caller(claims)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        name = claims.get(self._user_claim)
        if not isinstance(name, str) or not is_name(name):
            raise Unauthenticated(
                f"The claim {self._user_claim!r} of the token is no name of a user."
            )
        # A provider may let people choose their address; then it says whether it has checked it.
        if self._user_claim == "email" and claims.get("email_verified") is not True:
            raise Unauthenticated("The provider has not verified the address in the token.")
        found = claims.get(self._groups_claim, ())
        listed: Sequence[Any] = found if isinstance(found, list) else ()
        groups = tuple(one for one in listed[:MOST_GROUPS] if isinstance(one, str) and is_name(one))
        until = datetime.fromtimestamp(float(claims["exp"]), UTC)
        return Caller(name, "oidc", groups=groups, expires_at=until)


class Keys:
    """The provider's keys by their ids."""

    def __init__(self, issuer: str, jwks_url: str) -> None:
        self._issuer = issuer
        self._url = jwks_url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of that id; without an id the only one. None if there is none such. Raises
        :class:`Unavailable` if none were ever had."""
        found = self._look(key_id)
        if found is None or time.monotonic() - self._fetched_at > KEYS_LAST_S:
            await self._fetch()
            found = self._look(key_id)
        if not self._keys:
            raise Unavailable("The keys of the OIDC provider cannot be had; try again.")
        return found

    def _look(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        """Fetch them, unless that was tried just now. What is known stays if it fails."""
        async with self._fetching:
            if time.monotonic() - self._tried_at < LEAST_BETWEEN_S:
                return
            self._tried_at = time.monotonic()
            try:
                self._keys = await asyncio.to_thread(self._read)
                self._fetched_at = time.monotonic()
            except Exception as error:  # whatever a provider answers
                log.warning("oidc_keys_not_read", error=repr(error)[:300])

    def _read(self) -> dict[str, jwt.PyJWK]:
        if not self._url:
            found = _get(self._issuer.rstrip("/") + _DISCOVERY)
            if found.get("issuer") != self._issuer or not _is_safe(str(found.get("jwks_uri"))):
                raise ValueError("the discovery is of another issuer, or names no https address")
            self._url = str(found["jwks_uri"])
        keys: dict[str, jwt.PyJWK] = {}
        for number, one in enumerate(_get(self._url).get("keys", ())):
            if one.get("kty") == "oct" or one.get("use", "sig") != "sig":
                continue
            try:
                keys[str(one.get("kid", f"#{number}"))] = jwt.PyJWK(one)
            except jwt.PyJWTError as error:  # a key of a kind that we do not know
                log.info("oidc_key_not_taken", error=repr(error)[:300])
        return keys


def _is_safe(url: str) -> bool:
    """Over TLS, or within this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


class _StayThere(urllib.request.HTTPRedirectHandler):
    """Keys come from where the settings say, or from nowhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_StayThere)


def _get(url: str) -> dict[str, Any]:
    with _opener.open(url, timeout=FETCH_TIMEOUT_S) as answer:
        data = answer.read(MOST_BYTES)
    return msgspec.json.decode(data, type=dict[str, Any])
