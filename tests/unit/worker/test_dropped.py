"""Claims that a worker dropped are named some times, not too many in one heartbeat."""

from __future__ import annotations

from millstream_worker.dropped import MOST_AT_ONCE, TIMES, Dropped


def test_each_is_named_some_times() -> None:
    dropped = Dropped()
    for number in range(MOST_AT_ONCE + 2):
        dropped.add(f"t{number}")
    said: list[str] = []
    while dropped:
        batch = dropped.take()
        assert len(batch) <= MOST_AT_ONCE
        said += batch
    assert all(said.count(f"t{number}") == TIMES for number in (0, 1, MOST_AT_ONCE + 1))
