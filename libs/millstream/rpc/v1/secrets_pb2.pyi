from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SecretKey(_message.Message):
    __slots__ = ("key_id", "count", "is_known", "is_in_use")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    IS_KNOWN_FIELD_NUMBER: _ClassVar[int]
    IS_IN_USE_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    count: int
    is_known: bool
    is_in_use: bool
    def __init__(self, key_id: _Optional[str] = ..., count: _Optional[int] = ..., is_known: _Optional[bool] = ..., is_in_use: _Optional[bool] = ...) -> None: ...

class GetSecretKeysRequest(_message.Message):
    __slots__ = ("min_position",)
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    min_position: int
    def __init__(self, min_position: _Optional[int] = ...) -> None: ...

class GetSecretKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[SecretKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[SecretKey, _Mapping]]] = ...) -> None: ...

class RotateSecretsRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class RotateSecretsResponse(_message.Message):
    __slots__ = ("rotated", "unreadable", "has_more", "position")
    ROTATED_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    rotated: int
    unreadable: int
    has_more: bool
    position: int
    def __init__(self, rotated: _Optional[int] = ..., unreadable: _Optional[int] = ..., has_more: _Optional[bool] = ..., position: _Optional[int] = ...) -> None: ...
