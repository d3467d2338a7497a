"""Pools, priorities and limits as arguments of tasks and DAGs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from millstream import DAG, EmptyOperator
from millstream.core.spec import DagSpec, TaskSpec, WeightRule
from millstream.sdk.limits import FirstTry, PriorityWeightStrategy


def spec_of(**arguments: Any) -> TaskSpec:
    with DAG("d"):
        return EmptyOperator(task_id="t", **arguments).to_spec()


def dag_of(**arguments: Any) -> DagSpec:
    return DAG("d", **arguments).to_spec("")


def test_the_defaults_are_airflows() -> None:
    spec = spec_of()
    assert (spec.pool, spec.pool_slots, spec.priority_weight) == ("default_pool", 1, 1)
    assert spec.weight_rule is WeightRule.DOWNSTREAM
    assert (spec.max_active_tis_per_dag, spec.max_active_tis_per_dagrun) == (None, None)
    assert not spec.depends_on_past
    assert spec.ignore_first_depends_on_past
    assert (dag_of().max_active_tasks, dag_of().fairness_key) == (16, "")


def test_what_is_given_is_in_the_spec() -> None:
    spec = spec_of(
        pool="gpu", pool_slots=2, priority_weight=-3, weight_rule="upstream",
        max_active_tis_per_dag=4, max_active_tis_per_dagrun=5,
        ignore_first_depends_on_past=False, wait_for_past_depends_before_skipping=True,
    )  # fmt: skip
    assert (spec.pool, spec.pool_slots, spec.priority_weight) == ("gpu", 2, -3)
    assert spec.weight_rule is WeightRule.UPSTREAM
    assert (spec.max_active_tis_per_dag, spec.max_active_tis_per_dagrun) == (4, 5)
    assert not spec.ignore_first_depends_on_past
    assert spec.wait_for_past_depends_before_skipping
    made = dag_of(max_active_tasks=3, fairness_key="team")
    assert (made.max_active_tasks, made.fairness_key) == (3, "team")


def test_old_names() -> None:
    assert spec_of(task_concurrency=2).max_active_tis_per_dag == 2
    assert dag_of(concurrency=2).max_active_tasks == 2
    with pytest.raises(TypeError, match="both max_active_tis_per_dag and task_concurrency"):
        spec_of(task_concurrency=2, max_active_tis_per_dag=2)
    with pytest.raises(TypeError, match="both max_active_tasks and concurrency"):
        dag_of(concurrency=2, max_active_tasks=2)


def test_to_wait_for_downstream_is_to_depend_on_the_past() -> None:
    spec = spec_of(wait_for_downstream=True)
    assert (spec.depends_on_past, spec.wait_for_downstream) == (True, True)


def test_default_args_reach_them() -> None:
    with DAG("d", default_args={"pool": "gpu", "priority_weight": 4, "depends_on_past": True}):
        spec = EmptyOperator(task_id="t", priority_weight=5).to_spec()
    assert (spec.pool, spec.priority_weight, spec.depends_on_past) == ("gpu", 5, True)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"pool": 3}, TypeError, "pool is 3; it must be the name"),
        ({"pool_slots": 0}, ValueError, "pool_slots is 0; it must be 1 or more"),
        ({"pool_slots": 1.5}, TypeError, "pool_slots is 1.5; it must be a whole number"),
        ({"priority_weight": "3"}, TypeError, "priority_weight is '3'; it must be a whole"),
        ({"priority_weight": 2**31}, ValueError, "priority_weight is 2147483648; -2147483648 to"),
        ({"weight_rule": "downstraem"}, ValueError, "did you mean 'downstream'?"),
        ({"weight_rule": "zzz"}, ValueError, "use 'downstream', 'upstream', 'absolute'"),
        ({"weight_rule": 3}, TypeError, "weight_rule is 3; use 'downstream'"),
        ({"weight_rule": "no.such.Rule"}, ValueError, "'no.such.Rule' cannot be imported"),
        ({"max_active_tis_per_dag": 0}, ValueError, "max_active_tis_per_dag is 0"),
        ({"max_active_tis_per_dagrun": True}, TypeError, "max_active_tis_per_dagrun is True"),
        ({"depends_on_past": "yes"}, TypeError, "depends_on_past is 'yes'; it must be True or"),
    ],
)
def test_wrong_values_name_what_is_allowed(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        spec_of(**arguments)
    assert text in str(caught.value)


def test_wrong_limits_of_a_dag() -> None:
    with pytest.raises(ValueError, match="max_active_tasks is 0; it must be 1 or more"):
        dag_of(max_active_tasks=0)
    with pytest.raises(TypeError, match="fairness_key is 3; it must be a str"):
        dag_of(fairness_key=3)


class Halved(PriorityWeightStrategy):
    def get_weight(self, ti: FirstTry) -> int:
        assert (ti.dag_id, ti.task_id, ti.try_number, ti.task.task_id) == ("d", "t", 1, "t")
        return ti.priority_weight // 2


def test_a_strategy_is_asked_at_submit() -> None:
    for rule in (Halved(), Halved):
        spec = spec_of(priority_weight=9, weight_rule=rule)
        assert (spec.priority_weight, spec.weight_rule) == (4, WeightRule.ABSOLUTE)


def test_a_strategy_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "class Fixed:\n    def get_weight(self, ti):\n        return 2 ** 40\n"
    (tmp_path / "strategies_of_mine.py").write_text(code + "fixed = Fixed()\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        spec = spec_of(weight_rule="strategies_of_mine.fixed")
        assert (spec.priority_weight, spec.weight_rule) == (2**31 - 1, WeightRule.ABSOLUTE)
    finally:
        sys.modules.pop("strategies_of_mine", None)


def test_a_strategy_that_fails_says_so() -> None:
    class Broken(PriorityWeightStrategy):
        def get_weight(self, ti: FirstTry) -> int:
            return 1 // 0

    class Odd(PriorityWeightStrategy):
        def get_weight(self, ti: FirstTry) -> int:
            return "many"  # type: ignore[return-value]

    with pytest.raises(ValueError, match="of task 't' failed: ZeroDivisionError"):
        spec_of(weight_rule=Broken())
    with pytest.raises(ValueError, match="of task 't' says 'many'; it must say a whole number"):
        spec_of(weight_rule=Odd())
