"""What a DAG author may see or raise. The Airflow names keep Airflow's meaning."""

from __future__ import annotations

from millstream.core.errors import MillstreamError


class AirflowException(Exception):
    """The root of what a task raises on purpose; the attempt fails and may be retried."""


class AirflowSkipException(AirflowException):
    """Raised by a task to end as skipped."""


class AirflowFailException(AirflowException):
    """Raised by a task to fail for good: what is left of its retries is not used."""


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


class AirflowTaskTimeout(BaseException):
    """``execution_timeout`` is over. No ``Exception``, so that a task that catches those ends."""


class DuplicateTaskIdFound(AirflowException):
    """Two tasks of one DAG have the same id."""


class NotSupportedYet(MillstreamError):
    """Something that Airflow has and Millstream does not: refused, since ignoring it would change
    what the DAG does."""

    reason = "NOT_SUPPORTED"


class TemplateError(MillstreamError):
    """A template that cannot be rendered; ``field`` and ``line`` (in the template, from 1; 0:
    unknown) say where."""

    reason = "TEMPLATE"

    def __init__(self, field: str, line: int, message: str) -> None:
        self.field = field
        self.line = line
        where = f"{field}, line {line}" if line else field
        super().__init__(f"template of {where}: {message}")


class XComEncodingError(MillstreamError):
    """A value that was to be an XCom and is not JSON."""

    reason = "XCOM_NOT_JSON"


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
