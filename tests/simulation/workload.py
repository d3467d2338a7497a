"""Random DAGs, and what clients ask for, drawn from the seed."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from millstream.core.commands import (
    ApiCommand,
    ClearTasks,
    CreateBackfill,
    MarkRun,
    MarkTasks,
    SetDagPaused,
    SetPool,
    SubmitDag,
    TaskRef,
    TriggerRun,
)
from millstream.core.spec import BashAction, DagSpec, EmptyAction, MapSource, TaskSpec, TriggerRule
from simulation.clock import EPOCH

NAMESPACE = "default"
POOL = "narrow"


def draw_dag(random: Random, number: int) -> DagSpec:
    """Up to eight tasks: mapped, branches, sensors, limits, retries, pools."""
    names = [f"t{index}" for index in range(random.randint(1, 8))]
    tasks: list[TaskSpec] = []
    for index, name in enumerate(names):
        parents = random.sample(names[:index], min(index, random.choice([0, 1, 1, 2, 3])))
        tasks.append(_draw_task(random, name, sorted(parents)))
    timed: dict[str, Any] = {}
    if random.random() < 0.35:
        timed = {
            "schedule": random.choice(["* * * * *", "*/2 * * * *"]),
            "start_date": (EPOCH - timedelta(minutes=random.randrange(4))).isoformat(),
            "end_date": (EPOCH + timedelta(minutes=random.randrange(4))).isoformat(),
            "catchup": random.random() < 0.6,
            "is_paused_upon_creation": False,
        }
    return DagSpec(
        dag_id=f"dag{number}",
        tasks=tuple(tasks),
        max_active_runs=random.choice([1, 2, 16]),
        max_active_tasks=random.choice([1, 3, 16]),
        fail_fast=random.random() < 0.1,
        dagrun_timeout_s=random.choice([None, None, None, 120.0]),
        **timed,
    )


def _draw_task(random: Random, name: str, parents: list[str]) -> TaskSpec:
    over: tuple[MapSource, ...] = ()
    if random.random() < 0.15:
        source = parents[0] if parents and random.random() < 0.6 else ""
        over = (MapSource(task_id=source) if source else MapSource(length=random.randrange(1, 4)),)
    return TaskSpec(
        task_id=name,
        upstream=tuple(parents),
        action=EmptyAction() if random.random() < 0.12 else BashAction(command="true"),
        operator=random.choice(["", "", "", "Sensor", "Branch"]),
        trigger_rule=TriggerRule.ALL_SUCCESS
        if random.random() < 0.75
        else random.choice(list(TriggerRule)),
        retries=random.choice([0, 0, 1, 2]),
        retry_delay_s=random.choice([0.0, 1.0, 10.0]),
        execution_timeout_s=random.choice([None, None, 60.0]),
        exclusive=random.random() < 0.15,
        mapped_over=over,
        pool=POOL if random.random() < 0.25 else "default_pool",
        max_active_tis_per_dag=random.choice([None, None, None, 1]),
        depends_on_past=random.random() < 0.05,
        priority_weight=random.choice([1, 1, 5]),
    )


def draw_requests(
    random: Random, specs: list[DagSpec], until_s: float
) -> list[tuple[float, ApiCommand]]:
    """(second, command) pairs. The DAGs come first."""
    asked: list[tuple[float, ApiCommand]] = [
        (0.5, SetPool(id="pool", namespace=NAMESPACE, name=POOL, slots=2))
    ]
    for number, spec in enumerate(specs):
        asked.append(
            (1 + number / 10, SubmitDag(id=f"submit-{number}", namespace=NAMESPACE, spec=spec))
        )
    count = random.randint(4, 14)
    runs: list[tuple[str, str]] = []
    for number in range(count):
        at_s = random.uniform(2, until_s)
        spec = random.choice(specs)
        about: dict[str, Any] = {
            "id": f"ask-{number}",
            "namespace": NAMESPACE,
            "dag_id": spec.dag_id,
        }
        roll = random.random()
        if roll < 0.55 or not runs:
            run_id = f"run{number}"
            runs.append((spec.dag_id, run_id))
            asked.append((at_s, TriggerRun(**about, run_id=run_id)))
            continue
        dag_id, run_id = random.choice(runs)
        of_run = {**about, "dag_id": dag_id, "run_id": run_id}
        tasks = (TaskRef(task_id=random.choice(_of(specs, dag_id).tasks).task_id),)
        if roll < 0.70:
            asked.append((at_s, ClearTasks(**of_run, only_failed=random.random() < 0.3)))
        elif roll < 0.78:
            state = random.choice(["success", "failed"])
            asked.append((at_s, MarkTasks(**of_run, tasks=tasks, state=state)))  # type: ignore[arg-type]
        elif roll < 0.84:
            asked.append((at_s, MarkRun(**of_run, state="failed")))
        elif roll < 0.94 or spec.schedule is None:
            asked.append((at_s, SetDagPaused(**about, is_paused=True)))
        else:
            first = EPOCH - timedelta(minutes=random.randrange(10, 16))
            dates: dict[str, Any] = {"from_date": first, "to_date": first + timedelta(minutes=3)}
            asked.append((at_s, CreateBackfill(**about, **dates, max_active_runs=2)))
    return sorted(asked, key=lambda pair: pair[0])


def _of(specs: list[DagSpec], dag_id: str) -> DagSpec:
    return next(spec for spec in specs if spec.dag_id == dag_id)
