"""Pools and limits: who becomes ready, who waits, and what lets the next one in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream.core import handle as handle_module
from millstream.core.commands import DeletePool, SetPool, SubmitDag
from millstream.core.events import PoolSet
from millstream.core.graph import Graph
from millstream.core.priorities import MOST
from millstream.core.spec import DagSpec, MapSource, WeightRule
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskScheduled
from shard import RUN, Shard, dag, dump, fold, kinds, ready_names, task

ABSOLUTE = {"weight_rule": WeightRule.ABSOLUTE}


@pytest.fixture
def shard() -> Shard:
    return Shard()


def _fail(*_: object) -> None:
    raise RuntimeError("as planned")


def set_pool(shard: Shard, name: str, slots: int, **fields: Any) -> list[str]:
    command = SetPool(id=shard.id(), namespace="default", name=name, slots=slots, **fields)
    return kinds(shard.handle(command))


def delete_pool(shard: Shard, name: str) -> list[str]:
    return kinds(shard.handle(DeletePool(id=shard.id(), namespace="default", name=name)))


class TestCommands:
    def test_a_pool_is_set_and_deleted(self, shard: Shard) -> None:
        assert set_pool(shard, "gpu", 2, description="cards") == ["PoolSet"]
        data = shard.log[-1].data
        assert data == PoolSet(name="gpu", slots=2, description="cards")
        assert set_pool(shard, "gpu", 2, description="cards") == []
        assert set_pool(shard, "gpu", 2, include_deferred=True) == ["PoolSet"]
        assert delete_pool(shard, "gpu") == ["PoolDeleted"]
        command = DeletePool(id="x", namespace="default", name="gpu")
        assert shard.refused("handle", command) == "POOL_NOT_FOUND"

    def test_the_default_pool_is_there(self, shard: Shard) -> None:
        assert set_pool(shard, "default_pool", 128) == []
        command = DeletePool(id="x", namespace="default", name="default_pool")
        assert shard.refused("handle", command) == "INVALID_ARGUMENT"
        assert set_pool(shard, "default_pool", 5) == ["PoolSet"]

    @pytest.mark.parametrize("fields", [{"slots": -2}, {"slots": 2**31}, {"name": ""}])
    def test_what_no_pool_can_be(self, shard: Shard, fields: dict[str, Any]) -> None:
        values: dict[str, Any] = {"name": "gpu", "slots": 1} | fields
        command = SetPool(id="x", namespace="default", **values)
        assert shard.refused("handle", command) == "INVALID_ARGUMENT"


class TestPool:
    def test_who_fits_no_more_waits_and_comes_when_a_slot_is_free(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 1)
        events = shard.begin(dag(task("a", pool="gpu"), task("b", pool="gpu")))
        assert kinds(events[2:]) == ["TaskScheduled a", "TaskScheduled b", "TaskReady a"]
        assert events[2].data == TaskScheduled(pool="gpu")
        assert shard.status("b") is TaskStatus.SCHEDULED
        shard.start("a")
        assert kinds(shard.succeed("a")) == ["TaskSucceeded a", "TaskReady b"]

    def test_with_room_for_all_nobody_is_scheduled(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 2)
        events = shard.begin(dag(task("a", pool="gpu"), task("b", pool="gpu")))
        assert kinds(events[2:]) == ["TaskReady a", "TaskReady b"]

    def test_a_pool_that_does_not_exist_is_waited_for(self, shard: Shard) -> None:
        shard.begin(dag(task("a", pool="gpu")))
        assert shard.status("a") is TaskStatus.SCHEDULED
        assert set_pool(shard, "gpu", 1) == ["PoolSet", "TaskReady a"]

    def test_a_pool_without_a_limit(self, shard: Shard) -> None:
        set_pool(shard, "gpu", -1)
        names = [f"t{number}" for number in range(16)]
        events = shard.begin(dag(*(task(name, pool="gpu", pool_slots=99) for name in names)))
        assert ready_names(events) == names

    def test_a_pool_that_is_deleted_lets_nobody_in(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 1)
        shard.begin(dag(task("a", pool="gpu"), task("b", pool="gpu")))
        delete_pool(shard, "gpu")
        assert kinds(shard.succeed("a")) == ["TaskSucceeded a"]
        assert set_pool(shard, "gpu", 1) == ["PoolSet", "TaskReady b"]

    def test_a_pool_made_smaller_takes_nothing_back(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 2)
        shard.begin(dag(*(task(name, pool="gpu") for name in "abc")))
        set_pool(shard, "gpu", 1)
        assert kinds(shard.succeed("a")) == ["TaskSucceeded a"]
        assert kinds(shard.succeed("b")) == ["TaskSucceeded b", "TaskReady c"]

    def test_who_needs_fewer_slots_may_pass(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 2)
        big = task("big", pool="gpu", pool_slots=2, priority_weight=9)
        shard.begin(dag(task("a", pool="gpu", priority_weight=10), big, task("c", pool="gpu")))
        assert shard.status("a") is TaskStatus.QUEUED
        assert shard.status("big") is TaskStatus.SCHEDULED
        assert shard.status("c") is TaskStatus.QUEUED
        assert kinds(shard.succeed("a")) == ["TaskSucceeded a"]
        assert kinds(shard.succeed("c")) == ["TaskSucceeded c", "TaskReady big"]

    def test_a_retry_waits_for_a_slot_too(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 1)
        shard.begin(dag(task("a", pool="gpu", retries=1), task("b", pool="gpu")))
        assert kinds(shard.fail("a")) == ["TaskStarted a", "TaskFailed a", "TaskReady b"]
        assert kinds(shard.retry("a")) == ["TaskScheduled a"]
        assert shard.log[-1].where == RUN.task("a", (), 1)
        assert kinds(shard.succeed("b"))[-1] == "TaskReady a"
        assert shard.log[-1].where.attempt == 2

    def test_a_lost_attempt_gives_its_slot_back(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 1)
        shard.begin(dag(task("a", pool="gpu", **ABSOLUTE), task("b", pool="gpu", **ABSOLUTE)))
        shard.start("a")
        assert kinds(shard.lose("a")) == ["TaskLost a", "TaskScheduled a", "TaskReady a"]
        assert shard.state.limits.pools["default"]["gpu"].active == 1


class TestRun:
    def test_only_so_many_tasks_of_a_run(self, shard: Shard) -> None:
        events = shard.begin(dag(*(task(f"t{n:02}") for n in range(17))))
        assert len(ready_names(events)) == 16
        assert ready_names(shard.succeed("t00")) == ["t16"]

    def test_another_run_has_places_of_its_own(self, shard: Shard) -> None:
        shard.begin(dag(task("a"), task("b"), max_active_tasks=1))
        assert ready_names(shard.trigger("r2")) == ["a"]

    def test_a_mapped_task_is_scheduled_by_one_event(self, shard: Shard) -> None:
        mapped = task("m", mapped_over=(MapSource(length=5),))
        events = shard.begin(dag(mapped, max_active_tasks=2))
        assert kinds(events[3:]) == ["TaskScheduled m", "TaskReady m", "TaskReady m"]
        assert [event.where.map_index for event in events[3:]] == [(), (0,), (1,)]
        assert events[3].data == TaskScheduled(length=5)
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_who_cannot_be_let_in_is_put_into_quarantine(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_pool(shard, "gpu", 1)
        shard.begin(dag(task("a", pool="gpu")))
        shard.submit(dag(task("b", pool="gpu"), task("c", pool="gpu"), dag_id="other"))
        shard.trigger("r2", "other")
        monkeypatch.setattr(handle_module, "make_ready", _fail)
        events = shard.succeed("a")
        assert kinds(events)[-1] == "RunQuarantined"
        assert events[-1].where.run_id == "r2"
        pool = shard.state.limits.pools["default"]["gpu"]
        assert (pool.active, pool.waiting) == (0, 0)


class TestTask:
    def test_only_so_many_instances_of_a_task_over_all_runs(self, shard: Shard) -> None:
        shard.begin(dag(task("a", max_active_tis_per_dag=1)))
        assert ready_names(shard.trigger("r2")) == []
        events = shard.succeed("a")
        assert kinds(events)[-1] == "TaskReady a"
        assert events[-1].where.run_id == "r2"

    def test_only_so_many_instances_of_a_task_in_each_run(self, shard: Shard) -> None:
        mapped = task("m", mapped_over=(MapSource(length=3),), max_active_tis_per_dagrun=1)
        assert len(ready_names(shard.begin(dag(mapped)))) == 1
        assert len(ready_names(shard.trigger("r2"))) == 1

    def test_a_limit_over_the_dag_holds_across_mapped_instances_and_runs(
        self, shard: Shard
    ) -> None:
        mapped = task("m", mapped_over=(MapSource(length=3),), max_active_tis_per_dag=4)
        assert len(ready_names(shard.begin(dag(mapped)))) == 3
        assert len(ready_names(shard.trigger("r2"))) == 1


class TestOrder:
    def test_the_highest_priority_first(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 0)
        weights = {"a": 1, "b": 3, "c": 2}
        tasks = [
            task(name, pool="gpu", priority_weight=weight, **ABSOLUTE)
            for name, weight in weights.items()
        ]
        shard.begin(dag(*tasks))
        command = SetPool(id="x", namespace="default", name="gpu", slots=3)
        assert ready_names(shard.handle(command)) == ["b", "c", "a"]

    def test_keys_take_turns(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 0)
        for dag_id in ("one", "two"):
            shard.submit(dag(task("a", pool="gpu"), task("b", pool="gpu"), dag_id=dag_id))
            shard.trigger("r1", dag_id)
        command = SetPool(id="x", namespace="default", name="gpu", slots=4)
        order = [
            e.where.dag_id for e in shard.handle(command) if e.where.dag_id and e.where.attempt
        ]
        assert order == ["one", "two", "one", "two"]

    def test_dags_of_one_key_count_as_one(self, shard: Shard) -> None:
        set_pool(shard, "gpu", 0)
        for dag_id, key in (("one", "team"), ("two", "team"), ("three", "")):
            spec = dag(
                task("a", pool="gpu"), task("b", pool="gpu"), dag_id=dag_id, fairness_key=key
            )
            shard.submit(spec)
            shard.trigger("r1", dag_id)
        command = SetPool(id="x", namespace="default", name="gpu", slots=4)
        order = [e.where.dag_id for e in shard.handle(command) if e.where.attempt]
        assert order == ["one", "three", "one", "three"]


DIAMOND = (
    task("a", priority_weight=1),
    task("b", "a", priority_weight=2),
    task("c", "a", priority_weight=3),
    task("d", "b", "c", priority_weight=4),
)


def weights(spec: DagSpec) -> tuple[int, ...]:
    return Graph(spec).priorities


class TestWeights:
    def with_rule(self, rule: WeightRule, **fields: Any) -> DagSpec:
        return dag(*(msgspec.structs.replace(t, weight_rule=rule, **fields) for t in DIAMOND))

    def test_what_is_downstream_counts_once(self) -> None:
        assert weights(dag(*DIAMOND)) == (10, 6, 7, 4)

    def test_upstream(self) -> None:
        assert weights(self.with_rule(WeightRule.UPSTREAM)) == (1, 3, 4, 10)

    def test_absolute(self) -> None:
        assert weights(self.with_rule(WeightRule.ABSOLUTE)) == (1, 2, 3, 4)

    def test_the_sum_stays_within_32_bits(self) -> None:
        spec = self.with_rule(WeightRule.DOWNSTREAM, priority_weight=2**31 - 1)
        assert weights(spec) == (MOST,) * 4
        spec = self.with_rule(WeightRule.DOWNSTREAM, priority_weight=-(2**31))
        assert weights(spec) == (-(2**31),) * 4

    def test_a_long_chain(self) -> None:
        chain = [task("t0"), *(task(f"t{n}", f"t{n - 1}") for n in range(1, 2000))]
        assert weights(dag(*chain)) == tuple(range(2000, 0, -1))


def test_wrong_limits_are_refused(shard: Shard) -> None:
    for wrong in (
        {"pool": ""},
        {"pool_slots": 0},
        {"max_active_tis_per_dag": 0},
        {"max_active_tis_per_dagrun": -1},
        {"priority_weight": 2**31},
    ):
        command = SubmitDag(id="x", namespace="default", spec=dag(task("a", **wrong)))
        assert shard.refused("handle", command) == "INVALID_DAG", wrong
    spec = dag(task("a"), max_active_tasks=0)
    command = SubmitDag(id="x", namespace="default", spec=spec)
    assert shard.refused("handle", command) == "INVALID_DAG"
