"""The writer over servers in memory: what a fenced one must not say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import Head, Refusal, Stored
from millstream.adapters.secret_table import SecretRow
from millstream.adapters.settings import Settings
from millstream.core.commands import (
    DeleteVariable,
    SetConnection,
    SetVariable,
    TriggerRun,
    encode_command,
)
from millstream.core.errors import Fenced
from millstream.core.state import State
from millstream.core.wire import GENESIS
from millstream_scheduler.leases import Leases
from millstream_scheduler.relay import Settlement
from millstream_scheduler.timers import Timers
from millstream_scheduler.writer import Writer


class FakeBus:
    largest_command = 1_000_000

    def new_inbox(self) -> str:
        return "_INBOX.x"

    def when_reconnected(self, callback: object) -> None:
        pass


class FakeLog:
    def __init__(self, epoch: int, position: int = 0) -> None:
        self.epoch = epoch
        self.position = position
        self.refused: list[Refusal] = []
        self.appended: list[Stored] = []
        self.secrets: list[SecretRow] = []

    async def head(self) -> Head:
        return Head(self.epoch, self.position, GENESIS)

    async def append(
        self, epoch: int, last_position: int, batch: list[Stored], secrets: list[SecretRow]
    ) -> None:
        if epoch != self.epoch:
            raise Fenced("another one")
        self.appended += batch
        self.secrets += secrets

    async def caused_by(self, *_: object) -> dict[str, list[Stored]]:
        return {}

    async def refuse(self, refusals: list[Refusal]) -> None:
        self.refused += refusals


class FakeRelay:
    def __init__(self) -> None:
        self.settlements: list[Settlement] = []

    async def room(self) -> None:
        pass

    def disturb(self) -> None:
        pass

    async def prepare_lanes(self, lanes: set[str]) -> None:
        pass

    def push(self, batch: list[Stored], payloads: list[bytes], settlement: Settlement) -> None:
        self.settlements.append(settlement)


def make_writer(log: FakeLog, relay: FakeRelay) -> Writer:
    state = State()
    state.epoch = 1
    bus: Any = FakeBus()
    event_log: Any = log
    the_relay: Any = relay
    leases, timers = Leases(15, lambda: 0.0), Timers(state, 1e9)
    settings = Settings(instance="s1")
    writer = Writer(bus, event_log, the_relay, leases, timers, settings, state)
    writer._own.clear()
    return writer


def ask(payload: bytes) -> Delivery:
    return Delivery("ms.in.0.api.a", "$JS.ACK.INBOX.c.1.1.1.0.0", payload, b"")


UNKNOWN_DAG = encode_command(TriggerRun(id="x", namespace="default", dag_id="none"))


@pytest.mark.parametrize(("epoch", "position"), [(2, 0), (1, 7), (2, 7)])
@pytest.mark.parametrize("payload", [UNKNOWN_DAG, b"rubbish"])
def test_a_writer_whose_log_is_not_as_it_left_it_refuses_nothing(
    payload: bytes, epoch: int, position: int
) -> None:
    log, relay = FakeLog(epoch, position), FakeRelay()
    writer = make_writer(log, relay)
    writer._on_message(ask(payload))
    with pytest.raises(Fenced):
        asyncio.run(writer._step())
    assert relay.settlements == []
    assert log.refused == []


@pytest.mark.parametrize(("payload", "receipts"), [(UNKNOWN_DAG, 1), (b"rubbish", 0)])
def test_the_right_one_does(payload: bytes, receipts: int) -> None:
    log, relay = FakeLog(epoch=1), FakeRelay()
    writer = make_writer(log, relay)
    writer._on_message(ask(payload))
    asyncio.run(writer._step())
    (settlement,) = relay.settlements
    assert len(settlement.receipts) == receipts
    assert settlement.acks == ["$JS.ACK.INBOX.c.1.1.1.0.0"]
    assert len(log.refused) == 1


def test_the_value_of_a_variable_is_committed_with_its_event() -> None:
    log, relay = FakeLog(epoch=1), FakeRelay()
    writer = make_writer(log, relay)
    value = SetVariable(id="a", namespace="default", key="k", sealed="fernet:0:x")
    connection = SetConnection(id="b", namespace="default", conn_id="c", sealed="fernet:0:y")
    gone = DeleteVariable(id="c", namespace="default", key="k")
    for command in (value, value, connection, gone, gone):
        writer._on_message(ask(encode_command(command)))
    asyncio.run(writer._step())
    assert log.secrets == [
        SecretRow("default", "variable", "k", 1, 1, "fernet:0:x"),
        SecretRow("default", "connection", "c", 1, 2, "fernet:0:y"),
        SecretRow("default", "variable", "k", 0, 3, None),
    ]
    assert [stored.record.type for stored in log.appended] == [
        "VariableSet",
        "ConnectionSet",
        "VariableDeleted",
    ]
    assert not any(b"fernet" in bytes(stored.record.data) for stored in log.appended)


def test_a_refusal_does_not_repeat_what_was_to_be_kept() -> None:
    log, relay = FakeLog(epoch=1), FakeRelay()
    writer = make_writer(log, relay)
    for data in (
        b'{"type":"SetVariable","id":"a","namespace":"default","key":" ","sealed":"hunter22"}',
        b'{"type":"SetVariable","id":"a","namespace":"default","key":"k","sealed":"hunter 22"}',
        b'{"type":"SetVariable","id":"a","namespace":"default","sealed":"hunter22"}',
        b'{"type":"SetVariable","id":"a","namespace":"default","key":"k","sealed":["hunter22"]}',
    ):
        writer._on_message(ask(data))
    asyncio.run(writer._step())
    assert len(log.refused) == 4
    assert "hunter" not in repr((log.refused, relay.settlements))
