"""The look-ups that workers make and the projector answers, on core NATS."""

from __future__ import annotations

import msgspec


class XComQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="xcom"):
    """The values under ``key`` of some tasks of a run. ``position``: the answer must know at least
    that."""

    namespace: str
    dag_id: str
    run_id: str
    task_ids: tuple[str, ...]
    map_index: tuple[int, ...]
    key: str
    position: int


class ConfQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="conf"):
    """The conf of a run, where it was too large for the ready event."""

    namespace: str
    dag_id: str
    run_id: str
    position: int


class FoundXCom(msgspec.Struct, frozen=True, kw_only=True):
    """JSON text, or (then ``value`` is null) the key of it in the blob store with its size."""

    value: msgspec.Raw
    blob: str
    size: int


class XComAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """By task id; a task without such a value is missing. ``left`` did not fit: ask again."""

    found: dict[str, FoundXCom]
    left: tuple[str, ...] = ()


class ConfAnswer(msgspec.Struct, frozen=True, kw_only=True):
    conf: msgspec.Raw


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[XComQuestion | ConfQuestion] = msgspec.json.Decoder(
    XComQuestion | ConfQuestion
)


def encode_question(question: XComQuestion | ConfQuestion) -> bytes:
    return _encoder.encode(question)


def decode_question(data: bytes) -> XComQuestion | ConfQuestion:
    """Raises ``msgspec.MsgspecError``."""
    return _decoder.decode(data)


def encode_answer(answer: XComAnswer | ConfAnswer) -> bytes:
    return _encoder.encode(answer)
