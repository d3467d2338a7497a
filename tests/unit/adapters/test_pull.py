"""How many messages a puller still waits for, whatever the server says and in which order."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from millstream.adapters.bus_client import Delivery
from millstream.adapters.pull import Puller, read_meta, read_sequence
from millstream.core.errors import Unavailable

V1 = "$JS.ACK.EVENTS_0.abc.3.70.5.1790000000000000000.0"
V2 = "$JS.ACK.hub.ACC0UNT.EVENTS_0.abc.3.70.5.1790000000000000000.0.token"
STATUSES = [b"100 Idle", b"404 No Messages", b"408 Request Timeout", b"409 Message Size", b"503"]


@pytest.mark.parametrize("reply", [V1, V2])
def test_the_sequence_alone_is_that_of_all(reply: str) -> None:
    assert read_sequence(reply) == read_meta(reply).stream_seq == 70


class Away:
    """A bus that takes what it is given unless it is away."""

    is_away = False

    def new_inbox(self) -> str:
        return "_INBOX.x"

    async def publish(self, *_: object, **__: object) -> None:
        if self.is_away:
            raise Unavailable("away")

    def doubt(self) -> None:
        pass


@pytest.mark.parametrize("seed", range(20))
def test_the_count_is_the_sum_over_the_requests(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millstream.adapters.pull.RETRY_AFTER_S", 0)
    rng = random.Random(seed)
    bus: Any = Away()
    got: list[Delivery] = []
    puller = Puller(bus, "S", "c", got.append)
    now, sent = 0.0, 0

    async def step() -> None:
        nonlocal now, sent
        match rng.randrange(12):
            case 0 | 1:
                await puller._request(rng.randint(1, 5), now)
            case 2 | 3 | 4 | 5 | 6:
                sent += 1
                puller._on_delivery(Delivery("ms.ev.0.A._", V1, b"", b""))
            case 7 | 8:
                number = rng.randint(max(puller._next_number - 4, 0), puller._next_number)
                status = b"NATS/1.0 %s\r\n\r\n" % rng.choice(STATUSES)
                puller._on_delivery(Delivery(f"_INBOX.x.{number}", "", b"", status))
            case 9 | 10:
                now += rng.choice([0.5, 3.0])
                puller._drop_lost(now)
            case 11:
                bus.is_away = rng.random() < 0.3
                if bus.is_away:
                    await puller._request(2, now)
                    assert puller.outstanding == 0
                elif rng.random() < 0.3:
                    puller.reset()

    async def play() -> None:
        for _ in range(400):
            await step()
            assert puller.outstanding == sum(r.remaining for r in puller._requests)
            assert all(request.remaining >= 0 for request in puller._requests)

    asyncio.run(play())
    assert len(got) == sent
