"""What a ready event tells the worker about its task."""

from __future__ import annotations

from millstream.core.task_events import TaskReady
from shard import Shard, dag, task


def test_the_isolation_of_a_task_reaches_the_worker_in_every_attempt() -> None:
    shard = Shard()
    spec = dag(task("a", isolation="fresh", retries=1, retry_delay_s=0.0), task("b"))
    events = shard.begin(spec)
    shard.fail("a")
    events += shard.retry("a")
    ready = [
        (event.where.task_id, event.where.attempt, event.data.isolation)
        for event in events
        if isinstance(event.data, TaskReady)
    ]
    assert ready == [("a", 1, "fresh"), ("b", 1, "shared"), ("a", 2, "fresh")]
