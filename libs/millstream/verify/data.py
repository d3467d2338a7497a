"""What the checker reads of the data of each event, and no more of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from millstream.verify.specs import DagShape


class _Data(msgspec.Struct, frozen=True, gc=False):
    pass


class Version(_Data, frozen=True):
    version: int


class Submitted(msgspec.Struct, frozen=True):
    version: int
    spec: DagShape


class Times(_Data, frozen=True):
    logical_date: datetime
    run_after: datetime


class Planned(msgspec.Struct, frozen=True):
    next: Times | None = None
    last: Times | None = None


class Rerun(_Data, frozen=True):
    run_id: str
    position: int


class Created(_Data, frozen=True):
    version: int
    run_type: str
    run_after: datetime
    logical_date: datetime | None = None
    backfill_id: str = ""
    rerun: Rerun | None = None


class Memo(msgspec.Struct, frozen=True):
    task_id: str
    map_index: tuple[int, ...] = ()
    status: str = "none"
    attempt: int = 0
    expanded: int = -1


class Reopened(msgspec.Struct, frozen=True):
    created: Created
    version: int
    tasks: tuple[Memo, ...] = ()


class Recalled(msgspec.Struct, frozen=True):
    tasks: tuple[Memo, ...]


class Length(_Data, frozen=True):
    length: int = 0


class Ready(_Data, frozen=True):
    tries: int = 1
    max_tries: int = 1


class Token(_Data, frozen=True):
    token: str = ""


class Succeeded(_Data, frozen=True):
    """``worker``: it is the claim as well."""

    token: str = ""
    worker: str = ""


class Failed(_Data, frozen=True):
    token: str = ""
    retry_at: datetime | None = None


class Lost(_Data, frozen=True):
    is_final: bool = False


class Rescheduled(_Data, frozen=True):
    until: datetime
    token: str = ""


class Deferred(_Data, frozen=True):
    token: str = ""
    wake_at: datetime | None = None
    timeout_at: datetime | None = None


class Resumed(_Data, frozen=True):
    cause: str
    token: str = ""


class Marked(_Data, frozen=True):
    state: str


class Variable(_Data, frozen=True):
    key: str
    version: int = 0


class Connection(_Data, frozen=True):
    conn_id: str
    version: int = 0


class Pool(_Data, frozen=True):
    name: str
    slots: int = 0
    include_deferred: bool = False


class Backfill(_Data, frozen=True):
    backfill_id: str
    max_active_runs: int = 10
    number: int = 0


class User(_Data, frozen=True):
    name: str


class Role(_Data, frozen=True):
    subject: str
    role: str
    namespace: str
    dag_id: str = ""


class AccessToken(_Data, frozen=True):
    token_id: str
    user: str = ""


class Nothing(_Data, frozen=True):
    pass


SHAPES: dict[str, type[msgspec.Struct]] = {
    "EpochStarted": Nothing,
    "DagVersionSubmitted": Submitted,
    "DagPaused": Nothing,
    "DagUnpaused": Nothing,
    "NextRunPlanned": Planned,
    "BackfillCreated": Backfill,
    "BackfillAdvanced": Backfill,
    "BackfillPaused": Backfill,
    "BackfillUnpaused": Backfill,
    "BackfillCancelled": Backfill,
    "BackfillCompleted": Backfill,
    "RunCreated": Created,
    "RunStarted": Nothing,
    "RunSucceeded": Nothing,
    "RunFailed": Nothing,
    "RunQuarantined": Nothing,
    "RunMarked": Marked,
    "RunReopened": Reopened,
    "TasksRecalled": Recalled,
    "ResultsTakenOver": Recalled,
    "DeadlineSet": Nothing,
    "DeadlineMissed": Nothing,
    "TaskExpanded": Length,
    "TaskScheduled": Length,
    "TaskReady": Ready,
    "TaskStarted": Token,
    "TaskSucceeded": Succeeded,
    "TaskFailed": Failed,
    "TaskLost": Lost,
    "TaskSkipped": Token,
    "TaskUpstreamFailed": Nothing,
    "TaskRescheduled": Rescheduled,
    "TaskDeferred": Deferred,
    "TaskAwaitsInput": Deferred,
    "TaskResumed": Resumed,
    "TriggerReady": Nothing,
    "TriggerStarted": Token,
    "TriggerLost": Nothing,
    "AssetUpdated": Nothing,
    "VariableSet": Variable,
    "VariableDeleted": Variable,
    "ConnectionSet": Connection,
    "ConnectionDeleted": Connection,
    "TaskResized": Length,
    "TaskStopped": Token,
    "TaskCleared": Nothing,
    "TaskMarked": Marked,
    "OutcomeRemembered": Nothing,
    "PoolSet": Pool,
    "PoolDeleted": Pool,
    "NothingChanged": Nothing,
    "SecretsReencrypted": Nothing,
    "UserCreated": User,
    "UserDeleted": User,
    "RoleGranted": Role,
    "RoleRevoked": Role,
    "TokenCreated": AccessToken,
    "TokenRevoked": AccessToken,
}
_decoders = {name: msgspec.json.Decoder(shape) for name, shape in SHAPES.items()}


def read(type_name: str, data: msgspec.Raw) -> Any:
    """The data of an event. Raises ``KeyError`` for a type that is not known, ``MsgspecError`` for
    data that does not fit."""
    return _decoders[type_name].decode(data)
