"""From a message of INBOX to a command that may be decided: who sent it, what it says, may they?"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from millstream.core.commands import ALLOWED, ApiCommand, Report, decode_command
from millstream.core.errors import Refused

_SUBJECT = re.compile(r"ms\.in\.(\d+)\.([a-z]+)\.([A-Za-z0-9_-]+)")
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
    if isinstance(command, Report) and command.worker != sender.principal:
        raise Refused(
            "NOT_ALLOWED", f"Worker {sender.principal!r} may not report for {command.worker!r}."
        )
    return command
