import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from millstream.rpc.v1 import events_pb2 as _events_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_QUEUED: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_SUCCESS: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]

class TaskState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_STATE_UNSPECIFIED: _ClassVar[TaskState]
    TASK_STATE_NONE: _ClassVar[TaskState]
    TASK_STATE_QUEUED: _ClassVar[TaskState]
    TASK_STATE_RUNNING: _ClassVar[TaskState]
    TASK_STATE_UP_FOR_RETRY: _ClassVar[TaskState]
    TASK_STATE_SUCCESS: _ClassVar[TaskState]
    TASK_STATE_FAILED: _ClassVar[TaskState]
    TASK_STATE_SKIPPED: _ClassVar[TaskState]
    TASK_STATE_UPSTREAM_FAILED: _ClassVar[TaskState]
    TASK_STATE_SCHEDULED: _ClassVar[TaskState]
    TASK_STATE_UP_FOR_RESCHEDULE: _ClassVar[TaskState]
    TASK_STATE_DEFERRED: _ClassVar[TaskState]
    TASK_STATE_AWAITING_INPUT: _ClassVar[TaskState]
    TASK_STATE_REMOVED: _ClassVar[TaskState]
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_QUEUED: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_SUCCESS: RunState
RUN_STATE_FAILED: RunState
TASK_STATE_UNSPECIFIED: TaskState
TASK_STATE_NONE: TaskState
TASK_STATE_QUEUED: TaskState
TASK_STATE_RUNNING: TaskState
TASK_STATE_UP_FOR_RETRY: TaskState
TASK_STATE_SUCCESS: TaskState
TASK_STATE_FAILED: TaskState
TASK_STATE_SKIPPED: TaskState
TASK_STATE_UPSTREAM_FAILED: TaskState
TASK_STATE_SCHEDULED: TaskState
TASK_STATE_UP_FOR_RESCHEDULE: TaskState
TASK_STATE_DEFERRED: TaskState
TASK_STATE_AWAITING_INPUT: TaskState
TASK_STATE_REMOVED: TaskState

class Run(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "dag_version", "state", "run_type", "conf", "logical_date", "created_at", "started_at", "ended_at", "note", "reason", "created_position", "data_interval_start", "data_interval_end", "run_after", "triggered_by", "backfill_id", "rerun_of", "rerun_position", "rerun_start")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    DAG_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RUN_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONF_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_POSITION_FIELD_NUMBER: _ClassVar[int]
    DATA_INTERVAL_START_FIELD_NUMBER: _ClassVar[int]
    DATA_INTERVAL_END_FIELD_NUMBER: _ClassVar[int]
    RUN_AFTER_FIELD_NUMBER: _ClassVar[int]
    TRIGGERED_BY_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_ID_FIELD_NUMBER: _ClassVar[int]
    RERUN_OF_FIELD_NUMBER: _ClassVar[int]
    RERUN_POSITION_FIELD_NUMBER: _ClassVar[int]
    RERUN_START_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    dag_version: int
    state: RunState
    run_type: str
    conf: _struct_pb2.Struct
    logical_date: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    note: str
    reason: str
    created_position: int
    data_interval_start: _timestamp_pb2.Timestamp
    data_interval_end: _timestamp_pb2.Timestamp
    run_after: _timestamp_pb2.Timestamp
    triggered_by: str
    backfill_id: str
    rerun_of: str
    rerun_position: int
    rerun_start: str
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., dag_version: _Optional[int] = ..., state: _Optional[_Union[RunState, str]] = ..., run_type: _Optional[str] = ..., conf: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., logical_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., note: _Optional[str] = ..., reason: _Optional[str] = ..., created_position: _Optional[int] = ..., data_interval_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., data_interval_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., run_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., triggered_by: _Optional[str] = ..., backfill_id: _Optional[str] = ..., rerun_of: _Optional[str] = ..., rerun_position: _Optional[int] = ..., rerun_start: _Optional[str] = ...) -> None: ...

class TaskInstance(_message.Message):
    __slots__ = ("task_id", "map_index", "state", "attempt", "operator", "queue", "worker", "queued_at", "started_at", "ended_at", "retry_at", "reason", "traceback", "map_name", "namespace", "dag_id", "run_id", "pool", "pool_slots", "taken_from")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    QUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    MAP_NAME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    POOL_SLOTS_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FROM_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    state: TaskState
    attempt: int
    operator: str
    queue: str
    worker: str
    queued_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    retry_at: _timestamp_pb2.Timestamp
    reason: str
    traceback: str
    map_name: str
    namespace: str
    dag_id: str
    run_id: str
    pool: str
    pool_slots: int
    taken_from: str
    def __init__(self, task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., state: _Optional[_Union[TaskState, str]] = ..., attempt: _Optional[int] = ..., operator: _Optional[str] = ..., queue: _Optional[str] = ..., worker: _Optional[str] = ..., queued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retry_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., traceback: _Optional[str] = ..., map_name: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., pool: _Optional[str] = ..., pool_slots: _Optional[int] = ..., taken_from: _Optional[str] = ...) -> None: ...

class TaskAttempt(_message.Message):
    __slots__ = ("attempt", "state", "queue", "worker", "queued_at", "started_at", "ended_at", "reason", "traceback")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    QUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    state: str
    queue: str
    worker: str
    queued_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    reason: str
    traceback: str
    def __init__(self, attempt: _Optional[int] = ..., state: _Optional[str] = ..., queue: _Optional[str] = ..., worker: _Optional[str] = ..., queued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., traceback: _Optional[str] = ...) -> None: ...

class TriggerRunRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "run_id", "conf", "logical_date", "note", "run_after", "no_logical_date", "unpause", "min_position")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CONF_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    RUN_AFTER_FIELD_NUMBER: _ClassVar[int]
    NO_LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    UNPAUSE_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    run_id: str
    conf: _struct_pb2.Struct
    logical_date: _timestamp_pb2.Timestamp
    note: str
    run_after: _timestamp_pb2.Timestamp
    no_logical_date: bool
    unpause: bool
    min_position: int
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., conf: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., logical_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., note: _Optional[str] = ..., run_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., no_logical_date: _Optional[bool] = ..., unpause: _Optional[bool] = ..., min_position: _Optional[int] = ...) -> None: ...

class TriggerRunResponse(_message.Message):
    __slots__ = ("dag_id", "run_id", "position", "unpaused")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    UNPAUSED_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    run_id: str
    position: int
    unpaused: bool
    def __init__(self, dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., position: _Optional[int] = ..., unpaused: _Optional[bool] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "states", "page_size", "page_token", "min_position", "order_by", "run_types", "run_id_prefix", "created_from", "created_until", "logical_from", "logical_until", "dag_version", "backfill_id")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    RUN_TYPES_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_PREFIX_FIELD_NUMBER: _ClassVar[int]
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_FROM_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_UNTIL_FIELD_NUMBER: _ClassVar[int]
    DAG_VERSION_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_ID_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    states: _containers.RepeatedScalarFieldContainer[RunState]
    page_size: int
    page_token: str
    min_position: int
    order_by: str
    run_types: _containers.RepeatedScalarFieldContainer[str]
    run_id_prefix: str
    created_from: _timestamp_pb2.Timestamp
    created_until: _timestamp_pb2.Timestamp
    logical_from: _timestamp_pb2.Timestamp
    logical_until: _timestamp_pb2.Timestamp
    dag_version: int
    backfill_id: str
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., states: _Optional[_Iterable[_Union[RunState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ..., order_by: _Optional[str] = ..., run_types: _Optional[_Iterable[str]] = ..., run_id_prefix: _Optional[str] = ..., created_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., logical_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., logical_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dag_version: _Optional[int] = ..., backfill_id: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    next_page_token: str
    def __init__(self, runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetGridRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "page_size", "page_token", "min_position", "states", "order_by", "run_types", "run_id_prefix", "created_from", "created_until", "logical_from", "logical_until", "dag_version", "backfill_id")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    RUN_TYPES_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_PREFIX_FIELD_NUMBER: _ClassVar[int]
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_FROM_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_UNTIL_FIELD_NUMBER: _ClassVar[int]
    DAG_VERSION_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_ID_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    page_size: int
    page_token: str
    min_position: int
    states: _containers.RepeatedScalarFieldContainer[RunState]
    order_by: str
    run_types: _containers.RepeatedScalarFieldContainer[str]
    run_id_prefix: str
    created_from: _timestamp_pb2.Timestamp
    created_until: _timestamp_pb2.Timestamp
    logical_from: _timestamp_pb2.Timestamp
    logical_until: _timestamp_pb2.Timestamp
    dag_version: int
    backfill_id: str
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ..., states: _Optional[_Iterable[_Union[RunState, str]]] = ..., order_by: _Optional[str] = ..., run_types: _Optional[_Iterable[str]] = ..., run_id_prefix: _Optional[str] = ..., created_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., logical_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., logical_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dag_version: _Optional[int] = ..., backfill_id: _Optional[str] = ...) -> None: ...

class GetGridResponse(_message.Message):
    __slots__ = ("task_ids", "latest_tasks", "runs", "next_page_token")
    TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    LATEST_TASKS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    task_ids: _containers.RepeatedScalarFieldContainer[str]
    latest_tasks: int
    runs: _containers.RepeatedCompositeFieldContainer[GridRun]
    next_page_token: str
    def __init__(self, task_ids: _Optional[_Iterable[str]] = ..., latest_tasks: _Optional[int] = ..., runs: _Optional[_Iterable[_Union[GridRun, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GridRun(_message.Message):
    __slots__ = ("run_id", "state", "run_type", "dag_version", "logical_date", "run_after", "created_at", "started_at", "ended_at", "created_position", "states", "attempts", "mapped")
    class AttemptsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    class MappedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: GridInstances
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[GridInstances, _Mapping]] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RUN_TYPE_FIELD_NUMBER: _ClassVar[int]
    DAG_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    RUN_AFTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_POSITION_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MAPPED_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    state: RunState
    run_type: str
    dag_version: int
    logical_date: _timestamp_pb2.Timestamp
    run_after: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    created_position: int
    states: bytes
    attempts: _containers.ScalarMap[int, int]
    mapped: _containers.MessageMap[int, GridInstances]
    def __init__(self, run_id: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., run_type: _Optional[str] = ..., dag_version: _Optional[int] = ..., logical_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., run_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_position: _Optional[int] = ..., states: _Optional[bytes] = ..., attempts: _Optional[_Mapping[int, int]] = ..., mapped: _Optional[_Mapping[int, GridInstances]] = ...) -> None: ...

class GridInstances(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[TaskStateCount]
    def __init__(self, counts: _Optional[_Iterable[_Union[TaskStateCount, _Mapping]]] = ...) -> None: ...

class TaskStateCount(_message.Message):
    __slots__ = ("state", "count")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    state: TaskState
    count: int
    def __init__(self, state: _Optional[_Union[TaskState, str]] = ..., count: _Optional[int] = ...) -> None: ...

class CountRunsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "logical_from", "logical_until", "time_zone", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_FROM_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_UNTIL_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    logical_from: _timestamp_pb2.Timestamp
    logical_until: _timestamp_pb2.Timestamp
    time_zone: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., logical_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., logical_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., time_zone: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class CountRunsResponse(_message.Message):
    __slots__ = ("days",)
    DAYS_FIELD_NUMBER: _ClassVar[int]
    days: _containers.RepeatedCompositeFieldContainer[RunDay]
    def __init__(self, days: _Optional[_Iterable[_Union[RunDay, _Mapping]]] = ...) -> None: ...

class RunDay(_message.Message):
    __slots__ = ("date", "counts")
    DATE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    date: str
    counts: _containers.RepeatedCompositeFieldContainer[RunStateCount]
    def __init__(self, date: _Optional[str] = ..., counts: _Optional[_Iterable[_Union[RunStateCount, _Mapping]]] = ...) -> None: ...

class RunStateCount(_message.Message):
    __slots__ = ("state", "count")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    state: RunState
    count: int
    def __init__(self, state: _Optional[_Union[RunState, str]] = ..., count: _Optional[int] = ...) -> None: ...

class GetTaskInstanceRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "task_id", "map_index", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., min_position: _Optional[int] = ...) -> None: ...

class GetTaskInstanceResponse(_message.Message):
    __slots__ = ("task_instance",)
    TASK_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    task_instance: TaskInstance
    def __init__(self, task_instance: _Optional[_Union[TaskInstance, _Mapping]] = ...) -> None: ...

class ListTaskInstancesRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "page_size", "page_token", "min_position", "states", "task_ids", "order_by", "worker", "queue", "pool")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    page_size: int
    page_token: str
    min_position: int
    states: _containers.RepeatedScalarFieldContainer[TaskState]
    task_ids: _containers.RepeatedScalarFieldContainer[str]
    order_by: str
    worker: str
    queue: str
    pool: str
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ..., states: _Optional[_Iterable[_Union[TaskState, str]]] = ..., task_ids: _Optional[_Iterable[str]] = ..., order_by: _Optional[str] = ..., worker: _Optional[str] = ..., queue: _Optional[str] = ..., pool: _Optional[str] = ...) -> None: ...

class ListTaskInstancesResponse(_message.Message):
    __slots__ = ("task_instances", "next_page_token")
    TASK_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    task_instances: _containers.RepeatedCompositeFieldContainer[TaskInstance]
    next_page_token: str
    def __init__(self, task_instances: _Optional[_Iterable[_Union[TaskInstance, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListAttemptsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "task_id", "map_index", "page_size", "page_token", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    page_size: int
    page_token: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class ListAttemptsResponse(_message.Message):
    __slots__ = ("attempts", "next_page_token")
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    attempts: _containers.RepeatedCompositeFieldContainer[TaskAttempt]
    next_page_token: str
    def __init__(self, attempts: _Optional[_Iterable[_Union[TaskAttempt, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetRenderedFieldsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "task_id", "map_index", "attempt", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., min_position: _Optional[int] = ...) -> None: ...

class GetRenderedFieldsResponse(_message.Message):
    __slots__ = ("fields", "attempt", "taken_from")
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FROM_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[RenderedField]
    attempt: int
    taken_from: str
    def __init__(self, fields: _Optional[_Iterable[_Union[RenderedField, _Mapping]]] = ..., attempt: _Optional[int] = ..., taken_from: _Optional[str] = ...) -> None: ...

class RenderedField(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class WatchRunRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "from_position", "types")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_POSITION_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    from_position: int
    types: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., from_position: _Optional[int] = ..., types: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchRunResponse(_message.Message):
    __slots__ = ("event", "run")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    event: _events_pb2.Event
    run: Run
    def __init__(self, event: _Optional[_Union[_events_pb2.Event, _Mapping]] = ..., run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class XCom(_message.Message):
    __slots__ = ("task_id", "map_index", "key", "value_json", "blob", "size", "codec")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    key: str
    value_json: str
    blob: str
    size: int
    codec: str
    def __init__(self, task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., key: _Optional[str] = ..., value_json: _Optional[str] = ..., blob: _Optional[str] = ..., size: _Optional[int] = ..., codec: _Optional[str] = ...) -> None: ...

class GetXComRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "task_id", "map_index", "key", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    key: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., key: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class GetXComResponse(_message.Message):
    __slots__ = ("xcom",)
    XCOM_FIELD_NUMBER: _ClassVar[int]
    xcom: XCom
    def __init__(self, xcom: _Optional[_Union[XCom, _Mapping]] = ...) -> None: ...

class ListXComsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "page_size", "page_token", "min_position", "task_id", "key")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    page_size: int
    page_token: str
    min_position: int
    task_id: str
    key: str
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ..., task_id: _Optional[str] = ..., key: _Optional[str] = ...) -> None: ...

class ListXComsResponse(_message.Message):
    __slots__ = ("xcoms", "next_page_token")
    XCOMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    xcoms: _containers.RepeatedCompositeFieldContainer[XCom]
    next_page_token: str
    def __init__(self, xcoms: _Optional[_Iterable[_Union[XCom, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class TaskSelector(_message.Message):
    __slots__ = ("task_id", "map_index")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ...) -> None: ...

class ControlledTask(_message.Message):
    __slots__ = ("run_id", "task_id", "map_index", "dag_id")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    dag_id: str
    def __init__(self, run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., dag_id: _Optional[str] = ...) -> None: ...

class ClearTasksRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "run_id", "tasks", "include_upstream", "include_downstream", "include_past", "include_future", "only_failed", "only_running", "reset_dag_runs", "run_on_latest_version", "dry_run", "min_position")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DOWNSTREAM_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_PAST_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FUTURE_FIELD_NUMBER: _ClassVar[int]
    ONLY_FAILED_FIELD_NUMBER: _ClassVar[int]
    ONLY_RUNNING_FIELD_NUMBER: _ClassVar[int]
    RESET_DAG_RUNS_FIELD_NUMBER: _ClassVar[int]
    RUN_ON_LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    run_id: str
    tasks: _containers.RepeatedCompositeFieldContainer[TaskSelector]
    include_upstream: bool
    include_downstream: bool
    include_past: bool
    include_future: bool
    only_failed: bool
    only_running: bool
    reset_dag_runs: bool
    run_on_latest_version: bool
    dry_run: bool
    min_position: int
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[TaskSelector, _Mapping]]] = ..., include_upstream: _Optional[bool] = ..., include_downstream: _Optional[bool] = ..., include_past: _Optional[bool] = ..., include_future: _Optional[bool] = ..., only_failed: _Optional[bool] = ..., only_running: _Optional[bool] = ..., reset_dag_runs: _Optional[bool] = ..., run_on_latest_version: _Optional[bool] = ..., dry_run: _Optional[bool] = ..., min_position: _Optional[int] = ...) -> None: ...

class ClearTasksResponse(_message.Message):
    __slots__ = ("tasks", "position", "not_followed")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    NOT_FOLLOWED_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[ControlledTask]
    position: int
    not_followed: _containers.RepeatedCompositeFieldContainer[ControlledTask]
    def __init__(self, tasks: _Optional[_Iterable[_Union[ControlledTask, _Mapping]]] = ..., position: _Optional[int] = ..., not_followed: _Optional[_Iterable[_Union[ControlledTask, _Mapping]]] = ...) -> None: ...

class MarkTasksRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "run_id", "tasks", "state", "include_upstream", "include_downstream", "include_past", "include_future", "note", "dry_run", "min_position")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DOWNSTREAM_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_PAST_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FUTURE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    run_id: str
    tasks: _containers.RepeatedCompositeFieldContainer[TaskSelector]
    state: TaskState
    include_upstream: bool
    include_downstream: bool
    include_past: bool
    include_future: bool
    note: str
    dry_run: bool
    min_position: int
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[TaskSelector, _Mapping]]] = ..., state: _Optional[_Union[TaskState, str]] = ..., include_upstream: _Optional[bool] = ..., include_downstream: _Optional[bool] = ..., include_past: _Optional[bool] = ..., include_future: _Optional[bool] = ..., note: _Optional[str] = ..., dry_run: _Optional[bool] = ..., min_position: _Optional[int] = ...) -> None: ...

class MarkTasksResponse(_message.Message):
    __slots__ = ("tasks", "position")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[ControlledTask]
    position: int
    def __init__(self, tasks: _Optional[_Iterable[_Union[ControlledTask, _Mapping]]] = ..., position: _Optional[int] = ...) -> None: ...

class MarkRunRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "run_id", "state", "note", "min_position")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    run_id: str
    state: RunState
    note: str
    min_position: int
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., note: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class MarkRunResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...
