"""The messages of the stream LOGS: some lines of one attempt's output."""

from __future__ import annotations

from datetime import datetime

import msgspec


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """``source`` is stdout, stderr or millstream; ``text`` is one line without its end."""

    at: datetime
    source: str
    text: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[LogLine])


def encode_log_lines(lines: list[LogLine]) -> bytes:
    return _encoder.encode(lines)


def decode_log_lines(data: bytes) -> list[LogLine]:
    """Raises ``msgspec.MsgspecError``."""
    return _decoder.decode(data)
