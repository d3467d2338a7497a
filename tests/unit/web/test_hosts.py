"""Under which names the web page answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from millstream_web.app import build_app
from millstream_web.calls import Calls


def status_of(app: Any, host: str) -> int:
    """Of ``/livez``, asked for under that name."""
    seen: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/livez",
        "raw_path": b"/livez",
        "query_string": b"",
        "headers": [(b"host", host.encode())],
        "scheme": "http",
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    (status,) = seen
    return status


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
        ("[", False),
        ("", False),
    ],
)
def test_a_name_that_is_not_of_this_machine_is_refused(host: str, is_served: bool) -> None:
    system: Any = None
    assert status_of(build_app(system, Calls(system), is_local=True), host) == (
        200 if is_served else 421
    )
    assert (
        status_of(build_app(system, Calls(system)), host) == 200
    )  # elsewhere the names are not known to us
