"""Random DAGs, pools, limits, priorities and outcomes: no limit is ever exceeded, nothing that
could run is left waiting, whoever is more urgent goes first, and everything ends."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.core import gate
from millstream.core.commands import DeletePool, LoseAttempt, RetryAttempt, SetDagPaused, SetPool
from millstream.core.event_parts import Where
from millstream.core.events import Event
from millstream.core.reports import FailAttempt, SkipAttempt, StartAttempt, SucceedAttempt
from millstream.core.spec import BashAction, DagSpec, EmptyAction, MapSource, WeightRule
from millstream.core.statuses import TaskStatus
from property.ledger import Ledger
from shard import Shard, dag, dump, fold, task

POOLS = ("default_pool", "gpu", "net")
MOST_STEPS = 3000
FEW = st.none() | st.integers(1, 2)


@st.composite
def limited_dags(draw: st.DrawFn, dag_id: str) -> DagSpec:
    names = [f"t{index}" for index in range(draw(st.integers(1, 6)))]
    tasks = []
    for index, name in enumerate(names):
        parents = draw(st.lists(st.sampled_from(names[:index]), max_size=2)) if index else []
        length = draw(st.sampled_from([0, 0, 0, 3, 5]))
        tasks.append(
            task(
                name,
                *parents,
                retries=draw(st.integers(0, 1)),
                retry_delay_s=0.0,
                pool=draw(st.sampled_from(POOLS)),
                pool_slots=draw(st.integers(1, 2)),
                priority_weight=draw(st.integers(-1, 3)),
                weight_rule=draw(st.sampled_from(list(WeightRule))),
                max_active_tis_per_dag=draw(FEW),
                max_active_tis_per_dagrun=draw(FEW),
                mapped_over=(MapSource(length=length),) if length else (),
                action=draw(st.sampled_from([BashAction(command="true")] * 5 + [EmptyAction()])),
            )
        )
    return dag(
        *tasks,
        dag_id=dag_id,
        max_active_tasks=draw(st.sampled_from([1, 2, 3, 16])),
        fairness_key=draw(st.sampled_from(["", "team"])),
    )


WORLDS = st.integers(1, 3).flatmap(
    lambda count: st.tuples(*(limited_dags(f"dag{index}") for index in range(count)))
)
ORDERS = st.integers(0, 2**32).map(Random)


class World:
    """A shard with its ledger: after each command all that must hold is looked at."""

    def __init__(self) -> None:
        self.shard = Shard()
        self.ledger = Ledger()
        self.seen = 0

    def do(self, kind: Any, **fields: Any) -> None:
        self.shard.handle(kind(id=self.shard.id(), **fields))
        self.check()

    def check(self) -> None:
        for event in self.shard.log[self.seen :]:
            self.ledger.fold(event)
        self.seen = len(self.shard.log)
        assert not self.ledger.faults, self.ledger.faults
        assert self.ledger.left_waiting() == []
        pools = self.shard.state.limits.pools.get("default", {})
        for pool in pools.values():
            assert pool.active == self.ledger.occupied(pool.name), pool.name
        assert sum(pool.waiting for pool in pools.values()) == len(self.ledger.waiting)
        for run in self.shard.state.runs.values():
            active = [one for one in self.ledger.active if one[:2] == run.key[1:]]
            assert run.seats.active == len(active)

    def begin(self, specs: tuple[DagSpec, ...], runs: int) -> None:
        for spec in specs:
            self.shard.submit(spec)
        for number in range(runs):
            for spec in specs:
                self.shard.trigger(f"r{number}", spec.dag_id)
                self.check()

    def open_attempts(self) -> list[tuple[Where, Any]]:
        """What is under way or waits for its retry."""
        return [
            (where, one)
            for where, one in self.shard.state.open_instances()
            if one.status is not TaskStatus.SCHEDULED
        ]

    def report(self, order: Random, where: Where, instance: Any) -> None:
        """Something happens to an attempt that is open."""
        if instance.status is TaskStatus.UP_FOR_RETRY:
            self.do(RetryAttempt, where=where)
            return
        what = order.choice(
            [StartAttempt, SucceedAttempt, SucceedAttempt, FailAttempt, SkipAttempt]
        )
        if instance.status is TaskStatus.RUNNING and order.random() < 0.1:
            self.do(LoseAttempt, where=where, token=instance.token, reason="gone")
            return
        if what is StartAttempt and instance.status is TaskStatus.RUNNING:
            what = SucceedAttempt
        now = self.shard.now
        fields: dict[str, Any] = {"worker": "w", "token": instance.token or "t", "started_at": now}
        if what is not StartAttempt:
            fields["ended_at"] = now
        if what is FailAttempt:
            fields |= {"error_type": "E", "message": "m"}
        if what is SkipAttempt:
            fields["reason"] = "no data"
        self.do(what, where=where, **fields)

    def change_pools(self, order: Random) -> None:
        name = order.choice(POOLS)
        if name != "default_pool" and name in self.ledger.pools and order.random() < 0.2:
            self.do(DeletePool, namespace="default", name=name)
            return
        slots = order.choice([-1, 0, 1, 2, 3, 5])
        included = order.random() < 0.5
        self.do(SetPool, namespace="default", name=name, slots=slots, include_deferred=included)

    def pause(self, order: Random) -> None:
        """A DAG is paused, or goes on; always so that nothing under way is waited for in vain."""
        dag_id = order.choice([dag_id for dag_id, _ in self.ledger.specs])
        is_paused = dag_id not in self.ledger.paused and bool(self.open_attempts())
        self.do(SetDagPaused, namespace="default", dag_id=dag_id, is_paused=is_paused)

    def run_to_the_end(self, order: Random, *, with_changes: bool) -> None:
        for _ in range(MOST_STEPS):
            if not self.shard.state.runs:
                return
            under_way = self.open_attempts()
            if with_changes and (order.random() < 0.05 or (not under_way and self.ledger.paused)):
                self.pause(order)
                continue
            if not under_way or (with_changes and order.random() < 0.05):
                self.change_pools(order)
            else:
                self.report(order, *order.choice(under_way))
        raise AssertionError("it does not end")


@given(WORLDS, st.integers(1, 3), ORDERS, st.sampled_from([1, 2, gate.MOST_AT_ONCE]))
def test_limits_hold_and_nothing_waits_in_vain(
    specs: tuple[DagSpec, ...], runs: int, order: Random, most_at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "MOST_AT_ONCE", most_at_once)
        play_to_the_end(specs, runs, order)


def play_to_the_end(specs: tuple[DagSpec, ...], runs: int, order: Random) -> None:
    world = World()
    for _ in range(order.choice([0, 3])):
        world.change_pools(order)
    world.begin(specs, runs)
    world.run_to_the_end(order, with_changes=True)
    limits = world.shard.state.limits
    assert all(pool.active == 0 for pool in limits.pools.get("default", {}).values())
    assert limits.tasks == {}
    assert limits.openings == {}
    assert dump(fold(world.shard.log)) == dump(world.shard.state)


@given(st.integers(2, 4), st.integers(1, 3), ORDERS)
def test_keys_take_turns(keys: int, slots: int, order: Random) -> None:
    """While all keys wait with the same priority, none is served twice before another once."""
    world = World()
    world.do(SetPool, namespace="default", name="gpu", slots=slots)
    many = tuple(
        dag(
            *(task(f"t{index}", pool="gpu", weight_rule=WeightRule.ABSOLUTE) for index in range(6)),
            dag_id=f"dag{key}",
        )
        for key in range(keys)
    )
    world.begin(many, 1)
    before = world.ledger.served.copy()
    while True:
        queued = {one[0] for one in world.ledger.waiting}
        if len(queued) < keys:
            break
        turns = [world.ledger.served[spec.dag_id] - before[spec.dag_id] for spec in many]
        assert max(turns) - min(turns) <= 1
        where, _ = order.choice(world.open_attempts())
        now = world.shard.now
        world.do(SucceedAttempt, where=where, worker="w", token="t", started_at=now, ended_at=now)


def test_the_ledger_sees_a_slot_that_is_given_out_twice() -> None:
    """The test of the test: a log with one attempt too many."""
    world = World()
    world.do(SetPool, namespace="default", name="gpu", slots=1)
    world.begin((dag(task("a", pool="gpu"), task("b", pool="gpu"), dag_id="dag0"),), 1)
    ready: Event = next(e for e in world.shard.log if e.where.task_id == "a" and e.where.attempt)
    twice = Event(99, 1, ready.where.task("b", (), 1), ready.data, "", "", ready.recorded_at)
    world.ledger.fold(twice)
    assert world.ledger.faults
    with pytest.raises(AssertionError):
        world.check()
