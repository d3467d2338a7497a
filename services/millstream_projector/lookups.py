"""Look-ups of workers: the XComs and the conf of a run, as of a position that the asker has
seen."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.lookup import (
    ConfAnswer,
    ConfQuestion,
    FoundXCom,
    XComAnswer,
    XComQuestion,
    decode_question,
    encode_answer,
)
from millstream.adapters.postgres import Database
from millstream.adapters.settings import Settings
from millstream.adapters.streams import lookup_subject
from millstream.core.errors import Unavailable
from millstream_projector.projection import Projection
from millstream_projector.tables import READ_SCHEMA

log = structlog.get_logger(__name__)

MOST_WAITING = 10_000
MOST_ANSWER_BYTES = 512 * 1024
Question = XComQuestion | ConfQuestion


class Lookups:
    """Answers from the projection's memory for runs that go on, and from the read tables for
    others."""

    def __init__(self, bus: Bus, projection: Projection, settings: Settings) -> None:
        self._bus = bus
        self._projection = projection
        self._shard = settings.shard
        self._database = Database(
            settings.database_url, schema=READ_SCHEMA, name="projector-lookups"
        )
        self._position = 0
        self._early: list[tuple[int, Question, str]] = []
        self._queue: asyncio.Queue[tuple[Question, str]] = asyncio.Queue(MOST_WAITING)

    async def listen(self) -> None:
        await self._bus.listen(
            lookup_subject(self._shard, "*"), self._on_question, queue="projector"
        )

    def advance(self, position: int) -> None:
        """The projection is at ``position`` now: what waited for that is answered."""
        self._position = position
        if self._early:
            ripe = [entry for entry in self._early if entry[0] <= position]
            self._early = [entry for entry in self._early if entry[0] > position]
            for _, question, reply in ripe:
                self._ask(question, reply)

    async def run(self) -> None:
        """Answer, forever."""
        while True:
            question, reply = await self._queue.get()
            try:
                await self._bus.publish(reply, encode_answer(await self._answer(question)))
            except Unavailable as error:
                log.warning("lookup_failed", error=str(error))  # the worker asks again

    def _on_question(self, delivery: Delivery) -> None:
        if not delivery.reply:
            return
        question = decode_question(delivery.data)
        if question.position > self._position:
            if len(self._early) < MOST_WAITING:
                self._early.append((question.position, question, delivery.reply))
            return
        self._ask(question, delivery.reply)

    def _ask(self, question: Question, reply: str) -> None:
        try:
            self._queue.put_nowait((question, reply))
        except asyncio.QueueFull:
            log.warning("lookups_overloaded")

    async def _answer(self, question: Question) -> XComAnswer | ConfAnswer:
        match question:
            case XComQuestion():
                return _bounded(await self._xcoms(question))
            case ConfQuestion():
                return ConfAnswer(conf=msgspec.Raw(await self._conf(question)))

    async def _xcoms(self, question: XComQuestion) -> dict[str, FoundXCom]:
        kept = self._projection.runs.get((question.namespace, question.dag_id, question.run_id))
        found: dict[str, FoundXCom] = {}
        if kept is not None:
            for task_id in question.task_ids:
                row = kept.xcoms.get((task_id, question.map_index), {}).get(question.key)
                if row is not None:
                    found[task_id] = _found(row.value, row.blob, row.size)
            return found
        async with self._database.use() as connection:
            rows = await connection.fetch(
                "SELECT task_id, value::text AS value, blob, size FROM xcom WHERE namespace = $1 "
                "AND dag_id = $2 AND run_id = $3 AND task_id = ANY($4) AND map_index = $5 AND key "
                "= $6",
                question.namespace,
                question.dag_id,
                question.run_id,
                list(question.task_ids),
                list(question.map_index),
                question.key,
            )
        for record in rows:
            found[record["task_id"]] = _found(record["value"], record["blob"], record["size"])
        return found

    async def _conf(self, question: ConfQuestion) -> bytes:
        kept = self._projection.runs.get((question.namespace, question.dag_id, question.run_id))
        if kept is not None:
            return kept.run.conf.encode()
        async with self._database.use() as connection:
            conf = await connection.fetchval(
                "SELECT conf::text FROM dag_run WHERE namespace = $1 AND dag_id = $2 AND run_id = "
                "$3",
                question.namespace,
                question.dag_id,
                question.run_id,
            )
        return (conf or "{}").encode()


def _found(value: str | None, blob: str, size: int) -> FoundXCom:
    return FoundXCom(value=msgspec.Raw((value or "null").encode()), blob=blob, size=size)


def _bounded(found: dict[str, FoundXCom]) -> XComAnswer:
    """As many as fit into a message; at least one, and the names of the others."""
    total = 0
    fitting: dict[str, FoundXCom] = {}
    for task_id, xcom in found.items():
        total += len(bytes(xcom.value)) + len(task_id)
        if fitting and total > MOST_ANSWER_BYTES:
            break
        fitting[task_id] = xcom
    return XComAnswer(found=fitting, left=tuple(found)[len(fitting) :])
