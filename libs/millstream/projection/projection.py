"""The pure part: what an event does to the rows. Rows of runs that go on are kept; the rest is in
Postgres."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import msgspec

from millstream.core.callbacks import is_callback
from millstream.core.events import (
    AssetUpdated,
    ConnectionDeleted,
    ConnectionSet,
    DagVersionSubmitted,
    DeadlineMissed,
    DeadlineSet,
    EpochStarted,
    Event,
    NothingChanged,
    PoolDeleted,
    PoolSet,
    ResultsTakenOver,
    RoleGranted,
    RoleRevoked,
    RunCreated,
    RunFailed,
    RunMarked,
    RunQuarantined,
    RunReopened,
    RunStarted,
    RunSucceeded,
    SecretsReencrypted,
    TasksRecalled,
    TokenCreated,
    TokenRevoked,
    UserCreated,
    UserDeleted,
    VariableDeleted,
    VariableSet,
)
from millstream.core.spec import decode_spec
from millstream.core.state import RunKey, run_key
from millstream.projection.access_rows import change_access
from millstream.projection.asset_rows import name_assets, update_asset
from millstream.projection.backfill_rows import BackfillRows
from millstream.projection.callback_rows import CallbackRows
from millstream.projection.changes import Changes
from millstream.projection.changes import text_of as _text
from millstream.projection.dag_rows import DagRows
from millstream.projection.kept_run import KeptRun, names_of
from millstream.projection.open_tasks import OpenTasks
from millstream.projection.rows import (
    AttemptRow,
    BackfillRow,
    CallbackRow,
    DagRow,
    DagVersionRow,
    InputRow,
    MissedDeadlineRow,
    PoolRow,
    Row,
    RunRow,
    TaskRow,
    XComRow,
)
from millstream.projection.secrets import change_secrets
from millstream.projection.task_rows import change_tasks, close_input

Origin = tuple[RunKey, int]


def reopened(events: Iterable[Event]) -> list[RunKey]:
    """The runs that come back with these events: their rows must be restored before."""
    return [run_key(event.where) for event in events if isinstance(event.data, RunReopened)]


class Projection:
    """``apply`` events in order; ``take_changes`` gives what to write, and forgets runs that are
    over. Without ``keeps_xcoms`` what tasks hand on is left out."""

    def __init__(self, *, keeps_xcoms: bool = True) -> None:
        self.runs: dict[RunKey, KeptRun] = {}
        self._keeps_xcoms = keeps_xcoms
        self._dags = DagRows()
        self._backfills = BackfillRows()
        self._callbacks = CallbackRows()
        self._open_tasks = OpenTasks()
        self._changes = Changes()
        # Runs that new ones take results over from, as they stood then, by the new one's key.
        self._lent: dict[RunKey, KeptRun] = {}
        self._over: list[RunKey] = []

    def restore(self, rows: Iterable[Row]) -> None:
        """Take over the rows of DAGs, and of runs that are not over, runs first."""
        for row in rows:
            if isinstance(row, DagRow):
                self._dags.restore(row)
                continue
            if isinstance(row, CallbackRow):
                self._callbacks.restore(row)
                continue
            if isinstance(row, BackfillRow):
                self._backfills.restore(row)
                continue
            if isinstance(row, RunRow):
                self.runs[row.namespace, row.dag_id, row.run_id] = KeptRun(
                    row, keeps_xcoms=self._keeps_xcoms
                )
                continue
            assert isinstance(row, TaskRow | AttemptRow | XComRow | InputRow)
            kept = self.runs[row.namespace, row.dag_id, row.run_id]
            key = (row.task_id, row.map_index)
            match row:
                case TaskRow():
                    kept.tasks[key] = row
                    self._open_tasks.note((row,))
                case AttemptRow():
                    known = kept.attempts.get(key)
                    if known is None or known.attempt < row.attempt:
                        kept.attempts[key] = row
                case XComRow():
                    kept.xcoms.put(row)
                case InputRow():
                    if row.state == "waiting":
                        kept.inputs[key] = row

    def origins_of(self, events: Iterable[Event]) -> dict[RunKey, Origin]:
        """For each run that takes results over in these events: the run that it takes them from,
        and as of which position. It must be lent before they are applied."""
        created: dict[RunKey, Origin] = {}
        wanted: dict[RunKey, Origin] = {}
        for event in events:
            key = run_key(event.where)
            match event.data:
                case RunCreated(rerun=rerun) if rerun is not None:
                    created[key] = ((*key[:2], rerun.run_id), rerun.position)
                case ResultsTakenOver() if key in created:
                    wanted[key] = created[key]
                case ResultsTakenOver() if key in self.runs:
                    run = self.runs[key].run
                    wanted[key] = ((*key[:2], run.rerun_of), run.rerun_position)
        return wanted

    def lend(self, key: RunKey, origin: KeptRun) -> None:
        """A run, from which the run ``key`` takes results over."""
        self._lent[key] = origin

    def take_changes(self) -> Changes:
        changes, self._changes = self._changes, Changes()
        self._open_tasks.note(changes.rows.get(TaskRow, {}).values())  # type: ignore[arg-type]
        for key in self._over:
            self.runs.pop(key, None)
            self._open_tasks.forget(key)
        self._open_tasks.put_changes(changes)
        self._over = []
        self._lent = {}
        return changes

    def apply(self, event: Event) -> None:
        """Fold one event. An event of a run that is unknown or over changes nothing."""
        where = event.where
        if is_callback(where):
            self._changes.put(self._callbacks.apply(event))
            return
        if not where.task_id:
            for row in (self._dags.apply(event), self._backfills.apply(event)):
                if row is not None:
                    self._changes.put(row)
        match event.data:
            case EpochStarted() | NothingChanged() | SecretsReencrypted():
                return
            case DagVersionSubmitted():
                self._version(event, event.data)
                return
            case RunCreated():
                self._create(event, event.data)
                return
            case AssetUpdated():
                update_asset(self._changes, event, event.data)
                return
            case PoolSet():
                self._pool(event, event.data)
                return
            case PoolDeleted():
                self._changes.drop(PoolRow, (where.namespace, _text(event.data.name)))
                return
            case VariableSet() | VariableDeleted() | ConnectionSet() | ConnectionDeleted():
                change_secrets(self._changes, event)
                return
            case (
                UserCreated()
                | UserDeleted()
                | RoleGranted()
                | RoleRevoked()
                | TokenCreated()
                | TokenRevoked()
            ) as data:
                change_access(self._changes, event, data)
                return
        kept = self.runs.get(run_key(where))
        if kept is None:
            return
        match event.data:
            case RunReopened():
                self._reopen(kept, event, event.data)
            case TasksRecalled():
                return  # the rows know it already
            case ResultsTakenOver():
                self._take_over(kept, event, event.data)
            case RunMarked():
                kept.run.reason = _text(event.data.reason)
                self._put_run(kept, event)
            case RunStarted():
                kept.run.state, kept.run.started_at = "running", event.recorded_at
                self._put_run(kept, event)
            case RunSucceeded():
                self._end(kept, event, "success", "")
            case RunFailed():
                failed = f"failed tasks: {', '.join(event.data.failed_leaves)}"
                self._end(kept, event, "failed", _text(event.data.reason) or failed)
            case RunQuarantined():
                self._end(kept, event, "failed", _text(f"quarantined: {event.data.error}"))
            case DeadlineSet():
                return
            case DeadlineMissed():
                self._miss(event, event.data)
            case _:
                change_tasks(self._changes, kept, event)

    # --- DAGs and runs

    def _version(self, event: Event, data: DagVersionSubmitted) -> None:
        where = event.where
        self._changes.put(
            DagVersionRow(
                namespace=where.namespace,
                dag_id=where.dag_id,
                version=data.version,
                spec=bytes(data.spec).decode(),
                bundle=_text(data.bundle),
                submitted_at=event.recorded_at,
                submitted_by=_text(event.actor),
                position=event.position,
            )
        )
        name_assets(self._changes, event, decode_spec(bytes(data.spec)))

    def _pool(self, event: Event, data: PoolSet) -> None:
        self._changes.put_again(
            PoolRow(
                namespace=event.where.namespace,
                name=_text(data.name),
                slots=data.slots,
                include_deferred=data.include_deferred,
                description=_text(data.description),
                changed_at=event.recorded_at,
                position=event.position,
            )
        )

    def _create(self, event: Event, data: RunCreated) -> None:
        where = event.where
        row = RunRow(
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            version=data.version,
            state="queued",
            run_type=data.run_type,
            triggered_by=data.triggered_by,
            conf=msgspec.json.encode(data.conf).decode(),
            logical_date=data.logical_date,
            data_interval_start=data.data_interval_start,
            data_interval_end=data.data_interval_end,
            run_after=data.run_after,
            created_at=event.recorded_at,
            note=_text(data.note),
            backfill_id=data.backfill_id,
            rerun_of=data.rerun.run_id if data.rerun else "",
            rerun_position=data.rerun.position if data.rerun else 0,
            rerun_start=data.rerun.start if data.rerun else "",
            asset_events=msgspec.json.encode(data.asset_events).decode(),
            created_position=event.position,
            position=event.position,
        )
        self.runs[run_key(where)] = KeptRun(row, keeps_xcoms=self._keeps_xcoms)
        self._changes.put(row)

    def _take_over(self, kept: KeptRun, event: Event, data: ResultsTakenOver) -> None:
        """The rows of tasks that did in another run what they would do in this one, and what they
        handed on there."""
        origin = self._lent[run_key(event.where)]
        for memo in data.tasks:
            if memo.expanded >= 0:
                continue
            names = names_of(event.where.task(memo.task_id, memo.map_index))
            key = (sys.intern(memo.task_id), memo.map_index)
            before = origin.tasks[key]
            row = kept.tasks[key] = msgspec.structs.replace(
                before,
                **names,
                attempt=0,
                queued_at=None,
                position=event.position,
                taken_from=before.taken_from or origin.run.run_id,
            )
            self._changes.put(row)
            for xcom in origin.xcoms.of(*key):
                taken = msgspec.structs.replace(xcom, **names, attempt=0, position=event.position)
                kept.xcoms.put(taken)
                self._changes.put_again(taken)

    def _reopen(self, kept: KeptRun, event: Event, data: RunReopened) -> None:
        key = run_key(event.where)
        if key in self._over:
            self._over.remove(key)
        kept.run.state, kept.run.reason, kept.run.version = "queued", "", data.version
        kept.run.started_at = kept.run.ended_at = None
        # A backfill takes over the runs that it lets run again.
        kept.run.run_type, kept.run.triggered_by = data.created.run_type, data.created.triggered_by
        kept.run.backfill_id = data.created.backfill_id
        self._put_run(kept, event)

    def _put_run(self, kept: KeptRun, event: Event) -> None:
        kept.run.position = event.position
        self._changes.put(kept.run)

    def _end(self, kept: KeptRun, event: Event, state: str, reason: str) -> None:
        kept.run.state, kept.run.reason, kept.run.ended_at = state, reason, event.recorded_at
        for key in list(kept.inputs):
            close_input(self._changes, kept, key, event)
        self._put_run(kept, event)
        self._over.append(run_key(event.where))

    def _miss(self, event: Event, data: DeadlineMissed) -> None:
        """The callback that it leads to has a row of its own."""
        self._changes.put(
            MissedDeadlineRow(
                namespace=event.where.namespace,
                dag_id=event.where.dag_id,
                run_id=event.where.run_id,
                name=_text(data.name),
                due_at=data.due_at,
                missed_at=event.recorded_at,
                position=event.position,
            )
        )
