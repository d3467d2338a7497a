"""How an event is written: one canonical JSON text, in the log and on the stream alike, and its
digest.

The digest of a record is SHA-256 over the previous record's digest and the record's own bytes, so a
change, a swap or a hole anywhere in the log is seen by everybody who reads on from there.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

import msgspec

from millstream.core.errors import ChainBroken, MillstreamError
from millstream.core.event_parts import Where
from millstream.core.events import Data, Event, type_registry

GENESIS = bytes(32)

_encoder = msgspec.json.Encoder()
_decoders: dict[str, msgspec.json.Decoder[Data]] = {}


class UnknownEvent(MillstreamError):
    """A record of a type that this release does not know: it was written by a newer one."""

    reason = "UNKNOWN_EVENT"


class Record(msgspec.Struct, frozen=True):
    """An event as it is stored and published. The order of the fields is the canonical order.

    ``data`` is JSON text, kept byte for byte; ``digest`` is not part of the canonical bytes.
    """

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


class Published(Record, frozen=True):
    """A record with its digest in hexadecimal, as it is on the stream EVENTS."""

    digest: str


_published_decoder = msgspec.json.Decoder(Published)


def to_record(event: Event) -> Record:
    where = event.where
    return Record(
        event.position,
        event.epoch,
        type(event.data).__name__,
        where.namespace,
        where.dag_id,
        where.run_id,
        where.task_id,
        where.map_index,
        where.attempt,
        event.actor,
        event.causation,
        event.trace,
        event.recorded_at,
        msgspec.Raw(_encoder.encode(event.data)),
    )


def to_event(record: Record) -> Event:
    """Raises :class:`UnknownEvent`, or ``msgspec.MsgspecError`` for data that does not fit its
    type."""
    where = Where(
        record.namespace,
        record.dag_id,
        record.run_id,
        record.task_id,
        record.map_index,
        record.attempt,
    )
    return Event(
        record.position,
        record.epoch,
        where,
        decode_data(record.type, record.data),
        record.actor,
        record.causation,
        record.recorded_at,
        record.trace,
    )


def decode_data(type_name: str, data: bytes | msgspec.Raw) -> Data:
    """The data of an event, by the name of its type."""
    decoder = _decoders.get(type_name)
    if decoder is None:
        cls = type_registry.get(type_name)
        if cls is None:
            raise UnknownEvent(
                f"Event type {type_name!r} is unknown to this release; upgrade this service."
            )
        decoder = _decoders[type_name] = msgspec.json.Decoder(cls)
    return decoder.decode(data)


def canonical_bytes(record: Record) -> bytes:
    return _encoder.encode(record)


def chain_digest(previous: bytes, canonical: bytes) -> bytes:
    """The 32 bytes that follow ``previous`` in the chain."""
    return hashlib.sha256(previous + canonical).digest()


def published_bytes(canonical: bytes, digest: bytes) -> bytes:
    """The message for the stream EVENTS: the canonical object with its digest as the last
    member."""
    return b'%s,"digest":"%s"}' % (canonical[:-1], digest.hex().encode())


def exported_line(position: int, canonical: bytes, digest: bytes) -> bytes:
    """A line of an export, without its end: as on the stream EVENTS. A line cannot hold the few
    events whose raw JSON has line breaks in it, so the bytes of those are in Base64."""
    if b"\n" in canonical or b"\r" in canonical:
        packed = base64.b64encode(canonical)
        canonical = b'{"position":%d,"base64":"%s"}' % (position, packed)
    return published_bytes(canonical, digest)


def read_published(message: bytes) -> tuple[Published, bytes]:
    """A message of EVENTS and its canonical bytes. Raises ``msgspec.MsgspecError`` for a foreign
    one."""
    record = _published_decoder.decode(message)
    return record, message[: -len(b',"digest":""}') - len(record.digest)] + b"}"


def check_chain(previous: bytes, canonical: bytes, digest: bytes, position: int) -> None:
    """Raises :class:`ChainBroken` unless ``digest`` follows ``previous``."""
    if chain_digest(previous, canonical) != digest:
        raise ChainBroken(position)
