"""The progress of one run: a model fed with events, and its picture. Scripts may use it too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from millstream.cli.output import (
    cell,
    duration,
    harmless,
    instance_name,
    local_time,
    make_table,
    state_text,
)

if TYPE_CHECKING:
    from millstream.client import Client, Event, Run, RunRef

FRAMES_PER_S = 8
# Lines of the terminal that are not tasks.
OTHER_LINES = 6
_FINISHED_TASK = ("success", "failed", "skipped", "upstream_failed")
# What is shown first where not all tasks fit.
_BY_INTEREST = (
    *("failed", "awaiting_input", "running", "up_for_retry", "upstream_failed", "queued"),
    *("scheduled", "deferred", "up_for_reschedule", "success"),
)
_TASK_STATES = {
    "TaskScheduled": "scheduled",
    "TaskReady": "queued",
    "TaskStarted": "running",
    "TaskSucceeded": "success",
    "TaskSkipped": "skipped",
    "TaskUpstreamFailed": "upstream_failed",
    "TaskRescheduled": "up_for_reschedule",
    "TaskDeferred": "deferred",
    "TaskAwaitsInput": "awaiting_input",
    "TaskResumed": "scheduled",
    "TaskStopped": "none",
    "TaskCleared": "none",
}
_RUN_STATES = {
    "RunCreated": "queued",
    "RunReopened": "queued",
    "RunStarted": "running",
    "RunSucceeded": "success",
    "RunFailed": "failed",
    "RunQuarantined": "failed",
}


class TaskProgress(msgspec.Struct):
    """What is known of one task instance."""

    name: str
    state: str = "none"
    attempt: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""


class RunProgress:
    """Fold the events of a run into this, and render it."""

    def __init__(self, dag_id: str, run_id: str, tasks: Iterable[str] = ()) -> None:
        self.dag_id = dag_id
        self.run_id = run_id
        self.state = "queued"
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.tasks = {name: TaskProgress(name) for name in tasks}

    def apply(self, event: Event) -> TaskProgress | None:
        """Returns the task that changed. An event unknown here changes nothing."""
        if not event.task_id:
            self._apply_run(event)
            return None
        name = event.task_id
        name = instance_name(name, event.map_index)
        if event.type == "TaskExpanded":
            self.tasks.pop(name, None)  # its instances are shown in its place
            return None
        if event.type == "TaskScheduled" and event.data.get("length"):
            for index in range(event.data["length"]):
                each = f"{name}[{index}]"
                if each not in self.tasks:
                    self.tasks[each] = TaskProgress(each, state="scheduled")
            return None
        task = self.tasks.setdefault(name, TaskProgress(name))
        data = event.data
        task.attempt = event.attempt or task.attempt
        if event.type == "TaskFailed":
            task.state = "up_for_retry" if data.get("retry_at") else "failed"
            task.reason = f"{data.get('error_type', '')}: {data.get('message', '')}"
        elif event.type == "TaskLost":
            task.state = "failed" if data.get("is_final") else "up_for_retry"
            task.reason = data.get("reason", "")
        elif event.type == "TaskMarked":
            task.state = data["state"]
            task.reason = f"marked {data['state']}"
        elif event.type in _TASK_STATES:
            task.state = _TASK_STATES[event.type]
            task.reason = data.get("reason", "")
        else:
            return None
        _set_times(task, event, data)
        return task

    def counts(self) -> Counter[str]:
        """How many tasks are in which state."""
        return Counter(task.state for task in list(self.tasks.values()))

    def _apply_run(self, event: Event) -> None:
        self.state = _RUN_STATES.get(event.type, self.state)
        if event.type == "RunStarted":
            self.started_at = event.recorded_at
        elif event.ends_run:
            self.ended_at = event.recorded_at


def _set_times(task: TaskProgress, event: Event, data: dict[str, Any]) -> None:
    if task.state in ("queued", "none"):
        task.started_at = task.ended_at = None
        return
    if data.get("started_at"):
        task.started_at = datetime.fromisoformat(data["started_at"])
    if task.state == "running":
        task.ended_at = None
    elif data.get("ended_at"):
        task.ended_at = datetime.fromisoformat(data["ended_at"])
    elif task.started_at is not None:
        task.ended_at = event.recorded_at


def render(progress: RunProgress, console: Console) -> RenderableType:
    """A line for the run and one for each task, as many as fit the terminal."""
    head = Text.assemble(
        state_text(progress.state, console),
        "  ",
        (progress.dag_id, "bold"),
        f"  {progress.run_id}  ",
        (duration(progress.started_at, progress.ended_at), "dim"),
    )
    tasks = list(progress.tasks.values())
    room = max(console.height - OTHER_LINES, 5) if console.is_terminal else len(tasks)
    shown = tasks if len(tasks) <= room else sorted(tasks, key=_interest)[:room]
    rows = [
        (
            cell(task.name),
            state_text(task.state, console),
            str(task.attempt) if task.attempt > 1 else "",
            duration(task.started_at, task.ended_at),
            cell(task.reason),
        )
        for task in shown
    ]
    parts: list[RenderableType] = [head, make_table(("task+", "state", "try", "time", ""), rows)]
    if len(shown) < len(tasks):
        counted = ", ".join(f"{count} {state}" for state, count in progress.counts().items())
        parts.append(Text(f"  {len(tasks)} tasks: {counted}", style="dim"))
    return Group(*parts)


def _interest(task: TaskProgress) -> int:
    return _BY_INTEREST.index(task.state) if task.state in _BY_INTEREST else len(_BY_INTEREST)


def follow_run(
    client: Client, run: RunRef, console: Console, timeout_s: float | None = None
) -> Run:
    """Show the run until it is over: a live picture on a terminal, else a line for each change.

    Returns the finished run. Raises ``WaitTimeout``.
    """
    names = [
        instance_name(task.task_id, task.map_index) for task in client.list_task_instances(run)
    ]
    progress = RunProgress(run.dag_id, run.run_id, names)
    if not console.is_terminal:
        return _watch(client, run, progress, timeout_s, line_printer(console))
    with Live(
        get_renderable=lambda: render(progress, console),
        console=console,
        refresh_per_second=FRAMES_PER_S,
    ):
        return _watch(client, run, progress, timeout_s, lambda task, event: None)


def _watch(
    client: Client,
    run: RunRef,
    progress: RunProgress,
    timeout_s: float | None,
    tell: Callable[[TaskProgress | None, Event], None],
) -> Run:
    from millstream.client import RunRef, WaitTimeout

    position = run.position
    try:
        for event in client.watch_run(run, timeout_s=timeout_s):
            position = event.position
            tell(progress.apply(event), event)
    except WaitTimeout:
        raise WaitTimeout(
            f"Run {run.run_id!r} was not over after {timeout_s:g} s; it goes on."
        ) from None
    return client.get_run(
        RunRef(namespace=run.namespace, dag_id=run.dag_id, run_id=run.run_id, position=position)
    )


def line_printer(console: Console) -> Callable[[TaskProgress | None, Event], None]:
    """Prints a line for each change: for where there is no terminal."""

    def tell(task: TaskProgress | None, event: Event) -> None:
        at = local_time(event.recorded_at)
        if task is not None:
            line = f"{at}  {task.name}  {task.state}"
            if task.attempt > 1:
                line += f"  try {task.attempt}"
            if task.state in _FINISHED_TASK and task.started_at is not None:
                line += f"  {duration(task.started_at, task.ended_at)}"
            if task.reason:
                line += f"  {cell(task.reason).plain}"
        elif event.type in _RUN_STATES:
            line = f"{at}  run {event.run_id}  {_RUN_STATES[event.type]}"
        else:
            return
        console.print(harmless(line), markup=False)

    return tell
