"""Tokens of a provider: what is taken, and all the ways in which one is not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import PublicFormat as Public
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from millstream.adapters.settings import InvalidSettings, Settings
from millstream.core.errors import Unavailable
from millstream_api import oidc
from millstream_api.identity import Caller, Unauthenticated
from millstream_api.oidc import Oidc, check_oidc

AUDIENCE = "millstream"
# Making one takes long.
KEY, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))


class Provider:
    """Serves its keys over HTTP on this machine, and signs what it is told to."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"k1": KEY}
        self.asked: list[str] = []
        self.is_broken = False
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                body = json.dumps(provider.answer(self.path)).encode()
                self.send_response(500 if provider.is_broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def answer(self, path: str) -> dict[str, Any]:
        if path.startswith("/.well-known/"):
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        keys = []
        for key_id, key in self.keys.items():
            algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
            keys.append(json.loads(algorithm.to_jwk(key.public_key())) | {"kid": key_id})
        return {"keys": keys}

    def token(self, key_id: str = "k1", algorithm: str = "RS256", **claims: Any) -> str:
        headers = {"kid": key_id}
        return jwt.encode(self.claims(**claims), self.keys[key_id], algorithm, headers)

    def claims(self, **claims: Any) -> dict[str, Any]:
        now = time.time()
        base = {"iss": self.issuer, "aud": AUDIENCE, "sub": "ada", "exp": now + 600, "nbf": now - 5}
        return {name: value for name, value in (base | claims).items() if value is not None}


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


def settings(provider: Provider, **fields: Any) -> Settings:
    return Settings(oidc_issuer=provider.issuer, oidc_audience=AUDIENCE, **fields)


def check(provider: Provider, text: str, **fields: Any) -> Caller:
    async def run() -> Caller:
        return await Oidc(settings(provider, **fields)).check(text)

    return asyncio.run(run())


def test_a_token_of_the_provider_says_who_it_is(provider: Provider) -> None:
    caller = check(provider, provider.token(groups=["data", "ops", 7, "a b"]))
    assert (caller.name, caller.how, caller.groups) == ("ada", "oidc", ("data", "ops"))
    assert caller.expires_at is not None
    named = check(
        provider,
        provider.token(email="ada@example.org", email_verified=True, teams=["ml"]),
        oidc_user_claim="email",
        oidc_groups_claim="teams",
    )
    assert (named.name, named.groups) == ("ada@example.org", ("ml",))
    assert check(provider, provider.token(aud=["other", AUDIENCE])).name == "ada"


def test_what_is_wrong_with_a_token_is_enough_to_refuse_it(provider: Provider) -> None:
    now = time.time()
    wrong: list[dict[str, Any]] = [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": now - 120},
        {"exp": None},
        {"nbf": now + 600},
        {"sub": None},
        {"sub": "a b"},
        {"sub": "../admin-token"},
        {"sub": 7},
    ]
    for claims in wrong:
        with pytest.raises(Unauthenticated):
            check(provider, provider.token(**claims))
    with pytest.raises(Unauthenticated, match="not verified"):
        check(provider, provider.token(email="ada@example.org"), oidc_user_claim="email")


def test_the_token_does_not_choose_how_it_is_checked(provider: Provider) -> None:
    public = provider.keys["k1"].public_key()
    pem = public.public_bytes(Encoding.PEM, Public.SubjectPublicKeyInfo)

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = provider.claims()
    signed = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(claims)}"
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signed.encode(), hashlib.sha256))
    confused = f"{signed}.{mac.decode().rstrip('=')}"
    unsigned = f"{part({'alg': 'none', 'kid': 'k1'})}.{part(claims)}."
    other = jwt.encode(claims, OTHER, "RS256", {"kid": "k1", "jku": "http://evil"})
    weaker = provider.token(algorithm="RS512")  # not among those of the settings
    critical = jwt.encode(claims, provider.keys["k1"], "RS256", {"kid": "k1", "crit": ["x"]})
    for text in (confused, unsigned, other, weaker, critical, "a.b.c", "..", "x" * 5000):
        with pytest.raises(Unauthenticated):
            check(provider, text)
    good = provider.token()
    head, _, tail = good.partition(".")
    changed = f"{head}.{part(claims | {'sub': 'root'})}.{tail.partition('.')[2]}"
    with pytest.raises(Unauthenticated):
        check(provider, changed)


def test_a_key_of_one_kind_checks_no_signature_of_another(provider: Provider) -> None:
    provider.keys["e1"] = ec.generate_private_key(ec.SECP256R1())
    assert check(provider, provider.token("e1", "ES256")).name == "ada"
    mixed = jwt.encode(provider.claims(), provider.keys["e1"], "ES256", {"kid": "k1"})
    with pytest.raises(Unauthenticated):
        check(provider, mixed)


def test_a_new_key_is_fetched_and_unknown_ones_do_not_flood_the_provider(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        made = Oidc(settings(provider))
        assert (await made.check(provider.token())).name == "ada"
        asked = len(provider.asked)
        assert (await made.check(provider.token())).name == "ada"
        assert len(provider.asked) == asked  # the keys are kept
        provider.keys["k2"] = provider.keys["k1"]
        for _ in range(20):
            with pytest.raises(Unauthenticated):
                await made.check(provider.token("k2"))
        assert len(provider.asked) == asked
        monkeypatch.setattr(oidc, "LEAST_BETWEEN_S", 0.0)
        assert (await made.check(provider.token("k2"))).name == "ada"
        del provider.keys["k1"]  # taken away by the provider
        monkeypatch.setattr(oidc, "KEYS_LAST_S", 0.0)
        old = jwt.encode(provider.claims(), provider.keys["k2"], "RS256", {"kid": "k1"})
        with pytest.raises(Unauthenticated):
            await made.check(old)

    asyncio.run(run())


def test_a_provider_that_is_away_is_no_reason_to_forget_its_keys(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        made = Oidc(settings(provider))
        token = provider.token()
        provider.is_broken = True
        with pytest.raises(Unavailable):
            await made.check(token)
        provider.is_broken = False
        monkeypatch.setattr(oidc, "LEAST_BETWEEN_S", 0.0)
        assert (await made.check(token)).name == "ada"
        provider.is_broken = True
        monkeypatch.setattr(oidc, "KEYS_LAST_S", 0.0)
        assert (await made.check(token)).name == "ada"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"oidc_issuer": "https://id.example"}, "OIDC_AUDIENCE"),
        ({"oidc_issuer": "http://id.example", "oidc_audience": "a"}, "https://"),
        (
            {
                "oidc_issuer": "https://id.example",
                "oidc_audience": "a",
                "oidc_jwks_url": "http://id.example/keys",
            },
            "OIDC_JWKS_URL",
        ),
        (
            {
                "oidc_issuer": "https://id.example",
                "oidc_audience": "a",
                "oidc_algorithms": ("HS256",),
            },
            "HS256",
        ),
    ],
)
def test_settings_that_would_let_others_in_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        check_oidc(Settings(**fields))
