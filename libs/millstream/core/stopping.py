"""Ending, clearing and marking instances of a run that goes on: the facts, one after the other.

Each of these is asked for its next fact when the one before is folded in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from millstream.core.event_parts import Where
from millstream.core.events import Fact, RunMarked
from millstream.core.state import Instance, Run
from millstream.core.statuses import BEGUN_TASK, FINISHED_TASK, STARTED_TASK, TaskStatus
from millstream.core.task_events import TaskCleared, TaskMarked, TaskSkipped, TaskStopped

Path = tuple[int, ...]
End = Literal["success", "failed", "skipped"]


def stop(where: Where, instance: Instance, reason: str) -> Iterator[Fact]:
    """End what the instance is about, if it is about anything; ``where`` names its task and
    path."""
    if instance.status in BEGUN_TASK:
        yield Fact(
            where.task(where.task_id, where.map_index, instance.attempt),
            TaskStopped(reason=reason, token=instance.token, worker=instance.worker),
        )


def clear(run: Run, number: int, path: Path, instance: Instance, reason: str) -> Iterator[Fact]:
    """Let an instance run again, with as many tries as it had at first."""
    task = run.version.graph.tasks[number]
    where = Where(*run.key, task.task_id, path)
    yield from stop(where, instance, reason)
    used = max(instance.tries, instance.failures)
    yield Fact(where, TaskCleared(max_tries=used + task.retries + 1))


def mark(
    run: Run, number: int, path: Path, instance: Instance, state: End, note: str
) -> Iterator[Fact]:
    """Say how an instance ended."""
    where = Where(*run.key, run.version.graph.tasks[number].task_id, path)
    yield from stop(where, instance, f"marked {state}")
    yield Fact(where, TaskMarked(state=state, note=note))


def end_as(
    run: Run,
    state: Literal["success", "failed"],
    reason: str,
    *,
    started: End = "failed",
    with_teardowns: bool = False,
) -> Iterator[Fact]:
    """Bring a run to its end: as a success all of its tasks are one; as a failure what has started
    ends as ``started`` says, and what has not is skipped. Teardowns that are not over still run,
    unless they end with the rest.

    Source: Airflow 3.3, ``mark_tasks.set_dag_run_state_to_failed`` and ``.._to_success``.
    """
    yield Fact(Where(*run.key), RunMarked(state=state, reason=reason))
    for number, task in enumerate(run.version.graph.tasks):
        for path, instance in run.instances[number].leaves():
            is_over = instance.status in FINISHED_TASK
            if task.is_teardown and not is_over and not with_teardowns:
                continue
            if state == "success":
                if instance.status is not TaskStatus.SUCCESS:
                    yield from mark(run, number, path, instance, "success", reason)
            elif instance.status in STARTED_TASK and started != "skipped":
                yield from mark(run, number, path, instance, started, reason)
            elif not is_over:
                where = Where(*run.key, task.task_id, path)
                yield from stop(where, instance, reason)
                yield Fact(where, TaskSkipped(reason=reason))
