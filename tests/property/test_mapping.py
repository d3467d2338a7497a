"""Random DAGs with mapped tasks, mapped groups and groups in groups."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.commands import ClearTasks, RetryAttempt, TaskRef
from millstream.core.event_parts import Choice, Where, XCom
from millstream.core.reports import FailAttempt, SkipAttempt, SucceedAttempt
from millstream.core.spec import DagSpec, GroupSpec, MapSource, TriggerRule
from millstream.core.state import Instance, Run
from millstream.core.statuses import FINISHED_TASK, TaskStatus, next_status
from millstream.core.task_events import TaskReady
from millstream.core.validate import check_dag
from shard import Shard, dag, dump, fold, kind, task

RUN = ("default", "etl", "r1")
# With all_success the order of a skip and a failure upstream matters, in Airflow as well.
ORDER_FREE = [rule for rule in TriggerRule if rule is not TriggerRule.ALL_SUCCESS]


@st.composite
def mapped_dags(draw: st.DrawFn, is_order_free: bool = False) -> DagSpec:
    """Up to 7 tasks in up to 3 groups, each mapped or not, over values or over earlier tasks."""
    count = draw(st.integers(2, 7))
    groups: list[GroupSpec] = []
    homes = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    for number in range(1, 4):
        parent = draw(st.sampled_from([0, *range(1, number)]))
        first = min(
            (i for i in range(count) if number in _chain(homes[i], groups, number, parent)),
            default=0,
        )
        groups.append(
            GroupSpec(
                group_id=f"g{number}",
                parent=f"g{parent}" if parent else "",
                mapped_over=draw(_sources(range(first), is_order_free))
                if draw(st.booleans())
                else (),
            )
        )
    tasks = []
    for index in range(count):
        upstream = draw(st.lists(st.integers(0, index - 1), max_size=3)) if index else []
        over = draw(_sources(upstream, is_order_free)) if draw(st.booleans()) else ()
        is_plain = not over and not homes[index]
        rules = (
            (ORDER_FREE if is_plain else [TriggerRule.ALL_DONE]) if is_order_free else TriggerRule
        )
        tasks.append(
            task(
                f"t{index}",
                *(f"t{parent}" for parent in upstream),
                group=f"g{homes[index]}" if homes[index] else "",
                mapped_over=over,
                trigger_rule=draw(st.sampled_from(list(rules))),
                retries=draw(st.integers(0, 1)),
                retry_delay_s=0.0,
                is_setup=not is_order_free and draw(st.integers(0, 5)) == 0,
                is_teardown=not is_order_free and draw(st.integers(0, 5)) == 0,
            )
        )
    return dag(*tasks, groups=tuple(groups))


def _chain(home: int, groups: Sequence[GroupSpec], number: int, parent: int) -> set[int]:
    """The groups that a task in group ``home`` may be in, once all are made: as ``home`` may be a
    later one, whose parent is not drawn yet, that one counts as in any."""
    if home >= number:
        return {number}
    found = set()
    while home:
        found.add(home)
        name = groups[home - 1].parent
        home = int(name[1:]) if name else 0
    return found


@st.composite
def _sources(
    draw: st.DrawFn, candidates: Sequence[int], is_order_free: bool
) -> tuple[MapSource, ...]:
    def one() -> MapSource:
        if len(candidates) > 0 and draw(st.booleans()):
            return MapSource(task_id=f"t{draw(st.sampled_from(candidates))}")
        return MapSource(length=draw(st.integers(0, 3)))

    if is_order_free or draw(st.booleans()):
        return (one(),)
    how: Any = draw(st.sampled_from(["", "zip", "zip_longest", "concat"]))
    parts = (one(), one())
    return (MapSource(how=how, of=parts),) if how else parts


Leaves = list[tuple[tuple[int, ...], Instance]]


class Play:
    """Runs a DAG to its end; the outcome of a try depends on the task, its path and the try
    alone."""

    def __init__(self, spec: DagSpec, seed: int, order: Random, clears: int = 0) -> None:
        self.shard = Shard()
        self.seed = seed
        self.shard.begin(spec)
        self.states: dict[tuple[str, tuple[int, ...]], str] = {}
        for _ in range(5000):
            run = self.shard.state.runs.get(RUN)
            if run is None:
                break
            check_counts(run)
            if clears and order.random() < 0.1:
                clears -= 1
                self.clear(order.choice(spec.tasks).task_id)
                continue
            where, instance = order.choice(
                [
                    each
                    for each in self.shard.state.open_instances()
                    if each[1].status is not TaskStatus.SCHEDULED
                ]
            )
            if instance.status is TaskStatus.UP_FOR_RETRY:
                self.shard.handle(RetryAttempt(id=self.shard.id(), where=where))
            else:
                self.shard.handle(self.report(where, instance.failures + 1))
        else:
            raise AssertionError("the run does not end")
        for event in self.shard.log:
            status = next_status(event.data)
            if status not in (None, TaskStatus.SCHEDULED):
                self.states[event.where.task_id, event.where.map_index] = str(status)

    def clear(self, task_id: str) -> None:
        """A task and all after it begin again; what it returns may be longer or shorter then."""
        self.shard.handle(
            ClearTasks(
                id=self.shard.id(),
                namespace=RUN[0],
                dag_id=RUN[1],
                run_id=RUN[2],
                tasks=(TaskRef(task_id=task_id),),
                include_downstream=True,
                only_failed=False,
            )
        )

    def report(self, where: Where, tries: int) -> Any:
        drawn = Random(f"{self.seed}/{where.task_id}/{where.map_index}/{tries}")
        about: dict[str, Any] = {
            "id": self.shard.id(),
            "where": where,
            "worker": "w",
            "token": "t",
            "started_at": self.shard.now,
            "ended_at": self.shard.now,
        }
        match drawn.choice(["succeed"] * 5 + ["fail", "skip"]):
            case "fail":
                return FailAttempt(**about, error_type="E", message="m")
            case "skip":
                return SkipAttempt(**about, reason="r")
        length = drawn.choice([-1, 0, 1, 2, 3])
        result = XCom(value=msgspec.Raw(b"[]"), size=2, length=length)
        choice = None
        if self.seed % 2 and drawn.random() < 0.1:
            choice = Choice(skip=drawn.choice(["direct", "all"]))
        return SucceedAttempt(**about, xcoms={"return_value": result}, choice=choice)


def check_counts(run: Run) -> None:
    """What is counted on the way down to an instance is what can be counted by looking."""
    graph = run.version.graph
    leaves = [list(tree.leaves()) for tree in run.instances]
    done = [each for some in leaves for _, each in some if each.status in FINISHED_TASK]
    assert run.unfinished == sum(map(len, leaves)) - len(done)
    for number, some in enumerate(leaves):
        if any(_is_torn(some, leaves[up], shared) for up, shared in graph.above[number]):
            continue
        for path, _ in some:
            counted = [0] * 5
            node, waits = run.instances[number], 0
            for index in (*path, -1):
                ours = (node.total, node.success, node.skipped, node.failed, node.upstream_failed)
                counted = [a + b for a, b in zip(counted, ours, strict=True)]
                waits += node.extra.waits if node.extra else 0
                if index >= 0:
                    node = node.elements[index]
            seen = [
                other.status
                for up, shared in graph.above[number]
                for where, other in leaves[up]
                if _is_relevant(where, path, shared)
            ]
            ends = (
                TaskStatus.SUCCESS,
                TaskStatus.SKIPPED,
                TaskStatus.FAILED,
                TaskStatus.UPSTREAM_FAILED,
            )
            assert counted == [len(seen), *(seen.count(status) for status in ends)]
            assert waits == sum(
                other.status not in FINISHED_TASK
                for up, shared in graph.needs[number]
                for where, other in leaves[up]
                if _is_relevant(where, path, shared)
            )


def _is_torn(ours: Leaves, theirs: Leaves, shared: int) -> bool:
    """A task that had begun keeps its elements when the source of their group comes back with
    fewer; the tasks after it in the group have fewer then, and wait for all of those."""
    for depth in range(1, shared + 1):
        both = [
            {path[:depth] for path, _ in leaves if len(path) >= depth} for leaves in (ours, theirs)
        ]
        if all(both) and both[0] != both[1]:
            return True
    return False


def _is_relevant(theirs: tuple[int, ...], ours: tuple[int, ...], shared: int) -> bool:
    both = min(len(theirs), len(ours), shared)
    return theirs[:both] == ours[:both]


@given(mapped_dags(), st.integers(0, 999), st.integers(0, 2**32).map(Random))
def test_every_run_ends_and_all_counts_are_right(spec: DagSpec, seed: int, order: Random) -> None:
    check_dag(spec)
    play = Play(spec, seed, order)
    log = play.shard.log
    assert kind(log[-1]) in ("RunSucceeded", "RunFailed")
    assert dump(fold(log)) == dump(play.shard.state)
    assert {name for name, _ in play.states} == {each.task_id for each in spec.tasks}
    assert set(play.states.values()) <= {str(status) for status in FINISHED_TASK}
    attempts: dict[tuple[str, tuple[int, ...]], int] = {}
    for event in log:
        if isinstance(event.data, TaskReady):
            key = (event.where.task_id, event.where.map_index)
            attempts[key] = attempts.get(key, 0) + 1
            assert event.where.attempt == attempts[key]


@given(mapped_dags(), st.integers(0, 999), st.integers(0, 2**32).map(Random))
def test_what_is_cleared_may_come_back_different(spec: DagSpec, seed: int, order: Random) -> None:
    play = Play(spec, seed, order, clears=3)
    assert kind(play.shard.log[-1]) in ("RunSucceeded", "RunFailed")
    assert dump(fold(play.shard.log)) == dump(play.shard.state)


@given(mapped_dags(is_order_free=True), st.integers(0, 499), st.integers(0, 2**32).map(Random))
def test_the_order_of_reports_does_not_matter(spec: DagSpec, seed: int, order: Random) -> None:
    assert Play(spec, 2 * seed, Random(0)).states == Play(spec, 2 * seed, order).states
