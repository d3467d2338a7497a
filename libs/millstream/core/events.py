"""The events: what happened, in the past tense. A released event is never edited; see
docs/adr/0003.

``Where`` says what an event is about; the data says what happened. Both are in every record of the
log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from millstream.core.deferral import (
    NO_KWARGS,
    NO_VALUE,
    Cause,
    InputRequest,
    Resume,
    TriggerCall,
)
from millstream.core.event_parts import AssetEmission, Choice, Rerun, RunInfo, TaskMemo, Where, XCom
from millstream.core.spec import Action, CallbackAction, Isolation
from millstream.core.timetables.run_times import RunTimes

type_registry: dict[str, type[EventData]] = {}


class EventData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all events have in common; the name of the class is the type in the log."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        type_registry[cls.__name__] = cls


class EpochStarted(EventData, frozen=True, kw_only=True):
    """A scheduler became the active writer of the shard. All later events carry the new epoch."""

    holder: str


class DagVersionSubmitted(EventData, frozen=True, kw_only=True):
    """A new version of a DAG. ``spec`` is the JSON of a DagSpec; ``version`` counts 1, 2, 3..
    per DAG."""

    version: int
    spec: msgspec.Raw
    bundle: str = ""


class DagPaused(EventData, frozen=True, kw_only=True):
    """The schedule of the DAG makes no runs, and nothing of it starts, until it is unpaused.
    ``reason`` is empty where a person asked for it."""

    reason: str = ""


class DagUnpaused(EventData, frozen=True, kw_only=True):
    """The DAG goes on."""


class NextRunPlanned(EventData, frozen=True, kw_only=True):
    """The run that the schedule makes next, after its run ``last``: computed once, here. None: no
    further run. It takes the place of what was planned before."""

    next: RunTimes | None = None
    last: RunTimes | None = None


class BackfillCreated(EventData, frozen=True, kw_only=True):
    """Runs of the DAG are wanted for these dates, in this order. What becomes of a date that has a
    run is said by ``reprocess_behavior``: "none" leaves it, "failed" runs it again if it failed,
    "completed" in any case."""

    backfill_id: str
    from_date: datetime
    to_date: datetime
    runs: tuple[RunTimes, ...]
    reprocess_behavior: Literal["none", "failed", "completed"] = "none"
    run_backwards: bool = False
    run_on_latest_version: bool = True
    max_active_runs: int = 10
    conf: dict[str, Any] = {}


class BackfillAdvanced(EventData, frozen=True, kw_only=True):
    """The first ``number`` dates of a backfill are dealt with. The last of these has the run
    ``run_id``, or none for a ``reason``."""

    backfill_id: str
    number: int
    run_id: str = ""
    reason: str = ""


class BackfillPaused(EventData, frozen=True, kw_only=True):
    """The backfill makes and starts no further runs until it is unpaused."""

    backfill_id: str


class BackfillUnpaused(EventData, frozen=True, kw_only=True):
    """The backfill goes on."""

    backfill_id: str


class BackfillCancelled(EventData, frozen=True, kw_only=True):
    """The backfill is over: it makes no further runs, and those that are queued fail."""

    backfill_id: str


class BackfillCompleted(EventData, frozen=True, kw_only=True):
    """All dates of the backfill are dealt with, and its runs are over."""

    backfill_id: str


class RunCreated(EventData, frozen=True, kw_only=True):
    """A run of a DAG version exists and is queued. It waits for ``run_after``, and for a place
    among the runs of its DAG, or of the backfill that made it."""

    version: int
    run_type: str
    triggered_by: str
    run_after: datetime
    logical_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    conf: dict[str, Any] = {}
    note: str = ""
    # The positions of the asset updates that led to it.
    asset_events: tuple[int, ...] = ()
    backfill_id: str = ""
    # The run that it was made from, if it was.
    rerun: Rerun | None = None


class RunStarted(EventData, frozen=True, kw_only=True):
    """The run left the queue: its first tasks may become ready. ``times_out_at``: when it has to
    be over."""

    times_out_at: datetime | None = None


class RunSucceeded(EventData, frozen=True, kw_only=True):
    """All tasks ended and no leaf failed."""


class RunFailed(EventData, frozen=True, kw_only=True):
    """All tasks ended and the tasks in ``failed_leaves`` (the first hundred) did not succeed, or
    the run was made to fail: then ``reason`` says why."""

    failed_leaves: tuple[str, ...] = ()
    reason: str = ""


class RunQuarantined(EventData, frozen=True, kw_only=True):
    """Millstream itself could not go on with this run; it counts as failed, and the others go
    on."""

    error: str


class RunMarked(EventData, frozen=True, kw_only=True):
    """However its tasks end, the run ends like this: somebody said so, or ``fail_fast``. What is
    under way goes on until it is stopped; a clear takes the mark away."""

    state: Literal["success", "failed"]
    reason: str = ""


class RunReopened(EventData, frozen=True, kw_only=True):
    """A run that was over is queued again, because some of its tasks are cleared or marked.

    It carries what is known of the run, so that nobody needs the run's older events: how it was
    created, the DAG version it goes on with, and its tasks as they were left. Tasks that are not
    named never began. A large run's tasks come in several events (``TasksRecalled``).
    """

    created: RunCreated
    version: int
    tasks: tuple[TaskMemo, ...] = ()


class TasksRecalled(EventData, frozen=True, kw_only=True):
    """More tasks of a run that was reopened just before."""

    tasks: tuple[TaskMemo, ...]


class ResultsTakenOver(EventData, frozen=True, kw_only=True):
    """Tasks of a run that was made from another one stand as that one left them, and do not run
    again. What they handed on is looked up there, as of the position that the run's ``rerun``
    names. A large run's tasks come in several events."""

    tasks: tuple[TaskMemo, ...]


class DeadlineSet(EventData, frozen=True, kw_only=True):
    """The run should be over by ``due_at``; ``name`` says which of the DAG's deadlines that is."""

    name: str
    due_at: datetime


class DeadlineMissed(EventData, frozen=True, kw_only=True):
    """The run was not over by then. It goes on."""

    name: str
    due_at: datetime


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
    ``map_name`` is what the author wants an instance of a mapped task to be called. ``rendered``:
    its template fields with what they became, masked and cut, if there was anything to render."""

    started_at: datetime
    ended_at: datetime
    token: str = ""
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


class AssetUpdated(EventData, frozen=True, kw_only=True):
    """An asset has new data: a task that has it among its outlets succeeded, or somebody outside
    said so (then the event is about no run). ``aliases``: through which it is an outlet."""

    name: str
    uri: str
    extra: dict[str, Any] = {}
    aliases: tuple[str, ...] = ()


class VariableSet(EventData, frozen=True, kw_only=True):
    """A variable has a new value, which is kept encrypted elsewhere and stands in no event.
    ``version`` counts 1, 2, 3.. until the variable is deleted."""

    key: str
    version: int
    description: str = ""


class VariableDeleted(EventData, frozen=True, kw_only=True):
    """A variable is gone, and its value with it."""

    key: str


class ConnectionSet(EventData, frozen=True, kw_only=True):
    """A connection is new or changed. What it consists of is kept encrypted elsewhere and stands in
    no event. ``version`` counts 1, 2, 3.. until the connection is deleted."""

    conn_id: str
    version: int
    description: str = ""


class ConnectionDeleted(EventData, frozen=True, kw_only=True):
    """A connection is gone, and all it consisted of."""

    conn_id: str


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


class OutcomeRemembered(EventData, frozen=True, kw_only=True):
    """How a run ended, for the tasks of later runs that depend on the past. It is about the DAG, so
    it stays when the run is forgotten. ``bad``: the tasks that neither succeeded nor were skipped;
    ``is_first``: it was the first run of its backfill."""

    run_id: str
    version: int
    run_type: str
    logical_date: datetime | None
    bad: tuple[str, ...] = ()
    backfill_id: str = ""
    is_first: bool = False


class PoolSet(EventData, frozen=True, kw_only=True):
    """A pool was made or changed. ``slots`` of -1: as many as anybody wants. Queued and running
    attempts take slots, deferred ones too with ``include_deferred``."""

    name: str
    slots: int
    include_deferred: bool = False
    description: str = ""


class PoolDeleted(EventData, frozen=True, kw_only=True):
    """A pool is gone. What waits for its slots waits until it is there again."""

    name: str


class UserCreated(EventData, frozen=True, kw_only=True):
    """There is a user: a person or a service, who may have roles and tokens."""

    name: str


class UserDeleted(EventData, frozen=True, kw_only=True):
    """A user is gone. What it had of tokens and roles went just before."""

    name: str


class RoleGranted(EventData, frozen=True, kw_only=True):
    """A subject (a user, or ``group:NAME``) has a role on a namespace (``*``: on all), or on one
    DAG of it."""

    subject: str
    role: Literal["viewer", "operator", "author", "admin"]
    namespace: str
    dag_id: str = ""


class RoleRevoked(EventData, frozen=True, kw_only=True):
    """A subject has that role there no more."""

    subject: str
    role: Literal["viewer", "operator", "author", "admin"]
    namespace: str
    dag_id: str = ""


class TokenCreated(EventData, frozen=True, kw_only=True):
    """A user has a token. Its secret was shown once and is in no event; a hash of it is kept
    elsewhere. ``scopes`` (): all that its user may, else no more than these."""

    token_id: str
    user: str
    label: str = ""
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None


class TokenRevoked(EventData, frozen=True, kw_only=True):
    """A token is good for nothing any more, and its hash is gone."""

    token_id: str


class SecretsReencrypted(EventData, frozen=True, kw_only=True):
    """Values of variables and connections are encrypted with another key now, ``key_id``. They are
    the same values, so no version has changed."""

    key_id: str
    count: int


class NothingChanged(EventData, frozen=True, kw_only=True):
    """A client asked for what was so already. That it asked is kept, so that the same request gets
    the same answer for ever, however things stand then. ``run_id`` and ``version``: of what it
    asked about, as the answer named them."""

    run_id: str = ""
    version: int = 0


AccessData = UserCreated | UserDeleted | RoleGranted | RoleRevoked | TokenCreated | TokenRevoked
Data = (
    AssetUpdated
    | EpochStarted
    | DagVersionSubmitted
    | DagPaused
    | DagUnpaused
    | NextRunPlanned
    | BackfillCreated
    | BackfillAdvanced
    | BackfillPaused
    | BackfillUnpaused
    | BackfillCancelled
    | BackfillCompleted
    | RunCreated
    | RunStarted
    | RunSucceeded
    | RunFailed
    | RunQuarantined
    | RunMarked
    | RunReopened
    | TasksRecalled
    | ResultsTakenOver
    | DeadlineSet
    | DeadlineMissed
    | TaskExpanded
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
    | VariableSet
    | VariableDeleted
    | ConnectionSet
    | ConnectionDeleted
    | TaskResized
    | TaskStopped
    | TaskCleared
    | TaskMarked
    | OutcomeRemembered
    | PoolSet
    | PoolDeleted
    | NothingChanged
    | SecretsReencrypted
    | AccessData
)


class Fact(msgspec.Struct, frozen=True):
    """A decided event that has no position yet."""

    where: Where
    data: Data


class Event(msgspec.Struct, frozen=True):
    """An event at its place in the log. ``causation`` is the id of the command that led to it."""

    position: int
    epoch: int
    where: Where
    data: Data
    actor: str
    causation: str
    recorded_at: datetime
    trace: str = ""
