from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from millstream.core.wire import Published
from millstream_api.recent_runs import RecentRuns

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(position: int, run_id: str, kind: str = "RunCreated", data: str = "{}") -> Published:
    return Published(
        position=position,
        epoch=1,
        type=kind,
        namespace="default",
        dag_id="etl",
        run_id=run_id,
        task_id="",
        map_index=(),
        attempt=0,
        actor="api/1",
        causation="c",
        trace="",
        recorded_at=NOW,
        data=msgspec.Raw(data.encode()),
        digest="0" * 64,
    )


def positions(runs: RecentRuns, run_id: str) -> list[int]:
    return [one.position for one in runs.find("default", "etl", run_id)]


def test_a_run_with_all_its_events() -> None:
    runs = RecentRuns()
    for one in (
        event(1, "a"),
        event(2, "b"),
        event(5, "a", "RunStarted"),
        event(9, "a", "RunFailed"),
    ):
        runs.note(one)
    assert positions(runs, "a") == [1, 5, 9]
    assert positions(runs, "b") == [2]
    assert not runs.find("other", "etl", "a")


def test_one_whose_beginning_was_not_heard_is_not_known() -> None:
    runs = RecentRuns()
    runs.note(event(5, "a", "RunStarted"))
    assert positions(runs, "a") == []


def test_the_oldest_go_first() -> None:
    runs = RecentRuns(most_runs=2)
    for number, name in enumerate("abc"):
        runs.note(event(number, name))
    assert [positions(runs, name) for name in "abc"] == [[], [1], [2]]


def test_they_take_no_more_memory_than_they_may() -> None:
    runs = RecentRuns(most_bytes=1000)
    large = '"' + "x" * 398 + '"'
    for number, name in enumerate("abc"):
        runs.note(event(number, name, data=large))
    assert [positions(runs, name) for name in "abc"] == [[], [1], [2]]
    runs.note(event(3, "c", "RunFailed", large))
    assert [positions(runs, name) for name in "bc"] == [[], [2, 3]]
    runs.note(event(4, "d", data='"' + "x" * 2000 + '"'))
    assert not any(positions(runs, name) for name in "abcd")
    runs.note(event(5, "e", data=large))
    assert positions(runs, "e") == [5]


def test_a_run_that_begins_again_in_another_log_has_no_past() -> None:
    runs = RecentRuns()
    runs.note(event(1, "a"))
    runs.note(event(2, "a", "RunFailed"))
    runs.note(event(1, "a"))
    assert positions(runs, "a") == [1]
    runs.clear()
    assert positions(runs, "a") == []
