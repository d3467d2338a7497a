"""The events about a task and its attempts; see :mod:`millstream.core.events`, which has the others
and says what holds for all."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from millstream.core.deferral import (
    NO_KWARGS,
    NO_VALUE,
    Cause,
    InputRequest,
    Resume,
    TriggerCall,
)
from millstream.core.event_parts import AssetEmission, Choice, EventData, RunInfo, XCom
from millstream.core.spec import Action, CallbackAction, Isolation


class TaskExpanded(EventData, frozen=True, kw_only=True):
    """A mapped task became ``length`` instances, with the map indices 0, 1, 2, .."""

    length: int


class TaskScheduled(EventData, frozen=True, kw_only=True):
    """The task may run and waits for a slot, for room in its run or for its DAG to go on.
    ``length``: of a mapped task so many instances do, all that have not begun."""

    length: int = 0
    pool: str = "default_pool"
    pool_slots: int = 1


class TaskReady(EventData, frozen=True, kw_only=True):
    """An attempt may start: the only thing that makes a worker act. It carries all that the worker
    needs. ``is_mapped_over``: other tasks have one instance for each item of the result. ``tries``
    is the number of attempts that used up a try before, plus one. ``resume``: the task goes on
    where it stopped to wait; ``first_started_at``: when a rescheduled task first began;
    ``isolation`` "fresh": in a process that has run nothing before; ``resources``: what a worker
    must have free for it, by name."""

    queue: str
    version: int
    action: Action | CallbackAction
    run: RunInfo
    bundle: str = ""
    file: str = ""
    tries: int = 1
    max_tries: int = 1
    execution_timeout_s: float | None = None
    exclusive: bool = False
    do_xcom_push: bool = True
    is_mapped_over: bool = False
    resume: Resume | None = None
    first_started_at: datetime | None = None
    pool: str = "default_pool"
    pool_slots: int = 1
    isolation: Isolation = "shared"
    resources: dict[str, int] = {}


class TaskStarted(EventData, frozen=True, kw_only=True):
    """A worker's claim was accepted; ``token`` must come with the attempt's result."""

    worker: str
    token: str
    started_at: datetime


class TaskSucceeded(EventData, frozen=True, kw_only=True):
    """The attempt's one committed result. ``attempt`` is 0 for a task that needed no worker.
    ``worker``: the result claims the attempt as well, which nobody had claimed, so there is no
    ``TaskStarted``. ``map_name`` is what the author wants an instance of a mapped task to be
    called. ``rendered``: its template fields with what they became, masked and cut, if there was
    anything to render."""

    started_at: datetime
    ended_at: datetime
    token: str = ""
    worker: str = ""
    xcoms: dict[str, XCom] = {}
    choice: Choice | None = None
    assets: tuple[AssetEmission, ...] = ()
    map_name: str = ""
    rendered: dict[str, str] = {}


class TaskFailed(EventData, frozen=True, kw_only=True):
    """The attempt failed. ``retry_at`` is the instant of the next attempt, None if there is
    none."""

    error_type: str
    message: str
    started_at: datetime
    ended_at: datetime
    token: str = ""
    retry_at: datetime | None = None
    traceback: str = ""
    xcoms: dict[str, XCom] = {}
    map_name: str = ""
    rendered: dict[str, str] = {}


class TaskLost(EventData, frozen=True, kw_only=True):
    """No heartbeat of the attempt's worker for the lease time. It uses up none of the user's
    retries. ``is_final``: lost too often, the task failed. ``is_given_back``: its worker was
    stopped in order, and that does not count as a loss."""

    worker: str
    reason: str
    is_final: bool = False
    is_given_back: bool = False


class TaskSkipped(EventData, frozen=True, kw_only=True):
    """The task is skipped: its attempt said so, or its trigger rule did (``attempt`` 0)."""

    reason: str
    token: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    xcoms: dict[str, XCom] = {}
    map_name: str = ""
    rendered: dict[str, str] = {}


class TaskUpstreamFailed(EventData, frozen=True, kw_only=True):
    """The trigger rule can no longer be met, since upstream tasks failed."""

    reason: str


class TaskRescheduled(EventData, frozen=True, kw_only=True):
    """The attempt is over and the task is not: it looks again at ``until``, and takes no slot
    before."""

    until: datetime
    started_at: datetime
    ended_at: datetime
    token: str = ""
    xcoms: dict[str, XCom] = {}


class TaskDeferred(EventData, frozen=True, kw_only=True):
    """The attempt is over and the task is not: it waits for its trigger and takes no slot.

    ``wake_at``: the trigger is that instant, which the scheduler's own timer watches, and
    ``payload`` is what it then says; else a worker runs ``trigger``. At ``timeout_at`` the task
    goes on with an error.
    """

    method: str
    started_at: datetime
    ended_at: datetime
    token: str = ""
    trigger: TriggerCall | None = None
    kwargs: msgspec.Raw = NO_KWARGS
    wake_at: datetime | None = None
    payload: msgspec.Raw = NO_VALUE
    timeout_at: datetime | None = None
    xcoms: dict[str, XCom] = {}


class TaskAwaitsInput(EventData, frozen=True, kw_only=True):
    """The attempt is over and the task is not: it waits for a person's answer and takes no slot.
    At ``timeout_at`` the request's defaults are taken."""

    request: InputRequest
    method: str
    started_at: datetime
    ended_at: datetime
    token: str = ""
    kwargs: msgspec.Raw = NO_KWARGS
    timeout_at: datetime | None = None
    xcoms: dict[str, XCom] = {}


class TaskResumed(EventData, frozen=True, kw_only=True):
    """What a task waited for has come. ``cause``: what ended the wait; ``payload``: what the
    trigger or the person said; ``message`` and ``traceback``: why the trigger broke; ``token``: of
    the claim on the trigger."""

    cause: Cause
    payload: msgspec.Raw = NO_VALUE
    message: str = ""
    traceback: str = ""
    token: str = ""


class TriggerReady(EventData, frozen=True, kw_only=True):
    """The trigger of a deferred task may run: one worker of the queue runs it in its event loop,
    where it takes no slot. It is an attempt of the task, numbered with the others."""

    queue: str
    version: int
    trigger: TriggerCall
    bundle: str = ""
    file: str = ""
    timeout_at: datetime | None = None


class TriggerStarted(EventData, frozen=True, kw_only=True):
    """A worker's claim on the trigger was accepted."""

    worker: str
    token: str
    started_at: datetime


class TriggerLost(EventData, frozen=True, kw_only=True):
    """No heartbeat of the trigger's worker for the lease time. The trigger is run again, however
    often: a long wait sees many workers come and go."""

    worker: str
    reason: str


class TaskResized(EventData, frozen=True, kw_only=True):
    """What a mapped task is mapped over was cleared and came back with another number of items, so
    the task has ``length`` instances from now on. Those beyond are gone; none of them had begun."""

    length: int


class TaskStopped(EventData, frozen=True, kw_only=True):
    """The open attempt of a task, or its wait for one, was ended from outside; the worker kills it,
    and its result comes too late. What becomes of the task is said by the next event about it."""

    reason: str
    token: str = ""
    worker: str = ""


class TaskCleared(EventData, frozen=True, kw_only=True):
    """The task shall run again, as if it had not yet. Its attempts count on, and ``max_tries`` is
    the number of the last try that it may use."""

    max_tries: int


class TaskMarked(EventData, frozen=True, kw_only=True):
    """Somebody, or a rule such as ``fail_fast``, decided how the task ended."""

    state: Literal["success", "failed", "skipped"]
    note: str = ""


TaskData = (
    TaskExpanded
    | TaskScheduled
    | TaskReady
    | TaskStarted
    | TaskSucceeded
    | TaskFailed
    | TaskLost
    | TaskSkipped
    | TaskUpstreamFailed
    | TaskRescheduled
    | TaskDeferred
    | TaskAwaitsInput
    | TaskResumed
    | TriggerReady
    | TriggerStarted
    | TriggerLost
    | TaskResized
    | TaskStopped
    | TaskCleared
    | TaskMarked
)
