"""The commands: what somebody wants, in the imperative. A command may be refused; an event may not.

Commands travel on the stream INBOX. Who sent one is known from the subject under which it was
stored, never from what it says of itself. What workers send is in :mod:`millstream.core.reports`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec

from millstream.core.backfills import Behavior, Existing
from millstream.core.command_parts import Command, Instant, Label
from millstream.core.event_parts import Number, Position, Where
from millstream.core.reports import Report
from millstream.core.spec import DagSpec

# An encrypted value: printable ASCII, bounded.
SealedText = Annotated[str, msgspec.Meta(max_length=256 * 1024, pattern=r"\A[!-~]+\Z")]


class SubmitDag(Command, frozen=True, kw_only=True):
    """Register a version of a DAG. Equal to the latest version: nothing happens, and that is
    said. ``is_paused_if_new``: whether a DAG with a schedule begins paused, unless it says itself.
    """

    namespace: str
    spec: DagSpec
    bundle: str = ""
    is_paused_if_new: bool = False


class SetDagPaused(Command, frozen=True, kw_only=True):
    """Pause a DAG, or let it go on. As it is already: nothing happens."""

    namespace: str
    dag_id: str
    is_paused: bool


class CreateBackfill(Command, frozen=True, kw_only=True):
    """Make runs for the dates between two dates, both inclusive."""

    namespace: str
    dag_id: str
    from_date: Instant
    to_date: Instant
    reprocess_behavior: Behavior = "none"
    run_backwards: bool = False
    run_on_latest_version: bool = True
    max_active_runs: Number = 10
    conf: dict[str, Any] = {}


class SetBackfillPaused(Command, frozen=True, kw_only=True):
    """Pause a backfill, or let it go on. An empty ``backfill_id`` is the one that goes on."""

    namespace: str
    dag_id: str
    backfill_id: str = ""
    is_paused: bool


class CancelBackfill(Command, frozen=True, kw_only=True):
    """End a backfill. An empty ``backfill_id`` is the one that goes on."""

    namespace: str
    dag_id: str
    backfill_id: str = ""


class TriggerRun(Command, frozen=True, kw_only=True):
    """Start a run now, or at ``run_after``. Without ``run_id`` one is made from the type and the
    instant; without ``logical_date`` that is now, unless the run shall have none. ``unpause``: a
    paused DAG goes on."""

    namespace: str
    dag_id: str
    run_id: str = ""
    conf: dict[str, Any] = {}
    logical_date: Instant | None = None
    note: str = ""
    run_after: Instant | None = None
    has_logical_date: bool = True
    unpause: bool = False


class EmitAssetEvent(Command, frozen=True, kw_only=True):
    """Somebody outside has updated an asset, which is named by its name, its URI or both."""

    namespace: str
    name: str = ""
    uri: str = ""
    extra: dict[str, Any] = {}


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker must hold to act for a task that runs: the claim of its attempt."""

    where: Where
    worker: str
    token: str


class SetVariable(Command, frozen=True, kw_only=True):
    """Keep a variable's value. ``sealed`` is the value, encrypted before it came here; ``claim`` is
    that of the task which sets it, if one does."""

    namespace: str
    key: Label
    sealed: SealedText
    description: Label = ""
    claim: Claim | None = None


class DeleteVariable(Command, frozen=True, kw_only=True):
    """Forget a variable and its value."""

    namespace: str
    key: Label
    claim: Claim | None = None


class SetConnection(Command, frozen=True, kw_only=True):
    """Keep a connection. ``sealed`` is its JSON, encrypted before it came here; ``is_new``: refuse
    to change one that exists."""

    namespace: str
    conn_id: Label
    sealed: SealedText
    description: Label = ""
    is_new: bool = False


class DeleteConnection(Command, frozen=True, kw_only=True):
    """Forget a connection."""

    namespace: str
    conn_id: Label


class TaskRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tasks of a run: a task with all of its instances, or those whose map index begins with
    ``map_index``; or all tasks of a group."""

    task_id: Label
    map_index: tuple[Number, ...] = ()


class ControlRun(Command, frozen=True, kw_only=True):
    """What the commands about one existing run have in common. The run may be over."""

    namespace: Label
    dag_id: Label
    run_id: Label

    @property
    def where(self) -> Where:
        return Where(self.namespace, self.dag_id, self.run_id)


class ClearTasks(ControlRun, frozen=True, kw_only=True):
    """Let tasks run again; what runs of them is stopped first. ``tasks`` (): all.

    ``only_failed`` and ``only_running`` together mean either. A run that is over is queued again if
    ``reset_dag_runs``, else it is left alone. ``run_on_latest_version``: it goes on with the newest
    version of its DAG.
    """

    tasks: tuple[TaskRef, ...] = ()
    include_upstream: bool = False
    include_downstream: bool = False
    only_failed: bool = True
    only_running: bool = False
    reset_dag_runs: bool = True
    run_on_latest_version: bool = False


class MarkTasks(ControlRun, frozen=True, kw_only=True):
    """Say how tasks ended, whatever they did; what runs of them is stopped first. What failed
    downstream of them is cleared."""

    tasks: tuple[TaskRef, ...]
    state: Literal["success", "failed", "skipped"]
    include_upstream: bool = False
    include_downstream: bool = False
    note: Label = ""


class MarkRun(ControlRun, frozen=True, kw_only=True):
    """Say how a run ends. Failed (a cancel): what runs is stopped and failed, what has not begun is
    skipped. Success: so is every task. Teardowns still run."""

    state: Literal["success", "failed"]
    note: Label = ""


class RerunRun(ControlRun, frozen=True, kw_only=True):
    """Make a new run from one that there is, and take over what that one has done already.

    ``start``: see :class:`Rerun`; "event" is as of ``position`` and may be about a run that goes
    on. ``conf`` None: that of the run. ``version`` 0: that of the run, -1: the newest.
    """

    new_run_id: Label = ""
    start: Literal["failed", "tasks", "event"] = "failed"
    tasks: tuple[TaskRef, ...] = ()
    position: Position = 0
    conf: dict[str, Any] | None = None
    version: Number = 0
    note: Label = ""


class AnswerTask(Command, frozen=True, kw_only=True):
    """A person's answer to a task that awaits input. ``where.attempt`` 0: whichever attempt asked;
    ``params`` holds the fields of the form that differ from their defaults."""

    where: Where
    options: tuple[str, ...]
    params: dict[str, Any] = {}
    user: Label = ""


class WakeTask(Command, frozen=True, kw_only=True):
    """The instant for which a task waits has come (own timers). ``where.attempt`` is the one that
    stopped."""

    where: Where


class TimeOutWait(Command, frozen=True, kw_only=True):
    """A task has waited for a trigger or a person for as long as it may (own timers)."""

    where: Where


class RetryAttempt(Command, frozen=True, kw_only=True):
    """The retry instant of a failed attempt has come (from the scheduler's own timers)."""

    where: Where


class LoseAttempt(Command, frozen=True, kw_only=True):
    """The lease of a claimed attempt ran out, or its worker stopped and gave it back (from the
    scheduler's own timers)."""

    where: Where
    token: str
    reason: str
    is_given_back: bool = False


class ReadyAgain(Command, frozen=True, kw_only=True):
    """Nobody pulled a ready attempt for so long that the stream will forget it (own timers)."""

    where: Where


class CreateScheduledRun(Command, frozen=True, kw_only=True):
    """The instant of a planned run has come (own timers). ``is_taken``: there was a run of this id
    or of this logical date, so the schedule makes none."""

    namespace: str
    dag_id: str
    run_after: Instant
    is_taken: bool = False


class AdvanceBackfill(Command, frozen=True, kw_only=True):
    """A backfill may deal with its next date (own). ``existing``: the run of that date, which only
    the log knows if it is over."""

    namespace: str
    dag_id: str
    backfill_id: str
    number: int
    existing: Existing | None = None
    is_id_taken: bool = False


class StartRuns(Command, frozen=True, kw_only=True):
    """Queued runs of a DAG may have become due, or find a place: ``at`` has come (own)."""

    namespace: str
    dag_id: str
    at: Instant


class SetPool(Command, frozen=True, kw_only=True):
    """Make a pool, or change one."""

    namespace: str
    name: Label
    slots: Number
    include_deferred: bool = False
    description: Label = ""


class DeletePool(Command, frozen=True, kw_only=True):
    """Take a pool away."""

    namespace: str
    name: Label


class Reencrypted(msgspec.Struct, frozen=True, kw_only=True):
    """A value that is encrypted with another key. ``position``: of the event that set it; if it was
    set or deleted since, this is of no use any more."""

    kind: Literal["variable", "connection"]
    namespace: Label
    name: Label
    position: Position
    sealed: SealedText


class ReencryptSecrets(Command, frozen=True, kw_only=True):
    """Keep values as they are, encrypted with another key."""

    key_id: Label
    entries: tuple[Reencrypted, ...]


class CreateUser(Command, frozen=True, kw_only=True):
    """Make a user."""

    name: Label


class DeleteUser(Command, frozen=True, kw_only=True):
    """Take a user away, with the tokens and roles that it has."""

    name: Label


class GrantRole(Command, frozen=True, kw_only=True):
    """Give a subject a role. It has it already: nothing happens."""

    subject: Label
    role: Label
    namespace: Label
    dag_id: Label = ""


class RevokeRole(Command, frozen=True, kw_only=True):
    """Take a role away from a subject."""

    subject: Label
    role: Label
    namespace: Label
    dag_id: Label = ""


class CreateToken(Command, frozen=True, kw_only=True):
    """Make a token of a user. ``sealed`` is the hash of its secret, which stays out of the log."""

    token_id: Label
    user: Label
    sealed: SealedText
    label: Label = ""
    scopes: tuple[Label, ...] = ()
    expires_at: Instant | None = None


class RevokeToken(Command, frozen=True, kw_only=True):
    """End a token. ``user``: refuse it if it is not theirs."""

    token_id: Label
    user: Label = ""


class TimeOutRun(Command, frozen=True, kw_only=True):
    """A run had until ``at`` to end (own timers)."""

    where: Where
    at: Instant


class MissDeadline(Command, frozen=True, kw_only=True):
    """The instant by which a run should have been over has come (own timers)."""

    where: Where
    name: str


class BeginEpoch(Command, frozen=True, kw_only=True):
    """The new active scheduler's first command (own)."""

    holder: str


class LetIn(Command, frozen=True, kw_only=True):
    """More wait and fit than one command lets in: let in the next ones (own)."""


class Quarantine(Command, frozen=True, kw_only=True):
    """Our own code failed on something about a run or a DAG, outside of a decision: put it aside
    (own)."""

    where: Where
    error: str


RunCommand = ClearTasks | MarkTasks | MarkRun
SecretCommand = SetVariable | DeleteVariable | SetConnection | DeleteConnection
PoolCommand = SetPool | DeletePool
BackfillCommand = CreateBackfill | SetBackfillPaused | CancelBackfill
AccessCommand = CreateUser | DeleteUser | GrantRole | RevokeRole | CreateToken | RevokeToken
ApiCommand = (
    SubmitDag
    | SetDagPaused
    | TriggerRun
    | AnswerTask
    | EmitAssetEvent
    | SecretCommand
    | RunCommand
    | RerunRun
    | PoolCommand
    | BackfillCommand
    | AccessCommand
    | ReencryptSecrets
)
TimerCommand = (
    RetryAttempt
    | LoseAttempt
    | ReadyAgain
    | WakeTask
    | TimeOutWait
    | CreateScheduledRun
    | AdvanceBackfill
    | StartRuns
    | TimeOutRun
    | MissDeadline
    | Quarantine
    | LetIn
    | BeginEpoch
)
AnyCommand = ApiCommand | Report | TimerCommand

# Which role may send what. The timers' commands never travel, so nobody may send them.
ALLOWED: dict[str, tuple[type[Command], ...]] = {
    "api": get_args(ApiCommand),
    # A task may set variables, under the claim of its attempt.
    "worker": (*get_args(Report), SetVariable, DeleteVariable),
}

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[ApiCommand | Report] = msgspec.json.Decoder(
    ApiCommand | Report, strict=True
)


def encode_command(command: ApiCommand | Report) -> bytes:
    """The bytes of a command for INBOX."""
    return _encoder.encode(command)


def decode_command(data: bytes) -> ApiCommand | Report:
    """Strict: an unknown type or a wrong value raises ``msgspec.MsgspecError``.

    So does what msgspec lets through or reports otherwise: text inside of a raw value that is not
    UTF-8, and nesting deeper than the interpreter's stack.
    """
    try:
        data.decode()
        return _decoder.decode(data)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"the command cannot be read: {error}") from error
