"""Look-ups of workers: the XComs and the conf of a run, as of a position that the asker has
seen."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.lookup import (
    AssetQuestion,
    ConfAnswer,
    LookupAnswer,
    LookupQuestion,
    SecretQuestion,
    XComQuestion,
    decode_question,
    encode_answer,
)
from millstream.adapters.postgres import Database
from millstream.adapters.settings import Settings
from millstream.adapters.subjects import lookup_subject
from millstream.core.errors import Unavailable
from millstream.core.xcoms import FoundXCom, Place, XComAnswer
from millstream.projection.kept_run import KeptRun
from millstream.projection.projection import Projection
from millstream_projector.asset_queries import find_asset_events
from millstream_projector.awaited import Awaited
from millstream_projector.secret_lookups import SecretLookups
from millstream_projector.tables import READ_SCHEMA
from millstream_projector.xcom_queries import MOST_ROWS, find_xcoms, stored_xcom

log = structlog.get_logger(__name__)

MOST_WAITING = 10_000
MOST_ANSWER_BYTES = 512 * 1024
Question = LookupQuestion


class Lookups:
    """Answers from the projection's memory for runs that go on, and from the read tables for
    others, as soon as these are written up to where the asker is."""

    def __init__(
        self, bus: Bus, projection: Projection, settings: Settings, awaited: Awaited
    ) -> None:
        self._bus = bus
        self._awaited = awaited
        self._projection = projection
        self._shard = settings.shard
        self._database = Database(
            settings.database_url, schema=READ_SCHEMA, name="projector-lookups"
        )
        self._secrets = SecretLookups(bus, settings)
        self._position = 0
        self._written = 0
        self._early: list[tuple[int, Question, str]] = []
        self._unwritten: list[tuple[int, Question, str]] = []
        self._queue: asyncio.Queue[tuple[Question, str]] = asyncio.Queue(MOST_WAITING)
        self._from_tables: asyncio.Queue[tuple[Question, str]] = asyncio.Queue(MOST_WAITING)

    async def listen(self) -> None:
        await self._bus.listen(
            lookup_subject(self._shard, "*"), self._on_question, queue="projector"
        )

    def advance(self, position: int) -> None:
        """The projection is at ``position`` now: what waited for that is answered."""
        self._position = position
        if self._early:
            self._early = _let_go(self._early, position, self._queue)

    def wrote(self, position: int) -> None:
        """The read tables are at ``position`` now."""
        self._written = position
        if self._unwritten:
            self._unwritten = _let_go(self._unwritten, position, self._from_tables)

    async def run(self) -> None:
        """Answer, forever. What has to be read from the tables keeps nobody else waiting."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._answer_from_memory())
            group.create_task(self._answer_from_tables())
            group.create_task(self._secrets.run())

    def _on_question(self, delivery: Delivery) -> None:
        if not delivery.reply:
            return
        question = decode_question(delivery.data)
        if isinstance(question, SecretQuestion):
            self._secrets.put(question, delivery.reply)
        elif question.position <= self._position:
            _put(self._queue, question, delivery.reply)
        elif len(self._early) < MOST_WAITING:
            self._early.append((question.position, question, delivery.reply))
            self._awaited.note(question.position)

    async def _answer_from_memory(self) -> None:
        while True:
            question, reply = await self._queue.get()
            try:
                await self._answer(question, reply)
            except Exception as error:  # text that Postgres cannot hold, say: it is one question
                log.error("lookup_failed", question=type(question).__name__, error=repr(error))

    async def _answer(self, question: Question, reply: str) -> None:
        kept = self._projection.runs.get((question.namespace, question.dag_id, question.run_id))
        if kept is not None and not _is_for_tables(question):
            await self._reply(reply, _from_memory(kept, question, self._position))
        elif question.position <= self._written:
            _put(self._from_tables, question, reply)
        elif len(self._unwritten) < MOST_WAITING:
            self._unwritten.append((question.position, question, reply))
            self._awaited.note(question.position)

    async def _answer_from_tables(self) -> None:
        while True:
            question, reply = await self._from_tables.get()
            try:
                answer = await self._read(question)
            except Unavailable as error:
                log.warning("lookup_failed", error=str(error))  # the worker asks again
                continue
            except Exception as error:
                log.error("lookup_failed", question=type(question).__name__, error=repr(error))
                continue
            await self._reply(reply, answer)

    async def _reply(self, reply: str, answer: LookupAnswer) -> None:
        try:
            await self._bus.publish(reply, encode_answer(answer))
        except Unavailable as error:
            log.warning("lookup_failed", error=str(error))

    async def _read(self, question: Question) -> LookupAnswer:
        async with self._database.use() as connection:
            if isinstance(question, AssetQuestion):
                return await find_asset_events(connection, question, MOST_ANSWER_BYTES)
            if isinstance(question, XComQuestion):
                answer = _Answer()
                async for found in find_xcoms(connection, question, MOST_ANSWER_BYTES):
                    if not answer.add(found):
                        break
                return answer.finish()
            conf = await connection.fetchval(
                "SELECT conf::text FROM dag_run WHERE namespace = $1 AND dag_id = $2 AND run_id = "
                "$3",
                question.namespace,
                question.dag_id,
                question.run_id,
            )
        return ConfAnswer(conf=msgspec.Raw((conf or "{}").encode()))


def _let_go(
    waiting: list[tuple[int, Question, str]],
    position: int,
    queue: asyncio.Queue[tuple[Question, str]],
) -> list[tuple[int, Question, str]]:
    """Puts what waited for ``position`` into the queue, and returns the others."""
    for wanted, question, reply in waiting:
        if wanted <= position:
            _put(queue, question, reply)
    return [entry for entry in waiting if entry[0] > position]


def _put(queue: asyncio.Queue[tuple[Question, str]], question: Question, reply: str) -> None:
    try:
        queue.put_nowait((question, reply))
    except asyncio.QueueFull:
        log.warning("lookups_overloaded")


def _is_for_tables(question: Question) -> bool:
    """Asks for more than what is kept of one run."""
    if isinstance(question, XComQuestion):
        return question.pull.include_prior_dates
    return isinstance(question, AssetQuestion)


def _from_memory(kept: KeptRun, question: Question, position: int) -> XComAnswer | ConfAnswer:
    if not isinstance(question, XComQuestion):
        return ConfAnswer(conf=msgspec.Raw(kept.run.conf.encode()))
    answer = _Answer()
    for number, row in kept.xcoms.find(question.pull.queries, question.pull.after):
        xcom = stored_xcom(row.value, row.blob, row.size, row.codec)
        if not answer.add(FoundXCom(number, row.map_index, xcom)):
            break
    return answer.finish(position)


class _Answer:
    """As much as fits into a message, and at least one value."""

    def __init__(self) -> None:
        self._found: list[FoundXCom] = []
        self._bytes = 0
        self._is_full = False

    def add(self, found: FoundXCom) -> bool:
        """False if it does not fit any more."""
        self._bytes += len(bytes(found.xcom.value)) + 200
        if self._found and (self._bytes > MOST_ANSWER_BYTES or len(self._found) == MOST_ROWS):
            self._is_full = True
            return False
        self._found.append(found)
        return True

    def finish(self, position: int = 0) -> XComAnswer:
        last = self._found[-1] if self._is_full else None
        after = Place(last.query, last.map_index) if last else None
        return XComAnswer(tuple(self._found), after, position)
