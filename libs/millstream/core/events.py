"""The events: what happened, in the past tense. A released event is never edited; see
docs/adr/0003.

``Where`` says what an event is about; the data says what happened. Both are in every record of the
log. What happens to a task is in :mod:`millstream.core.task_events`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from millstream.core.event_parts import EventData, Rerun, TaskMemo, Where
from millstream.core.task_events import TaskData
from millstream.core.timetables.run_times import RunTimes


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
    EpochStarted
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
    | TaskData
    | AssetUpdated
    | VariableSet
    | VariableDeleted
    | ConnectionSet
    | ConnectionDeleted
    | OutcomeRemembered
    | PoolSet
    | PoolDeleted
    | AccessData
    | SecretsReencrypted
    | NothingChanged
)

# The name of its class is an event's type in the log.
type_registry: dict[str, type[EventData]] = {cls.__name__: cls for cls in get_args(Data)}


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
