"""What gets from INBOX to the core, and what is refused at the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.commands import CreateBackfill, RerunRun, SubmitDag, TriggerRun
from millstream.core.deferral import TriggerCall
from millstream.core.errors import Refused
from millstream.core.event_parts import Where, XCom
from millstream.core.reports import (
    DeferAttempt,
    FailAttempt,
    FireTrigger,
    RescheduleAttempt,
    RunRequest,
    SkipAttempt,
    StartAttempt,
    SucceedAttempt,
)
from millstream_scheduler.admission import UNKNOWN, Sender, admit, read_sender
from shard import dag, task

MOST = 100_000
NOW = datetime(2026, 1, 2, tzinfo=UTC)
API, WORKER = Sender("api", "a1"), Sender("worker", "w1")
TRIGGER = TriggerRun(id="x", namespace="default", dag_id="etl")
SUBMIT = SubmitDag(id="x", namespace="default", spec=dag(task("t")))
_ABOUT: dict[str, Any] = {
    "id": "x",
    "where": Where("default", "etl", "r1", "t", (), 1),
    "worker": "w1",
    "token": "w1-1",
    "started_at": NOW,
}
_END = _ABOUT | {"ended_at": NOW}
START = StartAttempt(**_ABOUT)
SUCCEED = SucceedAttempt(**_END, xcoms={"k": XCom(value=msgspec.Raw(b"1"), size=1)})
SKIP = SkipAttempt(**_END, reason="no data")
FAIL = FailAttempt(**_END, error_type="E", message="m")
RESCHEDULE = RescheduleAttempt(**_END, until=NOW)
DEFER = DeferAttempt(**_END, method="go_on", trigger=TriggerCall(classpath="a.B"))
FIRE = FireTrigger(**_ABOUT, payload=msgspec.Raw(b"[1]"))
REPORTS = [START, SUCCEED, SKIP, FAIL, RESCHEDULE, DEFER, FIRE]


def refusal(sender: Sender, command: Any, most: int = MOST) -> str:
    payload = command if isinstance(command, bytes) else msgspec.json.encode(command)
    with pytest.raises(Refused) as caught:
        admit(sender, payload, most)
    return caught.value.reason


@pytest.mark.parametrize(
    ("subject", "sender"),
    [
        ("ms.in.0.api.a-1_B", Sender("api", "a-1_B")),
        ("ms.in.17.worker.w", Sender("worker", "w")),
        ("ms.in.0.root.x", Sender("root", "x")),
    ],
)
def test_the_sender_is_read_off_the_subject(subject: str, sender: Sender) -> None:
    assert read_sender(subject) == sender


@pytest.mark.parametrize(
    "subject",
    ["", "ms.in.0.api", "ms.in.0.api.", "ms.in.x.api.a", "ms.in.0.API.a", "ms.in.0.api.a.b",
     "ms.in.0.api.a b", "ms.in.0.api.a\n", " ms.in.0.api.a", "ms.ev.0.api.a"],
)  # fmt: skip
def test_a_foreign_subject_is_refused(subject: str) -> None:
    with pytest.raises(Refused) as caught:
        read_sender(subject)
    assert caught.value.reason == "FOREIGN_SUBJECT"


@pytest.mark.parametrize("command", [TRIGGER, SUBMIT])
def test_the_api_asks_and_reports_nothing(command: Any) -> None:
    assert admit(API, msgspec.json.encode(command), MOST) == command
    assert refusal(WORKER, command) == "NOT_ALLOWED"


@pytest.mark.parametrize("command", REPORTS)
def test_a_worker_reports_for_itself_alone(command: Any) -> None:
    assert admit(WORKER, msgspec.json.encode(command), MOST) == command
    assert refusal(API, command) == "NOT_ALLOWED"
    assert refusal(Sender("worker", "w2"), command) == "NOT_ALLOWED"
    assert refusal(UNKNOWN, command) == "NOT_ALLOWED"


@pytest.mark.parametrize("bad", ["", "x" * 201, "a\nb", "\u202e"])
def test_an_id_is_short_and_printable(bad: str) -> None:
    assert refusal(API, msgspec.structs.replace(TRIGGER, id=bad)) == "INVALID_ID"


@pytest.mark.parametrize("command", REPORTS)
@pytest.mark.parametrize("token", ["", "x" * 201, "w1-\x001"])
def test_a_report_has_a_token(command: Any, token: str) -> None:
    assert refusal(WORKER, msgspec.structs.replace(command, token=token)) == "MALFORMED"


FAR_EAST, FAR_WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


@pytest.mark.parametrize("name", ["started_at", "ended_at"])
@pytest.mark.parametrize(
    "instant",
    [datetime(1, 1, 1, tzinfo=FAR_EAST), datetime(9999, 12, 31, 23, tzinfo=FAR_WEST)],
)
def test_an_instant_without_a_utc_form_is_refused(name: str, instant: datetime) -> None:
    with pytest.raises(OverflowError):
        instant.astimezone(UTC)
    assert refusal(WORKER, msgspec.structs.replace(FAIL, **{name: instant})) == "MALFORMED"


@pytest.mark.parametrize(
    "xcom",
    [
        XCom(),
        XCom(blob="short"),
        XCom(blob="\0" * 64),
        XCom(blob="0" * 64, value=msgspec.Raw(b"1")),
        XCom(value=msgspec.Raw(b"1"), size=-1),
        XCom(blob="0" * 64, size=2**63),
    ],
)
def test_an_xcom_is_either_a_value_or_a_blob(xcom: XCom) -> None:
    assert refusal(WORKER, msgspec.structs.replace(SUCCEED, xcoms={"k": xcom})) == "MALFORMED"


def test_a_blob_is_fine() -> None:
    command = msgspec.structs.replace(SUCCEED, xcoms={"k": XCom(blob="0f" * 32, size=10**12)})
    assert admit(WORKER, msgspec.json.encode(command), MOST) == command


def test_what_is_too_large_in_the_log_is_refused() -> None:
    assert refusal(API, b" " * 60 + msgspec.json.encode(TRIGGER), 50) == "TOO_LARGE"
    floats = b",".join([b"1e15"] * 10_000)
    head = b'{"type":"TriggerRun","id":"x","namespace":"n","dag_id":"d","conf":{"f":['
    assert refusal(API, head + floats + b"]}}") == "TOO_LARGE"


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"type":"TriggerRun","conf":{"a":['])
def test_deep_nesting_is_malformed(opening: bytes) -> None:
    assert refusal(API, opening * 2500) == "MALFORMED"


@given(st.binary(max_size=200))
def test_any_bytes_are_admitted_or_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        admit(API, data, MOST)


@given(st.data())
def test_any_damage_to_a_command_is_admitted_or_refused(data: st.DataObject) -> None:
    payload = bytearray(
        msgspec.json.encode(data.draw(st.sampled_from([TRIGGER, SUBMIT, *REPORTS])))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(payload)))
        end = data.draw(st.integers(start, min(start + 8, len(payload))))
        payload[start:end] = data.draw(st.binary(max_size=8))
    for sender in (API, WORKER):
        try:
            admit(sender, bytes(payload), MOST)
        except Refused:
            pass


@pytest.mark.parametrize(
    "changed",
    [
        {"trigger": None},
        {"wake_at": NOW},
        {"method": ""},
        {"trigger": None, "wake_at": datetime(1, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_deferral_waits_for_one_thing(changed: dict[str, Any]) -> None:
    assert refusal(WORKER, msgspec.structs.replace(DEFER, **changed)) == "MALFORMED"


def test_a_reschedule_at_no_instant() -> None:
    late = msgspec.structs.replace(RESCHEDULE, until=datetime(9999, 12, 31, tzinfo=UTC))
    assert refusal(WORKER, late) == "MALFORMED"


_RERUN = RerunRun(id="x", namespace="default", dag_id="etl", run_id="r1")
_BACKFILL = CreateBackfill(
    id="x", namespace="default", dag_id="etl", from_date=NOW, to_date=NOW + timedelta(days=1)
)


@pytest.mark.parametrize("conf", [{"a": "\x00"}, {"\x00": 1}, {"a": ["\\\x00"]}])
@pytest.mark.parametrize("command", [TRIGGER, _RERUN, _BACKFILL])
def test_a_run_with_a_nul_in_its_conf(command: Any, conf: dict[str, Any]) -> None:
    """The log could not find such an event again, and its commit would fail."""
    assert refusal(API, msgspec.structs.replace(command, conf=conf)) == "INVALID_ARGUMENT"


@pytest.mark.parametrize("report", [SUCCEED, DEFER])
def test_a_task_that_asks_for_a_run_with_a_nul(report: Any) -> None:
    run = RunRequest(dag_id="other", conf={"a": "\x00"})
    assert refusal(WORKER, msgspec.structs.replace(report, runs=(run,))) == "INVALID_ARGUMENT"


def test_a_nul_elsewhere_and_what_looks_like_one_are_fine() -> None:
    nul = msgspec.structs.replace(
        SUCCEED, xcoms={"k": XCom(value=msgspec.Raw(b'"\\u0000"'), size=8)}
    )
    looks = msgspec.structs.replace(TRIGGER, conf={"a": "\\u0000", "\\\\u0000": 1})
    for sender, command in ((WORKER, nul), (API, looks)):
        admit(sender, msgspec.json.encode(command), MOST)
