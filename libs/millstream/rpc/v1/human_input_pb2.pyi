import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InputState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INPUT_STATE_UNSPECIFIED: _ClassVar[InputState]
    INPUT_STATE_WAITING: _ClassVar[InputState]
    INPUT_STATE_ANSWERED: _ClassVar[InputState]
    INPUT_STATE_TIMED_OUT: _ClassVar[InputState]
    INPUT_STATE_CLOSED: _ClassVar[InputState]
INPUT_STATE_UNSPECIFIED: InputState
INPUT_STATE_WAITING: InputState
INPUT_STATE_ANSWERED: InputState
INPUT_STATE_TIMED_OUT: InputState
INPUT_STATE_CLOSED: InputState

class InputUser(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class InputRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "task_id", "map_index", "attempt", "state", "subject", "body", "options", "defaults", "multiple", "params", "assigned_users", "asked_at", "timeout_at", "ended_at", "answer")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    DEFAULTS_FIELD_NUMBER: _ClassVar[int]
    MULTIPLE_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_USERS_FIELD_NUMBER: _ClassVar[int]
    ASKED_AT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    state: InputState
    subject: str
    body: str
    options: _containers.RepeatedScalarFieldContainer[str]
    defaults: _containers.RepeatedScalarFieldContainer[str]
    multiple: bool
    params: _struct_pb2.Struct
    assigned_users: _containers.RepeatedCompositeFieldContainer[InputUser]
    asked_at: _timestamp_pb2.Timestamp
    timeout_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    answer: InputAnswer
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., state: _Optional[_Union[InputState, str]] = ..., subject: _Optional[str] = ..., body: _Optional[str] = ..., options: _Optional[_Iterable[str]] = ..., defaults: _Optional[_Iterable[str]] = ..., multiple: _Optional[bool] = ..., params: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., assigned_users: _Optional[_Iterable[_Union[InputUser, _Mapping]]] = ..., asked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., timeout_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answer: _Optional[_Union[InputAnswer, _Mapping]] = ...) -> None: ...

class InputAnswer(_message.Message):
    __slots__ = ("options", "params", "user")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    options: _containers.RepeatedScalarFieldContainer[str]
    params: _struct_pb2.Struct
    user: InputUser
    def __init__(self, options: _Optional[_Iterable[str]] = ..., params: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., user: _Optional[_Union[InputUser, _Mapping]] = ...) -> None: ...

class ListInputRequestsRequest(_message.Message):
    __slots__ = ("namespace", "dag_id", "run_id", "state", "page_size", "page_token", "min_position", "order_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    run_id: str
    state: InputState
    page_size: int
    page_token: str
    min_position: int
    order_by: str
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., state: _Optional[_Union[InputState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListInputRequestsResponse(_message.Message):
    __slots__ = ("requests", "next_page_token")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[InputRequest]
    next_page_token: str
    def __init__(self, requests: _Optional[_Iterable[_Union[InputRequest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetInputRequestRequest(_message.Message):
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

class GetInputRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: InputRequest
    def __init__(self, request: _Optional[_Union[InputRequest, _Mapping]] = ...) -> None: ...

class AnswerInputRequestRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "dag_id", "run_id", "task_id", "map_index", "options", "params", "user", "min_position")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_INDEX_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: _containers.RepeatedScalarFieldContainer[int]
    options: _containers.RepeatedScalarFieldContainer[str]
    params: _struct_pb2.Struct
    user: str
    min_position: int
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., map_index: _Optional[_Iterable[int]] = ..., options: _Optional[_Iterable[str]] = ..., params: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., user: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class AnswerInputRequestResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...
