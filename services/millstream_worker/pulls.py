"""What attempts of a run find out for each other: ten thousand instances that are mapped over one
list need not ask ten thousand times for it.

An answer says as of which position of the log it is. Whoever may begin by then may have it, for a
moment: it is what they would have been told then. Who begins then gets it along, and need not even
ask this worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from millstream.core.event_parts import XCom
from millstream.core.known_xcoms import KnownXComs
from millstream.core.xcoms import XComAnswer, XComPull

FRESH_S = 0.1
MOST_KEPT = 64
MOST_KEPT_BYTES = 256 * 1024
# What is larger is not sent to who may not want it.
MOST_GIVEN_BYTES = 16 * 1024

RunKey = tuple[str, str, str]
Key = tuple[str, str, str, XComPull]
"""Namespace, DAG, run, and what is asked of it."""

_decoder = msgspec.json.Decoder(XComAnswer)


class _Kept(NamedTuple):
    answer: bytes
    position: int
    until: float


class _Known(NamedTuple):
    """What the last whole answer about a run said of tasks that are not mapped."""

    xcoms: KnownXComs
    position: int
    until: float


class Pulls:
    """One for a worker."""

    def __init__(self) -> None:
        self._kept: dict[Key, _Kept] = {}
        self._known: dict[RunKey, _Known] = {}

    def known(self, run: RunKey, position: int) -> KnownXComs:
        """What an attempt of the run that is ready as of ``position`` is likely to ask for."""
        known = self._known.get(run)
        if known is None or known.position < position:
            return {}
        is_fresh = known.until > asyncio.get_running_loop().time()
        return known.xcoms if is_fresh else {}

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
        self._note_known(key, told, len(answer), asked_at + FRESH_S)

    def _note_known(self, key: Key, told: XComAnswer, size: int, until: float) -> None:
        pull = key[3]
        if size > MOST_GIVEN_BYTES or pull.include_prior_dates:
            return
        xcoms: dict[str, dict[str, XCom]] = {}
        for one in told.found:
            query = pull.queries[one.query]
            if not one.map_index:  # what is mapped has a path
                xcoms.setdefault(query.task_id, {})[query.key] = one.xcom
        if xcoms:
            self._known.pop(key[:3], None)
            while len(self._known) >= MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[key[:3]] = _Known(xcoms, told.position, until)
