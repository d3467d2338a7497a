"""What a DAG is once it left its Python file: plain data, the same for every service and every
release.

A :class:`DagSpec` is what is submitted, stored in the log and scheduled. It holds no code: Python
tasks name the bundle that carries their file, and only a worker's child process ever imports it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import msgspec


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


class MapSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a task is mapped over: what the task ``task_id`` returned, or, if that is
    empty, ``length`` values that the DAG file gives."""

    task_id: str = ""
    length: int = 0


Action = PythonAction | BashAction | EmptyAction


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


class DagSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One DAG. ``schedule`` is a cron expression or a preset such as ``@daily``; ``start_date``
    is an RFC 3339 instant; ``file`` is the path of the DAG file inside its bundle ("" without
    a bundle)."""

    dag_id: str
    tasks: tuple[TaskSpec, ...]
    schedule: str | None = None
    start_date: str | None = None
    timezone: str = "UTC"
    catchup: bool = False
    tags: tuple[str, ...] = ()
    description: str = ""
    doc: str = ""
    params: dict[str, Any] = {}
    file: str = ""


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(DagSpec, strict=True)


def encode_spec(spec: DagSpec) -> bytes:
    """The canonical bytes of a spec: equal specs have equal bytes."""
    tasks = tuple(_with_defaults(task) for task in spec.tasks)
    return _encoder.encode(_with_defaults(msgspec.structs.replace(spec, tasks=tasks)))


_S = TypeVar("_S", bound=msgspec.Struct)


def _with_defaults(struct: _S) -> _S:
    """The same, with the default itself wherever a value equals it: msgspec leaves a field out only
    if its value is the very object."""
    same = {
        field.name: field.default
        for field in msgspec.structs.fields(struct)
        if field.default is not msgspec.NODEFAULT and getattr(struct, field.name) == field.default
    }
    return msgspec.structs.replace(struct, **same) if same else struct


def decode_spec(data: bytes | str) -> DagSpec:
    """The spec from its JSON. Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return _decoder.decode(data)
