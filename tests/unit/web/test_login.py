"""Sessions: who gets one, what it is good for, and that nothing of ours is lent to anybody."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import pytest

from millstream.adapters.settings import InvalidSettings
from millstream.rpc.v1 import access_pb2, runs_pb2
from millstream_web.callers import NOBODY
from millstream_web.login import BURST, Attempts
from millstream_web.sessions import Session, Sessions
from unit.web.asgi import FakeApi, Got, Seen, app_of, ask, failed, post

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
GOOD = "ms_abcdefghijkl_secret"
LIST, TRIGGER = "RunService/ListRuns", "RunService/TriggerRun"


class Api(FakeApi):
    """Where people log in, or where nobody does."""

    def __init__(self, *, is_local: bool = False) -> None:
        super().__init__()
        self.is_local = is_local
        self.good = {f"Bearer {GOOD}"}
        self.expires_at = 0
        self.on["AccessService/WhoAmI"] = self._who
        self.on[LIST] = lambda request, seen: self._checked(seen, runs_pb2.ListRunsResponse())
        self.on[TRIGGER] = lambda request, seen: self._checked(seen, runs_pb2.TriggerRunResponse())

    def _checked(self, seen: Seen, answer: Any) -> Any:
        if not self.is_local and dict(seen.metadata).get("authorization") not in self.good:
            raise failed(grpc.StatusCode.UNAUTHENTICATED, "who?")
        return answer

    def _who(self, request: Any, seen: Seen) -> Any:
        if self.is_local:
            return access_pb2.WhoAmIResponse(name="local", authenticated_by="local")
        answer = access_pb2.WhoAmIResponse(name="ada", authenticated_by="token")
        if self.expires_at:
            answer.expires_at.seconds = self.expires_at
        return self._checked(seen, answer)

    def shown(self, name: str) -> str:
        return dict(self.last(name).metadata)["authorization"]


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


async def log_in(app: Any, token: str = GOOD, **options: Any) -> Got:
    body = b'{"token": "%s"}' % token.encode()
    return await ask(app, "POST", "/session", options.pop("headers", ()), body, **options)


@in_loop
async def test_where_nobody_logs_in_everything_works_at_once() -> None:
    api = Api(is_local=True)
    app = app_of(api)
    got = await ask(app, "GET", "/session")
    assert got.json["isLoginNeeded"] is False
    assert got.json["user"]["name"] == "local"
    assert (await post(app, TRIGGER, {})).status == 200
    got = await log_in(app)
    assert got.status == 200
    assert got.cookies == {}


@in_loop
async def test_a_session_is_used_for_its_user() -> None:
    api = Api()
    app = app_of(api)
    assert (await ask(app, "GET", "/session")).json == {
        "isLoginNeeded": True,
        "user": None,
        "csrf": "",
        "endsAt": None,
    }
    got = await log_in(app)
    assert got.status == 200
    assert got.json["user"]["name"] == "ada"
    state = await ask(app, "GET", "/session", [got.cookie_header()])
    assert state.json["user"]["name"] == "ada"
    assert state.json["csrf"] == got.json["csrf"]
    proof = ("x-millstream-csrf", got.json["csrf"])
    assert (await post(app, TRIGGER, {}, got.cookie_header(), proof)).status == 200
    assert api.shown(TRIGGER) == f"Bearer {GOOD}"


@in_loop
async def test_the_cookie_hides_the_token() -> None:
    got = await log_in(app_of(Api()))
    session, csrf = got.cookies["millstream_session"], got.cookies["millstream_csrf"]
    assert "HttpOnly" in session
    assert "HttpOnly" not in csrf
    for each in (session, csrf):
        assert "samesite=lax" in each.lower()
        assert "Path=/" in each
        assert "Secure" not in each
        assert "Domain" not in each
    sealed = session.split(";")[0]
    assert "secret" not in sealed
    assert b"secret" not in base64.urlsafe_b64decode(sealed)
    assert GOOD not in got.body.decode()


@in_loop
async def test_over_https_cookies_are_for_https_alone() -> None:
    app = app_of(Api(), hosts=("mill.example",))
    proxied = {"headers": [("origin", "https://mill.example")], "host": "mill.example"}
    direct = {"host": "mill.example", "scheme": "https"}
    for options in (proxied, direct):
        got = await log_in(app, **options)
        assert set(got.cookies) == {"__Host-millstream_session", "millstream_csrf"}
        assert all("Secure" in each for each in got.cookies.values())
        seen = await ask(app, "GET", "/session", [got.cookie_header()], host="mill.example")
        assert seen.json["isLoginNeeded"] is False


@in_loop
async def test_a_session_without_its_proof_changes_nothing() -> None:
    api = Api()
    app = app_of(api)
    got = await log_in(app)
    cookie = got.cookie_header()
    other = await log_in(app)
    before = len(api.seen)
    for proof in (
        [],
        [("x-millstream-csrf", "")],
        [("x-millstream-csrf", "wrong")],
        # Of another session, as somebody who can set cookies here would have it.
        [("x-millstream-csrf", other.json["csrf"])],
    ):
        for name in (TRIGGER, LIST):
            refused = await post(app, name, {}, cookie, *proof)
            assert refused.status == 403
            assert refused.json["error"]["reason"] == "CSRF"
        assert (await ask(app, "DELETE", "/session", [cookie, *proof])).status == 403
    assert len(api.seen) == before
    assert (await ask(app, "GET", f"/api/v1/{LIST}", [cookie])).status == 200
    tossed = ("cookie", f"{cookie[1].rsplit(';', 1)[0]}; millstream_csrf=mine")
    assert (await post(app, TRIGGER, {}, tossed, ("x-millstream-csrf", "mine"))).status == 403


@in_loop
async def test_a_token_of_its_own_needs_no_proof_and_wins() -> None:
    api = Api()
    api.good.add("Bearer other")
    app = app_of(api)
    cookie = (await log_in(app)).cookie_header()
    own = ("authorization", "Bearer other")
    assert (await post(app, TRIGGER, {}, cookie, own)).status == 200
    assert api.shown(TRIGGER) == "Bearer other"


@in_loop
async def test_nobody_is_nobody() -> None:
    """Over a channel with a certificate of ours, a call without a token would be ours."""
    api = Api()
    app = app_of(api)
    for headers in ([], [("cookie", "millstream_session=x; millstream_csrf=y")]):
        got = await post(app, LIST, {}, *headers)
        assert got.status == 401
        assert got.header("www-authenticate") == "Bearer"
        assert tuple(api.last(LIST).metadata) == tuple(NOBODY)
        stream = await ask(app, "GET", "/api/v1/version", headers)
        assert stream.status in (401, 501)
        for seen in api.seen:
            assert dict(seen.metadata)["authorization"] == "Bearer nobody", seen.path


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "x", "Bearer a b", "Bearer ü", "Bearer " + "x" * 20_000]
)
def test_what_is_no_credential_is_not_passed_on(given: str) -> None:
    async def go() -> None:
        api = Api()
        got = await post(app_of(api), LIST, {}, ("authorization", given))
        assert got.status == 401
        assert api.seen == []

    asyncio.run(go())


@in_loop
async def test_two_credentials_are_none() -> None:
    api = Api()
    twice = [("authorization", f"Bearer {GOOD}"), ("authorization", "Bearer x")]
    assert (await post(app_of(api), LIST, {}, *twice)).status == 401
    assert api.seen == []


@in_loop
async def test_logging_out_ends_it_for_whoever_has_the_cookie() -> None:
    app = app_of(Api())
    got = await log_in(app)
    cookie, proof = got.cookie_header(), ("x-millstream-csrf", got.json["csrf"])
    out = await ask(app, "DELETE", "/session", [cookie, proof])
    assert out.status == 200
    assert all("Max-Age=0" in each for each in out.cookies.values())
    assert set(out.cookies) == {"millstream_session", "millstream_csrf"}
    assert (await ask(app, "GET", "/session", [cookie])).json["isLoginNeeded"] is True
    assert (await post(app, TRIGGER, {}, cookie, proof)).status == 401


@in_loop
async def test_a_token_that_is_revoked_ends_its_sessions() -> None:
    api = Api()
    app = app_of(api)
    got = await log_in(app)
    api.good.clear()
    assert (await ask(app, "GET", "/session", [got.cookie_header()])).json["isLoginNeeded"] is True
    assert (await ask(app, "GET", f"/api/v1/{LIST}", [got.cookie_header()])).status == 401


@in_loop
async def test_a_login_ends_with_its_token() -> None:
    api = Api()
    api.expires_at = int(time.time()) + 60
    got = await log_in(app_of(api))
    assert got.json["endsAt"] == api.expires_at
    lasts = got.cookies["millstream_session"].split("Max-Age=")[1].split(";")[0]
    assert 50 <= int(lasts) <= 60


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"token": 7}', b'{"token": "a b"}', b"{"])
def test_what_is_no_token_is_refused(body: bytes) -> None:
    async def go() -> None:
        api = Api()
        assert (await ask(app_of(api), "POST", "/session", (), body)).status == 400
        assert (
            await ask(app_of(api), "POST", "/session", (), b'{"token": "' + b"x" * 40_000)
        ).status == 413
        assert api.seen == []

    asyncio.run(go())


@in_loop
async def test_a_token_that_no_cookie_holds_is_refused() -> None:
    api = Api()
    long = "x" * 5000
    api.good.add(f"Bearer {long}")
    got = await log_in(app_of(api), long)
    assert got.status == 400
    assert got.json["error"]["reason"] == "TOKEN_TOO_LONG"


@in_loop
async def test_wrong_tokens_are_few() -> None:
    api = Api()
    app = app_of(api)
    for _ in range(BURST):
        assert (await log_in(app, "wrong")).status == 401
    asked = len(api.seen)
    got = await log_in(app, "wrong")
    assert got.status == 429
    assert got.json["error"]["reason"] == "LOGIN_RATE"
    assert int(got.header("retry-after")) >= 1
    assert (await log_in(app)).status == 429
    assert len(api.seen) == asked
    # Others are not concerned.
    assert (await log_in(app, client="10.0.0.9")).status == 200
    assert (await log_in(app, "wrong", client="10.0.0.9")).status == 401


@in_loop
async def test_good_tokens_cost_nothing() -> None:
    app = app_of(Api())
    for _ in range(3 * BURST):
        assert (await log_in(app)).status == 200


def test_attempts_come_back_with_time_and_a_network_is_one() -> None:
    attempts = Attempts(burst=2, each_s=10)
    attempts.take("2001:db8::1", 0.0)
    attempts.take("2001:db8::2", 0.0)
    with pytest.raises(Exception, match="Too many"):
        attempts.take("2001:db8::ffff:3", 1.0)
    attempts.take("2001:db8:0:1::1", 1.0)
    attempts.take("2001:db8::4", 11.0)


@in_loop
async def test_an_exposed_service_passes_nothing_on_to_an_open_api() -> None:
    open_api, shut_api = Api(is_local=True), Api()
    made_up = ("authorization", "Bearer whatever")
    app = app_of(open_api, is_exposed=True)
    for got in (
        await post(app, TRIGGER, {}),
        await post(app, TRIGGER, {}, made_up),
        await ask(app, "GET", "/session"),
        await log_in(app),
    ):
        assert got.status == 503
        assert got.json["error"]["reason"] == "EXPOSED"
    assert not [each for each in open_api.seen if not each.path.endswith("WhoAmI")]
    app = app_of(shut_api, is_exposed=True)
    assert (await log_in(app)).status == 200
    assert (await post(app, TRIGGER, {}, ("authorization", f"Bearer {GOOD}"))).status == 200


def a_session(ends_in_s: float = 60) -> Session:
    return Session("t", time.time() + ends_in_s, "c", "i")


def test_a_seal_is_opened_by_its_key_alone() -> None:
    sessions = Sessions(KEY)
    sealed = sessions.seal(a_session())
    assert sessions.unseal(sealed) is not None
    assert Sessions(KEY).unseal(sealed) is not None
    assert Sessions().unseal(sealed) is None
    other = base64.urlsafe_b64encode(b"o" * 32).decode()
    assert Sessions(f"{other},{KEY}").unseal(sealed) is not None
    assert Sessions(other).unseal(sealed) is None
    assert sessions.seal(a_session()) != sealed


def test_a_seal_that_is_changed_is_none() -> None:
    sessions = Sessions(KEY)
    sealed = base64.urlsafe_b64decode(sessions.seal(a_session()))
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert sessions.unseal(base64.urlsafe_b64encode(changed).decode()) is None
    for text in ("", "x", "=", "a" * 16, "é", base64.urlsafe_b64encode(sealed[:20]).decode()):
        assert sessions.unseal(text) is None


def test_a_session_that_is_over_is_none() -> None:
    sessions = Sessions(KEY)
    assert sessions.unseal(sessions.seal(a_session(-1))) is None
    assert sessions.begin("t", time.time() + 5).ends_at <= time.time() + 5


@pytest.mark.parametrize("key", ["x", "short", base64.b64encode(b"k" * 31).decode(), "é"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(InvalidSettings, match="SESSION_KEY"):
        Sessions(key)
