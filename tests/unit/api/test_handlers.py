"""Which handler gRPC gets for a method: each its own, and the same one at every call."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from millstream.rpc.v1 import runs_pb2
from millstream_api.interceptor import ErrorInterceptor

GET = "/millstream.rpc.v1.RunService/GetRun"
LIST = "/millstream.rpc.v1.RunService/ListRuns"
READERS: Any = {
    "request_deserializer": runs_pb2.GetRunRequest.FromString,
    "response_serializer": bytes,
}


class Gone(Exception):
    """In place of ``context.abort``."""


class Context:
    """Of a call from this machine."""

    def invocation_metadata(self) -> tuple[Any, ...]:
        return ()

    def auth_context(self) -> dict[str, Any]:
        return {}

    def peer(self) -> str:
        return "unix:"

    async def abort(self, *said: object) -> None:
        raise Gone(*said)


async def wrapped(interceptor: ErrorInterceptor, method: str, handler: Any) -> Any:
    async def find(_: Any) -> Any:
        return handler

    details: Any = SimpleNamespace(method=method)
    return await interceptor.intercept_service(find, details)


def answering(answer: str) -> Any:
    async def call(request: Any, context: Any) -> str:
        return answer

    return grpc.unary_unary_rpc_method_handler(call, **READERS)


async def answer_of(handler: Any) -> Any:
    async def requests() -> Any:
        yield handler.request_deserializer(b"")

    return await handler.stream_unary(requests(), Context())


@pytest.mark.asyncio
async def test_a_method_keeps_its_handler_and_another_has_its_own() -> None:
    interceptor = ErrorInterceptor()
    get, listing = answering("one"), answering("many")
    first = await wrapped(interceptor, GET, get)
    other = await wrapped(interceptor, LIST, listing)
    assert await wrapped(interceptor, GET, get) is first
    assert await answer_of(first) == "one"
    assert await answer_of(other) == "many"
    assert await answer_of(await wrapped(interceptor, GET, get)) == "one"


@pytest.mark.asyncio
async def test_one_handler_of_two_methods_is_judged_as_each() -> None:
    """The method says who may call it, not the handler."""
    interceptor = ErrorInterceptor()
    one = answering("one")
    assert await answer_of(await wrapped(interceptor, GET, one)) == "one"
    with pytest.raises(Gone):
        await answer_of(await wrapped(interceptor, "/millstream.rpc.v1.RunService/No", one))


@pytest.mark.asyncio
async def test_another_handler_in_its_place_is_the_one_that_is_called() -> None:
    interceptor = ErrorInterceptor()
    before = await wrapped(interceptor, GET, answering("before"))
    after = await wrapped(interceptor, GET, answering("after"))
    assert await answer_of(before) == "before"
    assert await answer_of(after) == "after"


@pytest.mark.asyncio
async def test_streams_and_health_stay_what_they_are() -> None:
    async def stream(request: Any, context: Any) -> Any:
        yield b""

    async def upload(requests: Any, context: Any) -> bytes:
        return b""

    interceptor = ErrorInterceptor()
    watch = grpc.unary_stream_rpc_method_handler(stream, **READERS)
    send = grpc.stream_unary_rpc_method_handler(upload, **READERS)
    check = answering("well")
    for _ in range(2):
        watching = await wrapped(interceptor, "/millstream.rpc.v1.RunService/WatchRun", watch)
        assert watching.response_streaming
        sending = await wrapped(interceptor, "/millstream.rpc.v1.DagService/UploadBundle", send)
        assert sending.request_streaming
        assert not sending.response_streaming
        assert await wrapped(interceptor, "/grpc.health.v1.Health/Check", check) is check
        bounded = await wrapped(interceptor, "/grpc.health.v1.Health/Watch", watch)
        assert bounded not in (watch, watching)
        assert not bounded.request_streaming
        assert bounded.response_streaming


@pytest.mark.asyncio
async def test_methods_that_nobody_has_are_not_remembered() -> None:
    """Callers make up as many names as they like."""
    interceptor = ErrorInterceptor()
    for number in range(3):
        assert await wrapped(interceptor, f"/millstream.rpc.v1.No/{number}", None) is None
    assert not interceptor._wrapped
