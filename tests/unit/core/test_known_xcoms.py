"""What goes with a ready event, and which questions it answers."""

from __future__ import annotations

import msgspec
import pytest

from mapped_play import over
from millstream.core.event_parts import XCom
from millstream.core.events import Event
from millstream.core.known_xcoms import MOST_BYTES, decode_known, find_known, xcoms_to_know
from millstream.core.task_events import TaskReady
from millstream.core.xcoms import FoundXCom, Place, XComPull, XComQuery
from shard import Shard, dag, task

FIVE = XCom(value=msgspec.Raw(b"5"), size=1)
KNOWN = {"a": {"return_value": FIVE}}


def handed_on(xcoms: dict[str, XCom], *more: str) -> tuple[list[Event], dict[int, bytes]]:
    shard = Shard()
    shard.begin(dag(task("a"), *(task(name, "a") for name in ("b", *more))))
    events = shard.succeed("a", xcoms=xcoms)
    return events, xcoms_to_know(events)


def text(characters: int) -> XCom:
    return XCom(value=msgspec.Raw(b'"%s"' % (b"x" * characters)), size=characters + 2)


def test_all_that_are_made_ready_by_a_result_know_it() -> None:
    events, known = handed_on({"return_value": FIVE}, "c")
    ready = [event.position for event in events if isinstance(event.data, TaskReady)]
    assert len(ready) == 2
    assert list(known) == ready
    assert [decode_known(line) for line in known.values()] == [KNOWN, KNOWN]


@pytest.mark.parametrize(
    "xcom",
    [
        text(MOST_BYTES),
        XCom(value=msgspec.Raw(b"[1,\n2]"), size=6),
        XCom(value=msgspec.Raw(b"[1,\r2]"), size=6),
    ],
    ids=["long", "with a line break", "with a carriage return"],
)
def test_what_is_no_short_line_is_asked_for(xcom: XCom) -> None:
    assert handed_on({"return_value": xcom})[1] == {}


def test_nothing_is_known_where_nothing_was_handed_on() -> None:
    assert handed_on({})[1] == {}


def test_an_instance_of_a_mapped_task_is_not_all_of_it() -> None:
    shard = Shard()
    shard.begin(dag(task("a", mapped_over=over(1)), task("b", "a")))
    events = shard.succeed("a", map_index=(0,), xcoms={"return_value": FIVE})
    assert any(isinstance(event.data, TaskReady) for event in events)
    assert xcoms_to_know(events) == {}


def test_the_answer_is_as_from_the_tables() -> None:
    pull = XComPull(queries=(XComQuery("a"), XComQuery("a", under=True)))
    answer = find_known(KNOWN, pull)
    assert answer is not None
    assert answer.found == (FoundXCom(0, (), FIVE), FoundXCom(1, (), FIVE))
    assert answer.after is None


@pytest.mark.parametrize(
    "pull",
    [
        XComPull(queries=(XComQuery("a"), XComQuery("b"))),
        XComPull(queries=(XComQuery("a", "another key"),)),
        XComPull(queries=(XComQuery("a", map_index=(0,)),)),
        XComPull(queries=(XComQuery("a"),), include_prior_dates=True),
        XComPull(queries=(XComQuery("a"),), after=Place(0, ())),
    ],
    ids=["another task", "another key", "an instance", "earlier runs", "the rest"],
)
def test_whatever_else_is_asked_for(pull: XComPull) -> None:
    assert find_known(KNOWN, pull) is None
