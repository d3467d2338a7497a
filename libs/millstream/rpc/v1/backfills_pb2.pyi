import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from millstream.rpc.v1 import dags_pb2 as _dags_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Backfill(_message.Message):
    __slots__ = ("namespace", "dag_id", "backfill_id", "from_date", "to_date", "reprocess_behavior", "run_backwards", "max_active_runs", "conf", "state", "total", "number", "skipped", "created_at", "ended_at")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_DATE_FIELD_NUMBER: _ClassVar[int]
    TO_DATE_FIELD_NUMBER: _ClassVar[int]
    REPROCESS_BEHAVIOR_FIELD_NUMBER: _ClassVar[int]
    RUN_BACKWARDS_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    CONF_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    backfill_id: str
    from_date: _timestamp_pb2.Timestamp
    to_date: _timestamp_pb2.Timestamp
    reprocess_behavior: str
    run_backwards: bool
    max_active_runs: int
    conf: _struct_pb2.Struct
    state: str
    total: int
    number: int
    skipped: int
    created_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., backfill_id: _Optional[str] = ..., from_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., to_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reprocess_behavior: _Optional[str] = ..., run_backwards: _Optional[bool] = ..., max_active_runs: _Optional[int] = ..., conf: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., state: _Optional[str] = ..., total: _Optional[int] = ..., number: _Optional[int] = ..., skipped: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateBackfillRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "from_date", "to_date", "reprocess_behavior", "run_backwards", "max_active_runs", "conf", "run_on_latest_version")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_DATE_FIELD_NUMBER: _ClassVar[int]
    TO_DATE_FIELD_NUMBER: _ClassVar[int]
    REPROCESS_BEHAVIOR_FIELD_NUMBER: _ClassVar[int]
    RUN_BACKWARDS_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    CONF_FIELD_NUMBER: _ClassVar[int]
    RUN_ON_LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    from_date: _timestamp_pb2.Timestamp
    to_date: _timestamp_pb2.Timestamp
    reprocess_behavior: str
    run_backwards: bool
    max_active_runs: int
    conf: _struct_pb2.Struct
    run_on_latest_version: bool
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., from_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., to_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reprocess_behavior: _Optional[str] = ..., run_backwards: _Optional[bool] = ..., max_active_runs: _Optional[int] = ..., conf: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., run_on_latest_version: _Optional[bool] = ...) -> None: ...

class CreateBackfillResponse(_message.Message):
    __slots__ = ("dag_id", "backfill_id", "position")
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    dag_id: str
    backfill_id: str
    position: int
    def __init__(self, dag_id: _Optional[str] = ..., backfill_id: _Optional[str] = ..., position: _Optional[int] = ...) -> None: ...

class DryRunBackfillRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "from_date", "to_date", "reprocess_behavior", "run_backwards", "max_active_runs", "conf", "run_on_latest_version", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_DATE_FIELD_NUMBER: _ClassVar[int]
    TO_DATE_FIELD_NUMBER: _ClassVar[int]
    REPROCESS_BEHAVIOR_FIELD_NUMBER: _ClassVar[int]
    RUN_BACKWARDS_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    CONF_FIELD_NUMBER: _ClassVar[int]
    RUN_ON_LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    from_date: _timestamp_pb2.Timestamp
    to_date: _timestamp_pb2.Timestamp
    reprocess_behavior: str
    run_backwards: bool
    max_active_runs: int
    conf: _struct_pb2.Struct
    run_on_latest_version: bool
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., from_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., to_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reprocess_behavior: _Optional[str] = ..., run_backwards: _Optional[bool] = ..., max_active_runs: _Optional[int] = ..., conf: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., run_on_latest_version: _Optional[bool] = ..., min_position: _Optional[int] = ...) -> None: ...

class DryRunBackfillResponse(_message.Message):
    __slots__ = ("dates",)
    DATES_FIELD_NUMBER: _ClassVar[int]
    dates: _containers.RepeatedCompositeFieldContainer[BackfillDate]
    def __init__(self, dates: _Optional[_Iterable[_Union[BackfillDate, _Mapping]]] = ...) -> None: ...

class BackfillDate(_message.Message):
    __slots__ = ("times", "run_id", "reason")
    TIMES_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    times: _dags_pb2.RunTimes
    run_id: str
    reason: str
    def __init__(self, times: _Optional[_Union[_dags_pb2.RunTimes, _Mapping]] = ..., run_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListBackfillsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "page_size", "page_token", "min_position", "states", "order_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    page_size: int
    page_token: str
    min_position: int
    states: _containers.RepeatedScalarFieldContainer[str]
    order_by: str
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ..., states: _Optional[_Iterable[str]] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListBackfillsResponse(_message.Message):
    __slots__ = ("backfills", "next_page_token")
    BACKFILLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    backfills: _containers.RepeatedCompositeFieldContainer[Backfill]
    next_page_token: str
    def __init__(self, backfills: _Optional[_Iterable[_Union[Backfill, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetBackfillPausedRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "backfill_id", "is_paused")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    backfill_id: str
    is_paused: bool
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., backfill_id: _Optional[str] = ..., is_paused: _Optional[bool] = ...) -> None: ...

class SetBackfillPausedResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...

class CancelBackfillRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "backfill_id")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    backfill_id: str
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., backfill_id: _Optional[str] = ...) -> None: ...

class CancelBackfillResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...
