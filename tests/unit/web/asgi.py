"""The web service without sockets: an api that is made up, and requests that are ASGI's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2

from millstream_web.app import build_app

Handler = Callable[[Any, "Seen"], Any]
PACKAGE = "/millstream.rpc.v1."


@dataclass
class Seen:
    """A call as the api got it."""

    path: str
    metadata: Sequence[tuple[str, str]]
    request: Any = None
    timeout: float | None = None
    is_cancelled: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


def failed(
    code: grpc.StatusCode, message: str = "", details: Sequence[Message] = ()
) -> grpc.aio.AioRpcError:
    """As an api refuses a call."""
    status = status_pb2.Status(code=code.value[0], message=message)
    for each in details:
        status.details.add().Pack(each)
    trailer = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailer, details=message)


class FakeApi:
    """A channel whose calls are answered by functions: ``api.on["RunService/GetRun"] = ...``. Of
    those that raise, what they raise is the answer."""

    def __init__(self) -> None:
        self.on: dict[str, Handler] = {}
        self.seen: list[Seen] = []

    def last(self, name: str) -> Seen:
        return next(each for each in reversed(self.seen) if each.path == PACKAGE + name)

    def unary_unary(self, path: str, **kinds: Any) -> Any:
        return lambda request, timeout=None, metadata=(): self._start(
            path, kinds, request, timeout, metadata
        )

    def stream_unary(self, path: str, **kinds: Any) -> Any:
        return lambda request, timeout=None, metadata=(): self._start(
            path, kinds, request, timeout, metadata
        )

    def unary_stream(self, path: str, **kinds: Any) -> Any:
        def start(request: Any, timeout: float | None = None, metadata: Any = ()) -> Any:
            return _Answers(self._note(path, request, timeout, metadata), self._handler(path))

        return start

    def _note(self, path: str, request: Any, timeout: float | None, metadata: Any) -> Seen:
        seen = Seen(path, tuple(metadata), request, timeout)
        self.seen.append(seen)
        return seen

    def _handler(self, path: str) -> Handler:
        handler = self.on.get(path.removeprefix(PACKAGE))
        if handler is None:
            raise failed(grpc.StatusCode.UNIMPLEMENTED, path)
        return handler

    def _start(self, path: str, kinds: Any, request: Any, timeout: Any, metadata: Any) -> Any:
        return _Answer(self._note(path, request, timeout, metadata), self, kinds)


class _Answer:
    def __init__(self, seen: Seen, api: FakeApi, kinds: Any) -> None:
        self._seen = seen
        self._task = asyncio.ensure_future(self._run(api, kinds))
        self._task.add_done_callback(lambda task: None if task.cancelled() else task.exception())

    async def _run(self, api: FakeApi, kinds: Any) -> Any:
        seen = self._seen
        if kinds and isinstance(seen.request, Message):
            kinds["request_serializer"](seen.request)  # as gRPC does, or this is no message of it
        answer = api._handler(seen.path)(seen.request, seen)
        return await answer if asyncio.iscoroutine(answer) else answer

    def __await__(self) -> Any:
        return self._task.__await__()

    def cancel(self) -> None:
        if not self._task.done():
            self._seen.is_cancelled = True
            self._task.cancel()
        self._seen.ended.set()


class _Answers:
    def __init__(self, seen: Seen, handler: Handler) -> None:
        self._seen = seen
        self._answers = handler(seen.request, seen)

    def __aiter__(self) -> AsyncIterator[Any]:
        found: AsyncIterator[Any] = self._answers
        return found

    def cancel(self) -> None:
        self._seen.is_cancelled = True
        self._seen.ended.set()


@dataclass
class Got:
    """An answer of HTTP."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each == name.lower()), "")

    @property
    def cookies(self) -> dict[str, str]:
        """What is set, with its attributes."""
        found = [value for name, value in self.headers if name == "set-cookie"]
        return {text.split("=", 1)[0]: text.split("=", 1)[1] for text in found}

    def cookie_header(self) -> tuple[str, str]:
        """As a browser sends these back."""
        pairs = (f"{name}={text.split(';')[0]}" for name, text in self.cookies.items())
        return ("cookie", "; ".join(pairs))


class Talk:
    """One request, of which a test decides when what comes."""

    def __init__(
        self,
        app: Any,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | Sequence[bytes] = b"",
        *,
        host: str = "localhost:27880",
        client: str = "127.0.0.1",
        scheme: str = "http",
    ) -> None:
        path, _, query = path.partition("?")
        hosts = [("host", host)] if host else []
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in [*hosts, *headers]],
            "scheme": scheme,
            "root_path": "",
            "client": (client, 50000),
            "server": ("127.0.0.1", 27880),
        }
        self.came: asyncio.Queue[Any] = asyncio.Queue()
        pieces = [body] if isinstance(body, bytes) else list(body)
        for index, piece in enumerate(pieces):
            is_more = index < len(pieces) - 1
            self.came.put_nowait({"type": "http.request", "body": piece, "more_body": is_more})
        self.sent: list[Any] = []
        self.news = asyncio.Event()
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.task = asyncio.create_task(app(self._scope, self.came.get, self._send))

    async def _send(self, message: Any) -> None:
        await self.may_send.wait()
        self.sent.append(message)
        self.news.set()

    def leave(self) -> None:
        self.came.put_nowait({"type": "http.disconnect"})

    async def until(self, is_so: Callable[[bytes], bool]) -> bytes:
        """The body as far as it came, as soon as it is as it should be."""
        async with asyncio.timeout(5):
            while not is_so(self.body):
                self.news.clear()
                await self.news.wait()
        return self.body

    @property
    def body(self) -> bytes:
        return b"".join(
            each.get("body", b"") for each in self.sent if each["type"] == "http.response.body"
        )

    async def end(self) -> Got:
        async with asyncio.timeout(10):
            await self.task
        (start,) = [each for each in self.sent if each["type"] == "http.response.start"]
        headers = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
        return Got(start["status"], headers, self.body)


def app_of(api: FakeApi, *args: Any, **options: Any) -> Any:
    """The web service in front of it."""
    channel: Any = api
    return build_app(channel, *args, **options)


async def ask(app: Any, method: str, path: str, *args: Any, **options: Any) -> Got:
    """One request and its answer."""
    return await Talk(app, method, path, *args, **options).end()


async def post(app: Any, method: str, value: object, *headers: tuple[str, str]) -> Got:
    """A call of the API with JSON."""
    body = json.dumps(value).encode()
    return await ask(app, "POST", f"/api/v1/{method}", headers, body)
