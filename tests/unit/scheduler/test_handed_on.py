"""Who is let in later than others gets the same values, unless they may be others by then."""

from __future__ import annotations

import msgspec
import pytest

from mapped_play import over
from millstream.core import gate
from millstream.core.event_parts import XCom
from millstream.core.events import Event
from millstream.core.known_xcoms import decode_known
from millstream.core.task_events import TaskReady
from millstream_scheduler.handed_on import HandedOn
from shard import Shard, dag, task

FIVE = XCom(value=msgspec.Raw(b"5"), size=1)
KNOWN = {"a": {"return_value": FIVE}}


class Played:
    """A result, and five who waited for it; two of them are ready with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate, "MOST_AT_ONCE", 2)
        self.shard = Shard()
        self.shard.begin(dag(task("a"), task("b", "a", mapped_over=over(5))))
        events = self.shard.succeed("a", xcoms={"return_value": FIVE})
        ready = [event for event in events if isinstance(event.data, TaskReady)]
        self.first = events[: events.index(ready[2])]
        self.left = ready[2:]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(monkeypatch)


def lines(handed_on: HandedOn, events: list[Event]) -> list[object]:
    return [decode_known(line) for line in handed_on.of_those_left(events).values()]


def test_they_know_it_too(played: Played) -> None:
    handed_on = HandedOn()
    assert len(handed_on.of_result(played.first, are_left=True)) == 2
    handed_on.forget(played.first, are_left=True)
    assert lines(handed_on, played.left) == [KNOWN] * 3


def test_it_is_forgotten_when_nobody_is_left(played: Played) -> None:
    handed_on = HandedOn()
    handed_on.of_result(played.first, are_left=True)
    handed_on.forget([], are_left=False)
    assert lines(handed_on, played.left) == []


def test_it_is_not_remembered_where_nobody_is_left(played: Played) -> None:
    handed_on = HandedOn()
    assert len(handed_on.of_result(played.first, are_left=False)) == 2
    assert lines(handed_on, played.left) == []


def test_it_is_forgotten_when_anything_happens_to_its_task(played: Played) -> None:
    handed_on = HandedOn()
    handed_on.of_result(played.first, are_left=True)
    handed_on.forget(played.shard.clear("a"), are_left=True)
    assert lines(handed_on, played.left) == []


def test_what_happens_to_others_changes_nothing(played: Played) -> None:
    handed_on = HandedOn()
    handed_on.of_result(played.first, are_left=True)
    handed_on.forget(played.shard.succeed("b", map_index=(0,)), are_left=True)
    assert lines(handed_on, played.left) == [KNOWN] * 3
