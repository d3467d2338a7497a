"""Answers the question why a task has not run, from the very state with which is decided.

An answer is made between two steps of the writer, so its state may hold events that are about to be
committed: it says as of which position it is, and who asked waits until the log is there. Nothing
here may hold up the writer: an answer looks at a bounded part of the state, few questions wait, and
after each answer the writer has five times as long for itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import msgspec
import structlog

from millstream.adapters.bus import Bus, TooLarge
from millstream.adapters.bus_client import Delivery
from millstream.adapters.explaining import (
    ExplainAnswer,
    ExplainQuestion,
    decode_question,
    encode_answer,
)
from millstream.adapters.heartbeat import Heartbeat
from millstream.adapters.subjects import explain_subject
from millstream.core.errors import MillstreamError, NotFound, Refused, Unavailable
from millstream.core.event_parts import Where
from millstream.core.explain import explain
from millstream.core.explanation import SeenWorker, Surroundings
from millstream.core.state import State
from millstream_scheduler.leases import Leases

log = structlog.get_logger(__name__)

MOST_WAITING = 100
# Of the time that an answer took, so many times that is left to others after it.
REST = 5
MOST_WORKERS = 10_000
LISTEN_AGAIN_S = 0.5
MOST_NAMED = 5


class Explaining:
    """``clock`` gives monotonic seconds."""

    def __init__(
        self, bus: Bus, shard: int, state: State, leases: Leases, clock: Callable[[], float]
    ) -> None:
        self._bus = bus
        self._subject = explain_subject(shard)
        self._state = state
        self._leases = leases
        self._clock = clock
        self._workers: dict[str, tuple[Heartbeat, float]] = {}
        self._waiting: deque[tuple[ExplainQuestion, str]] = deque()
        self._asked = asyncio.Event()
        leases.heard = self._hear

    async def run(self) -> None:
        """Answer, forever."""
        await self._listen()
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._waiting:
                question, reply = self._waiting.popleft()
                began = self._clock()
                self._say(reply, self.answer(question))
                await asyncio.sleep((self._clock() - began) * REST)

    async def _listen(self) -> None:
        while True:
            try:
                await self._bus.listen(self._subject, self._on_question)
                return
            except Unavailable as error:
                log.warning("explaining_waits", error=str(error))
                await asyncio.sleep(LISTEN_AGAIN_S)

    def answer(self, question: ExplainQuestion) -> ExplainAnswer:
        """As of now."""
        try:
            where = self._with_dag(question.where)
            found = explain(self._state, where, datetime.now(UTC), self._surroundings())
            return ExplainAnswer(explanation=found)
        except (NotFound, Refused) as error:
            return ExplainAnswer(reason=error.reason, message=str(error))
        except Exception as error:  # it is one question, and the writer goes on
            log.exception("explanation_failed", run_id=question.where.run_id)
            return ExplainAnswer(reason=MillstreamError.reason, message=repr(error)[:500])

    def _on_question(self, delivery: Delivery) -> None:
        if not delivery.reply:
            return
        try:
            question = decode_question(delivery.data)
        except msgspec.MsgspecError:
            return  # not from an api
        if len(self._waiting) >= MOST_WAITING:
            text = f"{MOST_WAITING} questions about tasks wait for the scheduler; try again later."
            self._say(delivery.reply, ExplainAnswer(reason="OVERLOADED", message=text))
            return
        self._waiting.append((question, delivery.reply))
        self._asked.set()

    def _say(self, reply: str, answer: ExplainAnswer) -> None:
        try:
            self._bus.send(reply, encode_answer(answer))
        except (Unavailable, TooLarge) as error:
            log.warning("explanation_not_sent", error=str(error))

    def _with_dag(self, where: Where) -> Where:
        """Raises :class:`Refused` where several DAGs have such a run."""
        if where.dag_id:
            return where
        namespace, run_id = where.namespace, where.run_id
        dag_ids = [key[1] for key in self._state.runs if key[2] == run_id and key[0] == namespace]
        if len(dag_ids) > 1:
            named = ", ".join(sorted(dag_ids)[:MOST_NAMED])
            raise Refused(
                "RUN_AMBIGUOUS",
                f"Several DAGs have a run {run_id!r}: {named}. Name the DAG as well.",
            )
        return msgspec.structs.replace(where, dag_id=dag_ids[0]) if dag_ids else where

    # --- workers

    def _hear(self, heartbeat: Heartbeat) -> None:
        if heartbeat.worker in self._workers or len(self._workers) < MOST_WORKERS:
            self._workers[heartbeat.worker] = heartbeat, self._leases.heard_s

    def _surroundings(self) -> Surroundings:
        """A worker counts as long as its leases last: only the time in which NATS is heard."""
        now, lease_s = self._leases.heard_s, self._leases.lease_s
        gone = [name for name, (_, at) in self._workers.items() if now - at > lease_s]
        for name in gone:
            del self._workers[name]
        return Surroundings(
            workers=[self._seen(heartbeat) for heartbeat, _ in self._workers.values()],
            heard_s=now,
            lease_s=lease_s,
            claims=self._leases.claims,
            lease_left_s=self._leases.left_s,
        )

    def _seen(self, heartbeat: Heartbeat) -> SeenWorker:
        return SeenWorker(
            name=heartbeat.worker,
            queues=heartbeat.queues,
            slots=heartbeat.slots,
            resources=heartbeat.resources,
            claims=partial(self._leases.claims_of, heartbeat.worker),
            is_stopping=heartbeat.is_stopping or heartbeat.is_draining,
        )
