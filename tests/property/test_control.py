"""Random clears, marks and cancels in random runs: each run ends, what is counted is right at every
moment, and nothing of what happened is forgotten."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.commands import TaskRef
from millstream.core.counting import new_instance
from millstream.core.errors import Refused
from millstream.core.event_parts import Choice, XCom
from millstream.core.evolve import evolve, is_legal
from millstream.core.memo import memos_of, restore
from millstream.core.spec import DagSpec, EmptyAction, GroupSpec, MapSource, TaskSpec, TriggerRule
from millstream.core.state import Instance, Run, State
from millstream.core.statuses import FINISHED_TASK, TaskStatus
from millstream.core.task_events import TaskReady
from property.test_core import ORDERS, dags
from shard import Shard, dag, dump, fold, kind, task

MOST_INTERVENTIONS = 6
KEY = ("default", "etl", "r1")


@st.composite
def mapped_dags(draw: st.DrawFn) -> DagSpec:
    """Tasks of which some are mapped, or in a mapped group, over literals."""
    spec = draw(dags())
    groups = (GroupSpec(group_id="g", mapped_over=(MapSource(length=2),)),)
    tasks: list[TaskSpec] = []
    for each in spec.tasks:
        changes: dict[str, Any] = {}
        if draw(st.booleans()):
            changes["group"] = "g"
        if draw(st.integers(0, 2)) == 0:
            changes["mapped_over"] = (MapSource(length=draw(st.integers(0, 3))),)
        elif draw(st.booleans()) and each.upstream:
            changes["mapped_over"] = (MapSource(task_id=each.upstream[0]),)
        tasks.append(msgspec.structs.replace(each, **changes))
    return dag(*tasks, groups=groups)


@st.composite
def framed_dags(draw: st.DrawFn) -> DagSpec:
    """Work between a setup and its teardown, and a branch in it."""
    fail_fast = draw(st.booleans())
    join = draw(st.sampled_from(list(TriggerRule)[:-1]))
    rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
    return dag(
        task("s", is_setup=True),
        task("b", "s", retries=draw(st.integers(0, 1)), retry_delay_s=0.0),
        task("x", "b"),
        task("y", "b", action=draw(st.sampled_from([EmptyAction(), task("y").action]))),
        task("j", *("x", "y"), trigger_rule=TriggerRule.ALL_SUCCESS if fail_fast else join),
        task("t", *("s", "j"), is_teardown=True, trigger_rule=rule),
        task("after", "j"),
        fail_fast=fail_fast,
    )


# With few slots some tasks are scheduled and wait when they are stopped.
SPECS = st.builds(
    lambda spec, most: msgspec.structs.replace(spec, max_active_tasks=most),
    st.one_of(dags(), mapped_dags(), framed_dags()),
    st.sampled_from([1, 2, 16]),
)


def play(spec: DagSpec, order: Random) -> Shard:
    """Run it to its end, with some interventions on the way and after."""
    shard = Shard()
    shard.begin(spec)
    left = order.randint(0, MOST_INTERVENTIONS)
    for _ in range(4000):
        run = shard.state.runs.get(KEY)
        if left and (run is None or order.random() < 0.15):
            left -= 1
            intervene(shard, spec, order)
        elif run is None:
            return shard
        else:
            where, instance = order.choice(list(shard.state.open_instances()))
            step(shard, spec, where.task_id, where.map_index, instance, order)
        if run is not None:
            check_counts(run)
    raise AssertionError("the run does not end")


def step(
    shard: Shard,
    spec: DagSpec,
    name: str,
    path: tuple[int, ...],
    instance: Instance,
    order: Random,
    run_id: str = "r1",
) -> None:
    """One thing that may happen to an instance that is open."""
    attempt, token = instance.attempt, instance.token or "t"
    if instance.status is TaskStatus.UP_FOR_RETRY:
        shard.retry(name, attempt, path, run_id)
        return
    options: dict[str, Any] = {"map_index": path, "run_id": run_id}
    if order.random() < 0.9:
        result = XCom(value=msgspec.Raw(b"[]"), size=2, length=order.randint(0, 3))
        options["xcoms"] = {"return_value": result}
    what = order.choice(["start", "succeed", "succeed", "fail", "skip"])
    if what == "succeed" and order.random() < 0.3:
        below = tuple(t.task_id for t in spec.tasks if name in t.upstream)
        options["choice"] = Choice(follow=tuple(n for n in below if order.random() < 0.5))
    if what == "start":
        options.pop("xcoms", None)
    try:
        getattr(shard, what)(name, attempt, token, **options)
    except Refused:
        pass


def intervene(shard: Shard, spec: DagSpec, order: Random) -> None:
    names = [t.task_id for t in spec.tasks]
    chosen = order.sample(names, order.randint(0, min(3, len(names))))
    refs = tuple(
        TaskRef(task_id=name, map_index=order.choice([(), (), (0,), (1, 0)])) for name in chosen
    )
    flags = {
        name: order.random() < 0.3
        for name in ("include_upstream", "include_downstream", "only_failed", "only_running")
    }
    match order.choice(["clear", "clear", "clear", "mark", "mark", "mark_run"]):
        case "clear":
            shard.clear(tasks=refs, **flags)
        case "mark" if refs:
            state = order.choice(["success", "failed", "skipped"])
            shard.mark("", state, tasks=refs, include_downstream=flags["include_downstream"])
        case "mark_run":
            shard.mark_run(order.choice(["success", "failed"]))


def check_counts(run: Run) -> None:
    """A run in which tasks were taken back counts as one in which they never ended."""
    graph = run.version.graph
    trees = [new_instance(graph, number) for number in range(len(graph.tasks))]
    fresh = Run(run.key, run.version, run.created, run.info, run.status, trees, len(trees))
    restore(fresh, memos_of(run))
    assert fresh.unfinished == run.unfinished
    assert fresh.failed_leaves == run.failed_leaves
    for ours, theirs in zip(run.instances, fresh.instances, strict=True):
        assert counts(ours) == counts(theirs)


def counts(node: Instance) -> Any:
    status = node.status if node.status in FINISHED_TASK else None
    return (
        (node.success, node.skipped, node.failed, node.upstream_failed, node.total),
        (node.length, node.open, node.cuts or {}, repr(node.extra), status),
        [counts(element) for element in node.elements],
    )


@given(SPECS, ORDERS)
def test_every_run_ends_whatever_is_done_to_it(spec: DagSpec, order: Random) -> None:
    shard = play(spec, order)
    assert dump(fold(shard.log)) == dump(shard.state)
    assert shard.state.ready == {}
    state = State()
    attempts: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for event in shard.log:
        assert is_legal(state, event.where, event.data)
        evolve(state, event)
        if isinstance(event.data, TaskReady):
            about = (event.where.task_id, event.where.map_index)
            attempts.setdefault(about, []).append(event.where.attempt)
    assert kind(shard.log[-1]) in ("RunSucceeded", "RunFailed")
    for made in attempts.values():
        assert made == list(range(1, len(made) + 1)), "attempts count on through every clear"
