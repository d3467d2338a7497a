"""The receipts: what becomes of a command, told to whoever sent it."""

from __future__ import annotations

import msgspec

_encoder = msgspec.json.Encoder()


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a command: committed at ``position`` (its last event), or refused with a
    reason."""

    id: str
    position: int = 0
    dag_id: str = ""
    run_id: str = ""
    version: int = 0
    reason: str = ""
    message: str = ""
    # Of a trigger: the DAG was paused and goes on. Of a pause: it was not so already.
    has_changed: bool = False
    backfill_id: str = ""
    token_id: str = ""

    @property
    def is_refused(self) -> bool:
        return bool(self.reason)


_decoder = msgspec.json.Decoder(list[Receipt])


def encode_receipts(receipts: list[Receipt]) -> bytes:
    """Receipts for one producer, as one message."""
    return _encoder.encode(receipts)


def decode_receipts(data: bytes) -> list[Receipt]:
    """Raises ``msgspec.MsgspecError``."""
    return _decoder.decode(data)
