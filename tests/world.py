"""A scheduler in memory with a clock that the test sets: timers fire when they are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from millstream.core.backfills import Existing, why_none
from millstream.core.commands import (
    AdvanceBackfill,
    AnyCommand,
    SetDagPaused,
    SubmitDag,
    TriggerRun,
)
from millstream.core.decisions.backfills import next_date
from millstream.core.errors import Refused
from millstream.core.events import (
    Event,
    RunCreated,
    RunFailed,
    RunReopened,
    RunStarted,
    RunSucceeded,
)
from millstream.core.handle import handle
from millstream.core.recall import Recall
from millstream.core.reports import SucceedAttempt
from millstream.core.run_queue import commands_after
from millstream.core.spec import DagSpec
from millstream.core.state import Run, State
from millstream.core.task_events import TaskReady
from millstream.core.timers import timer_after, timers_of
from shard import Shard, dump, fold

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _when(entry: tuple[datetime, int, AnyCommand]) -> tuple[datetime, int]:
    return entry[:2]


class World:
    """A scheduler with a clock that the test sets: timers fire when they are due, not earlier."""

    def __init__(self, now: datetime = T0) -> None:
        self.now = now
        self.shard = Shard()
        self.timers: list[tuple[datetime, int, AnyCommand]] = []
        self.count = 0

    @property
    def state(self) -> State:
        return self.shard.state

    @property
    def log(self) -> list[Event]:
        return self.shard.log

    def do(self, command: AnyCommand) -> list[Event]:
        self.now += timedelta(microseconds=1)
        recalled = None
        if isinstance(command, AdvanceBackfill):
            command, recalled = self._look_up(command)
        events = handle(self.state, command, "test", self.now, 1, recalled)
        self.shard.log += events
        for event in events:
            timer = timer_after(event)
            asked_for = [*([timer] if timer else []), *commands_after(self.state, event)]
            for instant, asked in asked_for:
                self.count += 1
                self.timers.append((instant, self.count, asked))
        return events

    def go_on(self, until: datetime) -> None:
        """Let time pass, and fire what becomes due."""
        while True:
            end = max(until, self.now)
            due = sorted((entry for entry in self.timers if entry[0] <= end), key=_when)[:1]
            if not due:
                break
            self.timers.remove(due[0])
            self.now = max(self.now, due[0][0])
            self.do(due[0][2])
        self.now = max(self.now, until)

    def restart(self) -> None:
        """Fold the log anew, and find the timers in the state."""
        state = fold(self.log)
        assert dump(state) == dump(self.state)
        self.shard.state = state
        self.timers = [(instant, -1, command) for instant, command in timers_of(state)]

    def submit(self, spec: DagSpec, **options: Any) -> list[Event]:
        self.count += 1
        return self.do(SubmitDag(id=f"s{self.count}", namespace="default", spec=spec, **options))

    def trigger(self, run_id: str = "", **options: Any) -> list[Event]:
        self.count += 1
        return self.do(
            TriggerRun(
                id=f"t{self.count}", namespace="default", dag_id="etl", run_id=run_id, **options
            )
        )

    def pause(self, is_paused: bool = True) -> list[Event]:
        self.count += 1
        return self.do(
            SetDagPaused(
                id=f"p{self.count}", namespace="default", dag_id="etl", is_paused=is_paused
            )
        )

    def finish(self, run_id: str) -> list[Event]:
        """The one task of a run succeeds."""
        self.count += 1
        where = next(
            e.where for e in self.log if isinstance(e.data, TaskReady) and e.where.run_id == run_id
        )
        return self.do(
            SucceedAttempt(
                id=f"f{self.count}",
                where=where,
                worker="w",
                token="t",
                started_at=self.now,
                ended_at=self.now,
            )
        )

    def created(self) -> list[datetime | None]:
        return [e.data.logical_date for e in self.log if isinstance(e.data, RunCreated)]

    def started(self) -> list[str]:
        return [e.where.run_id for e in self.log if isinstance(e.data, RunStarted)]

    def refused(self, **options: Any) -> Refused:
        before = dump(self.state)
        with pytest.raises(Refused) as caught:
            self.trigger(**options)
        assert dump(self.state) == before
        return caught.value

    def _look_up(self, command: AdvanceBackfill) -> tuple[AdvanceBackfill, Run | None]:
        """What the scheduler asks the log."""
        times = next_date(self.state, command)
        date = None if times is None else times.logical_date
        for event in self.log:
            if isinstance(event.data, RunCreated) and event.data.logical_date == date:
                key = (event.where.namespace, event.where.dag_id, event.where.run_id)
                about = [e for e in self.log if e.where.run_id == key[2]]
                kinds = {RunSucceeded: "success", RunFailed: "failed", RunReopened: "running"}
                states = [kinds[type(e.data)] for e in about if type(e.data) in kinds]
                existing = Existing(run_id=key[2], state=states[-1] if states else "running")
                command = msgspec.structs.replace(command, existing=existing)
                backfill = self.state.dags[key[:2]].backfills[command.backfill_id]
                if why_none(existing, backfill.created.reprocess_behavior):
                    return command, None
                recall = Recall(self.state, key)
                for one in about:
                    recall.fold(one)
                return command, recall.run
        return command, None
