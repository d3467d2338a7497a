"""Clears that go on in other DAGs, where an ``ExternalTaskMarker`` says so."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from millstream.core.commands import ClearTasks, TaskRef
from millstream.core.errors import Refused
from millstream.core.markers import ClearedMarker, follow_markers
from millstream.rpc.v1 import runs_pb2
from millstream_api.snapshot import Row, Rows

# The index of the runs of a DAG has coalesce(logical_date, run_after).
_RUN_OF_DATE = """
SELECT * FROM dag_run WHERE namespace = $1 AND dag_id = $2
  AND logical_date = $3 AND coalesce(logical_date, run_after) = $3 LIMIT 1
"""


class Marked(NamedTuple):
    """A run in which a marker clears tasks, and how."""

    run: Row
    command: ClearTasks


class Followed(NamedTuple):
    """What the markers lead to, a run named once, and those that cannot be followed."""

    marked: list[Marked]
    not_followed: list[ClearedMarker]


async def follow(
    rows: Rows,
    like: ClearTasks,
    first: Sequence[ClearedMarker],
    markers_of: Callable[[Marked], Awaitable[list[ClearedMarker] | None]],
    most_runs: int,
) -> Followed:
    """Look up what the markers mean, and the markers there, and so on. The clears are ``like`` the
    one asked for, of the marked tasks and what is downstream. ``markers_of`` says which markers a
    clear meets, None where the run has no such task. Raises :class:`Refused`."""
    found: dict[tuple[str, str], Marked] = {}
    not_followed: list[ClearedMarker] = []
    walk = follow_markers(first)
    marker = next(walk, None)
    while marker is not None:
        there: list[ClearedMarker] = []
        if not marker.is_plain:
            not_followed.append(marker)
        elif (run := await _marked_run(rows, like.namespace, marker)) is not None:
            marked = Marked(run, _clear_of(like, run, marker.marks.task_id))
            met = await markers_of(marked)
            if met is not None:
                key = (run["dag_id"], run["run_id"])
                found[key] = _joined(found.get(key), marked)
                there = met
            if len(found) > most_runs:
                raise Refused(
                    "TOO_MANY_RUNS", f"More than {most_runs} runs are marked; clear fewer tasks."
                )
        try:
            marker = walk.send(there)
        except StopIteration:
            marker = None
    return Followed(list(found.values()), not_followed)


def id_for(request_id: str, run: str) -> str:
    """One request, several runs: each has its own command, the same whenever it is asked again."""
    return f"{request_id[:160]}/{hashlib.sha256(run.encode()).hexdigest()[:24]}"


def named(marker: ClearedMarker) -> runs_pb2.ControlledTask:
    """The marker as an answer names it."""
    return runs_pb2.ControlledTask(
        dag_id=marker.dag_id, run_id=marker.run_id, task_id=marker.task_id
    )


async def _marked_run(rows: Rows, namespace: str, marker: ClearedMarker) -> Row | None:
    date = marker.marked_date
    if date is None:
        return None
    return await rows.fetchrow(_RUN_OF_DATE, namespace, marker.marks.dag_id, date)


def _clear_of(like: ClearTasks, run: Row, task_id: str) -> ClearTasks:
    return ClearTasks(
        id=id_for(like.id, f"marked\0{run['dag_id']}\0{run['run_id']}"),
        namespace=like.namespace,
        dag_id=run["dag_id"],
        run_id=run["run_id"],
        tasks=(TaskRef(task_id=task_id),),
        include_downstream=True,
        only_failed=like.only_failed,
        only_running=like.only_running,
        reset_dag_runs=like.reset_dag_runs,
        run_on_latest_version=like.run_on_latest_version,
    )


def _joined(known: Marked | None, marked: Marked) -> Marked:
    """Several markers that name tasks of one run are one command."""
    if known is None:
        return marked
    tasks = dict.fromkeys((*known.command.tasks, *marked.command.tasks))
    command = msgspec.structs.replace(known.command, tasks=tuple(tasks))
    return Marked(known.run, command)
