"""Production's core with a fault in it: in the process of a real scheduler, as long as a file is
there, it fails on the DAGs whose names say where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from millstream.adapters.event_log import EventLog
from millstream.core import evolve, handle, run_queue
from millstream.core.commands import AnyCommand, CreateScheduledRun
from millstream.core.dags import Dag
from millstream.core.events import Event, Fact, RunStarted
from millstream.core.state import Run, State


class OurFault(Exception):
    """Nobody reckons with it."""


def fail_on(place: str, dag_id: str) -> None:
    if dag_id == f"fails_{place}" and Path(os.environ["BROKEN_CORE"]).exists():
        raise OurFault(place)


HANDLE, RUN_QUEUE, EVOLVE = cast(Any, handle), cast(Any, run_queue), cast(Any, evolve)
_react, _decide, _next_times = HANDLE.react, HANDLE.decide, RUN_QUEUE.next_times
_creation_of, _fold_legal = RUN_QUEUE.creation_of, EVOLVE.fold_legal


def react(state: State, event: Event, now: datetime) -> Iterator[Fact]:
    if isinstance(event.data, RunStarted):
        fail_on("react", event.where.dag_id)
    yield from _react(state, event, now)


def decide(
    state: State, command: AnyCommand, now: datetime, recalled: Run | None = None
) -> Iterator[Fact]:
    if isinstance(command, CreateScheduledRun):
        fail_on("decide", command.dag_id)
    yield from _decide(state, command, now, recalled)


def next_times(dag: Dag, *rest: Any) -> Any:
    fail_on("plan", dag.latest.spec.dag_id)
    return _next_times(dag, *rest)


def creation_of(key: tuple[str, str], run_after: datetime) -> CreateScheduledRun:
    fail_on("timer", key[1])
    made: CreateScheduledRun = _creation_of(key, run_after)
    return made


def fold_legal(state: State, event: Event) -> None:
    """Only for what is read from the log."""
    if isinstance(event.data, RunStarted):
        fail_on("fold", event.where.dag_id)
    _fold_legal(state, event)


async def append(log: EventLog, epoch: int, last_position: int, batch: Any, *rest: Any) -> None:
    for stored in batch:
        if stored.record.type == "RunCreated":
            fail_on("commit", stored.record.dag_id)
    await _append(log, epoch, last_position, batch, *rest)


_append = EventLog.append
cast(Any, EventLog).append = append
HANDLE.react, HANDLE.decide = react, decide
RUN_QUEUE.next_times, RUN_QUEUE.creation_of = next_times, creation_of
EVOLVE.fold_legal = fold_legal
