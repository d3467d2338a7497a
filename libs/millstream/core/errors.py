"""The one tree of errors. Facts are attributes; the text is a sentence that says what to do."""

from __future__ import annotations


class MillstreamError(Exception):
    """Anything that Millstream itself reports. ``reason`` is a stable, upper-case word for
    machines."""

    reason = "INTERNAL"


class InvalidDag(MillstreamError):
    """A DAG that cannot be accepted; ``problems`` lists every fault that was found."""

    reason = "INVALID_DAG"

    def __init__(self, dag_id: str, problems: list[str]) -> None:
        self.dag_id = dag_id
        self.problems = problems
        super().__init__(f"DAG {dag_id!r} is not valid: " + "; ".join(problems))


class InvalidArgument(MillstreamError):
    """A value that a caller handed in and that cannot be used."""

    reason = "INVALID_ARGUMENT"


class NotFound(MillstreamError):
    """Something that was named and does not exist."""

    reason = "NOT_FOUND"


REQUEST_ID_REUSED = "REQUEST_ID_REUSED"


class Refused(MillstreamError):
    """A command or a report that the scheduler refused; nothing was written to the log."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class NotRecalled(Refused):
    """A command about a run that is not in the state: it is over and must be recalled from the log,
    or there is none."""


class Unavailable(MillstreamError):
    """A server that is needed does not answer; trying again later is right."""

    reason = "UNAVAILABLE"


class Fenced(MillstreamError):
    """Another writer has taken over this shard: this process must end at once."""

    reason = "FENCED"


class StoreBehindStream(MillstreamError):
    """The event stream is ahead of Postgres: a backup was restored, and going on would fork
    history."""

    reason = "STORE_BEHIND_STREAM"

    def __init__(self, log_position: int, stream_position: int) -> None:
        self.log_position = log_position
        self.stream_position = stream_position
        super().__init__(
            f"Postgres ends at position {log_position}, but the stream EVENTS already holds "
            f"position {stream_position}. Postgres was probably restored from an older backup. "
            f"Restore a newer backup, or delete the stream to give up what happened after "
            f"position {log_position}."
        )


class ChainBroken(MillstreamError):
    """The digest chain of the event log does not verify at ``position``."""

    reason = "CHAIN_BROKEN"

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(
            f"The digest of event {position} does not match its content and its predecessor: "
            f"the event log was changed outside of Millstream."
        )
