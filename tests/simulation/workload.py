"""What clients ask for, drawn from the seed."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import msgspec

from millstream.adapters.secret_box import SecretBox
from millstream.core.backfills import Behavior
from millstream.core.commands import (
    AnswerTask,
    ApiCommand,
    CancelBackfill,
    ClearTasks,
    CreateBackfill,
    EmitAssetEvent,
    MarkRun,
    MarkTasks,
    RerunRun,
    SetBackfillPaused,
    SetDagPaused,
    SetPool,
    SetVariable,
    SubmitDag,
    TaskRef,
    TriggerRun,
)
from millstream.core.event_parts import Where
from millstream.core.spec import DagSpec
from simulation.clock import EPOCH
from simulation.dags import CRONS, POOL
from simulation.script import VARIABLE

NAMESPACE = "default"
# As a person would: what the api and the workers know, and nobody else.
SECRET_KEY = "c2ltdWxhdGVkLXNpbXVsYXRlZC1zaW11bGF0ZWQtISE="
BUNDLE = "0" * 64
LARGE_CONF = {"text": "x" * 3000}

Asked = list[tuple[float, ApiCommand]]


def draw_requests(random: Random, specs: list[DagSpec], until_s: float, planted: str) -> Asked:
    """(second, command) pairs. The DAGs come first."""
    box = SecretBox(SECRET_KEY)
    sealed = box.seal("variable", NAMESPACE, VARIABLE, planted)
    asked: Asked = [
        (0.5, SetPool(id="pool", namespace=NAMESPACE, name=POOL, slots=2)),
        (0.6, SetVariable(id="secret", namespace=NAMESPACE, key=VARIABLE, sealed=sealed)),
    ]
    for number, spec in enumerate(specs):
        submit = SubmitDag(id=f"submit-{number}", namespace=NAMESPACE, spec=spec, bundle=BUNDLE)
        asked.append((1 + number / 10, submit))
    runs: list[tuple[str, str]] = []
    for number in range(random.randint(5, 16)):
        at_s = random.uniform(2, until_s)
        asked.append((at_s, _draw(random, specs, runs, number)))
    return sorted(asked, key=lambda pair: pair[0])


def _draw(
    random: Random, specs: list[DagSpec], runs: list[tuple[str, str]], number: int
) -> ApiCommand:
    spec = random.choice(specs)
    about: dict[str, Any] = {"id": f"ask-{number}", "namespace": NAMESPACE}
    of_dag = {**about, "dag_id": spec.dag_id}
    roll = random.random()
    if roll < 0.45 or not runs:
        run_id = f"run{number}"
        runs.append((spec.dag_id, run_id))
        conf = LARGE_CONF if random.random() < 0.05 else {"n": number}
        return TriggerRun(**of_dag, run_id=run_id, conf=conf, unpause=random.random() < 0.2)
    if roll < 0.70:
        return _about_run(random, specs, runs, about)
    if roll < 0.78:
        dag_id, run_id = random.choice(runs)
        asking = [t.task_id for t in _of(specs, dag_id).tasks if t.operator == "Ask"] or ["t0"]
        where = Where(NAMESPACE, dag_id, run_id, random.choice(asking))
        return AnswerTask(id=about["id"], where=where, options=("yes",), user="somebody")
    if roll < 0.83:
        name = f"a{random.randrange(len(specs))}"
        return EmitAssetEvent(**about, name=name, extra={"n": number})
    if roll < 0.88:
        return SubmitDag(**about, spec=_changed(random, spec), bundle=BUNDLE)
    if roll < 0.92:
        slots, counts = random.choice([2, 3, 5]), random.random() < 0.5
        return SetPool(**about, name=POOL, slots=slots, include_deferred=counts)
    if roll < 0.96 or spec.schedule not in CRONS:
        return SetDagPaused(**of_dag, is_paused=random.random() < 0.7)
    return _about_backfill(random, of_dag)


def _about_run(
    random: Random, specs: list[DagSpec], runs: list[tuple[str, str]], about: dict[str, Any]
) -> ApiCommand:
    dag_id, run_id = random.choice(runs)
    of_run = {**about, "dag_id": dag_id, "run_id": run_id}
    tasks = (TaskRef(task_id=random.choice(_of(specs, dag_id).tasks).task_id),)
    roll = random.random()
    if roll < 0.35:
        return ClearTasks(**of_run, only_failed=random.random() < 0.3)
    if roll < 0.60:
        return ClearTasks(
            **of_run,
            tasks=tasks,
            only_failed=False,
            only_running=random.random() < 0.3,
            include_downstream=random.random() < 0.6,
            include_upstream=random.random() < 0.3,
            run_on_latest_version=random.random() < 0.3,
        )
    if roll < 0.82:
        state = random.choice(["success", "failed", "skipped"])
        below = random.random() < 0.3
        return MarkTasks(**of_run, tasks=tasks, state=state, include_downstream=below)  # type: ignore[arg-type]
    state = random.choice(["success", "failed", "failed"])
    if roll < 0.92:
        return MarkRun(**of_run, state=state)  # type: ignore[arg-type]
    start = random.choice(["failed", "tasks", "event"])
    new_id, position = f"re{run_id}", random.randrange(10, 120)
    newest = random.choice([0, 0, -1])
    return RerunRun(
        **of_run,
        new_run_id=new_id,
        start=start,  # type: ignore[arg-type]
        tasks=tasks if start == "tasks" else (),
        position=position,
        version=newest,
    )


def _about_backfill(random: Random, of_dag: dict[str, Any]) -> ApiCommand:
    roll = random.random()
    if roll < 0.15:
        return SetBackfillPaused(**of_dag, is_paused=False)
    if roll < 0.3:
        return CancelBackfill(**of_dag)
    first = EPOCH - timedelta(minutes=random.randrange(10, 16))
    dates: dict[str, Any] = {"from_date": first, "to_date": first + timedelta(minutes=3)}
    behaviors: list[Behavior] = ["none", "failed", "completed"]
    again = random.choice(behaviors)
    backwards = random.random() < 0.3
    return CreateBackfill(
        **of_dag, **dates, max_active_runs=2, reprocess_behavior=again, run_backwards=backwards
    )


def _changed(random: Random, spec: DagSpec) -> DagSpec:
    """A new version: other limits, a task more."""
    extra = msgspec.structs.replace(
        spec.tasks[0], task_id="more", upstream=(spec.tasks[0].task_id,), mapped_over=(), group="",
        is_setup=False,
    )  # fmt: skip
    tasks = spec.tasks
    if random.random() < 0.5 and all(task.task_id != "more" for task in tasks):
        tasks = (*tasks, extra)
    return msgspec.structs.replace(spec, tasks=tasks, max_active_tasks=random.choice([2, 16]))


def _of(specs: list[DagSpec], dag_id: str) -> DagSpec:
    return next(spec for spec in specs if spec.dag_id == dag_id)
