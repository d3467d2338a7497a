"""The rows of a run that go on changing while it is not over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from millstream.core.event_parts import Where
from millstream.projection.kept_xcoms import KeptXComs
from millstream.projection.rows import AttemptRow, InputRow, RunRow, TaskRow

TaskKey = tuple[str, tuple[int, ...]]


@dataclass(slots=True)
class KeptRun:
    """The rows of a run that is not over. Of a task only the latest attempt can still change."""

    run: RunRow
    tasks: dict[TaskKey, TaskRow] = field(default_factory=dict)
    attempts: dict[TaskKey, AttemptRow] = field(default_factory=dict)
    xcoms: KeptXComs = field(default_factory=KeptXComs)
    # Only questions that wait for their answer.
    inputs: dict[TaskKey, InputRow] = field(default_factory=dict)
    # False: what tasks hand on is left out.
    keeps_xcoms: bool = True


def names_of(where: Where) -> dict[str, Any]:
    """The columns that say which task instance a row is about."""
    return {
        "namespace": where.namespace,
        "dag_id": where.dag_id,
        "run_id": where.run_id,
        "task_id": where.task_id,
        "map_index": where.map_index,
    }
