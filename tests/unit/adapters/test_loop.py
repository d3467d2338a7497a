"""The loop of the services, with gRPC's asyncio server on it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import grpc
import pytest
import uvloop

from millstream.adapters import loop as loops
from millstream.adapters.loop import Loop, take_left_over

CALLS = 500


async def echo(request: bytes, context: Any) -> bytes:
    return request


async def call_at_once() -> None:
    """Many calls to a server on this loop, from a client on this loop."""
    server = grpc.aio.server()
    handlers: dict[str, Any] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Test", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method: Any = channel.unary_unary("/test.Test/Echo")
        answers = await asyncio.gather(*(method(b"%d" % n, timeout=30) for n in range(CALLS)))
    assert answers == [b"%d" % n for n in range(CALLS)]
    await server.stop(None)


def test_grpc_leaves_no_bytes_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails as well if a release of gRPC reads otherwise: then this is needed no more."""
    found: list[int] = []

    def noted(wakeups: socket.socket) -> int:
        found.append(take_left_over(wakeups))
        return found[-1]

    monkeypatch.setattr(loops, "take_left_over", noted)
    uvloop.run(call_at_once(), loop_factory=Loop)
    assert sum(found) > CALLS
    assert max(found) > 1


def test_all_bytes_but_one_are_taken() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        assert take_left_over(ours) == 0
        for count in (1, 2, 200):
            theirs.send(b"1" * count)
            assert take_left_over(ours) == count
            assert ours.recv(100) == b"1"


def test_other_readers_are_left_alone() -> None:
    async def read() -> bytes:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            got = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().add_reader(ours, lambda n: got.set_result(ours.recv(n)), 5)
            theirs.send(b"hello")
            read: bytes = await got
            asyncio.get_running_loop().remove_reader(ours)
            return read

    assert uvloop.run(read(), loop_factory=Loop) == b"hello"
