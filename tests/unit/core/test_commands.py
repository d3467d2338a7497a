"""What may come in from INBOX: decoded strictly, and nothing else raises than what is said."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream.core.commands import (
    ALLOWED,
    AnswerTask,
    ApiCommand,
    CancelBackfill,
    Claim,
    ClearTasks,
    CreateBackfill,
    CreateToken,
    CreateUser,
    DeleteConnection,
    DeletePool,
    DeleteUser,
    DeleteVariable,
    EmitAssetEvent,
    GrantRole,
    MarkRun,
    MarkTasks,
    Reencrypted,
    ReencryptSecrets,
    RerunRun,
    RevokeRole,
    RevokeToken,
    SetBackfillPaused,
    SetConnection,
    SetDagPaused,
    SetPool,
    SetVariable,
    SubmitDag,
    TaskRef,
    TriggerRun,
    decode_command,
    encode_command,
)
from millstream.core.deferral import TriggerCall
from millstream.core.event_parts import XCom
from millstream.core.receipts import Receipt, decode_receipts, encode_receipts
from millstream.core.reports import (
    DeferAttempt,
    FailAttempt,
    FireTrigger,
    Report,
    RescheduleAttempt,
    SkipAttempt,
    StartAttempt,
    SucceedAttempt,
)
from shard import RUN, RUN_NAMES, T0, dag, task

CLAIM: dict[str, Any] = {
    "id": "1", "where": RUN.task("a", (), 1), "worker": "w", "token": "t", "started_at": T0,
}  # fmt: skip
RESULT = CLAIM | {"ended_at": T0}

COMMANDS: list[ApiCommand | Report] = [
    ReencryptSecrets(
        id="1",
        key_id="0a1b2c3d",
        entries=(
            Reencrypted(
                kind="variable", namespace="default", name="k", position=7, sealed="fernet:0:x"
            ),
        ),
    ),
    CreateUser(id="1", name="ada", principal="root"),
    DeleteUser(id="1", name="ada"),
    GrantRole(id="1", subject="ada", role="viewer", namespace="default", dag_id="etl"),
    RevokeRole(id="1", subject="group:data", role="admin", namespace="*"),
    CreateToken(id="1", token_id="abcdefgh", user="ada", sealed="$argon2id$x", scopes=("viewer",)),
    RevokeToken(id="1", token_id="abcdefgh"),
    SetPool(id="1", namespace="default", name="gpu", slots=-1, include_deferred=True),
    DeletePool(id="1", namespace="default", name="gpu"),
    SubmitDag(id="1", namespace="default", spec=dag(task("a"), task("b", "a")), bundle="x"),
    CreateBackfill(id="1", namespace="default", dag_id="etl", from_date=T0, to_date=T0),
    SetBackfillPaused(id="1", namespace="default", dag_id="etl", is_paused=True),
    CancelBackfill(id="1", namespace="default", dag_id="etl", backfill_id="2"),
    SetDagPaused(id="1", namespace="default", dag_id="etl", is_paused=True),
    TriggerRun(id="1", namespace="default", dag_id="etl", conf={"a": [1, None, {"b": "\x00"}]}),
    EmitAssetEvent(id="1", namespace="default", name="orders", extra={"rows": 3}),
    ClearTasks(id="1", **RUN_NAMES, tasks=(TaskRef(task_id="a", map_index=(1,)),)),
    MarkTasks(id="1", **RUN_NAMES, tasks=(TaskRef(task_id="a"),), state="success", note="n"),
    MarkRun(id="1", **RUN_NAMES, state="failed"),
    RerunRun(id="1", **RUN_NAMES, start="event", position=7, conf={"n": 1}, version=-1),
    StartAttempt(**CLAIM),
    SucceedAttempt(**RESULT, xcoms={"return_value": XCom(value=msgspec.Raw(b"1"), size=1)}),
    SkipAttempt(**RESULT, reason="no data"),
    FailAttempt(**RESULT, error_type="E", message="m", traceback="t", may_retry=False),
    RescheduleAttempt(**RESULT, until=T0),
    DeferAttempt(**RESULT, method="go_on", trigger=TriggerCall(classpath="a.B")),
    FireTrigger(**CLAIM, payload=msgspec.Raw(b'{"a":1}'), message="m"),
    AnswerTask(id="1", where=RUN.task("a"), options=("Approve",), params={"days": 2}, user="ada"),
    SetVariable(
        id="1",
        namespace="default",
        key="k",
        sealed="fernet:0:x",
        claim=Claim(where=RUN.task("a", (), 1), worker="w", token="t"),
    ),
    DeleteVariable(id="1", namespace="default", key="k"),
    SetConnection(id="1", namespace="default", conn_id="c", sealed="fernet:0:x", is_new=True),
    DeleteConnection(id="1", namespace="default", conn_id="c"),
]


def trigger(**fields: Any) -> bytes:
    base = {"type": "TriggerRun", "id": "1", "namespace": "default", "dag_id": "etl"}
    return msgspec.json.encode(base | fields)


def result(value: bytes, size: int = 0) -> bytes:
    """A success with this text as the value of its XCom."""
    command = SucceedAttempt(**RESULT, xcoms={"x": XCom(value=msgspec.Raw(b"@@"), size=size)})
    return encode_command(command).replace(b"@@", value)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_round_trip(command: ApiCommand | Report) -> None:
    assert decode_command(encode_command(command)) == command


def test_every_command_that_travels_is_allowed_to_some_role() -> None:
    allowed = {cls for classes in ALLOWED.values() for cls in classes}
    assert allowed == {type(command) for command in COMMANDS}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        trigger(type="Shutdown"),
        trigger(type="RetryAttempt", where={"namespace": "n", "dag_id": "d"}),
        trigger(type="BeginEpoch", holder="me"),
        trigger(id=7),
        trigger(id="a\x00b"),
        trigger(id="x" * 3000),
        trigger(trace="\x00"),
        trigger(dag_id=None),
        trigger(conf=[]),
        trigger(logical_date="2026-01-01"),
        trigger(logical_date="2026-01-01T00:00:00"),
        trigger()[:-1],
        trigger() + b"x",
        b'{"type":"TriggerRun","id":"1","namespace":"n","dag_id":"d","conf":{"a":"\\ud800"}}',
        result(b'"\xff"'),
        result(b'"\xed\xa0\x80"'),
        result(b'"\\ud800"'),
        result(b"01"),
        result(b"[1,]"),
        result(b""),
        result(b"[" * 100_000 + b"]" * 100_000),
        # No column holds these numbers; a commit that fails ends the scheduler.
        b'{"type":"SetPool","id":"1","namespace":"n","name":"p","slots":2147483648}',
        b'{"type":"RerunRun","id":"1","namespace":"n","dag_id":"d","run_id":"r","version":-1e10}',
        b'{"type":"RerunRun","id":"1","namespace":"n","dag_id":"d","run_id":"r","position":-1}',
        b'{"type":"ReencryptSecrets","id":"1","key_id":"k","entries":[{"kind":"variable","namespace":"n",'
        b'"name":"k","position":18446744073709551615,"sealed":"x"}]}',
        result(b"1", size=2**63),
    ],
)
def test_what_is_not_a_command(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_command(data)


def test_a_field_that_a_newer_client_knows_is_ignored() -> None:
    assert decode_command(trigger(mood="good")) == decode_command(trigger())


def test_receipts() -> None:
    receipts = [
        Receipt(id="1", position=5, run_id="r"),
        Receipt(id="2", reason="RUN_EXISTS", message="It exists."),
    ]
    assert decode_receipts(encode_receipts(receipts)) == receipts
    assert [receipt.is_refused for receipt in receipts] == [False, True]
