"""The methods of the API over HTTP: ``POST /api/v1/RunService/ListRuns`` with JSON.

What only reads can be asked with GET as well, its fields in the query. A stream comes as JSON
lines, or as server-sent events where ``text/event-stream`` is accepted.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from millstream.core.errors import InvalidArgument, NotFound
from millstream_web import failures
from millstream_web.live import EVENT_STREAM, resume, server_sent
from millstream_web.messages import from_json, to_json
from millstream_web.methods import Method, methods

CALL_S = 60.0
LARGEST_BODY = 4 << 20
CHUNK = 256 << 10
Metadata = Sequence[tuple[str, str]]


class Calls:
    """Passes calls on over a channel that somebody else opens and closes. ``metadata`` goes with
    those whose caller has none of their own."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata = ()) -> None:
        self._channel = channel
        self._metadata = tuple(metadata)
        self._methods = methods()

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/{service}/{method}", self.call, methods=["GET", "POST"]),
        ]

    async def call(self, request: Request) -> Response:
        """One call, as it came over HTTP."""
        try:
            method = self._find(request)
            if method.takes_stream:
                return await self._upload(method, request)
            message = from_json(method.request, await _fields_of(method, request))
        except NotFound as error:
            return failures.answer(failures.of_request(error, "NOT_FOUND"))
        except InvalidArgument as error:
            return failures.answer(failures.of_request(error))
        if method.gives_stream:
            return await self._stream(method, message, request)
        try:
            answer = await self.unary(method, message, self._metadata_of(request))
        except grpc.aio.AioRpcError as error:
            return failures.answer(failures.of_call(error))
        return _json(to_json(answer))

    async def unary(self, method: Method, message: Message, metadata: Metadata) -> Message:
        """Raises gRPC's own error."""
        call: Any = self._channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        answer: Message = await call(message, timeout=CALL_S, metadata=metadata)
        return answer

    def _find(self, request: Request) -> Method:
        names = (request.path_params["service"], request.path_params["method"])
        method = self._methods.get(names)
        if method is None:
            raise NotFound(f"There is no method {'/'.join(names)}.")
        if request.method == "GET" and not method.is_read:
            raise InvalidArgument(f"{'/'.join(names)} changes something; send it with POST.")
        return method

    def _metadata_of(self, request: Request) -> Metadata:
        given = request.headers.get("authorization")
        return (("authorization", given),) if given else self._metadata

    async def _upload(self, method: Method, request: Request) -> Response:
        async def chunks() -> AsyncIterator[Message]:
            async for data in request.stream():
                for start in range(0, len(data), CHUNK):
                    yield method.request(chunk=data[start : start + CHUNK])

        call: Any = self._channel.stream_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        try:
            answer = await call(chunks(), timeout=CALL_S, metadata=self._metadata_of(request))
        except grpc.aio.AioRpcError as error:
            return failures.answer(failures.of_call(error))
        return _json(to_json(answer))

    async def _stream(self, method: Method, message: Message, request: Request) -> Response:
        is_live = EVENT_STREAM in request.headers.get("accept", "")
        if is_live:
            resume(message, request.headers.get("last-event-id", ""))
        start: Any = self._channel.unary_stream(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        call = start(message, metadata=self._metadata_of(request))
        body = server_sent(call) if is_live else _lines(call)
        return StreamingResponse(
            body, media_type=EVENT_STREAM if is_live else "application/x-ndjson"
        )


async def _lines(call: Any) -> AsyncIterator[bytes]:
    try:
        async for message in call:
            yield _dump(to_json(message)) + b"\n"
    except grpc.aio.AioRpcError as error:
        yield _dump({"error": failures.of_call(error)}) + b"\n"
    finally:
        call.cancel()


async def _fields_of(method: Method, request: Request) -> object:
    if request.method == "GET":
        return _from_query(method, request.query_params.multi_items())
    body = await _body(request)
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"The body is no JSON: {error}") from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for data in request.stream():
        body += data
        if len(body) > LARGEST_BODY:
            raise InvalidArgument(f"The body is larger than {LARGEST_BODY} bytes.")
    return bytes(body)


def _from_query(method: Method, items: Sequence[tuple[str, str]]) -> Mapping[str, object]:
    found: dict[str, Any] = {}
    fields = {each.camelcase_name: each for each in method.request.DESCRIPTOR.fields}
    fields |= method.request.DESCRIPTOR.fields_by_name
    for name, text in items:
        field = fields.get(name)
        if field is None:
            raise InvalidArgument(f"{method.name} has no field {name!r}.")
        value: object = text == "true" if field.type == FieldDescriptor.TYPE_BOOL else text
        if field.is_repeated:
            found.setdefault(field.camelcase_name, []).append(value)
        else:
            found[field.camelcase_name] = value
    return found


def _json(value: object) -> Response:
    return Response(_dump(value), media_type="application/json")


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
