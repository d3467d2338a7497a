"""The writer over servers in memory: what a fenced one must not say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import Head, Refusal, Stored
from millstream.adapters.secret_table import SecretRow
from millstream.adapters.settings import Settings
from millstream.core.commands import (
    BeginEpoch,
    DeleteVariable,
    LoseAttempt,
    SetConnection,
    SetVariable,
    StartRuns,
    TriggerRun,
    encode_command,
)
from millstream.core.errors import Fenced
from millstream.core.event_parts import Where
from millstream.core.handle import receipt
from millstream.core.receipts import decode_receipts
from millstream.core.state import State
from millstream.core.wire import GENESIS
from millstream_scheduler import intake
from millstream_scheduler import writer as writer_module
from millstream_scheduler.leases import Leases
from millstream_scheduler.poison import POISON, SUSPECT_AFTER
from millstream_scheduler.relay import Settlement
from millstream_scheduler.timers import Timers
from millstream_scheduler.writer import Writer

WHERE = Where("default", "etl", "r1", "a", (), 1)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class FakeBus:
    largest_command = 1_000_000

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def send(self, subject: str, payload: bytes) -> None:
        self.sent.append((subject, payload))

    async def flush(self) -> None:
        pass

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
        self,
        epoch: int,
        last_position: int,
        batch: list[Stored],
        secrets: list[SecretRow],
        contents: dict[str, str],
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

    def push(
        self,
        batch: list[Stored],
        payloads: list[bytes],
        settlement: Settlement,
        xcoms: Mapping[int, bytes],
    ) -> None:
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
    writer._intake.put(ask(payload))
    with pytest.raises(Fenced):
        asyncio.run(writer._step())
    assert relay.settlements == []
    assert log.refused == []


@pytest.mark.parametrize(("payload", "receipts"), [(UNKNOWN_DAG, 1), (b"rubbish", 0)])
def test_the_right_one_does(payload: bytes, receipts: int) -> None:
    log, relay = FakeLog(epoch=1), FakeRelay()
    writer = make_writer(log, relay)
    writer._intake.put(ask(payload))
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
        writer._intake.put(ask(encode_command(command)))
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
        writer._intake.put(ask(data))
    asyncio.run(writer._step())
    assert len(log.refused) == 4
    assert "hunter" not in repr((log.refused, relay.settlements))


class Unstorable(Exception):
    """Postgres will not have it."""


class PickyLog(FakeLog):
    """A log that does not take what a certain request led to."""

    async def append(self, *words: Any) -> None:
        if any(stored.record.causation == "poison" for stored in words[2]):
            raise Unstorable
        await super().append(*words)


def delivered(command_id: str, times: int, sequence: int) -> Delivery:
    command = SetVariable(id=command_id, namespace="default", key=command_id, sealed="fernet:0:x")
    reply = f"$JS.ACK.INBOX.c.{times}.{sequence}.{sequence}.0.0"
    return Delivery("ms.in.0.api.a", reply, encode_command(command), b"")


class TestPoison:
    """What Postgres will not store ends the process; that must not go on for ever."""

    def test_who_came_for_the_first_time_is_not_suspected(self) -> None:
        log, relay = PickyLog(epoch=1), FakeRelay()
        writer = make_writer(log, relay)
        writer._intake.put(delivered("good", 1, 1))
        writer._intake.put(delivered("poison", 1, 2))
        with pytest.raises(Unstorable):
            asyncio.run(writer._step())
        assert (log.appended, log.refused, relay.settlements) == ([], [], [])

    def test_who_comes_again_and_again_is_decided_alone_and_refused(self) -> None:
        log, relay = PickyLog(epoch=1), FakeRelay()
        writer = make_writer(log, relay)
        bus: Any = writer._bus
        for sequence, name in enumerate(("good", "poison", "other"), 1):
            writer._intake.put(delivered(name, SUSPECT_AFTER, sequence))
        asyncio.run(writer._step())
        assert [stored.record.causation for stored in log.appended] == ["good"]
        with pytest.raises(Unstorable):
            asyncio.run(writer._step())
        (refusal,) = log.refused
        assert (refusal.command_id, refusal.reason) == ("poison", POISON)
        (receipt_message, term) = bus.sent
        (receipt,) = decode_receipts(receipt_message[1])
        assert (receipt_message[0], receipt.id, receipt.reason) == (
            "ms.rcpt.api.a",
            "poison",
            "INTERNAL",
        )
        assert term == ("$JS.ACK.INBOX.c.3.2.2.0.0", b"+TERM")

    def test_neither_it_nor_our_own_commands_wait_for_ever(self) -> None:
        log, relay = FakeLog(epoch=1), FakeRelay()
        writer = make_writer(log, relay)
        begins = [BeginEpoch(id=f"epoch/{number}", holder="s1") for number in (1, 2)]
        writer.submit_own(begins[0])
        writer._intake.put(delivered("suspect", SUSPECT_AFTER, 1))
        asyncio.run(writer._step())
        writer.submit_own(begins[1])
        asyncio.run(writer._step())
        assert [stored.record.causation for stored in log.appended] == ["epoch/1", "suspect"]
        asyncio.run(writer._step())
        assert log.appended[-1].record.causation == "epoch/2"


class TestBounds:
    def test_what_is_asked_again_and_again_is_kept_once(self) -> None:
        """As every heartbeat does while Postgres is away."""
        writer = make_writer(FakeLog(epoch=1), FakeRelay())
        for _ in range(1000):
            writer.submit_own(LoseAttempt(id="lose/t", where=WHERE, token="t", reason="gone"))
        assert len(writer._own) == 1

    def test_few_large_messages_are_as_much_as_many_small_ones(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(intake, "MOST_WAITING_BYTES", 10_000)
        monkeypatch.setattr(intake, "MOST_BYTES_PER_COMMIT", 5_000)
        relay = FakeRelay()
        writer = make_writer(FakeLog(epoch=1), relay)
        writer._intake.tune(0)
        assert writer._intake._puller._want == intake.MOST_WAITING
        for _ in range(11):
            writer._intake.put(ask(b"x" * 1000))
        writer._intake.tune(0)
        assert writer._intake._puller._want == 0
        asyncio.run(writer._step())
        assert len(relay.settlements[0].acks) == 5
        writer._intake.tune(0)
        assert writer._intake._puller._want == intake.MOST_WAITING - 6


class TestFailuresOfOurs:
    def test_a_command_that_our_code_fails_on_is_refused_and_the_next_is_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message would come again after each restart."""
        log, relay = FakeLog(epoch=1), FakeRelay()
        writer = make_writer(log, relay)

        def broken(state: State, command: Any, events: Any) -> Any:
            if command.id == "bad":
                raise ZeroDivisionError("oops")
            return receipt(state, command, events)

        monkeypatch.setattr(writer_module, "receipt", broken)
        for name in ("bad", "good"):
            command = SetVariable(id=name, namespace="default", key="k", sealed="fernet:0:x")
            writer._intake.put(ask(encode_command(command)))
        asyncio.run(writer._step())
        (settlement,) = relay.settlements
        reasons = {given.id: given.reason for _, given in settlement.receipts}
        assert reasons == {"bad": "INTERNAL", "good": ""}

    def test_rubbish_that_admission_fails_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        log = FakeLog(epoch=1)
        writer = make_writer(log, FakeRelay())
        monkeypatch.setattr(writer_module, "admit", fail)
        writer._intake.put(ask(UNKNOWN_DAG))
        asyncio.run(writer._step())
        assert [refusal.reason for refusal in log.refused] == ["INTERNAL"]

    def test_an_own_command_puts_aside_what_it_is_about(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = make_writer(FakeLog(epoch=1), FakeRelay())
        monkeypatch.setattr(writer_module, "handle", fail)
        writer.submit_own(StartRuns(id="s", namespace="default", dag_id="etl", at=NOW))
        asyncio.run(writer._step())
        assert writer._own == {}, "the command to put it aside fails as well, and is not repeated"


def fail(*_: object) -> Any:
    raise ZeroDivisionError("oops")
