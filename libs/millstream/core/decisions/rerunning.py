"""Runs that are made from others: what these left is taken over by reference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from millstream.core.commands import RerunRun
from millstream.core.dags import Dag
from millstream.core.decisions.dags import find_dag
from millstream.core.decisions.runs import check_new_id
from millstream.core.errors import NotRecalled, Refused
from millstream.core.event_parts import Rerun, Where
from millstream.core.events import Fact, ResultsTakenOver, RunCreated
from millstream.core.lineage import results_to_keep
from millstream.core.memo import MOST_MEMOS
from millstream.core.state import Run, RunKey, State
from millstream.core.statuses import OPEN_RUN
from millstream.core.versions import DagVersion

NEWEST = -1


def past_of(command: RerunRun) -> tuple[RunKey, int]:
    """The run that must be brought back from the log first, and up to which position (0: all)."""
    key = (command.namespace, command.dag_id, command.run_id)
    return key, command.position if command.start == "event" else 0


def rerun(state: State, command: RerunRun, now: datetime, recalled: Run | None) -> Iterator[Fact]:
    """``recalled``: the run as the log has it, up to the position. Raises :class:`Refused`, and
    :class:`NotRecalled` if there was no such run by then."""
    dag = find_dag(state, command.namespace, command.dag_id)
    if command.start != "event" and past_of(command)[0] in state.runs:
        raise _goes_on(command)
    if recalled is None:
        at = f" at position {command.position}" if command.start == "event" else ""
        raise NotRecalled(
            "RUN_NOT_FOUND", f"DAG {command.dag_id!r} has no run {command.run_id!r}{at}."
        )
    _check(state, command, recalled)
    version = _version(dag, command, recalled)
    kept = results_to_keep(recalled, version, command.start, command.tasks)
    run_id = command.new_run_id or f"rerun__{now.isoformat()}"
    where = Where(command.namespace, command.dag_id, run_id)
    check_new_id(state, where)
    created = recalled.created
    before = created.rerun
    yield Fact(
        where,
        RunCreated(
            version=version.version,
            run_type="manual",
            triggered_by="rerun",
            run_after=now,
            data_interval_start=created.data_interval_start,
            data_interval_end=created.data_interval_end,
            conf=created.conf if command.conf is None else command.conf,
            note=command.note,
            rerun=Rerun(
                run_id=command.run_id,
                position=past_of(command)[1] or state.position,
                start=command.start,
                tasks=tuple(ref.task_id for ref in command.tasks),
                logical_date=created.logical_date or (before.logical_date if before else None),
            ),
        ),
    )
    for index in range(0, len(kept), MOST_MEMOS):
        yield Fact(where, ResultsTakenOver(tasks=kept[index : index + MOST_MEMOS]))


def _check(state: State, command: RerunRun, run: Run) -> None:
    if command.start == "event":
        if not 0 < command.position <= state.position:
            raise Refused(
                "INVALID_ARGUMENT",
                f"The log ends at position {state.position}; {command.position} is not in it.",
            )
    elif run.status in OPEN_RUN:
        raise _goes_on(command)
    if command.start == "tasks" and not command.tasks:
        raise Refused("INVALID_ARGUMENT", "No task is named from which to run again.")


def _goes_on(command: RerunRun) -> Refused:
    return Refused(
        "RUN_NOT_OVER",
        f"Run {command.run_id!r} goes on. Wait for its end, cancel it, or rerun it from a position "
        f"of the log.",
    )


def _version(dag: Dag, command: RerunRun, run: Run) -> DagVersion:
    if command.version == 0:
        return run.version
    if command.version == NEWEST:
        return dag.latest
    version = dag.versions.get(command.version)
    if version is None:
        raise Refused("NOT_FOUND", f"DAG {command.dag_id!r} has no version {command.version}.")
    return version
