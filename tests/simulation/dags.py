"""Random DAGs, drawn from the seed: everything that a spec can say, somewhere."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import msgspec

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetCondition, AssetRef
from millstream.core.spec import (
    Action,
    BashAction,
    DagSpec,
    DeadlineSpec,
    EmptyAction,
    GroupSpec,
    MapSource,
    PythonAction,
    TaskSpec,
    TriggerRule,
    WeightRule,
)
from millstream.core.timetable import AssetSchedule
from millstream.core.validate import TASK_CALLBACKS
from simulation.clock import EPOCH

POOL = "narrow"
ALIAS = "any"
OPERATORS = (
    *("", "", "", "", "Sensor", "Branch", "Short"),
    *("Defer", "Sleep", "Ask", "Trigger"),
)
CRONS = {"* * * * *": 1, "*/2 * * * *": 2}


def asset(number: int) -> AssetRef:
    return AssetRef(name=f"a{number}", uri=f"sim://a{number}")


def draw_dag(random: Random, number: int) -> DagSpec:
    """Up to nine tasks. A DAG waits for assets, and is started by tasks, of earlier DAGs alone, so
    that there is an end."""
    names = [f"t{index}" for index in range(random.randint(1, 8))]
    is_fast = random.random() < 0.1
    groups = _draw_groups(random)
    tasks: list[TaskSpec] = []
    for index, name in enumerate(names):
        parents = random.sample(names[:index], min(index, random.choice([0, 1, 1, 2, 3])))
        tasks.append(_draw_task(random, name, sorted(parents), number, is_fast))
    if groups and len(tasks) > 2:
        tasks[-2:] = [_replace(task, group=groups[-1].group_id) for task in tasks[-2:]]
    if len(tasks) > 2 and random.random() < 0.25:
        tasks = _framed(random, tasks)
    deadlines: tuple[DeadlineSpec, ...] = ()
    if random.random() < 0.15:
        reference = random.choice(["queued_at", "logical_date", "average_runtime"])
        interval_s = random.uniform(1, 40)
        deadlines = (
            DeadlineSpec(name="due", reference=reference, interval_s=interval_s, max_runs=2),  # type: ignore[arg-type]
        )
    return DagSpec(
        dag_id=f"dag{number}",
        tasks=tuple(tasks),
        groups=groups if len(tasks) > 2 else (),
        file="dag.py",
        max_active_runs=random.choice([1, 2, 16]),
        max_active_tasks=random.choice([1, 3, 16]),
        fail_fast=is_fast,
        dagrun_timeout_s=random.choice([None, None, None, 120.0]),
        callbacks=_some(random, ("success", "failure"), 0.15),
        deadlines=deadlines,
        max_consecutive_failed_dag_runs=random.choice([0] * 9 + [2]),
        fairness_key=random.choice(["", "", "shared"]),
        **_draw_schedule(random, number),
    )


def _draw_schedule(random: Random, number: int) -> dict[str, Any]:
    roll = random.random()
    if roll < 0.35:
        return {
            "schedule": random.choice(list(CRONS)),
            "start_date": (EPOCH - timedelta(minutes=random.randrange(4))).isoformat(),
            "end_date": (EPOCH + timedelta(minutes=random.randrange(4))).isoformat(),
            "catchup": random.random() < 0.6,
            "is_paused_upon_creation": False,
        }
    if roll < 0.55 and number:
        other: list[AssetCondition] = [asset(0), AliasRef(name=ALIAS)]
        parts = (asset(random.randrange(number)), random.choice(other))
        ways: list[AssetCondition] = [parts[0], AllOf(parts=parts), AnyOf(parts=parts)]
        condition = random.choice(ways)
        return {"schedule": AssetSchedule(condition=condition), "is_paused_upon_creation": False}
    return {}


def _draw_groups(random: Random) -> tuple[GroupSpec, ...]:
    """One group around the last tasks, mapped as a whole at times, or one in another."""
    roll = random.random()
    if roll > 0.25:
        return ()
    over: tuple[MapSource, ...] = ()
    if roll < 0.15:
        over = (MapSource(length=random.randrange(1, 4)),)
    outer = GroupSpec(group_id="outer", mapped_over=over)
    if random.random() < 0.3:
        return (outer, GroupSpec(group_id="inner", parent="outer"))
    return (outer,)


def _draw_task(
    random: Random, name: str, parents: list[str], number: int, is_fast: bool
) -> TaskSpec:
    over: tuple[MapSource, ...] = ()
    if random.random() < 0.15:
        source = parents[0] if parents and random.random() < 0.6 else ""
        over = (MapSource(task_id=source) if source else MapSource(length=random.randrange(1, 4)),)
    rule = TriggerRule.ALL_SUCCESS
    if random.random() < 0.25 and not is_fast:
        rule = random.choice(list(TriggerRule))
    outlets: tuple[AssetRef | AliasRef, ...] = ()
    if random.random() < 0.25:
        is_plain = number or random.random() < 0.5
        outlets = (asset(number),) if is_plain else (AliasRef(name=ALIAS),)
    return TaskSpec(
        task_id=name,
        upstream=tuple(parents),
        **_draw_action(random),
        operator=random.choice(OPERATORS),
        trigger_rule=rule,
        retries=random.choice([0, 0, 1, 2]),
        retry_delay_s=random.choice([0.0, 1.0, 10.0]),
        retry_multiplier=random.choice([1.0, 1.0, 2.0]),
        execution_timeout_s=random.choice([None, None, 60.0]),
        exclusive=random.random() < 0.15,
        mapped_over=over,
        pool=POOL if random.random() < 0.25 else "default_pool",
        pool_slots=random.choice([1, 1, 1, 2]),
        max_active_tis_per_dag=random.choice([None, None, None, 1]),
        max_active_tis_per_dagrun=random.choice([None, None, None, 1]),
        depends_on_past=random.random() < 0.05,
        priority_weight=random.choice([1, 1, 5]),
        weight_rule=random.choice(list(WeightRule)),
        callbacks=_some(random, TASK_CALLBACKS, 0.06),
        outlets=outlets,
    )


def _draw_action(random: Random) -> dict[str, Any]:
    """Most run in a process of their own, some in the event loop that async tasks share."""
    action: Action = BashAction(command="true")
    roll = random.random()
    if roll < 0.12:
        return {"action": EmptyAction()}
    if roll < 0.22:
        return {"action": PythonAction(), "resources": {"async": 1}}
    return {"action": action}


def _framed(random: Random, tasks: list[TaskSpec]) -> list[TaskSpec]:
    """The first task sets something up that an additional last one tears down."""
    first, *others = tasks
    inside = [task.task_id for task in others if not task.group]
    last = TaskSpec(
        task_id="down",
        action=BashAction(command="true"),
        upstream=tuple(sorted({first.task_id, *random.sample(inside, min(len(inside), 2))})),
        trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
        is_teardown=True,
        on_failure_fail_dagrun=random.random() < 0.3,
    )
    return [_replace(first, is_setup=True, mapped_over=()), *others, last]


def _replace(task: TaskSpec, **changes: Any) -> TaskSpec:
    return msgspec.structs.replace(task, **changes)


def _some(random: Random, kinds: tuple[str, ...], chance: float) -> tuple[str, ...]:
    return tuple(kind for kind in kinds if random.random() < chance)
