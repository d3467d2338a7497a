"""The pure part: what an event does to the rows. Rows of runs that go on are kept; the rest is in
Postgres."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from millstream.core.asset_conditions import AssetRef
from millstream.core.assets import refs_of
from millstream.core.callbacks import is_callback, task_of
from millstream.core.deferral import Answer
from millstream.core.event_parts import Where, XCom
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
    TaskAwaitsInput,
    TaskCleared,
    TaskDeferred,
    TaskExpanded,
    TaskFailed,
    TaskLost,
    TaskMarked,
    TaskReady,
    TaskRescheduled,
    TaskResized,
    TaskResumed,
    TaskScheduled,
    TaskSkipped,
    TasksRecalled,
    TaskStarted,
    TaskStopped,
    TaskSucceeded,
    TaskUpstreamFailed,
    TokenCreated,
    TokenRevoked,
    TriggerLost,
    TriggerReady,
    TriggerStarted,
    UserCreated,
    UserDeleted,
    VariableDeleted,
    VariableSet,
)
from millstream.core.spec import decode_spec
from millstream.core.state import RunKey, run_key
from millstream.core.statuses import next_status
from millstream.projection.access_rows import change_access
from millstream.projection.backfill_rows import BackfillRows
from millstream.projection.changes import Changes
from millstream.projection.changes import text_of as _text
from millstream.projection.dag_rows import DagRows
from millstream.projection.kept_xcoms import KeptXComs
from millstream.projection.open_tasks import OpenTasks
from millstream.projection.rows import (
    AssetEventRow,
    AssetRow,
    AttemptRow,
    BackfillRow,
    CallbackRow,
    DagRow,
    DagVersionRow,
    InputRow,
    MissedDeadlineRow,
    PoolRow,
    RenderedRow,
    Row,
    RunRow,
    TaskRow,
    XComRow,
    key_of,
)
from millstream.projection.secrets import change_secrets

TaskKey = tuple[str, tuple[int, ...]]


@dataclass(slots=True)
class KeptRun:
    """The rows of a run that is not over. Of a task only the latest attempt can still change."""

    run: RunRow
    tasks: dict[TaskKey, TaskRow] = field(default_factory=dict)
    attempts: dict[TaskKey, AttemptRow] = field(default_factory=dict)
    xcoms: KeptXComs = field(default_factory=KeptXComs)
    # Only questions that wait for their answer.
    inputs: dict[TaskKey, InputRow] = field(default_factory=dict)


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
        self._open_tasks = OpenTasks()
        self._changes = Changes()
        # Runs that new ones take results over from, as they stood then, by the new one's key.
        self._lent: dict[RunKey, KeptRun] = {}
        self._over: list[RunKey] = []
        # Those that are not over.
        self._callbacks: dict[tuple[object, ...], CallbackRow] = {}

    def restore(self, rows: Iterable[Row]) -> None:
        """Take over the rows of DAGs, and of runs that are not over, runs first."""
        for row in rows:
            if isinstance(row, DagRow):
                self._dags.restore(row)
                continue
            if isinstance(row, CallbackRow):
                self._callbacks[key_of(row)] = row
                continue
            if isinstance(row, BackfillRow):
                self._backfills.restore(row)
                continue
            if isinstance(row, RunRow):
                self.runs[row.namespace, row.dag_id, row.run_id] = KeptRun(row)
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
            self._callback(event)
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
                self._update_asset(event, event.data)
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
            case TaskExpanded():
                return  # the instances get rows of their own when something happens to them
            case TaskResized():
                self._resize(kept, event, event.data)
            case TaskScheduled():
                self._schedule(kept, event, event.data)
            case _:
                self._task(kept, event)

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
        for ref in refs_of(decode_spec(bytes(data.spec))):
            if isinstance(ref, AssetRef) and ref.name and ref.uri:
                self._name_asset(event, ref.name, ref.uri, ref.group)

    def _name_asset(self, event: Event, name: str, uri: str, group: str) -> None:
        self._changes.put(
            AssetRow(
                namespace=event.where.namespace,
                name=_text(name),
                uri=_text(uri),
                asset_group=_text(group),
                position=event.position,
            )
        )

    def _update_asset(self, event: Event, data: AssetUpdated) -> None:
        where = event.where
        if data.aliases:  # no spec may name it
            self._name_asset(event, data.name, data.uri, "")
        self._changes.put(
            AssetEventRow(
                position=event.position,
                namespace=where.namespace,
                name=_text(data.name),
                uri=_text(data.uri),
                extra=msgspec.json.encode(data.extra).decode(),
                aliases=msgspec.json.encode(data.aliases).decode(),
                dag_id=where.dag_id,
                run_id=where.run_id,
                task_id=where.task_id,
                map_index=where.map_index,
                recorded_at=event.recorded_at,
            )
        )

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
        self.runs[run_key(where)] = KeptRun(row)
        self._changes.put(row)

    def _take_over(self, kept: KeptRun, event: Event, data: ResultsTakenOver) -> None:
        """The rows of tasks that did in another run what they would do in this one, and what they
        handed on there."""
        origin = self._lent[run_key(event.where)]
        for memo in data.tasks:
            if memo.expanded >= 0:
                continue
            names = _task_names(event.where.task(memo.task_id, memo.map_index))
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
            self._close_input(kept, key, event)
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

    # --- callbacks

    def _callback(self, event: Event) -> None:
        where = event.where
        row = CallbackRow(
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            callback_id=where.task_id,
            map_index=where.map_index,
            task_id=task_of(where.task_id),
        )
        key = key_of(row)
        row = self._callbacks.get(key, row)
        status = next_status(event.data)
        assert status is not None, "only events of attempts are about callbacks"
        row.state, row.position = status.value, event.position
        row.attempt = where.attempt
        match event.data:
            case TaskReady():
                row.queue, row.queued_at = event.data.queue, event.recorded_at
                row.worker, row.started_at = "", None
            case TaskStarted():
                row.worker, row.started_at = event.data.worker, event.data.started_at
            case TaskSucceeded():
                row.started_at, row.ended_at = event.data.started_at, event.data.ended_at
            case TaskSkipped():
                row.reason, row.ended_at = _text(event.data.reason), event.recorded_at
            case TaskFailed():
                row.started_at, row.ended_at = event.data.started_at, event.data.ended_at
                row.reason = _text(f"{event.data.error_type}: {event.data.message}")
                row.traceback = _text(event.data.traceback)
            case TaskLost():
                row.reason = f"lost: {event.data.reason}"
                row.ended_at = event.recorded_at if event.data.is_final else None
        if row.ended_at is None:
            self._callbacks[key] = row
        else:
            self._callbacks.pop(key, None)
        self._changes.put(row)

    # --- tasks

    def _schedule(self, kept: KeptRun, event: Event, data: TaskScheduled) -> None:
        """The instance waits, or those of a mapped task that have not begun. What is known of the
        attempt before stays."""
        where = event.where
        task_id = sys.intern(where.task_id)
        paths = [(*where.map_index, index) for index in range(data.length)] or [where.map_index]
        for path in paths:
            row = kept.tasks.get((task_id, path))
            if row is None:
                names = _task_names(where) | {"map_index": path}
                row = kept.tasks[task_id, path] = TaskRow(**names)
            elif data.length and row.state != "none":
                continue
            row.state, row.position = "scheduled", event.position
            row.pool, row.pool_slots = _text(data.pool), data.pool_slots
            self._changes.put(row)

    def _task(self, kept: KeptRun, event: Event) -> None:
        where = event.where
        key = (sys.intern(where.task_id), where.map_index)
        row = kept.tasks.get(key)
        if row is None:
            row = kept.tasks[key] = TaskRow(**_task_names(where))
        status = next_status(event.data)
        assert status is not None
        row.state, row.position = status.value, event.position
        if key in kept.inputs:
            self._close_input(kept, key, event)
        match event.data:
            case TaskReady():
                self._ready(kept, key, row, event, event.data)
            case TaskStarted():
                row.worker, row.started_at = event.data.worker, event.data.started_at
            case TaskSucceeded():
                row.started_at, row.ended_at = event.data.started_at, event.data.ended_at
                row.map_name = _text(event.data.map_name)
                self._push(kept, event, event.data.xcoms)
            case TaskFailed():
                row.started_at, row.ended_at = event.data.started_at, event.data.ended_at
                row.retry_at = event.data.retry_at
                row.reason = _text(f"{event.data.error_type}: {event.data.message}")
                row.traceback = _text(event.data.traceback)
                row.map_name = _text(event.data.map_name)
                self._push(kept, event, event.data.xcoms)
            case TaskLost():
                row.ended_at, row.reason = event.recorded_at, f"lost: {event.data.reason}"
            case TaskSkipped():
                row.reason = _text(event.data.reason)
                row.started_at, row.ended_at = (
                    event.data.started_at,
                    event.data.ended_at or event.recorded_at,
                )
                row.map_name = _text(event.data.map_name)
                self._push(kept, event, event.data.xcoms)
            case TaskUpstreamFailed():
                row.reason, row.ended_at = _text(event.data.reason), event.recorded_at
            case TaskStopped() | TaskCleared() | TaskMarked():
                _control(row, event)
            case _:
                self._wait(kept, key, row, event)
        self._changes.put(row)
        self._copy_to_attempt(kept, key, row, event)
        match event.data:
            case (
                TaskSucceeded(rendered=fields)
                | TaskFailed(rendered=fields)
                | TaskSkipped(rendered=fields)
            ) if fields:
                self._render(event, fields)

    def _render(self, event: Event, fields: dict[str, str]) -> None:
        self._changes.put(
            RenderedRow(
                **_task_names(event.where),
                attempt=event.where.attempt,
                fields=msgspec.json.encode(fields).decode(),
                position=event.position,
            )
        )

    def _resize(self, kept: KeptRun, event: Event, data: TaskResized) -> None:
        """The instances beyond the new length are gone; their attempts stay."""
        path = event.where.map_index
        for (task_id, map_index), row in kept.tasks.items():
            is_below = task_id == event.where.task_id and map_index[: len(path)] == path
            if is_below and len(map_index) > len(path) and map_index[len(path)] >= data.length:
                row.state, row.position = "removed", event.position
                row.reason = f"there are {data.length} items now"
                self._changes.put(row)
                for xcom in kept.xcoms.pop(task_id, map_index):
                    self._changes.drop(XComRow, key_of(xcom))

    def _wait(self, kept: KeptRun, key: TaskKey, row: TaskRow, event: Event) -> None:
        """What an event says about a task that waits without a process. ``retry_at`` is the instant
        at which it goes on by itself."""
        data = event.data
        match data:
            case TaskRescheduled() | TaskDeferred() | TaskAwaitsInput():
                row.started_at, row.ended_at = data.started_at, data.ended_at
                self._push(kept, event, data.xcoms)
        match data:
            case TaskRescheduled():
                row.retry_at = data.until
            case TaskDeferred():
                row.retry_at = data.wake_at or data.timeout_at
                row.reason = f"waits for {data.trigger.classpath}" if data.trigger else ""
            case TaskAwaitsInput():
                row.retry_at = data.timeout_at
                row.reason = _text(data.request.subject)
                self._ask(kept, key, event, data)
            case TaskResumed():
                row.retry_at, row.ended_at, row.worker = None, event.recorded_at, ""
            case TriggerReady():
                row.attempt, row.queue, row.worker = event.where.attempt, data.queue, ""
                row.queued_at, row.started_at, row.ended_at = event.recorded_at, None, None
            case TriggerStarted():
                row.worker, row.started_at = data.worker, data.started_at
            case TriggerLost():
                row.worker, row.ended_at = "", event.recorded_at

    def _ask(self, kept: KeptRun, key: TaskKey, event: Event, data: TaskAwaitsInput) -> None:
        row = InputRow(
            **_task_names(event.where),
            attempt=event.where.attempt,
            state="waiting",
            request=_text(msgspec.json.encode(data.request).decode()),
            asked_at=event.recorded_at,
            timeout_at=data.timeout_at,
            asked_position=event.position,
            position=event.position,
        )
        kept.inputs[key] = row
        self._changes.put(row)

    def _close_input(self, kept: KeptRun, key: TaskKey, event: Event) -> None:
        row = kept.inputs.pop(key)
        row.state, row.ended_at, row.position = "closed", event.recorded_at, event.position
        match event.data:
            case TaskResumed(cause="answer", payload=payload):
                row.answer = bytes(payload).decode()
                said = msgspec.json.decode(row.answer, type=Answer)
                row.state = "timed_out" if said.timedout else "answered"
            case TaskResumed(cause="timeout"):
                row.state = "timed_out"
        self._changes.put(row)

    def _ready(
        self, kept: KeptRun, key: TaskKey, row: TaskRow, event: Event, data: TaskReady
    ) -> None:
        """An attempt begins: what the one before it left behind is gone, as in Airflow."""
        if data.resume is None:  # what goes on keeps what it said before
            for xcom in kept.xcoms.pop(*key):
                self._changes.drop(XComRow, key_of(xcom))
        if row.attempt != event.where.attempt:
            row.attempt = event.where.attempt
            row.queued_at = event.recorded_at
        row.queue, row.worker, row.taken_from = data.queue, "", ""
        row.pool, row.pool_slots = _text(data.pool), data.pool_slots
        row.started_at = row.ended_at = row.retry_at = None
        row.reason = row.traceback = ""

    def _copy_to_attempt(self, kept: KeptRun, key: TaskKey, row: TaskRow, event: Event) -> None:
        where = event.where
        if not where.attempt:
            return
        attempt = kept.attempts.get(key)
        is_stopped = isinstance(event.data, TaskStopped)
        if is_stopped and attempt is not None and attempt.state in ("failed", "lost"):
            return  # it was over: only the wait for the next one was ended
        if attempt is None or attempt.attempt != where.attempt:
            attempt = kept.attempts[key] = AttemptRow(**_task_names(where), attempt=where.attempt)
        is_lost = isinstance(event.data, TaskLost | TriggerLost)
        attempt.state = "lost" if is_lost else _attempt_state(row.state)
        if is_stopped:
            attempt.state = "stopped"
        attempt.queue, attempt.worker = row.queue, row.worker
        attempt.queued_at, attempt.started_at, attempt.ended_at = (
            row.queued_at,
            row.started_at,
            row.ended_at,
        )
        attempt.reason, attempt.traceback, attempt.position = (
            row.reason,
            row.traceback,
            event.position,
        )
        self._changes.put(attempt)

    def _push(self, kept: KeptRun, event: Event, xcoms: dict[str, XCom]) -> None:
        for name, xcom in xcoms.items() if self._keeps_xcoms else ():
            value = bytes(xcom.value).decode()
            row = XComRow(
                **_task_names(event.where),
                key=_text(name),
                value=None if xcom.blob else value,
                blob=xcom.blob,
                size=xcom.size or len(value),
                codec=_text(xcom.codec),
                attempt=event.where.attempt,
                position=event.position,
            )
            kept.xcoms.put(row)
            self._changes.put_again(row)


def _task_names(where: Where) -> dict[str, Any]:
    return {
        "namespace": where.namespace,
        "dag_id": where.dag_id,
        "run_id": where.run_id,
        "task_id": where.task_id,
        "map_index": where.map_index,
    }


def _control(row: TaskRow, event: Event) -> None:
    """What a person, or a rule about the whole run, did to a task."""
    row.retry_at = None
    match event.data:
        case TaskStopped(reason=reason):
            row.ended_at, row.reason = event.recorded_at, _text(f"stopped: {reason}")
        case TaskCleared():
            row.worker = row.reason = row.traceback = row.taken_from = ""
            row.queued_at = row.started_at = row.ended_at = None
        case TaskMarked(state=state, note=note):
            row.ended_at = row.ended_at or event.recorded_at
            row.reason = _text(f"marked {state}" + (f": {note}" if note else ""))
            row.taken_from = ""


def _attempt_state(task_state: str) -> str:
    return {"up_for_retry": "failed", "scheduled": "deferred"}.get(task_state, task_state)
