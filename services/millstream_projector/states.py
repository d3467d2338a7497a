"""Who asks how the runs of a DAG stand is answered when that has changed: what tasks that wait for
other DAGs live on. Nothing is read while nothing changes."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.postgres import Connection, Database
from millstream.adapters.settings import Settings
from millstream.adapters.subjects import states_subject
from millstream.core.errors import Unavailable
from millstream.core.run_states import RunStates, StatesAnswer, StatesQuestion
from millstream.core.spec import DagSpec, decode_spec
from millstream.projection.changes import Changes
from millstream.projection.rows import DagVersionRow, RunRow, TaskRow
from millstream_projector.tables import READ_SCHEMA

log = structlog.get_logger(__name__)

MOST_HELD = 50_000
LONGEST_HOLD_S = 30.0
TICK_S = 0.25
_decoder = msgspec.json.Decoder(StatesQuestion)
_encoder = msgspec.json.Encoder()
_BY_ID = (
    "SELECT run_id, logical_date, state FROM dag_run WHERE namespace = $1 AND dag_id = $2 "
    "AND run_id = ANY($3) ORDER BY run_id"
)
_BY_DATE = (
    "SELECT run_id, logical_date, state FROM dag_run WHERE namespace = $1 AND dag_id = $2 "
    "AND coalesce(logical_date, run_after) = ANY($3) AND logical_date = ANY($3) "
    "ORDER BY logical_date, run_id"
)

DagKey = tuple[str, str]


@dataclass(slots=True, eq=False)
class _Held:
    """A question that is not answered yet."""

    question: StatesQuestion
    reply: str
    until: float

    @property
    def dag(self) -> DagKey:
        return (self.question.namespace, self.question.dag_id)


class States:
    """Answers from the read tables. A question is looked at when it comes, whenever its DAG has
    changed, and once more when it has been held for long enough."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._shard = settings.shard
        self._database = Database(
            settings.database_url, schema=READ_SCHEMA, name="projector-states"
        )
        self._held: dict[DagKey, dict[_Held, None]] = {}
        self._count = 0
        self._due: dict[_Held, None] = {}
        # Those that want to know of events which are not in the tables yet.
        self._early: dict[_Held, None] = {}
        self._position = 0
        self._wake = asyncio.Event()

    async def listen(self) -> None:
        await self._bus.listen(states_subject(self._shard), self._on_question, queue="projector")

    def wrote(self, changes: Changes, position: int) -> None:
        """These rows are in the tables now, which know of every event up to ``position``."""
        self._position = position
        if not self._held:
            return
        if self._early:
            self._due |= self._early
            self._early.clear()
            self._wake.set()
        for row_type in (RunRow, TaskRow, DagVersionRow):
            for row in changes.rows.get(row_type, {}).values():
                assert isinstance(row, RunRow | TaskRow | DagVersionRow)
                held = self._held.get((row.namespace, row.dag_id))
                if held:
                    self._due |= held
                    self._wake.set()

    async def run(self) -> None:
        """Answer, forever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(TICK_S if self._held else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            now = loop.time()
            late = [one for held in self._held.values() for one in held if one.until <= now]
            due, self._due = self._due | dict.fromkeys(late), {}
            for one in due:
                await self._look(one, now)

    def _on_question(self, delivery: Delivery) -> None:
        if not delivery.reply or self._count >= MOST_HELD:
            return
        question = _decoder.decode(delivery.data)
        hold_s = min(max(question.wait_s, 0.0), LONGEST_HOLD_S)
        one = _Held(question, delivery.reply, asyncio.get_running_loop().time() + hold_s)
        self._held.setdefault(one.dag, {})[one] = None
        self._count += 1
        self._due[one] = None
        self._wake.set()

    async def _look(self, one: _Held, now: float) -> None:
        if self._position < one.question.min_position and now < one.until:
            self._early[one] = None
            return
        try:
            if self._position < one.question.min_position:
                raise Unavailable("the tables are far behind the events")
            async with self._database.use() as connection:
                answer = await read_states(connection, one.question)
            if answer.digest == one.question.seen and now < one.until:
                return
            await self._bus.publish(one.reply, _encoder.encode(answer))
        except Unavailable as error:
            log.warning("states_not_told", error=str(error))  # it is asked again
        except Exception as error:  # a name that Postgres cannot hold, say
            log.error("states_not_told", error=repr(error))
        held = self._held.get(one.dag, {})
        if held.pop(one, 0) is None:
            self._count -= 1
        if not held:
            self._held.pop(one.dag, None)


async def read_states(connection: Connection, question: StatesQuestion) -> StatesAnswer:
    """The answer as the tables have it."""
    spec = await connection.fetchval(
        "SELECT spec::text FROM dag_version JOIN dag USING (namespace, dag_id) "
        "WHERE namespace = $1 AND dag_id = $2 AND version = latest_version",
        question.namespace,
        question.dag_id,
    )
    task_ids, missing = _named(question, None if spec is None else decode_spec(spec))
    runs = await connection.fetch(
        _BY_ID if question.run_ids else _BY_DATE,
        question.namespace,
        question.dag_id,
        list(question.run_ids or question.logical_dates),
    )
    counts: dict[str, dict[str, dict[str, int]]] = {}
    if runs and task_ids:
        found = await connection.fetch(
            "SELECT run_id, task_id, state, count(*) AS n FROM task_instance WHERE namespace = $1 "
            "AND dag_id = $2 AND run_id = ANY($3) AND task_id = ANY($4) "
            "GROUP BY run_id, task_id, state ORDER BY run_id, task_id, state",
            question.namespace,
            question.dag_id,
            [run["run_id"] for run in runs],
            list(task_ids),
        )
        for row in found:
            of_run = counts.setdefault(row["run_id"], {})
            of_run.setdefault(row["task_id"], {})[row["state"]] = row["n"]
    answer = StatesAnswer(
        runs=tuple(_run_states(run, counts) for run in runs), task_ids=task_ids, missing=missing
    )
    digest = hashlib.sha256(_encoder.encode(answer)).hexdigest()[:16]
    return msgspec.structs.replace(answer, digest=digest)


def _run_states(run: Any, counts: dict[str, dict[str, dict[str, int]]]) -> RunStates:
    return RunStates(
        run_id=run["run_id"],
        logical_date=run["logical_date"],
        state=run["state"],
        tasks=counts.get(run["run_id"], {}),
    )


def _named(
    question: StatesQuestion, spec: DagSpec | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tasks that the question is about, and what of its names does not exist."""
    if spec is None:
        return question.task_ids, (f"DAG {question.dag_id!r}",)
    if not question.group_id:
        known = {task.task_id for task in spec.tasks}
        lost = [f"task {name!r}" for name in question.task_ids if name not in known]
        return question.task_ids, tuple(lost)
    parents = {group.group_id: group.parent for group in spec.groups}
    if question.group_id not in parents:
        return (), (f"task group {question.group_id!r}",)
    inside = []
    for task in spec.tasks:
        group = task.group
        while group and group != question.group_id:
            group = parents.get(group, "")
        if group:
            inside.append(task.task_id)
    return tuple(inside), ()
