import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
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
    __slots__ = ("task_id", "length")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    length: int
    def __init__(self, task_id: _Optional[str] = ..., length: _Optional[int] = ...) -> None: ...

class TaskSpec(_message.Message):
    __slots__ = ("task_id", "bash", "python", "empty", "operator", "upstream", "trigger_rule", "retries", "retry_delay_s", "retry_multiplier", "max_retry_delay_s", "execution_timeout_s", "queue", "exclusive", "do_xcom_push", "doc", "line", "is_setup", "is_teardown", "on_failure_fail_dagrun", "mapped_over")
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
    def __init__(self, task_id: _Optional[str] = ..., bash: _Optional[_Union[BashAction, _Mapping]] = ..., python: _Optional[_Union[PythonAction, _Mapping]] = ..., empty: _Optional[_Union[EmptyAction, _Mapping]] = ..., operator: _Optional[str] = ..., upstream: _Optional[_Iterable[str]] = ..., trigger_rule: _Optional[str] = ..., retries: _Optional[int] = ..., retry_delay_s: _Optional[float] = ..., retry_multiplier: _Optional[float] = ..., max_retry_delay_s: _Optional[float] = ..., execution_timeout_s: _Optional[float] = ..., queue: _Optional[str] = ..., exclusive: _Optional[bool] = ..., do_xcom_push: _Optional[bool] = ..., doc: _Optional[str] = ..., line: _Optional[int] = ..., is_setup: _Optional[bool] = ..., is_teardown: _Optional[bool] = ..., on_failure_fail_dagrun: _Optional[bool] = ..., mapped_over: _Optional[_Iterable[_Union[MapSource, _Mapping]]] = ...) -> None: ...

class DagSpec(_message.Message):
    __slots__ = ("dag_id", "tasks", "schedule", "start_date", "timezone", "catchup", "tags", "description", "doc", "params", "file")
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
    def __init__(self, dag_id: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[TaskSpec, _Mapping]]] = ..., schedule: _Optional[str] = ..., start_date: _Optional[str] = ..., timezone: _Optional[str] = ..., catchup: _Optional[bool] = ..., tags: _Optional[_Iterable[str]] = ..., description: _Optional[str] = ..., doc: _Optional[str] = ..., params: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., file: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("namespace", "dag_id", "latest_version", "spec", "bundle", "submitted_at")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DAG_ID_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    dag_id: str
    latest_version: int
    spec: DagSpec
    bundle: str
    submitted_at: _timestamp_pb2.Timestamp
    def __init__(self, namespace: _Optional[str] = ..., dag_id: _Optional[str] = ..., latest_version: _Optional[int] = ..., spec: _Optional[_Union[DagSpec, _Mapping]] = ..., bundle: _Optional[str] = ..., submitted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("namespace", "page_size", "page_token", "min_position")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    min_position: int
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class ListDagsResponse(_message.Message):
    __slots__ = ("dags", "next_page_token")
    DAGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dags: _containers.RepeatedCompositeFieldContainer[Dag]
    next_page_token: str
    def __init__(self, dags: _Optional[_Iterable[_Union[Dag, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
