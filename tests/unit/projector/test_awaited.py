"""Whoever waits for the read tables keeps the projector from resting, and nobody else does."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery, DirectHandler
from millstream.adapters.lookup import ConfQuestion, encode_question
from millstream.adapters.settings import Settings
from millstream.projection.projection import Projection
from millstream_projector.awaited import Awaited
from millstream_projector.lookups import Lookups


def test_as_long_as_the_tables_are_not_there() -> None:
    awaited = Awaited()
    awaited.note(5)
    awaited.note(3)
    awaited.reach(3)
    assert awaited.event.is_set()
    awaited.reach(5)
    assert not awaited.event.is_set()


def test_what_is_there_is_not_waited_for() -> None:
    awaited = Awaited()
    awaited.reach(5)
    awaited.note(5)
    assert not awaited.event.is_set()


@pytest.mark.parametrize(
    ("said", "is_awaited"), [(b'{"position":7}', True), (b"x", False), (b'{"position":"7"}', False)]
)
def test_an_api_says_so(said: bytes, is_awaited: bool) -> None:
    awaited = Awaited()
    awaited.on_message(Delivery("ms.look.0.projector.awaited", "", said, b""))
    assert awaited.event.is_set() == is_awaited


class Connection:
    """A bus that keeps who listens."""

    async def listen(self, subject: str, handler: DirectHandler, queue: str = "") -> int:
        self.on_question = handler
        return 1

    def ask(self, position: int) -> None:
        question = ConfQuestion(namespace="default", dag_id="d", run_id="r", position=position)
        self.on_question(Delivery("ms.look.0.conf", "reply", encode_question(question), b""))


@pytest.mark.parametrize(("position", "is_awaited"), [(5, False), (6, True)])
def test_a_worker_that_asks_early_is_waited_for(position: int, is_awaited: bool) -> None:
    awaited, connection = Awaited(), Connection()
    awaited.reach(5)

    async def ask() -> None:
        lookups = Lookups(cast(Bus, connection), Projection(), Settings(), awaited)
        lookups.advance(5)
        await lookups.listen()
        connection.ask(position)

    asyncio.run(ask())
    assert awaited.event.is_set() == is_awaited
