"""Asking the projector how the runs of a DAG stand."""

from __future__ import annotations

import asyncio

import msgspec

from millstream.adapters.bus import Bus
from millstream.adapters.subjects import states_subject
from millstream.core.errors import Unavailable
from millstream.sdk.states import decode_question, encode_question

MARGIN_S = 3.0


async def find_states(
    bus: Bus, shard: int, namespace: str, data: bytes, min_position: int = 0
) -> bytes:
    """The answer to a question of a task in ``namespace``, held back until there is news; asked
    again as long as nobody answers. The answer knows of every event up to ``min_position``.
    Raises ``msgspec.MsgspecError`` for what is no question."""
    question = msgspec.structs.replace(
        decode_question(data), namespace=namespace, min_position=min_position
    )
    payload = encode_question(question)
    while True:
        try:
            return await bus.ask(states_subject(shard), payload, question.wait_s + MARGIN_S)
        except Unavailable:
            await asyncio.sleep(0.2)
