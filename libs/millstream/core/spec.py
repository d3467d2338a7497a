"""What a DAG is once it left its Python file: plain data, the same for every service and every
release.

A :class:`DagSpec` is what is submitted, stored in the log and scheduled. It holds no code: Python
tasks name the bundle that carries their file, and only a worker's child process ever imports it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar

import msgspec

from millstream.core.asset_conditions import AliasRef, AssetRef
from millstream.core.timetable import Schedule


class TriggerRule(StrEnum):
    """When a task may run, given how its upstream tasks ended (Airflow's names and meaning)."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_SKIPPED = "all_skipped"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"
    # The rule of teardowns.
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"


class PythonAction(msgspec.Struct, frozen=True, tag_field="kind", tag="python", omit_defaults=True):
    """Run the task of this id as the bundle's DAG file defines it."""


class BashAction(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="bash", omit_defaults=True
):
    """Run a command with bash. It needs no bundle, so any client can submit it.

    ``env`` replaces the worker's environment unless ``append_env``; exit codes in
    ``skip_exit_codes`` skip the task. The last line of standard output becomes the task's XCom.
    """

    command: str
    env: dict[str, str] | None = None
    append_env: bool = False
    cwd: str | None = None
    skip_exit_codes: tuple[int, ...] = (99,)


class EmptyAction(msgspec.Struct, frozen=True, tag_field="kind", tag="empty", omit_defaults=True):
    """Nothing to do: the scheduler marks the task as a success without a worker."""


CallbackKind = Literal["success", "failure", "retry", "skipped", "deadline"]


class CallbackAction(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="callback",
    omit_defaults=True,
):
    """Call the callbacks of this kind that the bundle's DAG file gives a task, or, with ``of_run``,
    the DAG. The rest is what their context tells: the instance of the task, how its attempt ended,
    why the run did (``reason``), and for a deadline which one was missed, and when it was due."""

    on: CallbackKind
    of_run: bool = False
    task_id: str = ""
    map_index: tuple[int, ...] = ()
    attempt: int = 0
    tries: int = 1
    max_tries: int = 1
    state: str = ""
    worker: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error_type: str = ""
    message: str = ""
    traceback: str = ""
    run_state: str = ""
    reason: str = ""
    deadline: str = ""
    due_at: datetime | None = None


class MapSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a task is mapped over: what the task ``task_id`` returned, or, if that is
    empty, ``length`` values that the DAG file gives; or, with ``how``, several things in one:
    zipped to the shortest or the longest of them, or one after the other."""

    task_id: str = ""
    length: int = 0
    how: Literal["", "zip", "zip_longest", "concat"] = ""
    of: tuple[MapSource, ...] = ()


class GroupSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group of tasks, for people to look at; a mapped one is repeated as a whole. ``parent`` is
    the group around it ("": none)."""

    group_id: str
    parent: str = ""
    label: str = ""
    tooltip: str = ""
    mapped_over: tuple[MapSource, ...] = ()


class WeightRule(StrEnum):
    """What a task's priority is made of: its own weight, with those of all tasks downstream or
    upstream of it."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


class DeadlineSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run shall be over ``interval_s`` after the reference. ``at``: the instant of
    "fixed_datetime"; ``max_runs``: over how many runs "average_runtime" looks, and how many there
    must be (``min_runs``; 0: as many)."""

    name: str
    reference: Literal["logical_date", "queued_at", "fixed_datetime", "average_runtime"]
    interval_s: float
    at: str = ""
    max_runs: int = 10
    min_runs: int = 0


Action = PythonAction | BashAction | EmptyAction
# "fresh": each attempt has a process of its own, that has run nothing before.
Isolation = Literal["shared", "fresh"]


class MarkedTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task of another DAG that waits for this one: who clears this one recursively clears that
    one, in the run whose logical date the template gives, through so many DAGs at most."""

    dag_id: str
    task_id: str
    logical_date: str = "{{ logical_date.isoformat() }}"
    recursion_depth: int = 10


class TaskSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task. Times are in seconds; ``upstream`` names tasks of the same DAG; ``line`` is the
    line of the DAG file that made it (0: unknown)."""

    task_id: str
    action: Action
    operator: str = ""
    upstream: tuple[str, ...] = ()
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    retries: int = 0
    retry_delay_s: float = 300.0
    retry_multiplier: float = 1.0
    max_retry_delay_s: float | None = None
    execution_timeout_s: float | None = None
    queue: str = "default"
    exclusive: bool = False
    do_xcom_push: bool = True
    doc: str = ""
    line: int = 0
    # Mapped over the product of these, the last one fastest; () for a task that is not mapped.
    mapped_over: tuple[MapSource, ...] = ()
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    # The innermost group; "" for none.
    group: str = ""
    # What is written on the edges from upstream tasks.
    edge_labels: dict[str, str] = {}
    display_name: str = ""
    owner: str = ""
    pool: str = "default_pool"
    pool_slots: int = 1
    priority_weight: int = 1
    weight_rule: WeightRule = WeightRule.DOWNSTREAM
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    ignore_first_depends_on_past: bool = True
    wait_for_past_depends_before_skipping: bool = False
    # Which callbacks the task has: "execute", "success", "failure", "retry", "skipped".
    callbacks: tuple[str, ...] = ()
    inlets: tuple[AssetRef | AliasRef, ...] = ()
    outlets: tuple[AssetRef | AliasRef, ...] = ()
    # What it returns is the result of the run.
    returns_dag_result: bool = False
    marks: MarkedTask | None = None
    isolation: Isolation = "shared"
    # What a worker must have free for it, by name.
    resources: dict[str, int] = {}


class DagSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One DAG. A ``schedule`` that is text is a cron expression or a preset such as ``@daily``;
    ``start_date`` and ``end_date`` are RFC 3339 instants; ``file`` is the path of the DAG file
    inside its bundle ("" without a bundle). ``param_schemas`` holds the JSON Schema of each param
    that has one."""

    dag_id: str
    tasks: tuple[TaskSpec, ...]
    schedule: str | Schedule | None = None
    start_date: str | None = None
    timezone: str = "UTC"
    catchup: bool = False
    tags: tuple[str, ...] = ()
    description: str = ""
    doc: str = ""
    params: dict[str, Any] = {}
    file: str = ""
    end_date: str | None = None
    display_name: str = ""
    groups: tuple[GroupSpec, ...] = ()
    param_schemas: dict[str, Any] = {}
    max_active_runs: int = 16
    max_active_tasks: int = 16
    dagrun_timeout_s: float | None = None
    # None: as the installation's setting says.
    is_paused_upon_creation: bool | None = None
    fail_fast: bool = False
    max_consecutive_failed_dag_runs: int = 0
    # Shares free slots fairly with other keys of the same priority; "": the DAG's id.
    fairness_key: str = ""
    # Which callbacks the DAG has: "success", "failure".
    callbacks: tuple[str, ...] = ()
    deadlines: tuple[DeadlineSpec, ...] = ()


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(DagSpec, strict=True)


def encode_spec(spec: DagSpec) -> bytes:
    """The canonical bytes of a spec: equal specs have equal bytes."""
    return _encoder.encode(_with_defaults(spec))


_V = TypeVar("_V")


def _with_defaults(value: _V) -> _V:
    """The same, with the default itself wherever a value equals it: msgspec leaves a field out only
    if its value is the very object."""
    if isinstance(value, tuple):
        return tuple(map(_with_defaults, value)) if value else value  # type: ignore[return-value]
    if not isinstance(value, msgspec.Struct):
        return value
    changed: dict[str, Any] = {}
    for name, default in _defaults(type(value)):
        old = getattr(value, name)
        new = default if old == default else _with_defaults(old)
        if new is not old:
            changed[name] = new
    return msgspec.structs.replace(value, **changed) if changed else value


@cache
def _defaults(struct: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in msgspec.structs.fields(struct))


def decode_spec(data: bytes | str) -> DagSpec:
    """The spec from its JSON. Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return _decoder.decode(data)
