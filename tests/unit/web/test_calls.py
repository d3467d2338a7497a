"""Calls over HTTP: what goes to the api, what comes back, and rubbish."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from millstream.rpc.v1 import dags_pb2, runs_pb2
from millstream_web import bodies
from millstream_web.failures import STATUS
from millstream_web.methods import methods
from unit.web.asgi import FakeApi, Got, Seen, Talk, app_of, ask, failed, post


def an_api() -> FakeApi:
    api = FakeApi()
    api.on["RunService/ListRuns"] = lambda request, seen: runs_pb2.ListRunsResponse()
    api.on["RunService/TriggerRun"] = lambda request, seen: runs_pb2.TriggerRunResponse()
    return api


def is_error(got: Got, code: str, reason: str = "") -> dict[str, Any]:
    """It is our JSON, and says so."""
    error: dict[str, Any] = got.json["error"]
    assert got.header("content-type") == "application/json"
    assert error["code"] == code, error
    assert error["message"]
    assert "Traceback" not in got.body.decode()
    if reason:
        assert error["reason"] == reason
    return error


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_a_body_is_a_request_and_an_answer_a_body() -> None:
    api = an_api()

    async def go() -> None:
        app = app_of(api)
        fields = {"dagId": "etl", "states": ["RUN_STATE_FAILED"], "minPosition": "7"}
        got = await post(app, "RunService/ListRuns", fields)
        assert got.status == 200
        assert got.json == {"runs": [], "nextPageToken": ""}
        seen = api.last("RunService/ListRuns")
        assert (seen.request.dag_id, seen.request.min_position) == ("etl", 7)
        assert list(seen.request.states) == [runs_pb2.RUN_STATE_FAILED]
        assert seen.timeout == 60.0

    run(go())


def test_a_query_is_a_request() -> None:
    api = an_api()

    async def go() -> None:
        app = app_of(api)
        got = await ask(
            app,
            "GET",
            "/api/v1/RunService/ListRuns?dag_id=a%2Fb&states=RUN_STATE_FAILED"
            "&states=RUN_STATE_QUEUED&pageSize=3&createdFrom=2026-01-02T03:04:05Z",
        )
        assert got.status == 200
        request = api.last("RunService/ListRuns").request
        assert request.dag_id == "a/b"
        assert list(request.states) == [runs_pb2.RUN_STATE_FAILED, runs_pb2.RUN_STATE_QUEUED]
        assert request.page_size == 3
        assert request.created_from.seconds == 1767323045

    run(go())


def test_every_method_is_there_and_only_reads_are_asked_with_get() -> None:
    async def go() -> None:
        api = FakeApi()
        app = app_of(api)
        for (service, name), method in methods().items():
            path = f"/api/v1/{service}/{name}"
            got = await ask(app, "POST", path, body=b"{}" if not method.takes_stream else b"x")
            assert is_error(got, "UNIMPLEMENTED")["message"] == method.path
            got = await ask(app, "GET", path)
            if method.is_read:
                is_error(got, "UNIMPLEMENTED")
            else:
                is_error(got, "INVALID_ARGUMENT", "METHOD_NOT_ALLOWED")
                assert got.status == 405

    run(go())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/RunService/Nothing", 404),
        ("POST", "/api/v1/Nothing/ListRuns", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/v1/../../etc/passwd", 404),
        ("PUT", "/api/v1/RunService/ListRuns", 405),
        ("DELETE", "/api/v1/RunService/ListRuns", 405),
        ("OPTIONS", "/api/v1/RunService/ListRuns", 405),
        ("HEAD", "/api/v1/RunService/ListRuns", 405),
        ("POST", "/api/v1/openapi.json", 405),
        ("PUT", "/session", 405),
    ],
)
def test_what_is_not_there_is_said_in_json(method: str, path: str, status: int) -> None:
    async def go() -> None:
        got = await ask(app_of(an_api()), method, path)
        assert got.status == status
        is_error(got, "NOT_FOUND" if status == 404 else "INVALID_ARGUMENT")

    run(go())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", ""),
        (b"nonsense", ""),
        (b"[]", ""),
        (b"null", ""),
        (b'"x"', ""),
        (b"\xff\xfe", ""),
        (b'{"dagId": "\\ud800"}', ""),
        (b'{"dagId": 7}', "dagId"),
        (b'{"nothing": 7}', ""),
        (b'{"states": ["NO_SUCH"]}', "states[0]"),
        (b'{"pageSize": "many"}', "pageSize"),
        (b'{"pageSize": 9999999999999}', "pageSize"),
        (b'{"createdFrom": "yesterday"}', "createdFrom"),
        (b'{"createdFrom": {"seconds": 1}}', "createdFrom"),
        (b'{"pageSize": NaN}', ""),
        (b"[" * 100_000, ""),
        (b'{"a":' * 50_000, ""),
    ],
)
def test_rubbish_is_refused_and_named(body: bytes, field: str) -> None:
    async def go() -> None:
        api = an_api()
        got = await ask(app_of(api), "POST", "/api/v1/RunService/ListRuns", body=body)
        error = is_error(got, "INVALID_ARGUMENT")
        assert [each["field"] for each in error.get("fieldViolations", [])] == [field] * bool(field)
        assert got.status == 400
        assert api.seen == []

    run(go())


@pytest.mark.parametrize(
    "query",
    [
        "nothing=1",
        "pageSize=many",
        "pageSize=1&pageSize=2",
        "dagId.more=1",
        "createdFrom.seconds=1",
        "createdFrom=yesterday",
        "states=NO_SUCH",
        "a." * 100 + "b=1",
        "&".join(["states=RUN_STATE_FAILED"] * 2000),
    ],
)
def test_a_query_of_rubbish_is_refused(query: str) -> None:
    async def go() -> None:
        api = an_api()
        got = await ask(app_of(api), "GET", f"/api/v1/RunService/ListRuns?{query}")
        is_error(got, "INVALID_ARGUMENT")
        assert api.seen == []

    run(go())


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)
_fields = sorted({field.json_name for each in methods().values() for field in each.takes.fields})


@given(
    st.sampled_from(sorted(methods())),
    st.dictionaries(st.sampled_from(_fields), _json, max_size=6) | _json,
)
def test_no_json_makes_us_fail(name: tuple[str, str], value: Any) -> None:
    async def go() -> None:
        body = json.dumps(value).encode()
        path = f"/api/v1/{name[0]}/{name[1]}"
        got = await ask(app_of(FakeApi()), "POST", path, body=body)
        assert got.status in (400, 501)
        is_error(got, "INVALID_ARGUMENT" if got.status == 400 else "UNIMPLEMENTED")

    run(go())


@given(st.sampled_from(sorted(methods())), st.binary(max_size=60), st.text(max_size=30))
def test_no_bytes_and_no_query_make_us_fail(name: tuple[str, str], body: bytes, text: str) -> None:
    async def go() -> None:
        app = app_of(FakeApi())
        path = f"/api/v1/{name[0]}/{name[1]}"
        assert (await ask(app, "POST", path, body=body)).status in (400, 501)
        odd = text.encode("utf-8", "replace").decode("latin-1").replace("?", "")
        talk = Talk(app, "GET", path)
        talk._scope["query_string"] = odd.encode("latin-1")
        assert (await talk.end()).status in (400, 405, 501)

    run(go())


def test_a_large_body_is_refused_before_it_is_held() -> None:
    async def go() -> None:
        app = app_of(an_api())
        piece = b" " * (1 << 20)
        talk = Talk(app, "POST", "/api/v1/RunService/ListRuns", body=[piece] * 100)
        got = await talk.end()
        assert got.status == 413
        is_error(got, "INVALID_ARGUMENT", "BODY_TOO_LARGE")
        assert talk.came.qsize() >= 95
        declared = ("content-length", str(1 << 30))
        talk = Talk(app, "POST", "/api/v1/RunService/ListRuns", [declared], body=[piece] * 2)
        assert (await talk.end()).status == 413
        assert talk.came.qsize() == 2

    run(go())


def test_bodies_together_have_a_bound_and_give_it_back() -> None:
    async def go() -> None:
        held = bodies.Bodies(largest=100, together=150)
        with held.hold() as first:
            held.grow(100)
            first.size = 100
            with pytest.raises(Exception, match="too large together"):
                held.grow(60)
        with held.hold():
            held.grow(150)

    run(go())


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SILENCE_S", 0.02)

    async def go() -> None:
        for path in ("RunService/ListRuns", "DagService/UploadBundle"):
            api = FakeApi()
            api.on["DagService/UploadBundle"] = swallow
            talk = Talk(app_of(api), "POST", f"/api/v1/{path}")
            talk.came.get_nowait()
            talk.came.put_nowait({"type": "http.request", "body": b"x", "more_body": True})
            got = await talk.end()
            assert got.status == 408
            is_error(got, "DEADLINE_EXCEEDED", "BODY_TOO_SLOW")

    run(go())


async def swallow(requests: Any, seen: Seen) -> Any:
    seen.request = [each async for each in requests]
    return dags_pb2.UploadBundleResponse()


def test_an_upload_goes_on_as_it_comes() -> None:
    async def go() -> None:
        api = FakeApi()
        api.on["DagService/UploadBundle"] = swallow
        body = [b"a" * 600_000, b"", b"b" * 10]
        got = await ask(app_of(api), "POST", "/api/v1/DagService/UploadBundle", body=body)
        assert got.status == 200
        chunks = [each.chunk for each in api.last("DagService/UploadBundle").request]
        assert b"".join(chunks) == b"".join(body)
        assert max(map(len, chunks)) <= 256 << 10

    run(go())


@pytest.mark.parametrize("code", [each for each in grpc.StatusCode if each.name != "OK"])
def test_every_status_is_one_of_http_with_its_details(code: grpc.StatusCode) -> None:
    async def go() -> None:
        api = FakeApi()
        violation = error_details_pb2.BadRequest.FieldViolation(field="dag_id", description="no")
        details = [
            error_details_pb2.ErrorInfo(reason="BECAUSE", metadata={"a": "b"}),
            error_details_pb2.BadRequest(field_violations=[violation]),
            error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000)),
            Empty(),  # of a newer api
        ]

        def fail(request: Any, seen: Seen) -> Any:
            raise failed(code, "it is so", details)

        api.on["RunService/ListRuns"] = fail
        got = await post(app_of(api), "RunService/ListRuns", {})
        assert got.status == STATUS[code.name]
        assert got.json["error"] == {
            "code": code.name,
            "reason": "BECAUSE",
            "message": "it is so",
            "metadata": {"a": "b"},
            "fieldViolations": [{"field": "dag_id", "description": "no"}],
            "retryAfterS": 2.5,
        }
        assert got.header("retry-after") == "3"

    run(go())


def test_a_mistake_of_ours_says_no_more_than_that_there_is_one() -> None:
    async def go() -> None:
        api = FakeApi()

        def fail(request: Any, seen: Seen) -> Any:
            raise KeyError("a secret of ours")

        api.on["RunService/ListRuns"] = fail
        got = await post(app_of(api), "RunService/ListRuns", {})
        assert got.status == 500
        is_error(got, "INTERNAL")
        assert "secret" not in got.body.decode()

    run(go())


def test_an_api_that_is_away_is_said_without_its_address() -> None:
    async def go() -> None:
        api = FakeApi()

        def fail(request: Any, seen: Seen) -> Any:
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.UNAVAILABLE,
                grpc.aio.Metadata(),
                grpc.aio.Metadata(),
                details="failed to connect to ipv4:10.1.2.3:27800",
            )

        api.on["RunService/ListRuns"] = fail
        got = await post(app_of(api), "RunService/ListRuns", {})
        assert got.status == 503
        assert "10.1.2.3" not in got.body.decode()
        assert is_error(got, "UNAVAILABLE")["retryAfterS"] > 0

    run(go())


def test_a_read_that_nobody_waits_for_is_cancelled() -> None:
    async def go() -> None:
        api = FakeApi()

        began = asyncio.Event()

        async def never(request: Any, seen: Seen) -> Any:
            began.set()
            await asyncio.Event().wait()

        api.on["EventService/GetHead"] = never
        talk = Talk(app_of(api), "POST", "/api/v1/EventService/GetHead", body=b"{}")
        await began.wait()
        talk.leave()
        got = await talk.end()
        assert got.status == 499
        assert api.last("EventService/GetHead").is_cancelled

    run(go())


def test_the_headers_are_on_every_answer() -> None:
    async def go() -> None:
        app = app_of(an_api())
        for method, path in (
            ("POST", "/api/v1/RunService/ListRuns"),
            ("POST", "/api/v1/no/thing"),
            ("GET", "/"),
            ("GET", "/livez"),
            ("GET", "/assets/none.js"),
            ("GET", "/api/v1/openapi.json"),
        ):
            got = await ask(app, method, path)
            policy = got.header("content-security-policy")
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy
            assert got.header("x-content-type-options") == "nosniff"
            assert got.header("x-frame-options") == "DENY"
            assert got.header("referrer-policy") == "no-referrer"
            assert got.header("cache-control") == "no-store"

    run(go())
