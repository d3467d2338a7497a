"""What a worker says of itself every few seconds, on core NATS."""

from __future__ import annotations

import msgspec


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """``incarnation`` is new with each start of the process, compares greater than those before it,
    and begins each of its claim tokens; ``attempts`` are the tokens of the claims that it runs or
    whose results it still has to deliver; of those it runs, ``claimed`` are the ones whose claim
    was accepted. ``resources`` is what it offers to the tasks that ask for some. One that
    ``is_stopping`` says its last word: what it does not name it gives back; one that
    ``is_draining`` was told to stop and takes nothing new. ``dropped``: claims whose attempts it
    lost itself, with a process that they shared."""

    worker: str
    incarnation: str
    queues: tuple[str, ...]
    slots: int
    attempts: tuple[str, ...]
    claimed: tuple[str, ...] = ()
    resources: dict[str, int] = {}
    is_stopping: bool = False
    is_draining: bool = False
    dropped: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Heartbeat)
_closed_decoder = msgspec.json.Decoder(tuple[str, ...])


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    return _encoder.encode(heartbeat)


def decode_heartbeat(data: bytes) -> Heartbeat:
    """Raises ``msgspec.MsgspecError``."""
    return _decoder.decode(data)


def encode_closed(tokens: tuple[str, ...]) -> bytes:
    """The answer to a heartbeat that names claims which are over."""
    return _encoder.encode(tokens)


def decode_closed(data: bytes) -> tuple[str, ...]:
    """Raises ``msgspec.MsgspecError``."""
    return _closed_decoder.decode(data)
