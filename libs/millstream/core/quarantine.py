"""Quarantine: a failure of our own code costs the run or the DAG that it is about, and nobody
else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from millstream.core.commands import (
    AdvanceBackfill,
    BeginEpoch,
    CreateScheduledRun,
    LetIn,
    Quarantine,
    StartRuns,
    TimerCommand,
)
from millstream.core.event_parts import Where
from millstream.core.events import DagPaused, Fact, RunQuarantined
from millstream.core.state import State, run_key

LONGEST_ERROR = 1000
AT_ONCE = datetime.min.replace(tzinfo=UTC)
Timer = tuple[datetime, TimerCommand]


def put_aside(state: State, where: Where, error: str) -> Fact | None:
    """What takes the run that ``where`` is about out of the way, or its DAG if that run is over
    already or there is none: the DAG is paused. None if there is nothing left to put aside."""
    if run_key(where) in state.runs:
        return Fact(Where(*run_key(where)), RunQuarantined(error=error))
    dag = state.dags.get((where.namespace, where.dag_id))
    if dag is None or dag.is_paused:
        return None
    return Fact(Where(where.namespace, where.dag_id), DagPaused(reason=f"quarantined: {error}"))


def decide_quarantine(state: State, command: Quarantine) -> Iterator[Fact]:
    fact = put_aside(state, command.where, command.error)
    if fact is not None:
        yield fact


def quarantine_of(where: Where, error: Exception) -> Quarantine:
    """The command that puts aside what a failure is about, for those who may not decide."""
    name = "/".join((where.namespace, where.dag_id, where.run_id))
    place = Where(where.namespace, where.dag_id, where.run_id)
    return Quarantine(id=f"quarantine/{name}", where=place, error=text_of(error))


def where_of(command: TimerCommand) -> Where | None:
    """What a command of the scheduler's own is about; None for one about nothing in particular."""
    match command:
        case BeginEpoch() | LetIn():
            return None
        case CreateScheduledRun() | AdvanceBackfill() | StartRuns():
            return Where(command.namespace, command.dag_id)
        case _:
            return command.where


def text_of(error: Exception) -> str:
    return repr(error)[:LONGEST_ERROR]


def guarded(where: Where, timers: Callable[[], Iterable[Timer]]) -> list[Timer]:
    """The timers of a run or a DAG; if they cannot be told, that it is put aside at once."""
    try:
        return list(timers())
    except Exception as error:
        return [(AT_ONCE, quarantine_of(where, error))]
