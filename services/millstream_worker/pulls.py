"""What attempts of a run find out for each other: ten thousand instances that are mapped over one
list need not ask ten thousand times for it.

An answer says as of which position of the log it is. Whoever may begin by then may have it, for a
moment: it is what they would have been told then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from millstream.core.xcoms import XComAnswer, XComPull

FRESH_S = 0.1
MOST_KEPT = 64
MOST_KEPT_BYTES = 256 * 1024

Key = tuple[str, str, str, XComPull]
"""Namespace, DAG, run, and what is asked of it."""

_decoder = msgspec.json.Decoder(XComAnswer)


class _Kept(NamedTuple):
    answer: bytes
    position: int
    until: float


class Pulls:
    """One for a worker."""

    def __init__(self) -> None:
        self._kept: dict[Key, _Kept] = {}

    async def get(self, key: Key, position: int, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer as of ``position`` or later, an encoded :class:`XComAnswer`: one that is
        fresh, or what ``ask`` gives."""
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(key)
        if kept is not None and kept.until > now and kept.position >= position:
            return kept.answer
        answer = await ask()
        self._keep(key, answer, now)
        return answer

    def _keep(self, key: Key, answer: bytes, asked_at: float) -> None:
        """Only what is whole: what is not there yet may be there a moment later."""
        if len(answer) > MOST_KEPT_BYTES:
            return
        told = _decoder.decode(answer)
        is_whole = told.after is None and len({one.query for one in told.found}) == len(
            key[3].queries
        )
        if not told.position or not is_whole:
            return
        self._kept.pop(key, None)
        while len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = _Kept(answer, told.position, asked_at + FRESH_S)
