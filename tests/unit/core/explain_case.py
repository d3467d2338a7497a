"""What the cases of explanations are made with: each brings a task to where it does not run,
or has ended, and asks why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from millstream.core.commands import SetDagPaused, SetPool
from millstream.core.event_parts import Where, XCom
from millstream.core.explain import explain, explain_in
from millstream.core.explanation import Code, Reason, SeenWorker, Surroundings, tell
from millstream.core.reports import StartAttempt
from shard import Shard, dump

DAY = timedelta(days=1)
Case = Callable[[Shard], list[Reason]]


class Cases(list[tuple[Code, str, tuple[str, ...], Case]]):
    """Each has the code and the text of its first reason, and types of events on which that rests
    among others."""

    def add(self, code: Code, text: str, *events: str) -> Callable[[Case], Case]:
        def added(function: Case) -> Case:
            self.append((code, text, events, function))
            return function

        return added


def why(
    shard: Shard,
    name: str,
    path: tuple[int, ...] = (),
    run_id: str = "r1",
    around: Surroundings | None = None,
) -> list[Reason]:
    """Of a run of the DAG etl, over or not. The question changes nothing."""
    where = Where("default", "etl", run_id, name, path)
    before = dump(shard.state)
    run = shard.state.runs.get(("default", "etl", run_id))
    if run is not None:
        found = explain(shard.state, where, shard.now, around or Surroundings())
    else:
        run = shard.recall(("default", "etl", run_id))
        assert run is not None
        found = explain_in(shard.state, run, where, shard.now, around or Surroundings())
    assert dump(shard.state) == before
    assert found.position == shard.state.position
    events = {event.position: event for event in shard.log}
    reasons = [tell(blocker, events) for blocker in found.blockers]
    assert all(reason.message.endswith((".", "?")) for reason in reasons), reasons
    return reasons


def pool(shard: Shard, name: str, slots: int, **fields: Any) -> None:
    command = SetPool(id=shard.id(), namespace="default", name=name, slots=slots, **fields)
    shard.handle(command, "api/1/alice")


def pause(shard: Shard, *, is_paused: bool = True) -> None:
    command = SetDagPaused(id=shard.id(), namespace="default", dag_id="etl", is_paused=is_paused)
    shard.handle(command, "api/1/alice")


def worker(name: str = "w1", *claims: Where, **fields: Any) -> SeenWorker:
    values: dict[str, Any] = {"queues": ("default",), "slots": 2, "resources": {"cpu": 4}}
    return SeenWorker(name=name, claims=lambda: claims, **values | fields)


def around(*workers: SeenWorker, heard_s: float = 60.0) -> Surroundings:
    return Surroundings(workers=workers, heard_s=heard_s)


def result(length: int) -> dict[str, Any]:
    return {"xcoms": {"return_value": XCom(length=length, size=2)}}


def report(shard: Shard, kind: type[Any], run_id: str, name: str, **fields: Any) -> None:
    where = Where("default", "etl", run_id, name, (), 1)
    times = {} if kind is StartAttempt else {"ended_at": shard.now}
    values = {"worker": "w", "token": "t", "started_at": shard.now} | times | fields
    shard.handle(kind(id=shard.id(), where=where, **values), "worker/w")
