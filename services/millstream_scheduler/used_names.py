"""What only the log knows about runs that are over: their ids and their logical dates, which no
other run of the DAG may have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import structlog

from millstream.adapters.event_log import EventLog
from millstream.core.backfills import Existing
from millstream.core.commands import (
    AdvanceBackfill,
    CreateScheduledRun,
    RerunRun,
    TimerCommand,
    TriggerRun,
)
from millstream.core.decisions.backfills import backfill_run_id, next_date
from millstream.core.decisions.runs import date_taken, id_taken, wanted_run
from millstream.core.decisions.triggering import run_id_of
from millstream.core.errors import Refused, Unavailable
from millstream.core.events import Event, RunCreated
from millstream.core.reports import DeferAttempt, RunRequest, SucceedAttempt
from millstream.core.state import State

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 0.1
_STATES = {"RunSucceeded": "success", "RunFailed": "failed", "RunQuarantined": "failed"}
K = TypeVar("K")
Id = tuple[str, str, str]
Date = tuple[str, str, datetime]


class UsedNames:
    """Asks the log, however long Postgres is away."""

    def __init__(self, event_log: EventLog) -> None:
        self._log = event_log
        self._ids: set[Id] = set()
        self._dates: set[Date] = set()

    async def look_up(self, triggers: list[TriggerRun | RerunRun]) -> None:
        """Find out what these requests want that was used before; asked once for a batch."""
        ids = [id_ for id_ in map(_id_of, triggers) if id_ is not None]
        dates = [date for date in map(_date_of, triggers) if date is not None]
        self._ids = await _patiently(self._log.existing_runs, ids) if ids else set()
        self._dates = await _patiently(self._log.existing_dates, dates) if dates else set()

    def refusal(self, command: TriggerRun | RerunRun, events: Iterable[Event]) -> Refused | None:
        """Why the request cannot be met, if so. ``events`` are decided and not in the log yet."""
        id_, date = _id_of(command), _date_of(command)
        for event in events:
            if isinstance(event.data, RunCreated):
                where = event.where
                self._ids.add((where.namespace, where.dag_id, where.run_id))
                if event.data.logical_date is not None:
                    self._dates.add((where.namespace, where.dag_id, event.data.logical_date))
        if id_ in self._ids:
            assert id_ is not None, "None is in no set of ids"
            return id_taken(command.dag_id, id_[2])
        if date is not None and date in self._dates:
            return date_taken(command.dag_id, date[2])
        return None

    async def inform_report(self, command: SucceedAttempt | DeferAttempt) -> tuple[RunRequest, ...]:
        """The runs that a task asks for, with whether there were such runs before."""
        namespace = command.where.namespace
        ids = [(namespace, r.dag_id, run_id_of(r)) for r in command.runs if run_id_of(r)]
        dates = [
            (namespace, r.dag_id, r.logical_date.astimezone(UTC))
            for r in command.runs
            if r.logical_date is not None
        ]
        used_ids = await _patiently(self._log.existing_runs, ids) if ids else set()
        used_dates = await _patiently(self._log.existing_dates, dates) if dates else set()
        return tuple(
            msgspec.structs.replace(
                request,
                is_taken=is_id_taken
                or any(
                    date == (namespace, request.dag_id, request.logical_date) for date in used_dates
                ),
                is_id_taken=is_id_taken,
            )
            for request in command.runs
            for is_id_taken in [(namespace, request.dag_id, run_id_of(request)) in used_ids]
        )

    async def inform(self, state: State, command: TimerCommand) -> TimerCommand:
        """The command with what it needs to know: the run that the schedule wants may have been
        made by hand."""
        if isinstance(command, AdvanceBackfill):
            return await self._inform_backfill(state, command)
        wanted = wanted_run(state, command) if isinstance(command, CreateScheduledRun) else None
        if wanted is None:
            return command
        where, date = wanted
        ids = [(where.namespace, where.dag_id, where.run_id)]
        dates = [(where.namespace, where.dag_id, date)]
        is_taken = bool(
            await _patiently(self._log.existing_runs, ids)
            or await _patiently(self._log.existing_dates, dates)
        )
        return msgspec.structs.replace(command, is_taken=is_taken)

    async def _inform_backfill(self, state: State, command: AdvanceBackfill) -> AdvanceBackfill:
        times = next_date(state, command)
        if times is None:
            return command
        key = (command.namespace, command.dag_id)
        run_id = backfill_run_id(times)
        is_id_taken = bool(await _patiently(self._log.existing_runs, [(*key, run_id)]))
        while True:
            try:
                found = await self._log.run_of_date(*key, times.logical_date)
                break
            except Unavailable as error:
                log.warning("recall_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)
        existing = None
        if found is not None:
            existing = Existing(run_id=found[0], state=_STATES.get(found[1], "running"))
        return msgspec.structs.replace(command, existing=existing, is_id_taken=is_id_taken)


def _id_of(command: TriggerRun | RerunRun) -> Id | None:
    run_id = command.new_run_id if isinstance(command, RerunRun) else command.run_id
    return (command.namespace, command.dag_id, run_id) if run_id else None


def _date_of(command: TriggerRun | RerunRun) -> Date | None:
    if isinstance(command, RerunRun):
        return None
    date = command.logical_date
    if date is None or not command.has_logical_date:
        return None
    try:
        return command.namespace, command.dag_id, date.astimezone(UTC)
    except OverflowError:
        return None  # it will be refused


async def _patiently(ask: Callable[[list[K]], Awaitable[set[K]]], keys: list[K]) -> set[K]:
    while True:
        try:
            return await ask(keys)
        except Unavailable as error:
            log.warning("recall_waits", error=str(error))
            await asyncio.sleep(RETRY_AFTER_S)
