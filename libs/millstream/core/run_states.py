"""How the runs of a DAG and their tasks stand: what a task that waits for another DAG asks. Plain
data, asked by tasks and triggers and answered by the projector."""

from __future__ import annotations

from datetime import datetime

import msgspec


class StatesQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The runs of ``dag_id`` with one of ``run_ids``, else of ``logical_dates``, and of those the
    tasks ``task_ids``, or all tasks in the group ``group_id``.

    An answer whose digest is ``seen`` says nothing new: it is held back until something has
    changed, ``wait_s`` seconds at most. No answer is older than the position ``min_position``.
    """

    dag_id: str
    logical_dates: tuple[datetime, ...] = ()
    task_ids: tuple[str, ...] = ()
    group_id: str = ""
    namespace: str = ""
    seen: str = ""
    wait_s: float = 0.0
    run_ids: tuple[str, ...] = ()
    min_position: int = 0


class RunStates(msgspec.Struct, frozen=True, kw_only=True):
    """One run. ``tasks`` holds for each task of the question how many of its instances are in which
    state; a task that has not begun is missing."""

    run_id: str
    logical_date: datetime | None
    state: str
    tasks: dict[str, dict[str, int]] = {}


class StatesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``missing`` names what the question names and the DAG's latest version does not have: the
    DAG itself, tasks, or the group."""

    runs: tuple[RunStates, ...]
    task_ids: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    digest: str = ""
