"""The rows of the read tables, one Struct a table; the DDL is in
``adapters/sql/read_tables.sql``."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec


class Row(msgspec.Struct, kw_only=True):
    """A row that the projector keeps and changes in memory. ``KEY`` columns come first in the
    table."""

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]


_DAG = ("namespace", "dag_id")
_RUN = (*_DAG, "run_id")
_INSTANCE = (*_RUN, "task_id", "map_index")
_ATTEMPT = (*_INSTANCE, "attempt")


class OfDag(Row, kw_only=True):
    """A row that is about a DAG, or something of it."""

    namespace: str
    dag_id: str


class OfRun(OfDag, kw_only=True):
    run_id: str


class OfInstance(OfRun, kw_only=True):
    """A row that is about a task of a run, or about one instance of a mapped one."""

    task_id: str
    map_index: tuple[int, ...]


class Progress(OfInstance, kw_only=True):
    """How far a task instance is, an attempt of it, or a callback."""

    state: str = "none"
    attempt: int = 0
    queue: str = ""
    worker: str = ""
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    traceback: str = ""
    position: int = 0


class DagRow(OfDag, kw_only=True):
    TABLE: ClassVar[str] = "dag"
    KEY: ClassVar[tuple[str, ...]] = _DAG

    latest_version: int = 0
    submitted_at: datetime | None = None
    is_paused: bool = False
    pause_reason: str = ""
    next_logical_date: datetime | None = None
    next_interval_start: datetime | None = None
    next_interval_end: datetime | None = None
    next_run_after: datetime | None = None
    display_name: str = ""
    description: str = ""
    # JSON lists.
    tags: str = "[]"
    owners: str = "[]"
    schedule: str = ""
    file: str = ""


class DagVersionRow(OfDag, kw_only=True):
    TABLE: ClassVar[str] = "dag_version"
    KEY: ClassVar[tuple[str, ...]] = (*_DAG, "version")

    version: int
    spec: str
    bundle: str
    submitted_at: datetime
    submitted_by: str
    position: int


class RunRow(OfRun, kw_only=True):
    TABLE: ClassVar[str] = "dag_run"
    KEY: ClassVar[tuple[str, ...]] = _RUN

    version: int
    state: str
    run_type: str
    triggered_by: str
    conf: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    note: str
    reason: str = ""
    # The positions of the asset updates that led to it, as a JSON list.
    asset_events: str = "[]"
    backfill_id: str = ""
    # The run that it was made from, as that stood at the position.
    rerun_of: str = ""
    rerun_position: int = 0
    rerun_start: str = ""
    created_position: int
    position: int


class TaskRow(Progress, kw_only=True):
    TABLE: ClassVar[str] = "task_instance"
    KEY: ClassVar[tuple[str, ...]] = _INSTANCE

    retry_at: datetime | None = None
    map_name: str = ""
    pool: str = ""
    pool_slots: int = 0
    # The run in which it did what is said here, if that is another one.
    taken_from: str = ""


class AttemptRow(Progress, kw_only=True):
    TABLE: ClassVar[str] = "task_attempt"
    KEY: ClassVar[tuple[str, ...]] = _ATTEMPT

    attempt: int
    state: str = "queued"


class RenderedRow(OfInstance, kw_only=True):
    """What the template fields of an attempt became. ``fields`` is a JSON object of texts."""

    TABLE: ClassVar[str] = "rendered_fields"
    KEY: ClassVar[tuple[str, ...]] = _ATTEMPT

    attempt: int
    fields: str
    position: int


class PoolRow(Row, kw_only=True):
    TABLE: ClassVar[str] = "pool"
    KEY: ClassVar[tuple[str, ...]] = ("namespace", "name")

    namespace: str
    name: str
    slots: int
    include_deferred: bool
    description: str
    changed_at: datetime
    position: int


class XComRow(OfInstance, kw_only=True):
    TABLE: ClassVar[str] = "xcom"
    KEY: ClassVar[tuple[str, ...]] = (*_INSTANCE, "key")

    key: str
    value: str | None
    blob: str
    size: int
    codec: str
    attempt: int
    position: int


class InputRow(OfInstance, kw_only=True):
    """A question to people. ``state``: waiting, answered, timed_out, or closed when the task was
    ended otherwise; ``request`` and ``answer`` are JSON."""

    TABLE: ClassVar[str] = "human_input"
    KEY: ClassVar[tuple[str, ...]] = _ATTEMPT

    attempt: int
    state: str
    request: str
    asked_at: datetime
    timeout_at: datetime | None
    ended_at: datetime | None = None
    answer: str | None = None
    asked_position: int
    position: int


class AssetRow(Row, kw_only=True):
    """``position``: of the event that named it last."""

    TABLE: ClassVar[str] = "asset"
    KEY: ClassVar[tuple[str, ...]] = ("namespace", "name")

    namespace: str
    name: str
    uri: str
    asset_group: str
    position: int


class AssetEventRow(Row, kw_only=True):
    """``aliases`` is a JSON list; the task is empty for an update from outside."""

    TABLE: ClassVar[str] = "asset_event"
    KEY: ClassVar[tuple[str, ...]] = ("position",)

    position: int
    namespace: str
    name: str
    uri: str
    extra: str
    aliases: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    recorded_at: datetime


class BackfillRow(OfDag, kw_only=True):
    """``state``: running, paused, cancelled or completed; ``number`` of the ``total`` dates are
    dealt with, and ``skipped`` of these got no run."""

    TABLE: ClassVar[str] = "backfill"
    KEY: ClassVar[tuple[str, ...]] = (*_DAG, "backfill_id")

    backfill_id: str
    from_date: datetime
    to_date: datetime
    reprocess_behavior: str
    run_backwards: bool
    max_active_runs: int
    conf: str
    state: str = "running"
    total: int
    number: int = 0
    skipped: int = 0
    created_at: datetime
    ended_at: datetime | None = None
    created_position: int
    position: int


class VariableRow(Row, kw_only=True):
    TABLE: ClassVar[str] = "variable"
    KEY: ClassVar[tuple[str, ...]] = ("namespace", "key")

    namespace: str
    key: str
    version: int
    description: str
    updated_at: datetime
    position: int


class ConnectionRow(Row, kw_only=True):
    TABLE: ClassVar[str] = "connection"
    KEY: ClassVar[tuple[str, ...]] = ("namespace", "conn_id")

    namespace: str
    conn_id: str
    version: int
    description: str
    updated_at: datetime
    position: int


class CallbackRow(Progress, kw_only=True):
    """``callback_id`` is the task id of the callback's events; ``task_id`` is empty for a callback
    of the run."""

    TABLE: ClassVar[str] = "callback"
    KEY: ClassVar[tuple[str, ...]] = (*_RUN, "callback_id", "map_index")

    callback_id: str


class OpenTasksRow(OfDag, kw_only=True):
    """How many task instances of runs that go on are in a queue and a state; there is no row for
    none. ``state`` is none in which a task is over."""

    TABLE: ClassVar[str] = "open_tasks"
    KEY: ClassVar[tuple[str, ...]] = (*_DAG, "queue", "state")

    queue: str
    state: str
    number: int


class MissedDeadlineRow(OfRun, kw_only=True):
    """A run was not over when its DAG's deadline of that name was due."""

    TABLE: ClassVar[str] = "missed_deadline"
    KEY: ClassVar[tuple[str, ...]] = (*_RUN, "name")

    name: str
    due_at: datetime
    missed_at: datetime
    position: int


class UserRow(Row, kw_only=True):
    TABLE: ClassVar[str] = "app_user"
    KEY: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    created_at: datetime
    position: int


class RoleBindingRow(Row, kw_only=True):
    TABLE: ClassVar[str] = "role_binding"
    KEY: ClassVar[tuple[str, ...]] = ("subject", "role", "namespace", "dag_id")

    subject: str
    role: str
    namespace: str
    dag_id: str
    granted_at: datetime
    granted_by: str
    position: int


class TokenRow(Row, kw_only=True):
    """``scopes`` are text, with commas between them."""

    TABLE: ClassVar[str] = "api_token"
    KEY: ClassVar[tuple[str, ...]] = ("token_id",)

    token_id: str
    user_name: str
    label: str
    scopes: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    position: int


# The tables whose rows belong to a run; those of runs that go on are read back by a projector that
# starts.
RUN_ROW_TYPES: tuple[type[Row], ...] = (RunRow, TaskRow, AttemptRow, XComRow, InputRow)
ROW_TYPES: tuple[type[Row], ...] = (
    DagRow,
    DagVersionRow,
    *RUN_ROW_TYPES,
    CallbackRow,
    OpenTasksRow,
    MissedDeadlineRow,
    RenderedRow,
    AssetRow,
    AssetEventRow,
    VariableRow,
    ConnectionRow,
    PoolRow,
    BackfillRow,
    UserRow,
    RoleBindingRow,
    TokenRow,
)
Key = tuple[object, ...]


def key_of(row: Row) -> Key:
    return tuple(getattr(row, name) for name in row.KEY)
