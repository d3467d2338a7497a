import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from millstream.rpc.v1 import runs_pb2 as _runs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UploadBundleRequest(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...

class UploadBundleResponse(_message.Message):
    __slots__ = ("digest", "size")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    digest: str
    size: int
    def __init__(self, digest: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class BashAction(_message.Message):
    __slots__ = ("command", "env", "append_env", "cwd", "skip_exit_codes", "has_env", "has_skip_exit_codes")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    APPEND_ENV_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    SKIP_EXIT_CODES_FIELD_NUMBER: _ClassVar[int]
    HAS_ENV_FIELD_NUMBER: _ClassVar[int]
    HAS_SKIP_EXIT_CODES_FIELD_NUMBER: _ClassVar[int]
    command: str
    env: _containers.ScalarMap[str, str]
    append_env: bool
    cwd: str
    skip_exit_codes: _containers.RepeatedScalarFieldContainer[int]
    has_env: bool
    has_skip_exit_codes: bool
    def __init__(self, command: _Optional[str] = ..., env: _Optional[_Mapping[str, str]] = ..., append_env: _Optional[bool] = ..., cwd: _Optional[str] = ..., skip_exit_codes: _Optional[_Iterable[int]] = ..., has_env: _Optional[bool] = ..., has_skip_exit_codes: _Optional[bool] = ...) -> None: ...

class PythonAction(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EmptyAction(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MapSource(_message.Message):
    __slots__ = ("task_id", "length", "how", "of")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    length: int
    how: str
    of: _containers.RepeatedCompositeFieldContainer[MapSource]
    def __init__(self, task_id: _Optional[str] = ..., length: _Optional[int] = ..., how: _Optional[str] = ..., of: _Optional[_Iterable[_Union[MapSource, _Mapping]]] = ...) -> None: ...

class GroupSpec(_message.Message):
    __slots__ = ("group_id", "parent", "label", "tooltip", "mapped_over")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TOOLTIP_FIELD_NUMBER: _ClassVar[int]
    MAPPED_OVER_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    parent: str
    label: str
    tooltip: str
    mapped_over: _containers.RepeatedCompositeFieldContainer[MapSource]
    def __init__(self, group_id: _Optional[str] = ..., parent: _Optional[str] = ..., label: _Optional[str] = ..., tooltip: _Optional[str] = ..., mapped_over: _Optional[_Iterable[_Union[MapSource, _Mapping]]] = ...) -> None: ...

class AssetRef(_message.Message):
    __slots__ = ("name", "uri", "group")
    NAME_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    name: str
    uri: str
    group: str
    def __init__(self, name: _Optional[str] = ..., uri: _Optional[str] = ..., group: _Optional[str] = ...) -> None: ...

class AliasRef(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class AssetOrAlias(_message.Message):
    __slots__ = ("asset", "alias")
    ASSET_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    asset: AssetRef
    alias: AliasRef
    def __init__(self, asset: _Optional[_Union[AssetRef, _Mapping]] = ..., alias: _Optional[_Union[AliasRef, _Mapping]] = ...) -> None: ...

class AssetConditions(_message.Message):
    __slots__ = ("parts",)
    PARTS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[AssetCondition]
    def __init__(self, parts: _Optional[_Iterable[_Union[AssetCondition, _Mapping]]] = ...) -> None: ...

class AssetCondition(_message.Message):
    __slots__ = ("asset", "alias", "all_of", "any_of")
    ASSET_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    ALL_OF_FIELD_NUMBER: _ClassVar[int]
    ANY_OF_FIELD_NUMBER: _ClassVar[int]
    asset: AssetRef
    alias: AliasRef
    all_of: AssetConditions
    any_of: AssetConditions
    def __init__(self, asset: _Optional[_Union[AssetRef, _Mapping]] = ..., alias: _Optional[_Union[AliasRef, _Mapping]] = ..., all_of: _Optional[_Union[AssetConditions, _Mapping]] = ..., any_of: _Optional[_Union[AssetConditions, _Mapping]] = ...) -> None: ...

class Delta(_message.Message):
    __slots__ = ("seconds", "months")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    MONTHS_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    months: int
    def __init__(self, seconds: _Optional[float] = ..., months: _Optional[int] = ...) -> None: ...

class CronTriggerSchedule(_message.Message):
    __slots__ = ("crons", "timezone", "interval", "is_run_immediately", "run_immediately_within_s")
    CRONS_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    IS_RUN_IMMEDIATELY_FIELD_NUMBER: _ClassVar[int]
    RUN_IMMEDIATELY_WITHIN_S_FIELD_NUMBER: _ClassVar[int]
    crons: _containers.RepeatedScalarFieldContainer[str]
    timezone: str
    interval: Delta
    is_run_immediately: bool
    run_immediately_within_s: float
    def __init__(self, crons: _Optional[_Iterable[str]] = ..., timezone: _Optional[str] = ..., interval: _Optional[_Union[Delta, _Mapping]] = ..., is_run_immediately: _Optional[bool] = ..., run_immediately_within_s: _Optional[float] = ...) -> None: ...

class CronIntervalSchedule(_message.Message):
    __slots__ = ("cron", "timezone")
    CRON_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    cron: str
    timezone: str
    def __init__(self, cron: _Optional[str] = ..., timezone: _Optional[str] = ...) -> None: ...

class DeltaTriggerSchedule(_message.Message):
    __slots__ = ("every", "interval")
    EVERY_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    every: Delta
    interval: Delta
    def __init__(self, every: _Optional[_Union[Delta, _Mapping]] = ..., interval: _Optional[_Union[Delta, _Mapping]] = ...) -> None: ...

class DeltaIntervalSchedule(_message.Message):
    __slots__ = ("every",)
    EVERY_FIELD_NUMBER: _ClassVar[int]
    every: Delta
    def __init__(self, every: _Optional[_Union[Delta, _Mapping]] = ...) -> None: ...

class EventsSchedule(_message.Message):
    __slots__ = ("events", "restrict_to_events")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    RESTRICT_TO_EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_timestamp_pb2.Timestamp]
    restrict_to_events: bool
    def __init__(self, events: _Optional[_Iterable[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]]] = ..., restrict_to_events: _Optional[bool] = ...) -> None: ...

class OnceSchedule(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ContinuousSchedule(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NoSchedule(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RunTimes(_message.Message):
    __slots__ = ("logical_date", "interval_start", "interval_end", "run_after")
    LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_START_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_END_FIELD_NUMBER: _ClassVar[int]
    RUN_AFTER_FIELD_NUMBER: _ClassVar[int]
    logical_date: _timestamp_pb2.Timestamp
    interval_start: _timestamp_pb2.Timestamp
    interval_end: _timestamp_pb2.Timestamp
    run_after: _timestamp_pb2.Timestamp
    def __init__(self, logical_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., interval_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., interval_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., run_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListedSchedule(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RunTimes]
    def __init__(self, runs: _Optional[_Iterable[_Union[RunTimes, _Mapping]]] = ...) -> None: ...

class AssetOrTimeSchedule(_message.Message):
    __slots__ = ("time", "condition")
    TIME_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    time: Schedule
    condition: AssetCondition
    def __init__(self, time: _Optional[_Union[Schedule, _Mapping]] = ..., condition: _Optional[_Union[AssetCondition, _Mapping]] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("cron", "cron_interval", "delta", "delta_interval", "events", "once", "continuous", "none", "listed", "assets", "asset_or_time")
    CRON_FIELD_NUMBER: _ClassVar[int]
    CRON_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    DELTA_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    CONTINUOUS_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    LISTED_FIELD_NUMBER: _ClassVar[int]
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    ASSET_OR_TIME_FIELD_NUMBER: _ClassVar[int]
    cron: CronTriggerSchedule
    cron_interval: CronIntervalSchedule
    delta: DeltaTriggerSchedule
    delta_interval: DeltaIntervalSchedule
    events: EventsSchedule
    once: OnceSchedule
    continuous: ContinuousSchedule
    none: NoSchedule
    listed: ListedSchedule
    assets: AssetCondition
    asset_or_time: AssetOrTimeSchedule
    def __init__(self, cron: _Optional[_Union[CronTriggerSchedule, _Mapping]] = ..., cron_interval: _Optional[_Union[CronIntervalSchedule, _Mapping]] = ..., delta: _Optional[_Union[DeltaTriggerSchedule, _Mapping]] = ..., delta_interval: _Optional[_Union[DeltaIntervalSchedule, _Mapping]] = ..., events: _Optional[_Union[EventsSchedule, _Mapping]] = ..., once: _Optional[_Union[OnceSchedule, _Mapping]] = ..., continuous: _Optional[_Union[ContinuousSchedule, _Mapping]] = ..., none: _Optional[_Union[NoSchedule, _Mapping]] = ..., listed: _Optional[_Union[ListedSchedule, _Mapping]] = ..., assets: _Optional[_Union[AssetCondition, _Mapping]] = ..., asset_or_time: _Optional[_Union[AssetOrTimeSchedule, _Mapping]] = ...) -> None: ...

class DeadlineSpec(_message.Message):
    __slots__ = ("name", "reference", "interval_s", "at", "max_runs", "min_runs")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    MAX_RUNS_FIELD_NUMBER: _ClassVar[int]
    MIN_RUNS_FIELD_NUMBER: _ClassVar[int]
    name: str
    reference: str
    interval_s: float
    at: str
    max_runs: int
    min_runs: int
    def __init__(self, name: _Optional[str] = ..., reference: _Optional[str] = ..., interval_s: _Optional[float] = ..., at: _Optional[str] = ..., max_runs: _Optional[int] = ..., min_runs: _Optional[int] = ...) -> None: ...

class TaskSpec(_message.Message):
    __slots__ = ("task_id", "bash", "python", "empty", "operator", "upstream", "trigger_rule", "retries", "retry_delay_s", "retry_multiplier", "max_retry_delay_s", "execution_timeout_s", "queue", "exclusive", "do_xcom_push", "doc", "line", "is_setup", "is_teardown", "on_failure_fail_dagrun", "mapped_over", "group", "edge_labels", "display_name", "owner", "pool", "pool_slots", "priority_weight", "weight_rule", "max_active_tis_per_dag", "max_active_tis_per_dagrun", "depends_on_past", "wait_for_downstream", "ignore_first_depends_on_past", "wait_for_past_depends_before_skipping", "callbacks", "inlets", "outlets", "returns_dag_result", "marks", "isolation", "resources")
    class EdgeLabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ResourcesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    BASH_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    EMPTY_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_RULE_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    RETRY_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    RETRY_MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    MAX_RETRY_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIVE_FIELD_NUMBER: _ClassVar[int]
    DO_XCOM_PUSH_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    IS_SETUP_FIELD_NUMBER: _ClassVar[int]
    IS_TEARDOWN_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FAIL_DAGRUN_FIELD_NUMBER: _ClassVar[int]
    MAPPED_OVER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    EDGE_LABELS_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    POOL_SLOTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_RULE_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVE_TIS_PER_DAG_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVE_TIS_PER_DAGRUN_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_PAST_FIELD_NUMBER: _ClassVar[int]
    WAIT_FOR_DOWNSTREAM_FIELD_NUMBER: _ClassVar[int]
    IGNORE_FIRST_DEPENDS_ON_PAST_FIELD_NUMBER: _ClassVar[int]
    WAIT_FOR_PAST_DEPENDS_BEFORE_SKIPPING_FIELD_NUMBER: _ClassVar[int]
    CALLBACKS_FIELD_NUMBER: _ClassVar[int]
    INLETS_FIELD_NUMBER: _ClassVar[int]
    OUTLETS_FIELD_NUMBER: _ClassVar[int]
    RETURNS_DAG_RESULT_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    bash: BashAction
    python: PythonAction
    empty: EmptyAction
    operator: str
    upstream: _containers.RepeatedScalarFieldContainer[str]
    trigger_rule: str
    retries: int
    retry_delay_s: float
    retry_multiplier: float
    max_retry_delay_s: float
    execution_timeout_s: float
    queue: str
    exclusive: bool
    do_xcom_push: bool
    doc: str
    line: int
    is_setup: bool
    is_teardown: bool
    on_failure_fail_dagrun: bool
    mapped_over: _containers.RepeatedCompositeFieldContainer[MapSource]
    group: str
    edge_labels: _containers.ScalarMap[str, str]
    display_name: str
    owner: str
    pool: str
    pool_slots: int
    priority_weight: int
    weight_rule: str
    max_active_tis_per_dag: int
    max_active_tis_per_dagrun: int
    depends_on_past: bool
    wait_for_downstream: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    callbacks: _containers.RepeatedScalarFieldContainer[str]
    inlets: _containers.RepeatedCompositeFieldContainer[AssetOrAlias]
    outlets: _containers.RepeatedCompositeFieldContainer[AssetOrAlias]
    returns_dag_result: bool
    marks: MarkedTask
    isolation: str
    resources: _containers.ScalarMap[str, int]
    def __init__(self, task_id: _Optional[str] = ..., bash: _Optional[_Union[BashAction, _Mapping]] = ..., python: _Optional[_Union[PythonAction, _Mapping]] = ..., empty: _Optional[_Union[EmptyAction, _Mapping]] = ..., operator: _Optional[str] = ..., upstream: _Optional[_Iterable[str]] = ..., trigger_rule: _Optional[str] = ..., retries: _Optional[int] = ..., retry_delay_s: _Optional[float] = ..., retry_multiplier: _Optional[float] = ..., max_retry_delay_s: _Optional[float] = ..., execution_timeout_s: _Optional[float] = ..., queue: _Optional[str] = ..., exclusive: _Optional[bool] = ..., do_xcom_push: _Optional[bool] = ..., doc: _Optional[str] = ..., line: _Optional[int] = ..., is_setup: _Optional[bool] = ..., is_teardown: _Optional[bool] = ..., on_failure_fail_dagrun: _Optional[bool] = ..., mapped_over: _Optional[_Iterable[_Union[MapSource, _Mapping]]] = ..., group: _Optional[str] = ..., edge_labels: _Optional[_Mapping[str, str]] = ..., display_name: _Optional[str] = ..., owner: _Optional[str] = ..., pool: _Optional[str] = ..., pool_slots: _Optional[int] = ..., priority_weight: _Optional[int] = ..., weight_rule: _Optional[str] = ..., max_active_tis_per_dag: _Optional[int] = ..., max_active_tis_per_dagrun: _Optional[int] = ..., depends_on_past: _Optional[bool] = ..., wait_for_downstream: _Optional[bool] = ..., ignore_first_depends_on_past: _Optional[bool] = ..., wait_for_past_depends_before_skipping: _Optional[bool] = ..., callbacks: _Optional[_Iterable[str]] = ..., inlets: _Optional[_Iterable[_Union[AssetOrAlias, _Mapping]]] = ..., outlets: _Optional[_Iterable[_Union[AssetOrAlias, _Mapping]]] = ..., returns_dag_result: _Optional[bool] = ..., marks: _Optional[_Union[MarkedTask, _Mapping]] = ..., isolation: _Optional[str] = ..., resources: _Optional[_Mapping[str, int]] = ...) -> None: ...

class MarkedTask(_message.Message):
    __slots__ = ("dag_id", "task_id", "logical_date", "recursion_depth")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    RECURSION_DEPTH_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    task_id: str
    logical_date: str
    recursion_depth: int
    def __init__(self, dag_id: _Optional[str] = ..., task_id: _Optional[str] = ..., logical_date: _Optional[str] = ..., recursion_depth: _Optional[int] = ...) -> None: ...

class DagSpec(_message.Message):
    __slots__ = ("dag_id", "tasks", "schedule", "start_date", "timezone", "catchup", "tags", "description", "doc", "params", "file", "schedule_object", "end_date", "display_name", "groups", "param_schemas", "max_active_runs", "max_active_tasks", "dagrun_timeout_s", "is_paused_upon_creation", "fail_fast", "max_consecutive_failed_dag_runs", "fairness_key", "callbacks", "deadlines")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    START_DATE_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    CATCHUP_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_OBJECT_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    PARAM_SCHEMAS_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVE_TASKS_FIELD_NUMBER: _ClassVar[int]
    DAGRUN_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    IS_PAUSED_UPON_CREATION_FIELD_NUMBER: _ClassVar[int]
    FAIL_FAST_FIELD_NUMBER: _ClassVar[int]
    MAX_CONSECUTIVE_FAILED_DAG_RUNS_FIELD_NUMBER: _ClassVar[int]
    FAIRNESS_KEY_FIELD_NUMBER: _ClassVar[int]
    CALLBACKS_FIELD_NUMBER: _ClassVar[int]
    DEADLINES_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    tasks: _containers.RepeatedCompositeFieldContainer[TaskSpec]
    schedule: str
    start_date: str
    timezone: str
    catchup: bool
    tags: _containers.RepeatedScalarFieldContainer[str]
    description: str
    doc: str
    params: _struct_pb2.Struct
    file: str
    schedule_object: Schedule
    end_date: str
    display_name: str
    groups: _containers.RepeatedCompositeFieldContainer[GroupSpec]
    param_schemas: _struct_pb2.Struct
    max_active_runs: int
    max_active_tasks: int
    dagrun_timeout_s: float
    is_paused_upon_creation: bool
    fail_fast: bool
    max_consecutive_failed_dag_runs: int
    fairness_key: str
    callbacks: _containers.RepeatedScalarFieldContainer[str]
    deadlines: _containers.RepeatedCompositeFieldContainer[DeadlineSpec]
    def __init__(self, dag_id: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[TaskSpec, _Mapping]]] = ..., schedule: _Optional[str] = ..., start_date: _Optional[str] = ..., timezone: _Optional[str] = ..., catchup: _Optional[bool] = ..., tags: _Optional[_Iterable[str]] = ..., description: _Optional[str] = ..., doc: _Optional[str] = ..., params: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., file: _Optional[str] = ..., schedule_object: _Optional[_Union[Schedule, _Mapping]] = ..., end_date: _Optional[str] = ..., display_name: _Optional[str] = ..., groups: _Optional[_Iterable[_Union[GroupSpec, _Mapping]]] = ..., param_schemas: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., max_active_runs: _Optional[int] = ..., max_active_tasks: _Optional[int] = ..., dagrun_timeout_s: _Optional[float] = ..., is_paused_upon_creation: _Optional[bool] = ..., fail_fast: _Optional[bool] = ..., max_consecutive_failed_dag_runs: _Optional[int] = ..., fairness_key: _Optional[str] = ..., callbacks: _Optional[_Iterable[str]] = ..., deadlines: _Optional[_Iterable[_Union[DeadlineSpec, _Mapping]]] = ...) -> None: ...

class SubmitDagRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "spec", "bundle")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    spec: DagSpec
    bundle: str
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., spec: _Optional[_Union[DagSpec, _Mapping]] = ..., bundle: _Optional[str] = ...) -> None: ...

class SubmitDagResponse(_message.Message):
    __slots__ = ("dag_id", "version", "position")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    version: int
    position: int
    def __init__(self, dag_id: _Optional[str] = ..., version: _Optional[int] = ..., position: _Optional[int] = ...) -> None: ...

class Dag(_message.Message):
    __slots__ = ("namespace", "dag_id", "latest_version", "spec", "bundle", "submitted_at", "is_paused", "pause_reason", "next_run", "display_name", "description", "tags", "owners", "schedule", "file", "recent_runs")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    IS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    PAUSE_REASON_FIELD_NUMBER: _ClassVar[int]
    NEXT_RUN_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    RECENT_RUNS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    latest_version: int
    spec: DagSpec
    bundle: str
    submitted_at: _timestamp_pb2.Timestamp
    is_paused: bool
    pause_reason: str
    next_run: RunTimes
    display_name: str
    description: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    owners: _containers.RepeatedScalarFieldContainer[str]
    schedule: str
    file: str
    recent_runs: _containers.RepeatedCompositeFieldContainer[RunSummary]
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., latest_version: _Optional[int] = ..., spec: _Optional[_Union[DagSpec, _Mapping]] = ..., bundle: _Optional[str] = ..., submitted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., is_paused: _Optional[bool] = ..., pause_reason: _Optional[str] = ..., next_run: _Optional[_Union[RunTimes, _Mapping]] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., owners: _Optional[_Iterable[str]] = ..., schedule: _Optional[str] = ..., file: _Optional[str] = ..., recent_runs: _Optional[_Iterable[_Union[RunSummary, _Mapping]]] = ...) -> None: ...

class RunSummary(_message.Message):
    __slots__ = ("run_id", "state", "run_type", "logical_date", "created_at", "started_at", "ended_at")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RUN_TYPE_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    state: _runs_pb2.RunState
    run_type: str
    logical_date: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, run_id: _Optional[str] = ..., state: _Optional[_Union[_runs_pb2.RunState, str]] = ..., run_type: _Optional[str] = ..., logical_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DagVersion(_message.Message):
    __slots__ = ("namespace", "dag_id", "version", "bundle", "submitted_at", "submitted_by", "position", "spec")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_BY_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    version: int
    bundle: str
    submitted_at: _timestamp_pb2.Timestamp
    submitted_by: str
    position: int
    spec: DagSpec
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., version: _Optional[int] = ..., bundle: _Optional[str] = ..., submitted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., submitted_by: _Optional[str] = ..., position: _Optional[int] = ..., spec: _Optional[_Union[DagSpec, _Mapping]] = ...) -> None: ...

class GetDagVersionRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "version", "with_source", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WITH_SOURCE_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    version: int
    with_source: bool
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., version: _Optional[int] = ..., with_source: _Optional[bool] = ..., min_position: _Optional[int] = ...) -> None: ...

class GetDagVersionResponse(_message.Message):
    __slots__ = ("dag_version", "spec_json", "source")
    DAG_VERSION_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    dag_version: DagVersion
    spec_json: str
    source: str
    def __init__(self, dag_version: _Optional[_Union[DagVersion, _Mapping]] = ..., spec_json: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class ListDagVersionsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "page_size", "page_token", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    page_size: int
    page_token: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class ListDagVersionsResponse(_message.Message):
    __slots__ = ("dag_versions", "next_page_token")
    DAG_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dag_versions: _containers.RepeatedCompositeFieldContainer[DagVersion]
    next_page_token: str
    def __init__(self, dag_versions: _Optional[_Iterable[_Union[DagVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetDagPausedRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "is_paused")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    is_paused: bool
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., is_paused: _Optional[bool] = ...) -> None: ...

class SetDagPausedResponse(_message.Message):
    __slots__ = ("position", "has_changed")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    HAS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    position: int
    has_changed: bool
    def __init__(self, position: _Optional[int] = ..., has_changed: _Optional[bool] = ...) -> None: ...

class GetDagRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "version", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    version: int
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., version: _Optional[int] = ..., min_position: _Optional[int] = ...) -> None: ...

class GetDagResponse(_message.Message):
    __slots__ = ("dag",)
    DAG_FIELD_NUMBER: _ClassVar[int]
    dag: Dag
    def __init__(self, dag: _Optional[_Union[Dag, _Mapping]] = ...) -> None: ...

class ListDagsRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token", "min_position", "tags", "all_tags", "owners", "search", "is_paused", "last_run_states", "recent_runs", "order_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ALL_TAGS_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    IS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    LAST_RUN_STATES_FIELD_NUMBER: _ClassVar[int]
    RECENT_RUNS_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    min_position: int
    tags: _containers.RepeatedScalarFieldContainer[str]
    all_tags: bool
    owners: _containers.RepeatedScalarFieldContainer[str]
    search: str
    is_paused: bool
    last_run_states: _containers.RepeatedScalarFieldContainer[_runs_pb2.RunState]
    recent_runs: int
    order_by: str
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ..., tags: _Optional[_Iterable[str]] = ..., all_tags: _Optional[bool] = ..., owners: _Optional[_Iterable[str]] = ..., search: _Optional[str] = ..., is_paused: _Optional[bool] = ..., last_run_states: _Optional[_Iterable[_Union[_runs_pb2.RunState, str]]] = ..., recent_runs: _Optional[int] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListDagsResponse(_message.Message):
    __slots__ = ("dags", "next_page_token")
    DAGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dags: _containers.RepeatedCompositeFieldContainer[Dag]
    next_page_token: str
    def __init__(self, dags: _Optional[_Iterable[_Union[Dag, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
