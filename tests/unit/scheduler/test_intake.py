"""What is decided next, of what came."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from millstream.adapters.bus_client import Delivery
from millstream_scheduler import intake
from millstream_scheduler.intake import Intake
from millstream_scheduler.poison import SUSPECT_AFTER


class FakeBus:
    largest_command = 1_000_000

    def new_inbox(self) -> str:
        return "_INBOX.x"

    def when_reconnected(self, callback: object) -> None:
        pass


def make_intake() -> Intake:
    bus: Any = FakeBus()
    return Intake(bus, 0, asyncio.Event(), lambda: None)


def message(sender: str, text: str, deliveries: int = 1) -> Delivery:
    reply = f"$JS.ACK.INBOX.c.{deliveries}.1.1.0.0"
    return Delivery(f"ms.in.0.{sender}", reply, text.encode(), b"")


def texts(deliveries: Iterable[Delivery]) -> list[str]:
    return [delivery.data.decode() for delivery in deliveries]


def test_one_sender_is_heard_in_order() -> None:
    some = make_intake()
    for number in range(5):
        some.put(message("api.a", str(number)))
    assert texts(some.take(False).deliveries) == ["0", "1", "2", "3", "4"]
    assert not some


def test_who_floods_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_PER_COMMIT", 6)
    some = make_intake()
    for number in range(100):
        some.put(message("worker.flood", f"f{number}"))
    for number in range(3):
        some.put(message("api.a", f"a{number}"))
    some.put(message("api.b", "b0"))
    assert texts(some.take(False).deliveries) == ["f0", "a0", "b0", "f1", "a1", "f2"]
    # Who was served last is served last again.
    assert texts(some.take(False).deliveries) == ["a2", "f3", "f4", "f5", "f6", "f7"]
    rest = [text for _ in range(16) for text in texts(some.take(False).deliveries)]
    assert rest == [f"f{number}" for number in range(8, 100)]
    assert not some


def test_a_suspect_goes_alone_and_the_others_together() -> None:
    some = make_intake()
    some.put(message("api.a", "first"))
    some.put(message("api.a", "suspect", SUSPECT_AFTER))
    some.put(message("api.a", "last"))
    taken = [some.take(False) for _ in range(3)]
    assert [texts(each.deliveries) for each in taken] == [["first"], ["suspect"], ["last"]]
    assert [each.is_alone for each in taken] == [False, True, False]
