"""Between the protos and the core: a DAG's spec there and back, an event's record to its message.

The api and the client share this, so that what one writes the other reads. Nothing here checks a
DAG: that is ``millstream.core.validate``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from millstream.core.errors import InvalidArgument
from millstream.core.spec import (
    Action,
    BashAction,
    DagSpec,
    EmptyAction,
    MapSource,
    PythonAction,
    TaskSpec,
    TriggerRule,
)
from millstream.core.wire import Record
from millstream.rpc.v1 import dags_pb2, events_pb2

MAX_JSON_DEPTH = 32
_LARGEST_EXACT = 2**53


def spec_to_proto(spec: DagSpec) -> dags_pb2.DagSpec:
    """Raises :class:`InvalidArgument` for a value that no message can hold."""
    try:
        return dags_pb2.DagSpec(
            dag_id=spec.dag_id,
            tasks=[_task_to_proto(task) for task in spec.tasks],
            schedule=spec.schedule,
            start_date=spec.start_date,
            timezone=spec.timezone,
            catchup=spec.catchup,
            tags=spec.tags,
            description=spec.description,
            doc=spec.doc,
            params=struct_from(spec.params, "params"),
            file=spec.file,
        )
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"DAG {spec.dag_id!r} cannot be sent: {error}") from error


def spec_from_proto(spec: dags_pb2.DagSpec) -> DagSpec:
    """Raises :class:`InvalidArgument` for a task without an action or with an unknown rule."""
    return DagSpec(
        dag_id=spec.dag_id,
        tasks=tuple(_task_from_proto(task) for task in spec.tasks),
        schedule=spec.schedule if spec.HasField("schedule") else None,
        start_date=spec.start_date if spec.HasField("start_date") else None,
        timezone=spec.timezone or "UTC",
        catchup=spec.catchup,
        tags=tuple(spec.tags),
        description=spec.description,
        doc=spec.doc,
        params=dict_from(spec.params, "params"),
        file=spec.file,
    )


def _task_to_proto(task: TaskSpec) -> dags_pb2.TaskSpec:
    message = dags_pb2.TaskSpec(
        task_id=task.task_id,
        operator=task.operator,
        upstream=task.upstream,
        trigger_rule=task.trigger_rule.value,
        retries=task.retries,
        retry_delay_s=task.retry_delay_s,
        retry_multiplier=task.retry_multiplier,
        max_retry_delay_s=task.max_retry_delay_s,
        execution_timeout_s=task.execution_timeout_s,
        queue=task.queue,
        exclusive=task.exclusive,
        do_xcom_push=task.do_xcom_push,
        doc=task.doc,
        line=task.line,
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        on_failure_fail_dagrun=task.on_failure_fail_dagrun,
        mapped_over=[
            dags_pb2.MapSource(task_id=source.task_id, length=source.length)
            for source in task.mapped_over
        ],
    )
    match task.action:
        case BashAction() as bash:
            message.bash.CopyFrom(
                dags_pb2.BashAction(
                    command=bash.command,
                    env=bash.env,
                    append_env=bash.append_env,
                    cwd=bash.cwd,
                    skip_exit_codes=bash.skip_exit_codes,
                    has_env=bash.env is not None,
                    has_skip_exit_codes=True,
                )
            )
        case PythonAction():
            message.python.SetInParent()
        case EmptyAction():
            message.empty.SetInParent()
    return message


def _task_from_proto(task: dags_pb2.TaskSpec) -> TaskSpec:
    try:
        rule = TriggerRule(task.trigger_rule) if task.trigger_rule else TriggerRule.ALL_SUCCESS
    except ValueError:
        raise InvalidArgument(
            f"Task {task.task_id!r}: trigger rule {task.trigger_rule!r} is unknown; "
            f"use one of {', '.join(TriggerRule)}."
        ) from None
    return TaskSpec(
        task_id=task.task_id,
        action=_action_from_proto(task),
        operator=task.operator,
        upstream=tuple(task.upstream),
        trigger_rule=rule,
        retries=task.retries,
        retry_delay_s=task.retry_delay_s if task.HasField("retry_delay_s") else 300.0,
        retry_multiplier=task.retry_multiplier if task.HasField("retry_multiplier") else 1.0,
        max_retry_delay_s=_optional(task, "max_retry_delay_s"),
        execution_timeout_s=_optional(task, "execution_timeout_s"),
        queue=task.queue or "default",
        exclusive=task.exclusive,
        do_xcom_push=task.do_xcom_push if task.HasField("do_xcom_push") else True,
        doc=task.doc,
        line=task.line,
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        on_failure_fail_dagrun=task.on_failure_fail_dagrun,
        mapped_over=tuple(
            MapSource(task_id=source.task_id, length=source.length) for source in task.mapped_over
        ),
    )


def _optional(task: dags_pb2.TaskSpec, name: str) -> float | None:
    return getattr(task, name) if task.HasField(name) else None


def _action_from_proto(task: dags_pb2.TaskSpec) -> Action:
    kind = task.WhichOneof("action")
    if kind == "bash":
        bash = task.bash
        has_codes = bash.has_skip_exit_codes or bool(bash.skip_exit_codes)
        return BashAction(
            command=bash.command,
            env=dict(bash.env) if bash.has_env or bash.env else None,
            append_env=bash.append_env,
            cwd=bash.cwd if bash.HasField("cwd") else None,
            skip_exit_codes=tuple(bash.skip_exit_codes) if has_codes else (99,),
        )
    if kind == "python":
        return PythonAction()
    if kind == "empty":
        return EmptyAction()
    raise InvalidArgument(f"Task {task.task_id!r} has no action: set bash, python or empty.")


def struct_from(values: Mapping[str, Any], what: str) -> Struct:
    """A JSON object as a Struct. Raises :class:`InvalidArgument` naming ``what`` and the place.

    A Struct's numbers are doubles, so a whole number beyond 2^53 is refused, not rounded.
    """
    return Struct(fields={_key(k, what): _value(v, f"{what}.{k}", 1) for k, v in values.items()})


def dict_from(struct: Struct, what: str) -> dict[str, Any]:
    """The JSON object of a Struct; whole numbers become int."""
    return {key: _plain(value, f"{what}.{key}", 1) for key, value in struct.fields.items()}


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidArgument(f"{where} has the key {key!r}; a key must be text.")
    return key


def _value(value: Any, where: str, depth: int) -> Value:
    if depth > MAX_JSON_DEPTH:
        raise InvalidArgument(f"{where[:80]} is nested deeper than {MAX_JSON_DEPTH} levels.")
    match value:
        case None:
            return Value(null_value=NullValue.NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case int() if abs(value) > _LARGEST_EXACT:
            raise InvalidArgument(f"{where} is {value}, which is beyond 2^53; pass it as text.")
        case float() if not math.isfinite(value):
            raise InvalidArgument(f"{where} is {value}, which JSON does not know.")
        case int() | float():
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
        case Mapping():
            fields = {
                _key(k, where): _value(v, f"{where}.{k}", depth + 1) for k, v in value.items()
            }
            return Value(struct_value=Struct(fields=fields))
        case list() | tuple():
            items = [_value(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
            return Value(list_value=ListValue(values=items))
        case _:
            raise InvalidArgument(f"{where} is a {type(value).__name__}, which JSON does not know.")


def _plain(value: Value, where: str, depth: int) -> Any:
    if depth > MAX_JSON_DEPTH:
        raise InvalidArgument(f"{where[:80]} is nested deeper than {MAX_JSON_DEPTH} levels.")
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            if not math.isfinite(number):
                raise InvalidArgument(f"{where} is {number}, which JSON does not know.")
            is_whole = number.is_integer() and abs(number) <= _LARGEST_EXACT
            return int(number) if is_whole else number
        case "string_value":
            return value.string_value
        case "struct_value":
            fields = value.struct_value.fields
            return {k: _plain(v, f"{where}.{k}", depth + 1) for k, v in fields.items()}
        case "list_value":
            items = value.list_value.values
            return [_plain(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(items)]
        case _:
            return None


def timestamp_from(instant: datetime | None) -> Timestamp | None:
    """An aware datetime as a Timestamp."""
    if instant is None:
        return None
    message = Timestamp()
    message.FromDatetime(instant.astimezone(UTC))
    return message


def datetime_from(message: Any, name: str) -> datetime | None:
    """The Timestamp field ``name`` of a message in UTC, None where it is not set.

    Raises :class:`InvalidArgument` for an instant that is out of range.
    """
    if not message.HasField(name):
        return None
    try:
        instant: datetime = getattr(message, name).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{name} is out of range: {error}") from error
    return instant


def event_to_proto(record: Record, digest: str) -> events_pb2.Event:
    """``digest`` in hexadecimal."""
    return events_pb2.Event(
        position=record.position,
        epoch=record.epoch,
        type=record.type,
        namespace=record.namespace,
        dag_id=record.dag_id,
        run_id=record.run_id,
        task_id=record.task_id,
        map_index=record.map_index,
        attempt=record.attempt,
        actor=record.actor,
        causation=record.causation,
        recorded_at=timestamp_from(record.recorded_at),
        data_json=bytes(record.data).decode(),
        digest=digest,
    )
