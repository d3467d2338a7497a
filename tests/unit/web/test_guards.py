"""Under which names the service answers, and to which pages."""

from __future__ import annotations

import asyncio

import pytest

from millstream.rpc.v1 import runs_pb2
from unit.web.asgi import FakeApi, app_of, ask

PATH = "/api/v1/RunService/ListRuns"


def an_api() -> FakeApi:
    api = FakeApi()
    api.on["RunService/ListRuns"] = lambda request, seen: runs_pb2.ListRunsResponse()
    return api


def status(host: str, path: str = PATH, hosts: tuple[str, ...] = ()) -> int:
    async def go() -> int:
        return (await ask(app_of(an_api(), hosts=hosts), "GET", path, host=host)).status

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("127.0.0.1:27880", True),
        ("localhost:27880", True),
        ("LOCALHOST", True),
        ("[::1]:27880", True),
        ("evil.example:27880", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("user@evil.example", False),
        ("evil.example@localhost", False),
        ("localhost/x", False),
        ("localhost:evil", False),
        ("[", False),
        ("", False),
    ],
)
def test_a_name_that_is_not_ours_is_refused(host: str, is_served: bool) -> None:
    assert status(host) == (200 if is_served else 421)
    assert (status(host, "/dags") == 421) is not is_served


def test_names_are_given() -> None:
    assert status("mill.example", hosts=("mill.example",)) == 200
    assert status("MILL.example:8443", hosts=("Mill.Example",)) == 200
    assert status("other.example", hosts=("mill.example",)) == 421
    assert status("other.example", hosts=("*",)) == 200
    assert status("", hosts=("*",)) == 421


def test_two_hosts_are_none() -> None:
    async def go() -> None:
        got = await ask(app_of(an_api()), "GET", PATH, [("host", "evil.example")])
        assert got.status == 421

    asyncio.run(go())


def test_probes_are_asked_by_address() -> None:
    assert status("10.1.2.3:27880", "/livez") == 200
    assert status("10.1.2.3:27880", "/readyz") == 503  # this api has no health


@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        ([], True),
        ([("origin", "http://localhost:27880")], True),
        ([("origin", "https://localhost:27880")], True),
        ([("sec-fetch-site", "same-origin")], True),
        ([("sec-fetch-site", "none")], True),
        ([("origin", "http://evil.example")], False),
        ([("origin", "http://localhost:27881")], False),
        ([("origin", "http://localhost:27880.evil.example")], False),
        ([("origin", "null")], False),
        ([("origin", "file://localhost:27880")], False),
        ([("origin", "localhost:27880")], False),
        ([("origin", "http://localhost:27880"), ("origin", "http://evil.example")], False),
        ([("sec-fetch-site", "cross-site")], False),
        ([("sec-fetch-site", "same-site")], False),
        ([("sec-fetch-site", "cross-site"), ("origin", "http://localhost:27880")], False),
        # No page can send this header to another site unasked.
        ([("sec-fetch-site", "cross-site"), ("authorization", "Bearer x")], True),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_of_other_sites_may_nothing(
    method: str, headers: list[tuple[str, str]], is_allowed: bool
) -> None:
    async def go() -> None:
        api = an_api()
        got = await ask(app_of(api), method, PATH, headers)
        assert got.status == (200 if is_allowed else 403)
        assert bool(api.seen) is is_allowed
        if not is_allowed:
            assert got.json["error"]["reason"] == "CROSS_SITE"
        # The page itself may be linked to, from anywhere.
        assert (await ask(app_of(api), "GET", "/dags/etl", headers)).status in (200, 503)

    asyncio.run(go())


def test_nobody_is_let_in_by_cors() -> None:
    async def go() -> None:
        headers = [
            ("origin", "http://evil.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ]
        got = await ask(app_of(an_api()), "OPTIONS", PATH, headers)
        assert got.status == 403
        assert not [name for name, _ in got.headers if name.startswith("access-control")]

    asyncio.run(go())
