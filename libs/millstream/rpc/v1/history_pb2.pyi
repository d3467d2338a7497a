import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from millstream.rpc.v1 import runs_pb2 as _runs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Moment(_message.Message):
    __slots__ = ("position", "instant")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    INSTANT_FIELD_NUMBER: _ClassVar[int]
    position: int
    instant: _timestamp_pb2.Timestamp
    def __init__(self, position: _Optional[int] = ..., instant: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LogPlace(_message.Message):
    __slots__ = ("position", "recorded_at")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    position: int
    recorded_at: _timestamp_pb2.Timestamp
    def __init__(self, position: _Optional[int] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetRunAtRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "at", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    at: Moment
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., at: _Optional[_Union[Moment, _Mapping]] = ..., min_position: _Optional[int] = ...) -> None: ...

class GetRunAtResponse(_message.Message):
    __slots__ = ("at", "run")
    AT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    at: LogPlace
    run: _runs_pb2.Run
    def __init__(self, at: _Optional[_Union[LogPlace, _Mapping]] = ..., run: _Optional[_Union[_runs_pb2.Run, _Mapping]] = ...) -> None: ...

class ListTaskInstancesAtRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "at", "page_size", "page_token", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    at: Moment
    page_size: int
    page_token: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., at: _Optional[_Union[Moment, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class ListTaskInstancesAtResponse(_message.Message):
    __slots__ = ("at", "task_instances", "next_page_token")
    AT_FIELD_NUMBER: _ClassVar[int]
    TASK_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    at: LogPlace
    task_instances: _containers.RepeatedCompositeFieldContainer[_runs_pb2.TaskInstance]
    next_page_token: str
    def __init__(self, at: _Optional[_Union[LogPlace, _Mapping]] = ..., task_instances: _Optional[_Iterable[_Union[_runs_pb2.TaskInstance, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListRunsAtRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "states", "at", "page_size", "page_token", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    states: _containers.RepeatedScalarFieldContainer[_runs_pb2.RunState]
    at: Moment
    page_size: int
    page_token: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_runs_pb2.RunState, str]]] = ..., at: _Optional[_Union[Moment, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class ListRunsAtResponse(_message.Message):
    __slots__ = ("at", "runs", "next_page_token")
    AT_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    at: LogPlace
    runs: _containers.RepeatedCompositeFieldContainer[_runs_pb2.Run]
    next_page_token: str
    def __init__(self, at: _Optional[_Union[LogPlace, _Mapping]] = ..., runs: _Optional[_Iterable[_Union[_runs_pb2.Run, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListDagsAtRequest(_message.Message):
    __slots__ = ("namespace", "at", "page_size", "page_token", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    at: Moment
    page_size: int
    page_token: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., at: _Optional[_Union[Moment, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class DagAt(_message.Message):
    __slots__ = ("dag_id", "latest_version", "submitted_at", "is_paused", "pause_reason")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    IS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    PAUSE_REASON_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    latest_version: int
    submitted_at: _timestamp_pb2.Timestamp
    is_paused: bool
    pause_reason: str
    def __init__(self, dag_id: _Optional[str] = ..., latest_version: _Optional[int] = ..., submitted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., is_paused: _Optional[bool] = ..., pause_reason: _Optional[str] = ...) -> None: ...

class ListDagsAtResponse(_message.Message):
    __slots__ = ("at", "dags", "next_page_token")
    AT_FIELD_NUMBER: _ClassVar[int]
    DAGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    at: LogPlace
    dags: _containers.RepeatedCompositeFieldContainer[DagAt]
    next_page_token: str
    def __init__(self, at: _Optional[_Union[LogPlace, _Mapping]] = ..., dags: _Optional[_Iterable[_Union[DagAt, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetStateAtRequest(_message.Message):
    __slots__ = ("namespace", "at", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    at: Moment
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., at: _Optional[_Union[Moment, _Mapping]] = ..., min_position: _Optional[int] = ...) -> None: ...

class RunCount(_message.Message):
    __slots__ = ("state", "count")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    state: _runs_pb2.RunState
    count: int
    def __init__(self, state: _Optional[_Union[_runs_pb2.RunState, str]] = ..., count: _Optional[int] = ...) -> None: ...

class PoolAt(_message.Message):
    __slots__ = ("name", "slots")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    slots: int
    def __init__(self, name: _Optional[str] = ..., slots: _Optional[int] = ...) -> None: ...

class NameAt(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetStateAtResponse(_message.Message):
    __slots__ = ("at", "epoch", "digest", "dags", "paused_dags", "runs", "pools", "variables", "connections")
    AT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DAGS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_DAGS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    POOLS_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    at: LogPlace
    epoch: int
    digest: str
    dags: int
    paused_dags: int
    runs: _containers.RepeatedCompositeFieldContainer[RunCount]
    pools: _containers.RepeatedCompositeFieldContainer[PoolAt]
    variables: _containers.RepeatedCompositeFieldContainer[NameAt]
    connections: _containers.RepeatedCompositeFieldContainer[NameAt]
    def __init__(self, at: _Optional[_Union[LogPlace, _Mapping]] = ..., epoch: _Optional[int] = ..., digest: _Optional[str] = ..., dags: _Optional[int] = ..., paused_dags: _Optional[int] = ..., runs: _Optional[_Iterable[_Union[RunCount, _Mapping]]] = ..., pools: _Optional[_Iterable[_Union[PoolAt, _Mapping]]] = ..., variables: _Optional[_Iterable[_Union[NameAt, _Mapping]]] = ..., connections: _Optional[_Iterable[_Union[NameAt, _Mapping]]] = ...) -> None: ...
