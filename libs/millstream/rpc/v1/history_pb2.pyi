import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from millstream.rpc.v1 import dags_pb2 as _dags_pb2
from millstream.rpc.v1 import runs_pb2 as _runs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DivergenceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIVERGENCE_KIND_UNSPECIFIED: _ClassVar[DivergenceKind]
    DIVERGENCE_KIND_OUTCOME: _ClassVar[DivergenceKind]
    DIVERGENCE_KIND_RESULT: _ClassVar[DivergenceKind]
    DIVERGENCE_KIND_MISSING: _ClassVar[DivergenceKind]
    DIVERGENCE_KIND_EXTRA: _ClassVar[DivergenceKind]

class RerunStart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RERUN_START_UNSPECIFIED: _ClassVar[RerunStart]
    RERUN_START_FAILED: _ClassVar[RerunStart]
    RERUN_START_TASKS: _ClassVar[RerunStart]
    RERUN_START_EVENT: _ClassVar[RerunStart]

class WhatIfKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WHAT_IF_KIND_UNSPECIFIED: _ClassVar[WhatIfKind]
    WHAT_IF_KIND_SAME: _ClassVar[WhatIfKind]
    WHAT_IF_KIND_CHANGED: _ClassVar[WhatIfKind]
    WHAT_IF_KIND_NEW: _ClassVar[WhatIfKind]
    WHAT_IF_KIND_GONE: _ClassVar[WhatIfKind]
DIVERGENCE_KIND_UNSPECIFIED: DivergenceKind
DIVERGENCE_KIND_OUTCOME: DivergenceKind
DIVERGENCE_KIND_RESULT: DivergenceKind
DIVERGENCE_KIND_MISSING: DivergenceKind
DIVERGENCE_KIND_EXTRA: DivergenceKind
RERUN_START_UNSPECIFIED: RerunStart
RERUN_START_FAILED: RerunStart
RERUN_START_TASKS: RerunStart
RERUN_START_EVENT: RerunStart
WHAT_IF_KIND_UNSPECIFIED: WhatIfKind
WHAT_IF_KIND_SAME: WhatIfKind
WHAT_IF_KIND_CHANGED: WhatIfKind
WHAT_IF_KIND_NEW: WhatIfKind
WHAT_IF_KIND_GONE: WhatIfKind

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

class DiffRunsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "other_dag_id", "other_run_id", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    OTHER_DAG_ID_FIELD_NUMBER: _ClassVar[int]
    OTHER_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    other_dag_id: str
    other_run_id: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., other_dag_id: _Optional[str] = ..., other_run_id: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class InputDifference(_message.Message):
    __slots__ = ("name", "one", "other")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ONE_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    name: str
    one: str
    other: str
    def __init__(self, name: _Optional[str] = ..., one: _Optional[str] = ..., other: _Optional[str] = ...) -> None: ...

class Divergence(_message.Message):
    __slots__ = ("task_id", "map_index", "kind", "one", "other", "one_position", "other_position", "is_first")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ONE_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    ONE_POSITION_FIELD_NUMBER: _ClassVar[int]
    OTHER_POSITION_FIELD_NUMBER: _ClassVar[int]
    IS_FIRST_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    kind: DivergenceKind
    one: str
    other: str
    one_position: int
    other_position: int
    is_first: bool
    def __init__(self, task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., kind: _Optional[_Union[DivergenceKind, str]] = ..., one: _Optional[str] = ..., other: _Optional[str] = ..., one_position: _Optional[int] = ..., other_position: _Optional[int] = ..., is_first: _Optional[bool] = ...) -> None: ...

class DurationChange(_message.Message):
    __slots__ = ("task_id", "map_index", "one_seconds", "other_seconds")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    ONE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OTHER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    one_seconds: float
    other_seconds: float
    def __init__(self, task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., one_seconds: _Optional[float] = ..., other_seconds: _Optional[float] = ...) -> None: ...

class DiffRunsResponse(_message.Message):
    __slots__ = ("one", "other", "inputs", "tasks", "divergences", "divergence_count", "first_outcome", "durations")
    ONE_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    DIVERGENCES_FIELD_NUMBER: _ClassVar[int]
    DIVERGENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_FIELD_NUMBER: _ClassVar[int]
    one: _runs_pb2.Run
    other: _runs_pb2.Run
    inputs: _containers.RepeatedCompositeFieldContainer[InputDifference]
    tasks: _containers.RepeatedCompositeFieldContainer[InputDifference]
    divergences: _containers.RepeatedCompositeFieldContainer[Divergence]
    divergence_count: int
    first_outcome: Divergence
    durations: _containers.RepeatedCompositeFieldContainer[DurationChange]
    def __init__(self, one: _Optional[_Union[_runs_pb2.Run, _Mapping]] = ..., other: _Optional[_Union[_runs_pb2.Run, _Mapping]] = ..., inputs: _Optional[_Iterable[_Union[InputDifference, _Mapping]]] = ..., tasks: _Optional[_Iterable[_Union[InputDifference, _Mapping]]] = ..., divergences: _Optional[_Iterable[_Union[Divergence, _Mapping]]] = ..., divergence_count: _Optional[int] = ..., first_outcome: _Optional[_Union[Divergence, _Mapping]] = ..., durations: _Optional[_Iterable[_Union[DurationChange, _Mapping]]] = ...) -> None: ...

class RerunRunRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "run_id", "new_run_id", "start", "tasks", "at", "conf", "dag_version", "latest_version", "note", "min_position")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NEW_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    CONF_FIELD_NUMBER: _ClassVar[int]
    DAG_VERSION_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    run_id: str
    new_run_id: str
    start: RerunStart
    tasks: _containers.RepeatedCompositeFieldContainer[_runs_pb2.TaskSelector]
    at: Moment
    conf: _struct_pb2.Struct
    dag_version: int
    latest_version: bool
    note: str
    min_position: int
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., new_run_id: _Optional[str] = ..., start: _Optional[_Union[RerunStart, str]] = ..., tasks: _Optional[_Iterable[_Union[_runs_pb2.TaskSelector, _Mapping]]] = ..., at: _Optional[_Union[Moment, _Mapping]] = ..., conf: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., dag_version: _Optional[int] = ..., latest_version: _Optional[bool] = ..., note: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class RerunRunResponse(_message.Message):
    __slots__ = ("dag_id", "run_id", "position", "taken_over")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    TAKEN_OVER_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    run_id: str
    position: int
    taken_over: int
    def __init__(self, dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., position: _Optional[int] = ..., taken_over: _Optional[int] = ...) -> None: ...

class GetLineageRequest(_message.Message):
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

class GetLineageResponse(_message.Message):
    __slots__ = ("run", "ancestors", "reruns")
    RUN_FIELD_NUMBER: _ClassVar[int]
    ANCESTORS_FIELD_NUMBER: _ClassVar[int]
    RERUNS_FIELD_NUMBER: _ClassVar[int]
    run: _runs_pb2.Run
    ancestors: _containers.RepeatedCompositeFieldContainer[_runs_pb2.Run]
    reruns: _containers.RepeatedCompositeFieldContainer[_runs_pb2.Run]
    def __init__(self, run: _Optional[_Union[_runs_pb2.Run, _Mapping]] = ..., ancestors: _Optional[_Iterable[_Union[_runs_pb2.Run, _Mapping]]] = ..., reruns: _Optional[_Iterable[_Union[_runs_pb2.Run, _Mapping]]] = ...) -> None: ...

class WhatIfRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "spec", "dag_version", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    DAG_VERSION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    spec: _dags_pb2.DagSpec
    dag_version: int
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., spec: _Optional[_Union[_dags_pb2.DagSpec, _Mapping]] = ..., dag_version: _Optional[int] = ..., min_position: _Optional[int] = ...) -> None: ...

class WhatIfTask(_message.Message):
    __slots__ = ("task_id", "map_index", "kind", "recorded", "expected", "recorded_order", "expected_order", "is_assumed")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    RECORDED_ORDER_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ORDER_FIELD_NUMBER: _ClassVar[int]
    IS_ASSUMED_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    kind: WhatIfKind
    recorded: _runs_pb2.TaskState
    expected: _runs_pb2.TaskState
    recorded_order: int
    expected_order: int
    is_assumed: bool
    def __init__(self, task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., kind: _Optional[_Union[WhatIfKind, str]] = ..., recorded: _Optional[_Union[_runs_pb2.TaskState, str]] = ..., expected: _Optional[_Union[_runs_pb2.TaskState, str]] = ..., recorded_order: _Optional[int] = ..., expected_order: _Optional[int] = ..., is_assumed: _Optional[bool] = ...) -> None: ...

class WhatIfResponse(_message.Message):
    __slots__ = ("run", "expected", "reason", "recorded_seconds", "expected_seconds", "changes", "tasks", "different", "assumed")
    RUN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECORDED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENT_FIELD_NUMBER: _ClassVar[int]
    ASSUMED_FIELD_NUMBER: _ClassVar[int]
    run: _runs_pb2.Run
    expected: _runs_pb2.RunState
    reason: str
    recorded_seconds: float
    expected_seconds: float
    changes: _containers.RepeatedCompositeFieldContainer[InputDifference]
    tasks: _containers.RepeatedCompositeFieldContainer[WhatIfTask]
    different: int
    assumed: int
    def __init__(self, run: _Optional[_Union[_runs_pb2.Run, _Mapping]] = ..., expected: _Optional[_Union[_runs_pb2.RunState, str]] = ..., reason: _Optional[str] = ..., recorded_seconds: _Optional[float] = ..., expected_seconds: _Optional[float] = ..., changes: _Optional[_Iterable[_Union[InputDifference, _Mapping]]] = ..., tasks: _Optional[_Iterable[_Union[WhatIfTask, _Mapping]]] = ..., different: _Optional[int] = ..., assumed: _Optional[int] = ...) -> None: ...
