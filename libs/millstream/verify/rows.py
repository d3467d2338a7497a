"""A row of the event log as the checker sees it. Written anew, since the checker must not trust
the code that wrote the rows."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Row(msgspec.Struct, frozen=True, gc=False):
    """One event. The order of the fields is the order of the canonical bytes; ``data`` is JSON
    text, byte for byte; ``digest`` is hexadecimal, "" where it is not known. Its JSON is the
    message on the stream EVENTS, and a line of a dump."""

    position: int
    epoch: int
    type: str
    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    attempt: int
    actor: str
    causation: str
    trace: str
    recorded_at: datetime
    data: msgspec.Raw
    digest: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Row)
_AROUND_DIGEST = len(',"digest":""}')

encode = _encoder.encode


def decode(line: bytes) -> Row:
    """A row from its JSON. Raises ``msgspec.MsgspecError``, and ``UnicodeDecodeError``."""
    return _decoder.decode(line)


def canonical(row: Row) -> bytes:
    """The bytes that the digest is over, besides the digest before."""
    return _encoder.encode(row)[: -_AROUND_DIGEST - len(row.digest)] + b"}"


def message(row: Row) -> bytes:
    """What the stream EVENTS holds at this position."""
    return _encoder.encode(row)
