"""Look-ups of variables and connections. The answer is encrypted: the projector has no key."""

from __future__ import annotations

import asyncio

import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.lookup import SecretAnswer, SecretQuestion, encode_answer
from millstream.adapters.postgres import Database
from millstream.adapters.secret_table import SecretTable
from millstream.adapters.settings import Settings
from millstream.core.errors import Unavailable

log = structlog.get_logger(__name__)

MOST_WAITING = 10_000


class SecretLookups:
    """Answers from the table that the scheduler writes: what is committed is there."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._table = SecretTable(
            Database(settings.database_url, name="projector-secrets"), settings.shard
        )
        self._queue: asyncio.Queue[tuple[SecretQuestion, str]] = asyncio.Queue(MOST_WAITING)

    def put(self, question: SecretQuestion, reply: str) -> None:
        """Answer when its turn comes."""
        try:
            self._queue.put_nowait((question, reply))
        except asyncio.QueueFull:
            log.warning("lookups_overloaded")

    async def run(self) -> None:
        """Answer, forever."""
        while True:
            question, reply = await self._queue.get()
            try:
                found = await self._table.find(question.namespace, question.kind, question.name)
                answer = SecretAnswer(sealed=found.sealed if found else None)
                await self._bus.publish(reply, encode_answer(answer))
            except Unavailable as error:
                log.warning("lookup_failed", error=str(error))  # the worker asks again
            except Exception as error:  # a name that Postgres cannot hold, say
                log.error("lookup_failed", question="SecretQuestion", error=repr(error))
