"""What a DAG author may see or raise. The Airflow names keep Airflow's meaning."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from millstream.core.errors import MillstreamError

if TYPE_CHECKING:
    from millstream.core.deferral import InputRequest


class AirflowException(Exception):
    """The root of what a task raises on purpose; the attempt fails and may be retried."""


class AirflowSkipException(AirflowException):
    """Raised by a task to end as skipped."""


class AirflowFailException(AirflowException):
    """Raised by a task to fail for good: what is left of its retries is not used."""


class AirflowNotFoundException(AirflowException):
    """Something that a task asked for by name is not there."""


class ConnectionNotFound(AirflowNotFoundException):
    """No connection has this id; the text says where it was looked for."""


class VariableNotFound(AirflowNotFoundException, KeyError):
    """No variable has this key; the text says where it was looked for. A ``KeyError`` as well,
    which is what Airflow 2 raises."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class ParamValidationError(AirflowFailException):
    """A param whose value breaks its rules. It fails a task for good: the next attempt would get
    the same value."""

    def __init__(self, name: str, value: object, rule: str, source: str = "") -> None:
        self.name = name
        self.value = value
        self.rule = rule
        of = f"param {name!r}" if name else "a param"
        where = f", {source}," if source else ","
        is_missing = value is None and rule.startswith("it has no")
        super().__init__(f"{of}: {rule}" if is_missing else f"{of} is {value!r}{where} but {rule}")


class AirflowSensorTimeout(AirflowException):
    """A sensor waited for as long as its ``timeout``; the attempt fails and is not retried."""


class AirflowRescheduleException(AirflowException):
    """Raised by a task to be run again at ``reschedule_date``, without a slot until then."""

    def __init__(self, reschedule_date: datetime) -> None:
        super().__init__(f"run again at {reschedule_date}")
        self.reschedule_date = reschedule_date


class TaskDeferralError(AirflowException):
    """The trigger of a deferred task broke; raised in the attempt that goes on."""


class TaskDeferralTimeout(AirflowException):
    """A deferred task waited for as long as the ``timeout`` it gave; raised in the attempt that
    goes on."""


class TaskDeferred(BaseException):
    """Raised by ``defer``. No ``Exception``, so that a task that catches those still defers."""

    def __init__(
        self,
        *,
        trigger: Any,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> None:
        super().__init__()
        self.trigger = trigger
        self.method_name = method_name
        self.kwargs = kwargs
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"<TaskDeferred trigger={self.trigger!r} method={self.method_name}>"


class TaskAwaitingInput(BaseException):
    """Raised by a task that asks a person, and goes on in ``method_name`` with the answer."""

    def __init__(
        self,
        *,
        request: InputRequest,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> None:
        super().__init__()
        self.request = request
        self.method_name = method_name
        self.kwargs = kwargs
        self.timeout = timeout


class HITLTriggerEventError(AirflowException):
    """Asking a person went wrong."""


class HITLTimeoutError(HITLTriggerEventError):
    """Nobody answered in time, and the question has no defaults."""


class HITLRejectException(AirflowException):
    """Somebody rejected, and the operator has ``fail_on_reject``."""


class ExternalTaskNotFoundError(AirflowException):
    """The DAG, the task or the group that a sensor waits for does not exist."""


class ExternalTaskFailedError(AirflowException):
    """What a sensor waits for reached one of its ``failed_states``."""


class AirflowTaskTimeout(BaseException):
    """``execution_timeout`` is over. No ``Exception``, so that a task that catches those ends."""


class AirflowTaskTerminated(BaseException):
    """The task was stopped from outside: raised in it after ``on_kill``. No ``Exception``, so that
    a task that catches those ends."""


class DuplicateTaskIdFound(AirflowException):
    """Two tasks of one DAG have the same id."""


class NotSupportedYet(MillstreamError):
    """Something that Airflow has and Millstream does not: refused, since ignoring it would change
    what the DAG does."""

    reason = "NOT_SUPPORTED"


class TemplateError(MillstreamError):
    """A template that could not be rendered; ``task_id``, ``field`` and ``line`` (in the template,
    from 1; 0: unknown) say where, and ``source`` is that line or the name of the template file.

    The attempt may be retried, as in Airflow: a variable may be there the next time.
    """

    reason = "TEMPLATE"

    def __init__(
        self, field: str, line: int, message: str, *, source: str = "", task_id: str = ""
    ) -> None:
        self.field = field
        self.line = line
        self.message = message
        self.source = source
        self.task_id = task_id
        place = f"{field}, line {line}" if line else field
        shown = f" (in {source})" if source else ""
        of = f"task {task_id!r}: " if task_id else ""
        super().__init__(f"{of}template of {place}: {message}{shown}")


class BrokenTemplate(TemplateError, AirflowFailException):
    """A template that cannot be rendered in any attempt, since it is no template or its file is
    missing: the DAG's version is that of its run. It fails the task for good."""


class XComEncodingError(MillstreamError):
    """A value that cannot be handed on."""

    reason = "XCOM_NOT_ENCODABLE"


class XComDecodingError(MillstreamError):
    """A value that another task handed on and this process cannot read."""

    reason = "XCOM_NOT_DECODABLE"


class XComTooLarge(MillstreamError):
    """A value beyond the limit for one XCom."""

    reason = "XCOM_TOO_LARGE"


class BundleError(MillstreamError):
    """A project that cannot be bundled, or a bundle that must not be unpacked."""

    reason = "INVALID_BUNDLE"


class DagFileError(MillstreamError):
    """A DAG file that cannot be used. ``line`` counts from 1; 0 means the file as a whole."""

    reason = "INVALID_DAG"

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file = file
        self.line = line
        self.message = message
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
