"""What may happen to a task instance: the transitions, who has the open attempt, and which result
counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from millstream.verify.data import Deferred
from millstream.verify.findings import Findings
from millstream.verify.instances import FINISHED, OPEN, Task
from millstream.verify.places import Places
from millstream.verify.rows import Row
from millstream.verify.rules import may_run
from millstream.verify.runs import Run

# What an event breaks, and how; None if nothing.
Wrong = tuple[str, str] | None
_MAY_BE_SCHEDULED = ("none", "up_for_retry", "up_for_reschedule")
_MAY_BE_READY = (*_MAY_BE_SCHEDULED, "scheduled")
_WAITS = ("deferred", "awaiting_input")


class Attempts:
    """Judges the events of tasks. An event that is wrong is taken as it is, so that what follows
    from it is not wrong as well; but of two claims and of two results the first counts."""

    def __init__(self, findings: Findings, places: Places) -> None:
        self._findings = findings
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._places = places
        self._judges: dict[str, Callable[[Row, Run, Task, Any], Wrong]] = {
            "TaskScheduled": self._scheduled,
            "TaskReady": self._ready,
            "TaskStarted": self._started,
            "TaskSucceeded": self._succeeded,
            "TaskFailed": self._failed,
            "TaskSkipped": self._skipped,
            "TaskLost": self._lost,
            "TaskUpstreamFailed": self._upstream_failed,
            "TaskRescheduled": self._rescheduled,
            "TaskDeferred": self._deferred,
            "TaskAwaitsInput": self._awaits_input,
            "TaskResumed": self._resumed,
            "TriggerReady": self._trigger_ready,
            "TriggerStarted": self._trigger_started,
            "TriggerLost": self._trigger_lost,
            "TaskStopped": self._stopped,
            "TaskCleared": self._cleared,
            "TaskMarked": self._marked,
            "TaskExpanded": self._expanded,
        }

    def add(self, row: Row, run: Run, data: Any) -> None:
        """Judge an event of a task of a run that is open, and take it."""
        if row.type == "TaskResized" or (row.type == "TaskScheduled" and data.length):
            wrong = self._of_many(row, run, data)
        else:
            task = run.instances.find(row.task_id, row.map_index)
            if task is None:
                wrong = "transitions", "the run has no such task or instance"
            else:
                wrong = self._judges[row.type](row, run, task, data)
        if wrong is not None:
            self._findings.add(wrong[0], row.position, f"{describe(row)}: {wrong[1]}.")
        self._latest = max(self._latest, row.recorded_at)

    def _move(self, row: Row, run: Run, task: Task, status: str) -> None:
        run.change(self._places, row.task_id, row.map_index, task, status)

    # --- an attempt begins

    def _of_many(self, row: Row, run: Run, data: Any) -> Wrong:
        """All instances of a mapped task at once: they may run, or there are more or fewer."""
        instances, where = run.instances, (row.task_id, row.map_index)
        if where not in instances.expanded:
            return "transitions", "the task is not expanded"
        if row.type == "TaskResized":
            if not instances.resize(*where, data.length):
                return "transitions", "an instance is taken away that had begun"
            return None
        wrong = self._undue(row, run)
        for path in list(instances.leaves(*where)):
            task = instances.find(row.task_id, path)
            if task is not None and task.status == "none":
                run.change(self._places, row.task_id, path, task, "scheduled")
        return wrong

    def _expanded(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if task.status != "none":
            return "transitions", f"it is {task.status}"
        if len(row.map_index) >= run.dag.tasks[row.task_id].levels or data.length < 1:
            return "transitions", "it is not mapped so far"
        run.instances.expand(row.task_id, row.map_index, data.length)
        return None

    def _scheduled(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        wrong: Wrong = None
        if task.status not in _MAY_BE_SCHEDULED:
            wrong = self._not_from(task)
        elif row.attempt != task.attempt:
            wrong = "attempts", f"its last attempt is {task.attempt}"
        else:
            wrong = self._too_early(row, task) or (
                self._undue(row, run) if task.status == "none" else None
            )
        task.due = None
        self._move(row, run, task, "scheduled")
        return wrong

    def _ready(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if task.status == "queued" and row.attempt == task.attempt:
            return None  # the same attempt again: nobody had pulled it for long
        wrong = self._not_ready(row, run, task, data)
        if wrong is None or wrong[0] != "open attempts":
            task.attempt, task.token, task.due = row.attempt, "", None
            self._move(row, run, task, "queued")
        return wrong

    def _not_ready(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if task.status not in _MAY_BE_READY:
            return self._not_from(task)
        if row.attempt != task.attempt + 1:
            return "attempts", f"attempt {row.attempt} follows attempt {task.attempt}"
        if data.tries > data.max_tries:
            return "attempts", f"it is try {data.tries} of at most {data.max_tries}"
        if run.status != "running":
            return "transitions", "its run has not started"
        wrong = self._too_early(row, task)
        if wrong is None and task.status == "none":
            wrong = self._undue(row, run)
        if wrong is None:
            broken = self._places.broken_by(run.seats, run.dag.tasks[row.task_id])
            wrong = ("limits", f"it did not fit: {broken}") if broken else None
        return wrong

    def _not_from(self, task: Task) -> Wrong:
        if task.status in OPEN:
            return "open attempts", f"its attempt {task.attempt} is open ({task.status})"
        if task.status == "success":
            return "successes", "it has succeeded, and nobody cleared it since"
        return "transitions", f"it is {task.status}"

    def _too_early(self, row: Row, task: Task) -> Wrong:
        if task.due is None or row.recorded_at >= task.due:
            return None
        if row.recorded_at < self._latest:
            return None  # the clock was set back between the timer and the commit
        seconds = (task.due - row.recorded_at).total_seconds()
        return "times", f"it was to wait until {task.due.isoformat()}, {seconds:g} s longer"

    def _undue(self, row: Row, run: Run) -> Wrong:
        """Whether the trigger rule lets the task begin."""
        rules = run.dag.tasks[row.task_id]
        if not rules.waits_for:
            return None
        instances = run.instances
        up, rule = instances.ended(row.task_id, row.map_index), rules.shape.trigger_rule
        if may_run(rule, up) or instances.upstream_is_torn(row.task_id, row.map_index):
            return None
        return "readiness", f"its trigger rule {rule} did not let it run: {up}"

    def _started(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if task.status == "running":
            return "open attempts", f"its attempt {task.attempt} is claimed already"
        if task.status in FINISHED:
            return "transitions", f"it is {task.status}"
        wrong: Wrong = None
        if task.status != "queued" or row.attempt != task.attempt:
            wrong = "transitions", f"it is {task.status}, with attempt {task.attempt}"
        elif not data.token:
            wrong = "tokens", "the claim has no token"
        task.attempt, task.token = row.attempt, data.token
        self._move(row, run, task, "running")
        return wrong

    # --- an attempt ends

    def _result(self, row: Row, run: Run, task: Task, token: str | None, status: str) -> Wrong:
        """``token`` None: none is needed, since it is not the worker that says so."""
        wrong: Wrong = None
        if row.attempt > task.attempt:
            wrong = "attempts", f"its last attempt is {task.attempt}"
        elif row.attempt < task.attempt or task.status not in OPEN:
            return "results", f"its attempt {row.attempt} was over"
        elif task.status == "queued":
            wrong = "tokens", f"nobody has claimed its attempt {row.attempt}"
        elif token is not None and token != task.token:
            wrong = "tokens", f"the result has the token {token!r} and the claim {task.token!r}"
        task.token = ""
        self._move(row, run, task, status)
        return wrong

    def _succeeded(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if row.attempt:
            claimed = self._started(row, run, task, data) if data.worker else None
            return self._result(row, run, task, data.token, "success") or claimed
        wrong = self._not_from(task) if task.status != "none" else self._undue(row, run)
        self._move(row, run, task, "success")
        return wrong

    def _failed(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        status = "failed" if data.retry_at is None else "up_for_retry"
        return self._pause(row, run, task, data.token, status, data.retry_at)

    def _skipped(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if row.attempt:
            return self._result(row, run, task, data.token, "skipped")
        # As in Airflow, a branch has the last word about a task that could not run any more.
        wrong = None if task.status in ("none", "upstream_failed") else self._not_from(task)
        self._move(row, run, task, "skipped")
        return wrong

    def _upstream_failed(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        wrong = self._not_from(task) if task.status != "none" else None
        self._move(row, run, task, "upstream_failed")
        return wrong

    def _lost(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        return self._result(row, run, task, None, "failed" if data.is_final else "up_for_retry")

    def _pause(
        self, row: Row, run: Run, task: Task, token: str, status: str, due: datetime | None
    ) -> Wrong:
        """The attempt is over and the task may go on, at ``due`` or when something comes."""
        wrong = self._result(row, run, task, token, status)
        if wrong is None or wrong[0] != "results":
            task.due, task.trigger = due, ""
        return wrong

    def _rescheduled(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        return self._pause(row, run, task, data.token, "up_for_reschedule", data.until)

    def _deferred(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        return self._pause(row, run, task, data.token, "deferred", _wakes(data))

    def _awaits_input(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        return self._pause(row, run, task, data.token, "awaiting_input", _wakes(data))

    # --- what waits goes on

    def _resumed(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        wrong: Wrong = None
        if task.status not in _WAITS:
            wrong = "transitions", f"it does not wait but is {task.status}"
        elif row.attempt != task.attempt:
            wrong = "attempts", f"its last attempt is {task.attempt}"
        elif data.token and data.token != task.token:
            wrong = "tokens", f"the trigger's claim has another token than {data.token!r}"
        elif data.cause == "timeout" or (data.cause == "event" and not data.token):
            wrong = self._too_early(row, task)
        task.due, task.token, task.trigger = None, "", ""
        self._move(row, run, task, "scheduled")
        return wrong

    def _trigger_ready(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if task.status != "deferred":
            return "transitions", f"it is not deferred but {task.status}"
        if task.trigger == "started":
            return "open attempts", f"its trigger runs as attempt {task.attempt}"
        wanted = task.attempt + (task.trigger != "ready")
        task.attempt, task.trigger = row.attempt, "ready"
        return None if row.attempt == wanted else ("attempts", f"attempt {wanted} was next")

    def _trigger_started(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if task.status != "deferred":
            return "transitions", f"it is not deferred but {task.status}"
        if task.trigger == "started":
            return "open attempts", f"its trigger runs as attempt {task.attempt} already"
        wrong: Wrong = None
        if task.trigger != "ready" or row.attempt != task.attempt:
            wrong = "transitions", "no trigger of this attempt was ready"
        elif not data.token:
            wrong = "tokens", "the claim has no token"
        task.attempt, task.token, task.trigger = row.attempt, data.token, "started"
        return wrong

    def _trigger_lost(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        if task.trigger != "started" or row.attempt != task.attempt:
            return "transitions", f"no trigger of attempt {row.attempt} runs"
        task.token, task.trigger = "", ""
        return None

    # --- people intervene

    def _stopped(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        wrong: Wrong = None
        is_claimed = task.status in OPEN or task.trigger == "started"
        if task.status == "none" or task.status in FINISHED:
            wrong = "transitions", f"there is nothing to stop, it is {task.status}"
        elif row.attempt != task.attempt:
            wrong = "attempts", f"its last attempt is {task.attempt}"
        elif is_claimed and data.token != task.token:
            wrong = "tokens", f"the claim that is stopped has another token than {data.token!r}"
        task.token, task.due, task.trigger = "", None, ""
        self._move(row, run, task, "none")
        return wrong

    def _cleared(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        return self._set(row, run, task, "none")

    def _marked(self, row: Row, run: Run, task: Task, data: Any) -> Wrong:
        return self._set(row, run, task, data.state)

    def _set(self, row: Row, run: Run, task: Task, status: str) -> Wrong:
        wrong: Wrong = None
        if task.status != "none" and task.status not in FINISHED:
            wrong = "transitions", f"it is {task.status} and was not stopped"
        task.token, task.due, task.trigger = "", None, ""
        self._move(row, run, task, status)
        return wrong


def _wakes(data: Deferred) -> datetime | None:
    """When a wait ends by itself."""
    instants = [at for at in (data.wake_at, data.timeout_at) if at is not None]
    return min(instants, default=None)


def describe(row: Row) -> str:
    """The event in words: TaskReady of attempt 2 of task 'load' [3] in run 'r1' of DAG 'etl'."""
    parts = [row.type]
    if row.attempt:
        parts.append(f"of attempt {row.attempt}")
    if row.task_id:
        index = f" {list(row.map_index)}" if row.map_index else ""
        parts.append(f"of task {row.task_id!r}{index}")
    if row.run_id:
        parts.append(f"in run {row.run_id!r}")
    if row.dag_id:
        parts.append(f"of DAG {row.dag_id!r}")
    return " ".join(parts)
