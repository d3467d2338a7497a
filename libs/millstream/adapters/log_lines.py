"""The log of an attempt: what one line is, how lines stand on the stream LOGS, and where the
finished log is in the blob store."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

import msgspec

from millstream.core.event_parts import Where

# A message on LOGS holds at most so much.
MOST_LINES = 200
MOST_MESSAGE_BYTES = 256 * 1024

_LINE = b"Ms-Line"
_END = b"Ms-End"
_CLAIM = b"Ms-Claim"
_LONGEST_TOKEN = 120


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an attempt's log, without its end.

    ``at`` is in UTC. ``source``: ``stdout`` or ``stderr`` for what the task and its subprocesses
    print, ``task`` for a record of ``logging``, ``millstream`` for what is said about the attempt.
    ``level`` (DEBUG, INFO, WARNING, ERROR, CRITICAL or "") and ``logger`` are those of the record.
    """

    at: datetime
    source: str
    text: str
    level: str = ""
    logger: str = ""


class LogHeader(NamedTuple):
    """What a message on LOGS says of its lines: the number of the first, counted from 0 in the log
    of the claim ``claim``; and whether it is that log's last message, which may hold no lines.

    Two workers may have begun one attempt, of which one had its claim refused: their lines are told
    apart by the claim, as it is in ``TaskStarted``. A line with a number that was already read is
    the same line again.
    """

    first_line: int
    is_end: bool = False
    claim: str = ""

    def encode(self) -> bytes:
        """As raw header lines."""
        lines = b"%s: %d\r\n%s: %s\r\n" % (_LINE, self.first_line, _CLAIM, self.claim.encode())
        return lines + (b"%s: 1\r\n" % _END if self.is_end else b"")


def decode_log_header(header: bytes) -> LogHeader:
    """What the raw header of a message says; anything unreadable counts as not said."""
    said = {}
    for line in header.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            said[name] = value.strip()
    number = said.get(_LINE, b"")
    return LogHeader(
        first_line=int(number) if number.isdigit() and len(number) < 19 else 0,
        is_end=said.get(_END) == b"1",
        claim=said.get(_CLAIM, b"").decode("ascii", "replace"),
    )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[LogLine])
_line_decoder = msgspec.json.Decoder(LogLine)


def encode_log_lines(lines: list[LogLine]) -> bytes:
    return _encoder.encode(lines)


def decode_log_lines(data: bytes) -> list[LogLine]:
    """Raises ``msgspec.MsgspecError``."""
    return _decoder.decode(data)


def decode_log_file(data: bytes) -> list[LogLine]:
    """The lines of a finished log: JSON, one a line. Raises ``msgspec.MsgspecError``."""
    return _line_decoder.decode_lines(data)


def log_subject(shard: int, worker: str, where: Where) -> str:
    """``ms.log.<shard>.<worker>.<namespace>.<dag>.<run>.<task>.<map>.<attempt>``; ``map`` is ``_``
    for a task that is not mapped. A worker may write below its own name only; ``*`` for whoever
    reads."""
    return ".".join((f"ms.log.{shard}", worker, *_parts(where)))


def worker_log_subjects(shard: int, worker: str) -> str:
    """All subjects of logs that a worker writes."""
    return f"ms.log.{shard}.{worker}.>"


def log_path(shard: int, where: Where) -> str:
    """Where the finished log is in the blob store: gzip of JSON, one line a line."""
    return "/".join(("logs", str(shard), *_parts(where))) + ".jsonl.gz"


def _parts(where: Where) -> tuple[str, ...]:
    map_index = "-".join(map(str, where.map_index)) or "_"
    names = (where.namespace, where.dag_id, where.run_id, where.task_id)
    return (*map(_token, names), map_index, str(where.attempt))


def _token(text: str) -> str:
    """A name as a part of a subject or a path: everything but letters, digits, ``_`` and ``-``
    becomes ``=`` and its code. The rest of a long one is its digest, since a file's name has at
    most 255 bytes."""
    token = "".join(
        c if c.isascii() and (c.isalnum() or c in "_-") else f"={ord(c):x}=" for c in text
    )
    if len(token) > _LONGEST_TOKEN:
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        return f"{token[: _LONGEST_TOKEN - 34]}=={digest}"
    return token
