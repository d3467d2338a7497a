"""Clear, mark and cancel: what people do to runs and tasks."""

from __future__ import annotations

from collections.abc import Iterator

from millstream.core.clearing import (
    Choice,
    is_cleared,
    is_meant,
    tasks_to_clear,
    tasks_to_mark,
)
from millstream.core.commands import ClearTasks, MarkRun, MarkTasks, RunCommand
from millstream.core.errors import NotRecalled, Refused
from millstream.core.events import Fact
from millstream.core.memo import reopen
from millstream.core.state import Instance, Run, State
from millstream.core.statuses import OPEN_RUN
from millstream.core.stopping import clear, end_as, mark

Found = tuple[int, tuple[int, ...], Instance]


def control(state: State, command: RunCommand, recalled: Run | None) -> Iterator[Fact]:
    """``recalled``: the run as the log has it, should it be over. Raises :class:`Refused`, and
    :class:`NotRecalled` if the run is not there."""
    run = state.runs.get((command.namespace, command.dag_id, command.run_id), recalled)
    if run is None:
        raise NotRecalled("RUN_NOT_FOUND", f"DAG {command.dag_id!r} has no run {command.run_id!r}.")
    match command:
        case ClearTasks():
            yield from _clear(state, command, run)
        case MarkTasks():
            yield from _mark_tasks(state, command, run)
        case MarkRun():
            yield from _mark_run(state, command, run)


def _clear(state: State, command: ClearTasks, run: Run) -> Iterator[Fact]:
    is_over = run.status not in OPEN_RUN
    version = run.version
    if command.run_on_latest_version:
        version = state.latest(command.namespace, command.dag_id) or version
        if version is not run.version and not is_over:
            raise Refused(
                "RUN_NOT_OVER",
                f"Run {command.run_id!r} goes on with version {run.version.version} of its DAG. "
                f"Cancel it first to let it go on with version {version.version}.",
            )
    chosen = tasks_to_clear(version.spec, version.graph, command)
    if is_over:
        if not command.reset_dag_runs:
            return
        # A run that was put into quarantine has tasks that never ended: with those it goes on.
        is_cut_short = bool(run.unfinished) and bool(chosen)
        if version is run.version and not is_cut_short and not _to_clear(run, chosen, command):
            return
        yield from reopen(run, version.version)
        run = state.runs[run.key]
    for found in _to_clear(run, chosen, command):
        yield from clear(run, *found, "cleared")


def _to_clear(run: Run, chosen: Choice, command: ClearTasks) -> list[Found]:
    return [
        (number, path, instance)
        for number, path, instance in _instances(run, chosen)
        if is_cleared(
            instance.status, only_failed=command.only_failed, only_running=command.only_running
        )
    ]


def _mark_tasks(state: State, command: MarkTasks, run: Run) -> Iterator[Fact]:
    spec, graph = run.version.spec, run.version.graph
    chosen = tasks_to_mark(spec, graph, command)
    below = tasks_to_clear(
        spec,
        graph,
        ClearTasks(
            id=command.id,
            namespace=command.namespace,
            dag_id=command.dag_id,
            run_id=command.run_id,
            tasks=command.tasks,
            include_downstream=True,
        ),
    )
    below = {number: paths for number, paths in below.items() if number not in chosen}
    if all(instance.status == command.state for _, _, instance in _instances(run, chosen)):
        return
    if run.status not in OPEN_RUN:
        yield from reopen(run, run.version.version)
        run = state.runs[run.key]
    for number, path, instance in list(_instances(run, chosen)):
        if instance.status != command.state:
            yield from mark(run, number, path, instance, command.state, command.note)
    # As in Airflow: what could not run for this task's sake may do so now.
    for number, path, instance in list(_instances(run, below)):
        if is_cleared(instance.status, only_failed=True, only_running=False):
            yield from clear(run, number, path, instance, "cleared")


def _mark_run(state: State, command: MarkRun, run: Run) -> Iterator[Fact]:
    reason = f"marked {command.state}" + (f": {command.note}" if command.note else "")
    if run.status not in OPEN_RUN:
        if run.status == command.state:
            return
        yield from reopen(run, run.version.version)
        run = state.runs[run.key]
    elif run.marked is not None and run.marked.state == command.state:
        return
    yield from end_as(run, command.state, reason)


def _instances(run: Run, chosen: Choice) -> Iterator[Found]:
    for number, paths in chosen.items():
        for path, instance in run.instances[number].leaves():
            if is_meant(paths, path):
                yield number, path, instance
