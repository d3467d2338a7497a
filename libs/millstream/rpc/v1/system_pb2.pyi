import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from millstream.rpc.v1 import runs_pb2 as _runs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HealthState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_STATE_UNSPECIFIED: _ClassVar[HealthState]
    HEALTH_STATE_HEALTHY: _ClassVar[HealthState]
    HEALTH_STATE_DEGRADED: _ClassVar[HealthState]
    HEALTH_STATE_UNHEALTHY: _ClassVar[HealthState]
HEALTH_STATE_UNSPECIFIED: HealthState
HEALTH_STATE_HEALTHY: HealthState
HEALTH_STATE_DEGRADED: HealthState
HEALTH_STATE_UNHEALTHY: HealthState

class ComponentHealth(_message.Message):
    __slots__ = ("name", "state", "detail", "active", "standing_by", "lag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    STANDING_BY_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: HealthState
    detail: str
    active: str
    standing_by: int
    lag: int
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[HealthState, str]] = ..., detail: _Optional[str] = ..., active: _Optional[str] = ..., standing_by: _Optional[int] = ..., lag: _Optional[int] = ...) -> None: ...

class GetHealthRequest(_message.Message):
    __slots__ = ("min_position",)
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    min_position: int
    def __init__(self, min_position: _Optional[int] = ...) -> None: ...

class GetHealthResponse(_message.Message):
    __slots__ = ("state", "components", "version", "log_position", "projected_position")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LOG_POSITION_FIELD_NUMBER: _ClassVar[int]
    PROJECTED_POSITION_FIELD_NUMBER: _ClassVar[int]
    state: HealthState
    components: _containers.RepeatedCompositeFieldContainer[ComponentHealth]
    version: str
    log_position: int
    projected_position: int
    def __init__(self, state: _Optional[_Union[HealthState, str]] = ..., components: _Optional[_Iterable[_Union[ComponentHealth, _Mapping]]] = ..., version: _Optional[str] = ..., log_position: _Optional[int] = ..., projected_position: _Optional[int] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ("min_position",)
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    min_position: int
    def __init__(self, min_position: _Optional[int] = ...) -> None: ...

class WorkerStatus(_message.Message):
    __slots__ = ("worker_id", "queues", "slots", "busy", "last_heartbeat", "resources")
    class ResourcesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    LAST_HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    queues: _containers.RepeatedScalarFieldContainer[str]
    slots: int
    busy: int
    last_heartbeat: _timestamp_pb2.Timestamp
    resources: _containers.ScalarMap[str, int]
    def __init__(self, worker_id: _Optional[str] = ..., queues: _Optional[_Iterable[str]] = ..., slots: _Optional[int] = ..., busy: _Optional[int] = ..., last_heartbeat: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resources: _Optional[_Mapping[str, int]] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "log_position", "epoch", "projected_position", "workers", "nats_is_connected")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LOG_POSITION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PROJECTED_POSITION_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    NATS_IS_CONNECTED_FIELD_NUMBER: _ClassVar[int]
    version: str
    log_position: int
    epoch: int
    projected_position: int
    workers: _containers.RepeatedCompositeFieldContainer[WorkerStatus]
    nats_is_connected: bool
    def __init__(self, version: _Optional[str] = ..., log_position: _Optional[int] = ..., epoch: _Optional[int] = ..., projected_position: _Optional[int] = ..., workers: _Optional[_Iterable[_Union[WorkerStatus, _Mapping]]] = ..., nats_is_connected: _Optional[bool] = ...) -> None: ...

class GetOverviewRequest(_message.Message):
    __slots__ = ("namespace", "min_position", "since", "late_after_s")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LATE_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    min_position: int
    since: _timestamp_pb2.Timestamp
    late_after_s: int
    def __init__(self, namespace: _Optional[str] = ..., min_position: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., late_after_s: _Optional[int] = ...) -> None: ...

class GetOverviewResponse(_message.Message):
    __slots__ = ("dags", "paused_dags", "open_runs", "open_tasks", "recent_runs", "failed", "failed_runs", "late", "late_runs", "missed", "missed_deadlines", "queues", "since")
    DAGS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_DAGS_FIELD_NUMBER: _ClassVar[int]
    OPEN_RUNS_FIELD_NUMBER: _ClassVar[int]
    OPEN_TASKS_FIELD_NUMBER: _ClassVar[int]
    RECENT_RUNS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    FAILED_RUNS_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    LATE_RUNS_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    MISSED_DEADLINES_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    dags: int
    paused_dags: int
    open_runs: _containers.RepeatedCompositeFieldContainer[_runs_pb2.RunStateCount]
    open_tasks: _containers.RepeatedCompositeFieldContainer[_runs_pb2.TaskStateCount]
    recent_runs: _containers.RepeatedCompositeFieldContainer[_runs_pb2.RunStateCount]
    failed: int
    failed_runs: _containers.RepeatedCompositeFieldContainer[OverviewRun]
    late: int
    late_runs: _containers.RepeatedCompositeFieldContainer[LateRun]
    missed: int
    missed_deadlines: _containers.RepeatedCompositeFieldContainer[MissedDeadline]
    queues: _containers.RepeatedCompositeFieldContainer[QueueStatus]
    since: _timestamp_pb2.Timestamp
    def __init__(self, dags: _Optional[int] = ..., paused_dags: _Optional[int] = ..., open_runs: _Optional[_Iterable[_Union[_runs_pb2.RunStateCount, _Mapping]]] = ..., open_tasks: _Optional[_Iterable[_Union[_runs_pb2.TaskStateCount, _Mapping]]] = ..., recent_runs: _Optional[_Iterable[_Union[_runs_pb2.RunStateCount, _Mapping]]] = ..., failed: _Optional[int] = ..., failed_runs: _Optional[_Iterable[_Union[OverviewRun, _Mapping]]] = ..., late: _Optional[int] = ..., late_runs: _Optional[_Iterable[_Union[LateRun, _Mapping]]] = ..., missed: _Optional[int] = ..., missed_deadlines: _Optional[_Iterable[_Union[MissedDeadline, _Mapping]]] = ..., queues: _Optional[_Iterable[_Union[QueueStatus, _Mapping]]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OverviewRun(_message.Message):
    __slots__ = ("dag_id", "run_id", "state", "run_type", "logical_date", "started_at", "ended_at", "reason")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RUN_TYPE_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    run_id: str
    state: _runs_pb2.RunState
    run_type: str
    logical_date: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., state: _Optional[_Union[_runs_pb2.RunState, str]] = ..., run_type: _Optional[str] = ..., logical_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class LateRun(_message.Message):
    __slots__ = ("dag_id", "run_id", "logical_date", "due_at")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_DATE_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    run_id: str
    logical_date: _timestamp_pb2.Timestamp
    due_at: _timestamp_pb2.Timestamp
    def __init__(self, dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., logical_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MissedDeadline(_message.Message):
    __slots__ = ("dag_id", "run_id", "name", "due_at", "missed_at", "state")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    MISSED_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    run_id: str
    name: str
    due_at: _timestamp_pb2.Timestamp
    missed_at: _timestamp_pb2.Timestamp
    state: _runs_pb2.RunState
    def __init__(self, dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., name: _Optional[str] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., missed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[_runs_pb2.RunState, str]] = ...) -> None: ...

class QueueStatus(_message.Message):
    __slots__ = ("queue", "waiting", "running", "workers", "slots", "busy")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    queue: str
    waiting: int
    running: int
    workers: int
    slots: int
    busy: int
    def __init__(self, queue: _Optional[str] = ..., waiting: _Optional[int] = ..., running: _Optional[int] = ..., workers: _Optional[int] = ..., slots: _Optional[int] = ..., busy: _Optional[int] = ...) -> None: ...
