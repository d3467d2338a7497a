"""The states of tasks and runs (Airflow's words), and the one table that says which event may
meet which."""

from __future__ import annotations

from enum import StrEnum

from millstream.core.events import (
    Data,
    DeadlineMissed,
    DeadlineSet,
    ResultsTakenOver,
    RunCreated,
    RunFailed,
    RunMarked,
    RunQuarantined,
    RunReopened,
    RunStarted,
    RunSucceeded,
    TasksRecalled,
)
from millstream.core.task_events import (
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
    TaskStarted,
    TaskStopped,
    TaskSucceeded,
    TaskUpstreamFailed,
    TriggerLost,
    TriggerReady,
    TriggerStarted,
)


class TaskStatus(StrEnum):
    NONE = "none"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    AWAITING_INPUT = "awaiting_input"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


FINISHED_TASK = frozenset(
    {TaskStatus.SUCCESS, TaskStatus.FAILED, TaskStatus.SKIPPED, TaskStatus.UPSTREAM_FAILED}
)
# Begun and not over: what can be stopped.
BEGUN_TASK = frozenset(TaskStatus) - FINISHED_TASK - {TaskStatus.NONE}
# Of these, what has got as far as to do something; a cancel fails it, and skips the others.
STARTED_TASK = frozenset({TaskStatus.RUNNING, TaskStatus.DEFERRED, TaskStatus.UP_FOR_RESCHEDULE})
OPEN_RUN = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})
# The types of the events that end a run.
RUN_ENDS = frozenset({"RunSucceeded", "RunFailed", "RunQuarantined"})

_S = TaskStatus

# Event type -> the statuses it may meet. Where the event leaves the task is said by `next_status`.
TASK_TRANSITIONS: dict[type[Data], tuple[TaskStatus, ...]] = {
    TaskExpanded: (_S.NONE,),
    TaskResized: (_S.NONE,),
    TaskScheduled: (_S.NONE, _S.UP_FOR_RETRY, _S.UP_FOR_RESCHEDULE),
    TaskReady: (_S.NONE, _S.SCHEDULED, _S.UP_FOR_RETRY, _S.UP_FOR_RESCHEDULE, _S.QUEUED),
    TaskStarted: (_S.QUEUED,),
    TaskSucceeded: (_S.NONE, _S.QUEUED, _S.RUNNING),
    TaskFailed: (_S.RUNNING,),
    TaskLost: (_S.RUNNING,),
    # A branch has the last word about a task that could not run any more.
    TaskSkipped: (_S.NONE, _S.RUNNING, _S.UPSTREAM_FAILED),
    TaskUpstreamFailed: (_S.NONE,),
    TaskRescheduled: (_S.RUNNING,),
    TaskDeferred: (_S.RUNNING,),
    TaskAwaitsInput: (_S.RUNNING,),
    TaskResumed: (_S.DEFERRED, _S.AWAITING_INPUT),
    TriggerReady: (_S.DEFERRED,),
    TriggerStarted: (_S.DEFERRED,),
    TriggerLost: (_S.DEFERRED,),
    TaskStopped: tuple(status for status in _S if status in BEGUN_TASK),
    TaskCleared: tuple(status for status in _S if status in FINISHED_TASK or status is _S.NONE),
    TaskMarked: tuple(status for status in _S if status in FINISHED_TASK or status is _S.NONE),
}

RUN_TRANSITIONS: dict[type[Data], tuple[RunStatus | None, ...]] = {
    RunCreated: (None,),
    RunStarted: (RunStatus.QUEUED,),
    # Also from the queue: a run that was marked there, or reopened to mark its tasks.
    RunSucceeded: (RunStatus.QUEUED, RunStatus.RUNNING),
    RunFailed: (RunStatus.QUEUED, RunStatus.RUNNING),
    RunQuarantined: (RunStatus.QUEUED, RunStatus.RUNNING),
    RunMarked: (RunStatus.QUEUED, RunStatus.RUNNING),
    # A run that is over is in no state's memory.
    RunReopened: (None,),
    TasksRecalled: (RunStatus.QUEUED,),
    ResultsTakenOver: (RunStatus.QUEUED,),
    DeadlineSet: (RunStatus.QUEUED,),
    DeadlineMissed: (RunStatus.QUEUED, RunStatus.RUNNING),
}


def may_meet(data: Data, status: TaskStatus) -> bool:
    """Whether an event of a task may meet this status. Only the success that claims the attempt
    itself meets one that nobody has claimed."""
    if type(data) is TaskSucceeded and (status is _S.QUEUED) is not bool(data.worker):
        return False
    return status in TASK_TRANSITIONS[type(data)]


def next_status(data: Data) -> TaskStatus | None:
    """The status in which an event of a task leaves it; None for an event that is not about a
    task."""
    match data:
        case TaskReady():
            return _S.QUEUED
        case TaskScheduled():
            return _S.SCHEDULED
        case TaskStarted():
            return _S.RUNNING
        case TaskSucceeded():
            return _S.SUCCESS
        case TaskFailed():
            return _S.FAILED if data.retry_at is None else _S.UP_FOR_RETRY
        case TaskLost():
            return _S.FAILED if data.is_final else _S.UP_FOR_RETRY
        case TaskSkipped():
            return _S.SKIPPED
        case TaskUpstreamFailed():
            return _S.UPSTREAM_FAILED
        case TaskRescheduled():
            return _S.UP_FOR_RESCHEDULE
        case TaskDeferred() | TriggerReady() | TriggerStarted() | TriggerLost():
            return _S.DEFERRED
        case TaskAwaitsInput():
            return _S.AWAITING_INPUT
        case TaskResumed():
            return _S.SCHEDULED
        case TaskStopped() | TaskCleared():
            return _S.NONE
        case TaskMarked():
            return _S(data.state)
        case _:
            return None
