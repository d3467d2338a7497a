from __future__ import annotations

from collections import Counter

from bench.large_log import ACTIVE_DAG, ENDED, make_events, snapshots_up_to
from millstream.core.events import RunCreated
from millstream.core.task_events import TaskReady, TaskSucceeded


def test_a_log_is_as_long_as_it_was_to_be_and_ends_with_runs_that_go_on() -> None:
    made = list(make_events(6000, active=20))
    assert [event.position for event in made] == [*range(1, len(made) + 1)]
    assert 5900 < len(made) < 6300
    active = [event for event in made if event.where.dag_id == ACTIVE_DAG]
    kinds = Counter(type(event.data) for event in active)
    assert kinds[RunCreated] == 20
    assert kinds[TaskSucceeded] == 20 * ENDED
    # One of each run is ready and was not begun.
    assert kinds[TaskReady] == 20 * (ENDED + 1)


def test_the_last_snapshot_is_half_of_the_way_old() -> None:
    assert [snapshots_up_to(n) for n in (24_999, 25_000, 74_999, 75_000)] == [0, 1, 1, 2]
