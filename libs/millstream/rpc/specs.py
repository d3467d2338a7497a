"""A DAG's spec as a message, there and back. Nothing here checks a DAG: that is
``millstream.core.validate``."""

from __future__ import annotations

from typing import Any

from millstream.core.errors import InvalidArgument
from millstream.core.spec import (
    Action,
    BashAction,
    DagSpec,
    DeadlineSpec,
    EmptyAction,
    GroupSpec,
    MapSource,
    MarkedTask,
    PythonAction,
    TaskSpec,
    TriggerRule,
    WeightRule,
)
from millstream.core.timetable import Schedule
from millstream.rpc.convert import MAX_JSON_DEPTH, dict_from, struct_from
from millstream.rpc.schedules import (
    asset_from_proto,
    asset_to_proto,
    schedule_from_proto,
    schedule_to_proto,
)
from millstream.rpc.v1 import dags_pb2

REFERENCES = ("logical_date", "queued_at", "fixed_datetime", "average_runtime")


def spec_to_proto(spec: DagSpec) -> dags_pb2.DagSpec:
    """Raises :class:`InvalidArgument` for a value that no message can hold."""
    try:
        return dags_pb2.DagSpec(
            dag_id=spec.dag_id,
            tasks=[_task_to_proto(task) for task in spec.tasks],
            schedule=spec.schedule if isinstance(spec.schedule, str) else None,
            schedule_object=(
                schedule_to_proto(spec.schedule)
                if spec.schedule is not None and not isinstance(spec.schedule, str)
                else None
            ),
            start_date=spec.start_date,
            timezone=spec.timezone,
            catchup=spec.catchup,
            tags=spec.tags,
            description=spec.description,
            doc=spec.doc,
            params=struct_from(spec.params, "params"),
            file=spec.file,
            end_date=spec.end_date,
            display_name=spec.display_name,
            groups=[_group_to_proto(group) for group in spec.groups],
            param_schemas=struct_from(spec.param_schemas, "param_schemas"),
            max_active_runs=spec.max_active_runs,
            max_active_tasks=spec.max_active_tasks,
            dagrun_timeout_s=spec.dagrun_timeout_s,
            is_paused_upon_creation=spec.is_paused_upon_creation,
            fail_fast=spec.fail_fast,
            max_consecutive_failed_dag_runs=spec.max_consecutive_failed_dag_runs,
            fairness_key=spec.fairness_key,
            callbacks=spec.callbacks,
            deadlines=[
                dags_pb2.DeadlineSpec(
                    name=deadline.name,
                    reference=deadline.reference,
                    interval_s=deadline.interval_s,
                    at=deadline.at,
                    max_runs=deadline.max_runs,
                    min_runs=deadline.min_runs,
                )
                for deadline in spec.deadlines
            ],
        )
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"DAG {spec.dag_id!r} cannot be sent: {error}") from error


def spec_from_proto(spec: dags_pb2.DagSpec) -> DagSpec:
    """Raises :class:`InvalidArgument` for a task without an action or with an unknown rule."""
    return DagSpec(
        dag_id=spec.dag_id,
        tasks=tuple(_task_from_proto(task) for task in spec.tasks),
        schedule=_schedule_from_proto(spec),
        start_date=spec.start_date if spec.HasField("start_date") else None,
        timezone=spec.timezone or "UTC",
        catchup=spec.catchup,
        tags=tuple(spec.tags),
        description=spec.description,
        doc=spec.doc,
        params=dict_from(spec.params, "params"),
        file=spec.file,
        end_date=spec.end_date if spec.HasField("end_date") else None,
        display_name=spec.display_name,
        groups=tuple(_group_from_proto(group) for group in spec.groups),
        param_schemas=dict_from(spec.param_schemas, "param_schemas"),
        max_active_runs=_unless_unset(spec, "max_active_runs", 16),
        max_active_tasks=_unless_unset(spec, "max_active_tasks", 16),
        dagrun_timeout_s=_unless_unset(spec, "dagrun_timeout_s", None),
        is_paused_upon_creation=_unless_unset(spec, "is_paused_upon_creation", None),
        fail_fast=spec.fail_fast,
        max_consecutive_failed_dag_runs=spec.max_consecutive_failed_dag_runs,
        fairness_key=spec.fairness_key,
        callbacks=tuple(spec.callbacks),
        deadlines=tuple(
            DeadlineSpec(
                name=deadline.name,
                reference=_one_of(deadline.reference, "reference of a deadline", REFERENCES),
                interval_s=deadline.interval_s,
                at=deadline.at,
                max_runs=deadline.max_runs or 10,
                min_runs=deadline.min_runs,
            )
            for deadline in spec.deadlines
        ),
    )


def _group_to_proto(group: GroupSpec) -> dags_pb2.GroupSpec:
    return dags_pb2.GroupSpec(
        group_id=group.group_id,
        parent=group.parent,
        label=group.label,
        tooltip=group.tooltip,
        mapped_over=map(_source_to_proto, group.mapped_over),
    )


def _group_from_proto(group: dags_pb2.GroupSpec) -> GroupSpec:
    return GroupSpec(
        group_id=group.group_id,
        parent=group.parent,
        label=group.label,
        tooltip=group.tooltip,
        mapped_over=tuple(_source_from_proto(source, 1) for source in group.mapped_over),
    )


def _source_to_proto(source: MapSource) -> dags_pb2.MapSource:
    return dags_pb2.MapSource(
        task_id=source.task_id,
        length=source.length,
        how=source.how,
        of=map(_source_to_proto, source.of),
    )


def _source_from_proto(source: dags_pb2.MapSource, depth: int) -> MapSource:
    if depth > MAX_JSON_DEPTH:
        raise InvalidArgument(f"mapped_over is nested deeper than {MAX_JSON_DEPTH} levels.")
    return MapSource(
        task_id=source.task_id,
        length=source.length,
        how=_one_of(source.how, "how of mapped_over", ("", "zip", "zip_longest", "concat")),
        of=tuple(_source_from_proto(part, depth + 1) for part in source.of),
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
        mapped_over=map(_source_to_proto, task.mapped_over),
        group=task.group,
        edge_labels=task.edge_labels,
        display_name=task.display_name,
        owner=task.owner,
        pool=task.pool,
        pool_slots=task.pool_slots,
        priority_weight=task.priority_weight,
        weight_rule=task.weight_rule.value,
        max_active_tis_per_dag=task.max_active_tis_per_dag,
        max_active_tis_per_dagrun=task.max_active_tis_per_dagrun,
        depends_on_past=task.depends_on_past,
        wait_for_downstream=task.wait_for_downstream,
        ignore_first_depends_on_past=task.ignore_first_depends_on_past,
        wait_for_past_depends_before_skipping=task.wait_for_past_depends_before_skipping,
        callbacks=task.callbacks,
        inlets=map(asset_to_proto, task.inlets),
        outlets=map(asset_to_proto, task.outlets),
        returns_dag_result=task.returns_dag_result,
        marks=None if task.marks is None else _marks_to_proto(task.marks),
        isolation=task.isolation,
        resources=task.resources,
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
        retry_delay_s=_unless_unset(task, "retry_delay_s", 300.0),
        retry_multiplier=_unless_unset(task, "retry_multiplier", 1.0),
        max_retry_delay_s=_unless_unset(task, "max_retry_delay_s", None),
        execution_timeout_s=_unless_unset(task, "execution_timeout_s", None),
        queue=task.queue or "default",
        exclusive=task.exclusive,
        do_xcom_push=_unless_unset(task, "do_xcom_push", True),
        doc=task.doc,
        line=task.line,
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        on_failure_fail_dagrun=task.on_failure_fail_dagrun,
        mapped_over=tuple(_source_from_proto(source, 1) for source in task.mapped_over),
        group=task.group,
        edge_labels=dict(task.edge_labels),
        display_name=task.display_name,
        owner=task.owner,
        pool=task.pool or "default_pool",
        pool_slots=_unless_unset(task, "pool_slots", 1),
        priority_weight=_unless_unset(task, "priority_weight", 1),
        weight_rule=WeightRule(
            _one_of(task.weight_rule or "downstream", "weight_rule", tuple(WeightRule))
        ),
        max_active_tis_per_dag=_unless_unset(task, "max_active_tis_per_dag", None),
        max_active_tis_per_dagrun=_unless_unset(task, "max_active_tis_per_dagrun", None),
        depends_on_past=task.depends_on_past,
        wait_for_downstream=task.wait_for_downstream,
        ignore_first_depends_on_past=_unless_unset(task, "ignore_first_depends_on_past", True),
        wait_for_past_depends_before_skipping=task.wait_for_past_depends_before_skipping,
        callbacks=tuple(task.callbacks),
        inlets=tuple(asset_from_proto(asset, task.task_id) for asset in task.inlets),
        outlets=tuple(asset_from_proto(asset, task.task_id) for asset in task.outlets),
        returns_dag_result=task.returns_dag_result,
        marks=_marks_from_proto(task.marks) if task.HasField("marks") else None,
        isolation=_one_of(
            task.isolation or "shared", f"isolation of task {task.task_id!r}", ("shared", "fresh")
        ),
        resources=dict(sorted(task.resources.items())),
    )


def _marks_to_proto(marks: MarkedTask) -> dags_pb2.MarkedTask:
    return dags_pb2.MarkedTask(
        dag_id=marks.dag_id,
        task_id=marks.task_id,
        logical_date=marks.logical_date,
        recursion_depth=marks.recursion_depth,
    )


def _marks_from_proto(message: dags_pb2.MarkedTask) -> MarkedTask:
    return MarkedTask(
        dag_id=message.dag_id,
        task_id=message.task_id,
        logical_date=message.logical_date,
        recursion_depth=message.recursion_depth,
    )


def _unless_unset(message: Any, name: str, default: Any) -> Any:
    return getattr(message, name) if message.HasField(name) else default


def _one_of(value: str, what: str, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise InvalidArgument(f"{what} {value!r} is unknown; use one of {', '.join(allowed)}.")
    return value


def _schedule_from_proto(spec: dags_pb2.DagSpec) -> str | Schedule | None:
    if spec.HasField("schedule"):
        return spec.schedule
    return schedule_from_proto(spec.schedule_object) if spec.HasField("schedule_object") else None


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
