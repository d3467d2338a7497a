"""What a worker gives back when it is stopped is no loss."""

from __future__ import annotations

from millstream.core.commands import LoseAttempt
from millstream.core.decisions.attempts import MAX_LOSSES
from shard import RUN, Shard, dag, kinds, task


def give_back(shard: Shard, attempt: int) -> list[str]:
    where = RUN.task("a", (), attempt)
    command = LoseAttempt(
        id=shard.id(), where=where, token="t", reason="the worker was stopped", is_given_back=True
    )
    return [type(event.data).__name__ for event in shard.handle(command)]


def test_it_is_ready_again_however_often() -> None:
    shard = Shard()
    shard.begin(dag(task("a")))
    for attempt in range(1, MAX_LOSSES * 3):
        shard.start("a", attempt)
        assert give_back(shard, attempt) == ["TaskLost", "TaskReady"]


def test_losses_count_as_before() -> None:
    shard = Shard()
    shard.begin(dag(task("a")))
    attempt = 0
    for _ in range(MAX_LOSSES):
        attempt += 1
        shard.start("a", attempt)
        shard.lose("a", attempt)
        attempt += 1
        shard.start("a", attempt)
        give_back(shard, attempt)
    shard.start("a", attempt + 1)
    assert give_back(shard, attempt + 1) == ["TaskLost", "TaskReady"]
    shard.start("a", attempt + 2)
    events = shard.lose("a", attempt + 2)
    assert kinds(events)[-1] == "RunFailed"
