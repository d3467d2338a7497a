"""Variables and connections in the core: names and versions, and who may change them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream.core.commands import (
    Claim,
    DeleteConnection,
    DeleteVariable,
    SetConnection,
    SetVariable,
    decode_command,
    encode_command,
)
from millstream.core.errors import Refused
from millstream.core.events import (
    ConnectionDeleted,
    ConnectionSet,
    Event,
    VariableDeleted,
    VariableSet,
)
from millstream.core.handle import receipt, repeated_receipt
from millstream.core.wire import canonical_bytes, to_record
from shard import RUN, Shard, dag, dump, fold, task

SEALED = "fernet:0:the-sealed-value"


def set_variable(shard: Shard, key: str = "k", **options: Any) -> list[Event]:
    command = SetVariable(id=shard.id(), namespace="default", key=key, sealed=SEALED, **options)
    return shard.handle(command)


def set_connection(shard: Shard, conn_id: str = "c", **options: Any) -> list[Event]:
    command = SetConnection(
        id=shard.id(), namespace="default", conn_id=conn_id, sealed=SEALED, **options
    )
    return shard.handle(command)


def refusal(command: Any, shard: Shard | None = None) -> str:
    with pytest.raises(Refused) as caught:
        (shard or Shard()).handle(command)
    return caught.value.reason


def test_versions_count_until_it_is_deleted() -> None:
    shard = Shard()
    delete = DeleteVariable(id="d", namespace="default", key="k")
    events = [
        *set_variable(shard, description="of use"),
        *set_variable(shard),
        *shard.handle(delete),
        *set_variable(shard),
    ]
    assert [event.data for event in events] == [
        VariableSet(key="k", version=1, description="of use"),
        VariableSet(key="k", version=2),
        VariableDeleted(key="k"),
        VariableSet(key="k", version=1),
    ]
    assert shard.state.variables == {("default", "k"): 1}
    assert dump(fold(shard.log)) == dump(shard.state)


def test_connections() -> None:
    shard = Shard()
    events = [*set_connection(shard), *set_connection(shard, description="d")]
    events += shard.handle(DeleteConnection(id="d", namespace="default", conn_id="c"))
    assert [event.data for event in events] == [
        ConnectionSet(conn_id="c", version=1),
        ConnectionSet(conn_id="c", version=2, description="d"),
        ConnectionDeleted(conn_id="c"),
    ]
    assert shard.state.connections == {}


def test_the_latest_version_is_enough_to_go_on_from() -> None:
    shard = Shard()
    for _ in range(3):
        set_variable(shard)
        set_connection(shard)
    latest = fold(shard.log[-2:])
    assert (latest.variables, latest.connections) == (
        shard.state.variables,
        shard.state.connections,
    )


def test_names_are_of_their_namespace_and_kind() -> None:
    shard = Shard()
    set_variable(shard, "x")
    set_connection(shard, "x")
    other = SetVariable(id="o", namespace="other", key="x", sealed=SEALED)
    assert [event.data for event in shard.handle(other)] == [VariableSet(key="x", version=1)]


def test_no_event_holds_the_value() -> None:
    shard = Shard()
    for event in [*set_variable(shard), *set_connection(shard)]:
        assert b"sealed" not in canonical_bytes(to_record(event))


def test_what_is_not_there_cannot_be_deleted() -> None:
    assert refusal(DeleteVariable(id="d", namespace="default", key="k")) == "VARIABLE_NOT_FOUND"
    assert (
        refusal(DeleteConnection(id="d", namespace="default", conn_id="c"))
        == "CONNECTION_NOT_FOUND"
    )


def test_a_connection_that_must_be_new() -> None:
    shard = Shard()
    set_connection(shard, is_new=True)
    again = SetConnection(id="a", namespace="default", conn_id="c", sealed=SEALED, is_new=True)
    assert refusal(again, shard) == "CONNECTION_EXISTS"


@pytest.mark.parametrize("name", ["", " x", "x\n", "x" * 251, "a\tb"])
def test_names_that_cannot_be(name: str) -> None:
    assert (
        refusal(SetVariable(id="a", namespace="default", key=name, sealed=SEALED))
        == "INVALID_ARGUMENT"
    )
    assert (
        refusal(SetConnection(id="a", namespace="default", conn_id=name, sealed=SEALED))
        == "INVALID_ARGUMENT"
    )


@pytest.mark.parametrize("sealed", ["", "a b", "ä", "a\n", "x" * (256 * 1024 + 1)])
def test_a_sealed_value_is_printable_and_bounded(sealed: str) -> None:
    data = encode_command(SetVariable(id="a", namespace="default", key="k", sealed=sealed))
    with pytest.raises(msgspec.MsgspecError) as caught:
        decode_command(data)
    assert "x" * 20 not in str(caught.value)


def test_receipts_name_the_version() -> None:
    shard = Shard()
    set_variable(shard)
    command = SetVariable(id="a", namespace="default", key="k", sealed=SEALED)
    events = shard.handle(command)
    assert receipt(shard.state, command, events).version == 2
    assert repeated_receipt("a", events) == receipt(shard.state, command, events)


def test_a_task_changes_variables_under_its_claim() -> None:
    shard = Shard()
    shard.begin(dag(task("a")))
    claim = Claim(where=RUN.task("a", (), 1), worker="w", token="t")
    command = SetVariable(id="a", namespace="default", key="k", sealed=SEALED, claim=claim)
    assert refusal(command, shard) == "NOT_CLAIMED"
    shard.start("a")
    assert [event.data for event in shard.handle(command)] == [VariableSet(key="k", version=1)]
    for wrong in (
        {"worker": "other"},
        {"token": "other"},
        {"where": RUN.task("a", (), 2)},
        {"where": RUN.task("zzz", (), 1)},
    ):
        bad = msgspec.structs.replace(command, claim=msgspec.structs.replace(claim, **wrong))
        assert refusal(bad, shard) == "NOT_CLAIMED"
    assert refusal(msgspec.structs.replace(command, namespace="other"), shard) == "NOT_CLAIMED"
    shard.succeed("a")
    assert refusal(command, shard) == "NOT_CLAIMED"
    delete = DeleteVariable(id="d", namespace="default", key="k", claim=claim)
    assert refusal(delete, shard) == "NOT_CLAIMED"
