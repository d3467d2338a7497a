"""Streams over HTTP: what comes out, who is slow, who is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from millstream.rpc.v1 import events_pb2, logs_pb2
from millstream_web import live
from unit.web.asgi import FakeApi, Got, Seen, Talk, app_of, ask, failed

WATCH = "EventService/WatchEvents"
SSE = ("accept", "text/event-stream")


def event(position: int, size: int = 0) -> events_pb2.WatchEventsResponse:
    return events_pb2.WatchEventsResponse(
        event=events_pb2.Event(position=position, data_json="x" * size)
    )


class Source:
    """A stream of the api to which a test adds."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.api.on[WATCH] = self._answers
        self.waiting: asyncio.Queue[Any] = asyncio.Queue()
        self.given = 0

    async def _answers(self, request: Any, seen: Seen) -> AsyncIterator[Any]:
        while True:
            found = await self.waiting.get()
            if found is None:
                return
            if isinstance(found, Exception):
                raise found
            self.given += 1
            yield found

    def give(self, *found: Any) -> None:
        for each in found:
            self.waiting.put_nowait(each)

    @property
    def seen(self) -> Seen:
        return self.api.last(WATCH)


def events_of(body: bytes) -> list[dict[str, str]]:
    blocks = [block for block in body.decode().split("\n\n") if block and block[0] != ":"]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


async def watch(app: Any, *headers: tuple[str, str], body: bytes = b"{}") -> Talk:
    return Talk(app, "POST", f"/api/v1/{WATCH}", headers, body)


def test_events_come_together_with_the_place_to_go_on() -> None:
    async def go() -> None:
        source = Source()
        source.give(event(5), event(6))
        talk = await watch(app_of(source.api), SSE)
        await talk.until(lambda body: b"data" in body)
        source.give(event(9), None)
        got = await talk.end()
        assert got.header("content-type").startswith("text/event-stream")
        assert got.header("x-accel-buffering") == "no"
        assert got.header("content-length") == ""
        found = events_of(got.body)
        answers = [each for one in found[:-1] for each in json.loads(one["data"])]
        assert [each["event"]["position"] for each in answers] == ["5", "6", "9"]
        assert found[-2]["id"] == "10"
        assert found[-1] == {"event": "end", "data": "{}"}

    asyncio.run(go())


def test_a_stream_is_lines_where_nobody_asks_for_events() -> None:
    async def go() -> None:
        source = Source()
        source.give(event(5), event(6), failed(grpc.StatusCode.UNAVAILABLE, "over"))
        got = await (await watch(app_of(source.api))).end()
        assert got.header("content-type") == "application/x-ndjson"
        lines = [json.loads(line) for line in got.body.splitlines()]
        assert [each["event"]["position"] for each in lines[:2]] == ["5", "6"]
        assert lines[2]["error"]["code"] == "UNAVAILABLE"

    asyncio.run(go())


def test_what_breaks_off_says_why() -> None:
    async def go() -> None:
        source = Source()
        source.give(event(5), failed(grpc.StatusCode.PERMISSION_DENIED, "not any more"))
        got = await (await watch(app_of(source.api), SSE)).end()
        last = events_of(got.body)[-1]
        assert last["event"] == "failed"
        assert json.loads(last["data"])["message"] == "not any more"

    asyncio.run(go())


@pytest.mark.parametrize("headers", [(), (SSE,)])
def test_a_stream_that_is_refused_has_a_status(headers: Any) -> None:
    async def go() -> None:
        source = Source()
        source.give(failed(grpc.StatusCode.PERMISSION_DENIED, "not you"))
        got = await (await watch(app_of(source.api), *headers)).end()
        assert got.status == 403
        assert got.json["error"]["message"] == "not you"

    asyncio.run(go())


@pytest.mark.parametrize(
    ("last_id", "first"),
    [("17", 17), ("", 3), ("x", 3), ("-1", 3), ("9" * 40, 3), ("٣", 3), ("1.5", 3)],
)
def test_a_reader_goes_on_where_it_was(last_id: str, first: int) -> None:
    async def go() -> None:
        source = Source()
        source.give(None)
        headers = (SSE, ("last-event-id", last_id.encode().decode("latin-1")))
        await (await watch(app_of(source.api), *headers, body=b'{"fromPosition": 3}')).end()
        assert source.seen.request.from_position == first

    asyncio.run(go())


def test_a_log_goes_on_at_its_line() -> None:
    request = logs_pb2.ReadLogRequest()
    live.resume(request, "2:17")
    assert (request.attempt, request.from_line) == (2, 17)
    answer = logs_pb2.ReadLogResponse(attempt=2, next_line=17)
    assert live.place_after(answer) == "2:17"


def test_who_leaves_has_the_call_cancelled() -> None:
    async def go() -> None:
        source = Source()
        source.give(event(1))
        talk = await watch(app_of(source.api), SSE)
        await talk.until(lambda body: b"data" in body)
        talk.leave()
        await talk.end()
        assert source.seen.is_cancelled
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(go())


def test_who_is_slow_holds_the_api_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        source = Source()
        talk = await watch(app_of(source.api), SSE)
        source.give(event(0))
        await talk.until(lambda body: b"data" in body)
        talk.may_send.clear()
        source.give(*(event(1 + each, 100_000) for each in range(100)))
        for _ in range(2000):
            await asyncio.sleep(0)
        # What is in the hand of the sender, and what waits: 1 MiB each.
        assert source.given <= 25
        talk.may_send.set()
        source.give(None)
        got = await talk.end()
        assert sum(len(json.loads(each["data"])) for each in events_of(got.body)) == 101

    asyncio.run(go())


def test_who_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SLOW_S", 0.02)

    async def go() -> None:
        source = Source()
        talk = await watch(app_of(source.api), SSE)
        source.give(event(1))
        await talk.until(lambda body: b"data" in body)
        talk.may_send.clear()
        source.give(event(2))
        await talk.task
        assert source.seen.is_cancelled
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(go())


def test_what_is_quiet_says_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEEPALIVE_S", 0.01)

    async def go() -> None:
        source = Source()
        talk = await watch(app_of(source.api), SSE)
        await talk.until(lambda body: body.count(b": alive\n\n") > 2)
        talk.leave()
        await talk.end()

    asyncio.run(go())


def test_so_many_streams_and_no_more() -> None:
    async def go() -> None:
        source = Source()
        streams = live.Streams(most=1)
        app = app_of(source.api, streams=streams)
        talk = await watch(app, SSE)
        await talk.until(lambda body: b"open" in body)
        got = await (await watch(app, SSE)).end()
        assert got.status == 429
        assert got.json["error"]["reason"] == "OVERLOADED"
        talk.leave()
        await talk.end()
        assert len(streams) == 0
        source.give(None)
        assert (await (await watch(app, SSE)).end()).status == 200
        assert len(streams) == 0

    asyncio.run(go())


def test_all_end_when_the_server_does() -> None:
    async def go() -> None:
        source = Source()
        streams = live.Streams()
        app = app_of(source.api, streams=streams)
        talk = await watch(app, SSE)
        await talk.until(lambda body: b"open" in body)
        streams.stop()
        failure = events_of((await talk.end()).body)[-1]
        assert failure["event"] == "failed"
        assert json.loads(failure["data"])["reason"] == "STOPPING"
        assert (await (await watch(app, SSE)).end()).status == 503

    asyncio.run(go())


def test_a_stream_is_read_with_get_too() -> None:
    async def go() -> Got:
        source = Source()
        source.give(event(5), None)
        got = await ask(app_of(source.api), "GET", f"/api/v1/{WATCH}?fromPosition=5", [SSE])
        assert source.seen.request.from_position == 5
        return got

    assert asyncio.run(go()).status == 200
