"""What the checker reads of a DAG's spec: who waits for whom, and the limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

Edge = tuple[str, int]


class TaskShape(msgspec.Struct, frozen=True):
    """One task of a submitted spec, as far as it is judged."""

    task_id: str
    upstream: tuple[str, ...] = ()
    trigger_rule: str = "all_success"
    pool: str = "default_pool"
    pool_slots: int = 1
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    mapped_over: tuple[Any, ...] = ()
    group: str = ""
    is_setup: bool = False
    is_teardown: bool = False


class GroupShape(msgspec.Struct, frozen=True):
    group_id: str
    parent: str = ""
    mapped_over: tuple[Any, ...] = ()


class DagShape(msgspec.Struct, frozen=True):
    tasks: tuple[TaskShape, ...]
    groups: tuple[GroupShape, ...] = ()
    schedule: Any = None
    max_active_runs: int = 16
    max_active_tasks: int = 16


@dataclass(frozen=True, slots=True)
class TaskRules:
    """A task with what it waits for: each task before it, and how many levels of mapped groups both
    are in. ``levels``: how deep its map index is; ``depths``: on which of these others wait for
    it."""

    shape: TaskShape
    waits_for: tuple[Edge, ...]
    own_setups: tuple[Edge, ...]
    levels: int
    depths: tuple[int, ...]
    is_limited: bool


@dataclass(frozen=True, slots=True)
class DagRules:
    """One version of a DAG, shared by its runs."""

    version: int
    tasks: dict[str, TaskRules]
    max_active_runs: int
    max_active_tasks: int
    is_continuous: bool


def rules_of(shape: DagShape, version: int) -> DagRules:
    chains = {task.task_id: _mapped_groups(shape, task.group) for task in shape.tasks}
    by_id = {task.task_id: task for task in shape.tasks}
    edges = {
        task.task_id: tuple(
            (name, _shared(chains[task.task_id], chains[name]))
            for name in dict.fromkeys(task.upstream)
            if name in by_id
        )
        for task in shape.tasks
    }
    depths: dict[str, dict[int, None]] = {name: {0: None} for name in by_id}
    for above in edges.values():
        for name, shared in above:
            depths[name][shared] = None
    tasks = {
        name: TaskRules(
            task,
            edges[name],
            tuple(edge for edge in edges[name] if task.is_teardown and by_id[edge[0]].is_setup),
            len(chains[name]) + bool(task.mapped_over),
            tuple(sorted(depths[name])),
            task.max_active_tis_per_dag is not None or task.max_active_tis_per_dagrun is not None,
        )
        for name, task in by_id.items()
    }
    return DagRules(
        version,
        tasks,
        shape.max_active_runs,
        shape.max_active_tasks,
        _is_continuous(shape.schedule),
    )


def _mapped_groups(shape: DagShape, group: str) -> tuple[str, ...]:
    """The mapped groups around a task, the outermost first."""
    by_id = {each.group_id: each for each in shape.groups}
    found: list[str] = []
    seen: dict[str, None] = {}
    while group in by_id and group not in seen:
        seen[group] = None
        if by_id[group].mapped_over:
            found.append(group)
        group = by_id[group].parent
    return tuple(reversed(found))


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    for ours, theirs in zip(one, other, strict=False):
        if ours != theirs:
            break
        count += 1
    return count


def _is_continuous(schedule: Any) -> bool:
    if isinstance(schedule, dict):
        if schedule.get("kind") == "asset_or_time":
            return _is_continuous(schedule.get("time"))
        return bool(schedule.get("kind") == "continuous")
    return bool(schedule == "@continuous")
