"""From a message of INBOX to a command that may be decided: who sent it, what it says, may they?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR

import msgspec

from millstream.core.access import is_name
from millstream.core.commands import (
    ALLOWED,
    ApiCommand,
    CreateBackfill,
    DeleteVariable,
    RerunRun,
    SetVariable,
    TriggerRun,
    decode_command,
    encode_command,
)
from millstream.core.errors import Refused
from millstream.core.reports import (
    DeferAttempt,
    FinishAttempt,
    Report,
    RescheduleAttempt,
    SucceedAttempt,
)

_SUBJECT = re.compile(r"ms\.in\.(\d+)\.([a-z]+)\.([A-Za-z0-9_-]+)")
_BLOB = re.compile(r"[0-9a-f]{64}")
MAX_ID_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Sender:
    """From the subject under which the message is stored, which the sender cannot choose freely."""

    role: str
    principal: str

    def __str__(self) -> str:
        return f"{self.role}/{self.principal}"


UNKNOWN = Sender("unknown", "unknown")


def read_sender(subject: str) -> Sender:
    """Raises :class:`Refused` for a subject that no producer of ours writes to."""
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        raise Refused(
            "FOREIGN_SUBJECT", f"Nobody may send commands under the subject {subject[:200]!r}."
        )
    return Sender(match[2], match[3])


def admit(sender: Sender, payload: bytes, most_bytes: int) -> ApiCommand | Report:
    """The command in a message. Raises :class:`Refused` for rubbish, for what the sender may not
    ask, and above ``most_bytes``: the event that follows from it would not fit into a message."""
    if len(payload) > most_bytes:
        raise Refused(
            "TOO_LARGE", f"The command has {len(payload)} bytes; {most_bytes} are allowed."
        )
    try:
        command = decode_command(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("MALFORMED", f"The message is no command of this release: {error}") from error
    if not isinstance(command, ALLOWED.get(sender.role, ())):
        raise Refused("NOT_ALLOWED", f"A {sender.role} may not send {type(command).__name__}.")
    if not command.id or len(command.id) > MAX_ID_LENGTH or not command.id.isprintable():
        raise Refused("INVALID_ID", f"A command id has 1 to {MAX_ID_LENGTH} printable characters.")
    if not command.trace.isprintable() or len(command.trace) > MAX_ID_LENGTH:
        raise Refused("MALFORMED", "The trace context is not printable or too long.")
    if command.principal and not is_name(command.principal):
        raise Refused("MALFORMED", "The principal is no name.")
    if isinstance(command, Report) and command.worker != sender.principal:
        raise Refused(
            "NOT_ALLOWED", f"Worker {sender.principal!r} may not report for {command.worker!r}."
        )
    if sender.role == "worker" and isinstance(command, SetVariable | DeleteVariable):
        _check_claim(sender, command)
    if b"\\u0000" in payload:
        _check_nul(command)
    if isinstance(command, Report):
        _check_report(command)
    elif len(payload) > most_bytes // 5 and len(encode_command(command)) > most_bytes:
        # 1e15 is written as 1000000000000000.0 in an event.
        raise Refused("TOO_LARGE", f"The command has more than {most_bytes} bytes as JSON.")
    return command


def actor_of(sender: Sender, command: ApiCommand | Report) -> str:
    """Who did it. Only an api is believed for whom it asks."""
    if sender.role != "api" or not command.principal:
        return str(sender)
    return f"{sender}/{command.principal}"


class _Named(msgspec.Struct):
    id: str = ""


_named_decoder = msgspec.json.Decoder(_Named)


def id_of(payload: bytes) -> str:
    """The id of a message that was refused; "" if it has none that could be answered."""
    try:
        named = _named_decoder.decode(payload).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return named if len(named) <= MAX_ID_LENGTH and named.isprintable() else ""


def _check_claim(sender: Sender, command: SetVariable | DeleteVariable) -> None:
    """A worker asks for this on behalf of a task that it runs, or not at all."""
    if command.claim is None or command.claim.worker != sender.principal:
        raise Refused("NOT_ALLOWED", f"Worker {sender.principal!r} needs a claim of its own.")


def _check_nul(command: ApiCommand | Report) -> None:
    """Postgres searches the events of runs by what they say, and cannot read a NUL in them."""
    runs: object = ()
    if isinstance(command, TriggerRun | RerunRun | CreateBackfill):
        runs = command
    elif isinstance(command, SucceedAttempt | DeferAttempt):
        runs = command.runs
    # What is left after pairs of backslashes is an escape, and no text that looks like one.
    if b"\\u0000" in msgspec.json.encode(runs).replace(b"\\\\", b""):
        raise Refused("INVALID_ARGUMENT", "A run is asked for with a NUL character in its values.")


def _check_report(report: Report) -> None:
    """What decoding lets through and no read table can hold. Raises :class:`Refused`."""
    if not 0 < len(report.token) <= MAX_ID_LENGTH or not report.token.isprintable():
        raise Refused("MALFORMED", f"A token has 1 to {MAX_ID_LENGTH} printable characters.")
    instants = [report.started_at]
    if isinstance(report, FinishAttempt):
        instants.append(report.ended_at)
        for key, xcom in report.xcoms.items():
            is_value = bool(bytes(xcom.value)) and not xcom.blob
            is_blob = not bytes(xcom.value) and _BLOB.fullmatch(xcom.blob)
            if not (is_value or is_blob) or not 0 <= xcom.size < 2**63:
                raise Refused("MALFORMED", f"XCom {key[:200]!r} is neither a value nor a blob.")
    if isinstance(report, RescheduleAttempt):
        instants.append(report.until)
    if isinstance(report, DeferAttempt):
        ways = [report.trigger, report.wake_at, report.request]
        if sum(way is not None for way in ways) != 1 or not report.method:
            raise Refused("MALFORMED", "A deferral waits for one thing and names its method.")
        if report.wake_at is not None:
            instants.append(report.wake_at)
    if not all(MINYEAR < instant.year < MAXYEAR for instant in instants):
        raise Refused("MALFORMED", "An instant is so early or late that it has no UTC form.")
