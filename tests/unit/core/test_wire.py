"""How events are written, and what the digest chain sees."""

from __future__ import annotations

import msgspec
import pytest

from millstream.core.errors import ChainBroken
from millstream.core.event_parts import XCom
from millstream.core.events import Event, RunQuarantined
from millstream.core.task_events import TaskSkipped, TaskSucceeded
from millstream.core.wire import (
    GENESIS,
    Published,
    Record,
    UnknownEvent,
    canonical_bytes,
    chain_digest,
    check_chain,
    decode_data,
    published_bytes,
    read_published,
    to_event,
    to_record,
)
from shard import RUN, T0, Shard, dag, task


def event(data: object, position: int = 1) -> Event:
    return Event(position, 1, RUN.task("a", (), 1), data, "worker/w", "c1", T0)  # type: ignore[arg-type]


def chain(log: list[Event]) -> list[tuple[bytes, bytes]]:
    """The canonical bytes and the digest of each event."""
    rows, digest = [], GENESIS
    for each in log:
        canonical = canonical_bytes(to_record(each))
        digest = chain_digest(digest, canonical)
        rows.append((canonical, digest))
    return rows


def a_log() -> list[Event]:
    shard = Shard()
    shard.begin(dag(task("a"), task("b", "a")))
    shard.succeed("a")
    shard.fail("b")
    return shard.log


def broken_at(rows: list[tuple[bytes, bytes]]) -> int | None:
    previous = GENESIS
    for position, (canonical, digest) in enumerate(rows, 1):
        try:
            check_chain(previous, canonical, digest, position)
        except ChainBroken as error:
            return error.position
        previous = digest
    return None


def test_a_log_comes_back() -> None:
    for each in a_log():
        record = to_record(each)
        assert to_event(record) == each
        stored = msgspec.json.decode(canonical_bytes(record), type=Record)
        assert to_event(stored) == each
        assert canonical_bytes(stored) == canonical_bytes(record)


def test_a_published_message_carries_the_digest_last() -> None:
    for canonical, digest in chain(a_log()):
        message = published_bytes(canonical, digest)
        record, back = read_published(message)
        assert isinstance(record, Published)
        assert back == canonical
        assert record.digest == digest.hex()
        assert list(msgspec.json.decode(message))[-1] == "digest"


def test_an_untouched_chain_holds() -> None:
    assert broken_at(chain(a_log())) is None


@pytest.mark.parametrize("index", [0, 3, 7])
def test_a_changed_row_is_seen(index: int) -> None:
    rows = chain(a_log())
    canonical, digest = rows[index]
    rows[index] = (canonical.replace(b"default", b"default2"), digest)
    assert broken_at(rows) == index + 1


def test_a_hole_a_swap_and_a_repetition_are_seen() -> None:
    rows = chain(a_log())
    assert broken_at(rows[:2] + rows[3:]) == 3
    assert broken_at([rows[0], rows[2], rows[1], *rows[3:]]) == 2
    assert broken_at(rows[:2] + rows[1:]) == 3
    assert broken_at(rows[1:]) == 1


def test_a_rewritten_row_with_a_fitting_digest_is_seen_at_the_next_one() -> None:
    rows = chain(a_log())
    forged = rows[2][0].replace(b"default", b"another")
    rows[2] = (forged, chain_digest(rows[1][1], forged))
    assert broken_at(rows) == 4


def test_an_event_of_a_newer_release_is_named() -> None:
    record = msgspec.structs.replace(to_record(event(RunQuarantined(error="x"))), type="TaskSang")
    with pytest.raises(UnknownEvent, match="TaskSang"):
        to_event(record)


def test_a_field_of_a_newer_release_is_ignored() -> None:
    assert decode_data("RunQuarantined", b'{"error":"x","mood":3}') == RunQuarantined(error="x")


@pytest.mark.parametrize("data", [b"{}", b'{"error":3}', b"[]", b"", b'{"error":"x"'])
def test_data_that_does_not_fit(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_data("RunQuarantined", data)


@pytest.mark.parametrize("message", [b"", b"hello", b"{}", b"[]", b'{"digest":"00"}'])
def test_a_foreign_message(message: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_published(message)


@pytest.mark.parametrize(
    "text", ["", "\x00", "a\nb", "\u2028", "é", "\U0001f4a5", "\uffff", '"\\', "</script>"]
)
def test_any_text_comes_back(text: str) -> None:
    each = event(TaskSkipped(reason=text, xcoms={text: XCom(blob=text)}))
    assert to_event(msgspec.json.decode(canonical_bytes(to_record(each)), type=Record)) == each


def test_the_json_of_an_xcom_is_kept_byte_for_byte() -> None:
    for value in (b'{"b" : 1.0,\n "a":1e2}', rb'"\u0000\u00e9"', b"12345678901234567890123"):
        xcoms = {"x": XCom(value=msgspec.Raw(value))}
        data = TaskSucceeded(started_at=T0, ended_at=T0, xcoms=xcoms)
        stored = msgspec.json.decode(canonical_bytes(to_record(event(data))), type=Record)
        back = to_event(stored).data
        assert isinstance(back, TaskSucceeded)
        assert bytes(back.xcoms["x"].value) == value
