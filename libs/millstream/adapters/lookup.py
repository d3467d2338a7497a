"""The look-ups that workers make and the projector answers, on core NATS."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from millstream.core.asset_events import AssetAnswer, AssetEventsQuestion
from millstream.core.xcoms import XComAnswer, XComPull


class XComQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="xcom"):
    """The XComs of a run. ``position``: the answer must know at least that. ``until``: the date of
    the run, where the asker knows it and prior dates are wanted."""

    namespace: str
    dag_id: str
    run_id: str
    pull: XComPull
    position: int
    until: datetime | None = None


class ConfQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="conf"):
    """The conf of a run, where it was too large for the ready event."""

    namespace: str
    dag_id: str
    run_id: str
    position: int


class ConfAnswer(msgspec.Struct, frozen=True, kw_only=True):
    conf: msgspec.Raw


class AssetQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="assets"):
    """Updates of assets, as the task of this run asks for them."""

    namespace: str
    dag_id: str
    run_id: str
    asked: AssetEventsQuestion
    position: int

    @property
    def is_of_run(self) -> bool:
        return not (self.asked.name or self.asked.uri or self.asked.alias)


class SecretQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="secret"):
    """The latest value of a variable or a connection, as it is kept: encrypted."""

    namespace: str
    kind: Literal["variable", "connection"]
    name: str


class SecretAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``sealed`` None: there is nothing of that name."""

    sealed: str | None


# Those about runs are answered as of a position.
LookupQuestion = XComQuestion | ConfQuestion | AssetQuestion
LookupAnswer = XComAnswer | ConfAnswer | AssetAnswer

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[LookupQuestion | SecretQuestion] = msgspec.json.Decoder(
    LookupQuestion | SecretQuestion
)


def encode_question(question: LookupQuestion | SecretQuestion) -> bytes:
    return _encoder.encode(question)


def decode_question(data: bytes) -> LookupQuestion | SecretQuestion:
    """Raises ``msgspec.MsgspecError``."""
    return _decoder.decode(data)


def encode_answer(answer: LookupAnswer | SecretAnswer) -> bytes:
    return _encoder.encode(answer)
