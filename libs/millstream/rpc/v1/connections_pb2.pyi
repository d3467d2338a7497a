import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConnectionFields(_message.Message):
    __slots__ = ("conn_type", "host", "login", "password", "schema", "port", "extra")
    CONN_TYPE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    LOGIN_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    conn_type: str
    host: str
    login: str
    password: str
    schema: str
    port: int
    extra: str
    def __init__(self, conn_type: _Optional[str] = ..., host: _Optional[str] = ..., login: _Optional[str] = ..., password: _Optional[str] = ..., schema: _Optional[str] = ..., port: _Optional[int] = ..., extra: _Optional[str] = ...) -> None: ...

class Connection(_message.Message):
    __slots__ = ("namespace", "conn_id", "description", "version", "updated_at", "fields", "has_password")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CONN_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    HAS_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    conn_id: str
    description: str
    version: int
    updated_at: _timestamp_pb2.Timestamp
    fields: ConnectionFields
    has_password: bool
    def __init__(self, namespace: _Optional[str] = ..., conn_id: _Optional[str] = ..., description: _Optional[str] = ..., version: _Optional[int] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fields: _Optional[_Union[ConnectionFields, _Mapping]] = ..., has_password: _Optional[bool] = ...) -> None: ...

class SetConnectionRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "conn_id", "fields", "description", "must_be_new")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CONN_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MUST_BE_NEW_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    conn_id: str
    fields: ConnectionFields
    description: str
    must_be_new: bool
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., conn_id: _Optional[str] = ..., fields: _Optional[_Union[ConnectionFields, _Mapping]] = ..., description: _Optional[str] = ..., must_be_new: _Optional[bool] = ...) -> None: ...

class SetConnectionResponse(_message.Message):
    __slots__ = ("version", "position")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    version: int
    position: int
    def __init__(self, version: _Optional[int] = ..., position: _Optional[int] = ...) -> None: ...

class GetConnectionRequest(_message.Message):
    __slots__ = ("namespace", "conn_id", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CONN_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    conn_id: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., conn_id: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class GetConnectionResponse(_message.Message):
    __slots__ = ("connection",)
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    connection: Connection
    def __init__(self, connection: _Optional[_Union[Connection, _Mapping]] = ...) -> None: ...

class ListConnectionsRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token", "min_position", "search", "order_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    min_position: int
    search: str
    order_by: str
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ..., search: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListConnectionsResponse(_message.Message):
    __slots__ = ("connections", "next_page_token")
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    connections: _containers.RepeatedCompositeFieldContainer[Connection]
    next_page_token: str
    def __init__(self, connections: _Optional[_Iterable[_Union[Connection, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteConnectionRequest(_message.Message):
    __slots__ = ("request_id", "namespace", "conn_id")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CONN_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    namespace: str
    conn_id: str
    def __init__(self, request_id: _Optional[str] = ..., namespace: _Optional[str] = ..., conn_id: _Optional[str] = ...) -> None: ...

class DeleteConnectionResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...
