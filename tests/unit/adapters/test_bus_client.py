"""What our client does otherwise than nats-py's, without a server."""

from __future__ import annotations

import asyncio

import pytest
from nats import errors

from millstream.adapters.bus_client import BusClient, Delivery


class Answering(BusClient):
    """Keeps who waits for a pong."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: asyncio.Future[asyncio.Future[bool]] = asyncio.Future()

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        assert future is not None
        self.asked.set_result(future)


def test_who_is_cancelled_when_the_answer_comes_is_cancelled() -> None:
    async def cancel() -> None:
        client = Answering()
        flushing = asyncio.ensure_future(client.flush())
        pong = await client.asked
        pong.set_result(True)
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing

    asyncio.run(cancel())


def test_a_flush_ends_with_the_answer_or_in_time() -> None:
    async def flush() -> None:
        client = Answering()
        flushing = asyncio.ensure_future(client.flush())
        (await client.asked).set_result(True)
        await flushing
        with pytest.raises(errors.TimeoutError):
            await Answering().flush(timeout=0.01)  # type: ignore[arg-type]

    asyncio.run(flush())


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"", None),
        (b"NATS/1.0\r\nA: 1\r\nMs-X: a, b\r\nB: 2\r\n\r\n", b"a, b"),
        (b"NATS/1.0\r\nMs-X:\r\n\r\n", b""),
        (b"NATS/1.0\r\nA: Ms-X: 1\r\n\r\n", None),
        (b"NATS/1.0\r\nMs-Xs: 1\r\n\r\n", None),
        (b"NATS/1.0\r\nMs-X: cut o", b"cut o"),
    ],
)
def test_a_field_of_a_header(header: bytes, value: bytes | None) -> None:
    assert Delivery("s", "", b"", header).field(b"Ms-X") == value
