"""Requests that clear and mark tasks, and what they answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from millstream.core.errors import InvalidArgument
from millstream.rpc.v1 import runs_pb2

_NAME = re.compile(r"(?P<task>[^\[\]]+)(\[(?P<path>\d+(,\d+)*)\])?")
MARKS = ("success", "failed", "skipped")
RUN_MARKS = ("success", "failed")


class ControlledTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task instance that was, or with a dry run would be, cleared or marked."""

    run_id: str
    task_id: str
    map_index: tuple[int, ...] = ()
    dag_id: str = ""

    @property
    def name(self) -> str:
        """As it is written to name it: ``task`` or ``task[0,2]``."""
        path = ",".join(map(str, self.map_index))
        return f"{self.task_id}[{path}]" if path else self.task_id


class Controlled(msgspec.Struct, frozen=True, kw_only=True):
    """What a clear or a mark did; ``position`` is 0 for a dry run. ``not_followed`` are markers of
    tasks of other DAGs (``ExternalTaskMarker``) that a clear met and could not follow."""

    tasks: tuple[ControlledTask, ...]
    position: int = 0
    not_followed: tuple[ControlledTask, ...] = ()


def selectors(names: Iterable[str]) -> list[runs_pb2.TaskSelector]:
    """``task``, ``group``, or ``task[0,2]`` for one instance of a mapped task (or all whose map
    index begins so). Raises :class:`InvalidArgument`."""
    found = []
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            raise InvalidArgument(f"{name!r} names no task: write TASK, GROUP or TASK[0,2].")
        path = match["path"]
        indices = [int(index) for index in path.split(",")] if path else []
        found.append(runs_pb2.TaskSelector(task_id=match["task"], map_index=indices))
    return found


def controlled_from(
    answer: runs_pb2.ClearTasksResponse | runs_pb2.MarkTasksResponse,
) -> Controlled:
    left = answer.not_followed if isinstance(answer, runs_pb2.ClearTasksResponse) else ()
    return Controlled(
        tasks=tuple(map(_task_from, answer.tasks)),
        position=answer.position,
        not_followed=tuple(map(_task_from, left)),
    )


def _task_from(task: runs_pb2.ControlledTask) -> ControlledTask:
    return ControlledTask(
        run_id=task.run_id,
        task_id=task.task_id,
        map_index=tuple(task.map_index),
        dag_id=task.dag_id,
    )


def task_state(state: str) -> int:
    """Raises :class:`InvalidArgument` for a state that no task can be marked with."""
    if state not in MARKS:
        raise InvalidArgument(f"{state!r} is not allowed; mark tasks {', '.join(MARKS)}.")
    return runs_pb2.TaskState.Value(f"TASK_STATE_{state.upper()}")


def run_state(state: str) -> int:
    """Raises :class:`InvalidArgument` for a state that no run can be marked with."""
    if state not in RUN_MARKS:
        raise InvalidArgument(f"{state!r} is not allowed; mark a run {' or '.join(RUN_MARKS)}.")
    return runs_pb2.RunState.Value(f"RUN_STATE_{state.upper()}")
