"""Random reruns of random runs: each ends, what it took over does not run again, and the first run
is left as it was."""

from __future__ import annotations

from random import Random

from hypothesis import given

from millstream.core.commands import TaskRef
from millstream.core.errors import Refused
from millstream.core.events import ResultsTakenOver, RunCreated
from millstream.core.evolve import evolve, is_legal
from millstream.core.spec import DagSpec
from millstream.core.state import State
from millstream.core.task_events import TaskReady
from millstream.verify import verify_rows
from millstream.verify.fold import Fold
from property.test_control import SPECS, check_counts, play, step
from property.test_core import ORDERS
from sealed import rows_of
from shard import Shard, dump, fold, kind

KEY = ("default", "etl", "r2")


def rerun(shard: Shard, spec: DagSpec, order: Random) -> bool:
    """Make r2 of r1, in one of the ways that there are."""
    start = order.choice(["failed", "tasks", "event"])
    tasks = (TaskRef(task_id=order.choice(spec.tasks).task_id),) if start == "tasks" else ()
    version = order.choice([0, 0, -1])
    position = order.randint(1, len(shard.log))
    try:
        shard.rerun(start=start, tasks=tasks, version=version, position=position)
    except Refused as error:
        # It was not there yet, or the newest version has no such task.
        if (start, error.reason) not in (("event", "RUN_NOT_FOUND"), ("tasks", "TASK_NOT_FOUND")):
            raise
        return False
    return True


def changed(spec: DagSpec, order: Random) -> DagSpec:
    """Without some of its tasks that nothing needs, for a newer version."""
    import msgspec

    needed = {name for each in spec.tasks for name in each.upstream}
    tasks = [t for t in spec.tasks if t.task_id in needed or order.random() < 0.7]
    return msgspec.structs.replace(spec, tasks=tuple(tasks or spec.tasks))


@given(SPECS, ORDERS)
def test_every_rerun_ends_and_runs_nothing_that_it_took_over(spec: DagSpec, order: Random) -> None:
    shard = play(spec, order)
    newest = spec
    if order.random() < 0.5:
        newest = changed(spec, order)
        shard.submit(newest)
    before = len(shard.log)
    if not rerun(shard, spec, order):
        return
    for _ in range(4000):
        run = shard.state.runs.get(KEY)
        if run is None:
            break
        check_counts(run)
        where, instance = order.choice(list(shard.state.open_instances()))
        step(shard, newest, where.task_id, where.map_index, instance, order, "r2")
    added = shard.log[before:]
    assert kind(added[-1]) in ("RunSucceeded", "RunFailed"), "the rerun does not end"
    assert {event.where.run_id for event in added} == {"r2"}
    taken = {
        (memo.task_id, memo.map_index)
        for event in added
        if isinstance(event.data, ResultsTakenOver)
        for memo in event.data.tasks
    }
    ran = [
        (event.where.task_id, event.where.map_index, event.where.attempt)
        for event in added
        if isinstance(event.data, TaskReady)
    ]
    assert not taken & {(name, path) for name, path, _ in ran}
    assert len(ran) == len(set(ran))
    created = added[0].data
    assert isinstance(created, RunCreated)
    assert created.rerun is not None
    assert dump(fold(shard.log)) == dump(shard.state)
    state = State()
    for event in shard.log:
        assert is_legal(state, event.where, event.data)
        evolve(state, event)


@given(SPECS, ORDERS)
def test_the_checker_of_a_log_finds_nothing_wrong(spec: DagSpec, order: Random) -> None:
    shard = play(spec, order)
    if not rerun(shard, spec, order):
        return
    for _ in range(4000):
        if KEY not in shard.state.runs:
            break
        where, instance = order.choice(list(shard.state.open_instances()))
        step(shard, spec, where.task_id, where.map_index, instance, order, "r2")
    rows = rows_of(shard.log)
    findings = verify_rows(rows)
    fold = Fold()
    for row in rows:
        fold.add(row)
    findings.merge(fold.findings)
    assert findings.in_order() == []
