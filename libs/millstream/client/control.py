"""Requests that clear and mark tasks, and what they answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable

import msgspec

from millstream.client.models import RunRef
from millstream.client.modes import Calls, M, call
from millstream.client.run_handle import RunHandle
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


class ControlCalls(Calls[M]):
    """Part of the client."""

    @call
    async def clear(
        self,
        run: RunRef | str,
        tasks: Iterable[str] = (),
        *,
        dag_id: str = "",
        upstream: bool = False,
        downstream: bool = False,
        past: bool = False,
        future: bool = False,
        only_failed: bool = True,
        only_running: bool = False,
        reset_dag_runs: bool = True,
        run_on_latest_version: bool = False,
        dry_run: bool = False,
        request_id: str | None = None,
    ) -> Controlled:
        """Let tasks run again; what runs of them is stopped first. ``tasks`` are task ids, group
        ids, or ``TASK[0,2]`` for an instance; none: all tasks of the run.

        Unless ``only_failed`` is off, only what failed or could not run; together with
        ``only_running``, either. ``past`` and ``future``: also in the runs of other logical dates.
        A run that is over is queued again if ``reset_dag_runs``, else left alone.
        """
        ref = self._ref(run, dag_id)
        request = runs_pb2.ClearTasksRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            tasks=selectors(tasks),
            include_upstream=upstream,
            include_downstream=downstream,
            include_past=past,
            include_future=future,
            only_failed=only_failed,
            only_running=only_running,
            reset_dag_runs=reset_dag_runs,
            run_on_latest_version=run_on_latest_version,
            dry_run=dry_run,
            min_position=ref.position,
        )
        return controlled_from(await self._ask(request))

    @call
    async def mark_tasks(
        self,
        run: RunRef | str,
        tasks: Iterable[str],
        state: str,
        *,
        dag_id: str = "",
        upstream: bool = False,
        downstream: bool = False,
        past: bool = False,
        future: bool = False,
        note: str = "",
        dry_run: bool = False,
        request_id: str | None = None,
    ) -> Controlled:
        """Say how tasks ended: "success", "failed" or "skipped". What runs of them is stopped
        first; what failed downstream of them runs again."""
        ref = self._ref(run, dag_id)
        request = runs_pb2.MarkTasksRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            tasks=selectors(tasks),
            state=task_state(state),  # type: ignore[arg-type]
            include_upstream=upstream,
            include_downstream=downstream,
            include_past=past,
            include_future=future,
            note=note,
            dry_run=dry_run,
            min_position=ref.position,
        )
        return controlled_from(await self._ask(request))

    @call
    async def mark_run(
        self,
        run: RunRef | str,
        state: str,
        *,
        dag_id: str = "",
        note: str = "",
        request_id: str | None = None,
    ) -> int:
        """Say how a run ends: "success", or "failed", which stops what runs and skips what has not
        begun. Teardowns still run. Returns the position at which that is in the log."""
        return await self._mark_run(self._ref(run, dag_id), state, note, request_id)

    @call
    async def cancel(self, run: RunRef | str, *, dag_id: str = "", note: str = "") -> int:
        """End a run as failed: :meth:`mark_run` with "failed"."""
        return await self._mark_run(self._ref(run, dag_id), "failed", note, None)

    async def _mark_run(self, ref: RunRef, state: str, note: str, request_id: str | None) -> int:
        request = runs_pb2.MarkRunRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            state=run_state(state),  # type: ignore[arg-type]
            note=note,
        )
        return int((await self._ask(request)).position)

    def _ref(self, run: RunRef | str, dag_id: str) -> RunRef:
        return run.ref() if isinstance(run, RunHandle) else super()._ref(run, dag_id)


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
