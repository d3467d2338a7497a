"""What the api asks the active scheduler, on core NATS, to explain a task; and the answer."""

from __future__ import annotations

import msgspec

from millstream.core.event_parts import Where
from millstream.core.explanation import Explanation


class ExplainQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """``where`` without a DAG: the run id alone names the run."""

    where: Where


class ExplainAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An explanation, or why there is none: ``reason`` is the stable word of an error,
    RUN_NOT_FOUND for a run that is not among those that go on."""

    explanation: Explanation | None = None
    reason: str = ""
    message: str = ""


_encoder = msgspec.json.Encoder()
_questions = msgspec.json.Decoder(ExplainQuestion)
_answers = msgspec.json.Decoder(ExplainAnswer)


def encode_question(question: ExplainQuestion) -> bytes:
    return _encoder.encode(question)


def decode_question(data: bytes) -> ExplainQuestion:
    """Raises ``msgspec.MsgspecError``."""
    return _questions.decode(data)


def encode_answer(answer: ExplainAnswer) -> bytes:
    return _encoder.encode(answer)


def decode_answer(data: bytes) -> ExplainAnswer:
    """Raises ``msgspec.MsgspecError``."""
    return _answers.decode(data)
