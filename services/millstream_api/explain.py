"""ExplainService: why a task has not run, or what became of it.

The active scheduler answers about runs that go on, as of a position that it may be about to commit:
the answer is given when the log is there. Runs that are over, and all of them while no scheduler
answers, are told from their own events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from millstream.adapters.bus import Bus, NobodyListens
from millstream.adapters.event_log import EventLog
from millstream.adapters.explaining import (
    ExplainAnswer,
    ExplainQuestion,
    decode_answer,
    encode_question,
)
from millstream.adapters.subjects import explain_subject
from millstream.core.access import Action, dags_for
from millstream.core.errors import MillstreamError, NotFound, Refused, Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import Event
from millstream.core.explanation import Blocker, Code, Explanation, Reason, tell
from millstream.core.statuses import FINISHED_TASK, OPEN_RUN
from millstream.core.wire import UnknownEvent, to_event
from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import explain_pb2, explain_pb2_grpc
from millstream_api.admission import Overloaded
from millstream_api.callers import look_up, namespace_of, need, position_of, seconds_left
from millstream_api.hub import Scope
from millstream_api.identity import current_grants
from millstream_api.interceptor import Context
from millstream_api.past_explanations import PastExplanations
from millstream_api.progress import behind
from millstream_api.run_rows import find_run
from millstream_api.snapshot import Snapshots

log = structlog.get_logger(__name__)

ASK_S = 2.0
MOST_S = 10.0
# How long the read tables may lag behind what is asked about.
LAG_S = 1.0
# Until the log has what the scheduler spoke of.
LOOK_AGAIN_S = 0.01
MOST_MAP_LEVELS = 16

_SYSTEM = {
    Code.NATS_AWAY: Blocker(
        code=Code.NATS_AWAY,
        text=("NATS is away, so nothing new begins. What runs goes on.",),
        advice="See whether the NATS server runs and can be reached.",
    ),
    Code.NO_SCHEDULER: Blocker(
        code=Code.NO_SCHEDULER,
        text=("No scheduler is active, so nothing is decided. What runs goes on.",),
        advice="Start a scheduler; if one runs, its log says what it waits for.",
    ),
    Code.SCHEDULER_SILENT: Blocker(
        code=Code.SCHEDULER_SILENT,
        text=("The scheduler does not answer; it may be busy, or wait for Postgres.",),
        advice="Ask again in a moment, or see the log of the scheduler.",
    ),
}


class _NoAnswer(Exception):
    """The scheduler did not answer."""

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(code)


class ExplainService(explain_pb2_grpc.ExplainServiceServicer):
    def __init__(self, bus: Bus, event_log: EventLog, snapshots: Snapshots, shard: int) -> None:
        self._bus = bus
        self._log = event_log
        self._snapshots = snapshots
        self._subject = explain_subject(shard)
        self._past = PastExplanations(event_log)

    async def ExplainTask(  # noqa: N802 - gRPC's name
        self, request: explain_pb2.ExplainTaskRequest, context: Context
    ) -> explain_pb2.ExplainTaskResponse:
        where = Where(
            namespace_of(request.namespace),
            look_up("dag_id", request.dag_id),
            need("run_id", request.run_id),
            need("task_id", request.task_id),
            tuple(request.map_index[:MOST_MAP_LEVELS]),
        )
        deadline = time.monotonic() + seconds_left(context, MOST_S)
        position = position_of(request)
        if not where.dag_id:
            where = await self._with_dag(where, position, deadline)
        found = await self._explain(where, position, deadline)
        events = await self._events(found)
        is_hidden = _hidden_from_caller(where.namespace)
        return _response(found, [tell(blocker, events, is_hidden) for blocker in found.blockers])

    async def _with_dag(self, where: Where, min_position: int, deadline: float) -> Where:
        """The read tables know whether the run id is unique; what is newer than these, the
        scheduler does. Raises :class:`Refused`."""
        try:
            patience_s = min(_left(deadline), LAG_S)
            async with self._snapshots.open(min_position, patience_s) as rows:
                run = await find_run(rows, Scope(where.namespace, "", where.run_id))
            return msgspec.structs.replace(where, dag_id=run["dag_id"])
        except (NotFound, Unavailable):
            return where

    async def _explain(self, where: Where, min_position: int, deadline: float) -> Explanation:
        """Raises :class:`NotFound`, :class:`Refused` and :class:`Unavailable`."""
        try:
            answer = await self._ask(where, min_position, deadline)
        except _NoAnswer as error:
            return await self._without(error.code, where, min_position, deadline)
        if answer.explanation is not None:
            return answer.explanation
        if answer.reason == "RUN_NOT_FOUND":
            return await self._past.explain(where, min_position, _left(deadline))
        raise _error(answer)

    async def _ask(self, where: Where, min_position: int, deadline: float) -> ExplainAnswer:
        """The scheduler's answer, when the log holds all that it rests on. One that was fenced has
        an epoch of its own, and is asked again: by then another one listens."""
        payload = encode_question(ExplainQuestion(where=where))
        while True:
            timeout_s = min(ASK_S, max(_left(deadline) / 2, LOOK_AGAIN_S))
            answer = await self._answer(payload, timeout_s)
            found = answer.explanation
            while True:
                head = await self._log.head()
                if head.position < min_position:
                    break
                if found is None:
                    return answer
                if found.epoch != head.epoch or found.position < min_position:
                    break
                if found.position <= head.position:
                    return answer
                if _left(deadline) <= 0:
                    break
                await asyncio.sleep(LOOK_AGAIN_S)
            if _left(deadline) <= LOOK_AGAIN_S:
                raise behind(max(min_position, found.position if found else 0), head.position)
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _answer(self, payload: bytes, timeout_s: float) -> ExplainAnswer:
        """Raises :class:`_NoAnswer`."""
        try:
            return decode_answer(await self._bus.ask(self._subject, payload, timeout_s))
        except NobodyListens:
            raise _NoAnswer(Code.NO_SCHEDULER) from None
        except (Unavailable, msgspec.MsgspecError):
            is_away = not self._bus.is_connected
            raise _NoAnswer(Code.NATS_AWAY if is_away else Code.SCHEDULER_SILENT) from None

    async def _without(
        self, code: Code, where: Where, min_position: int, deadline: float
    ) -> Explanation:
        """What the run's own events say, while no scheduler answers."""
        found = await self._past.explain(where, min_position, _left(deadline))
        if found.run_state not in OPEN_RUN or found.state in FINISHED_TASK:
            return found
        blockers = (_SYSTEM[code], *found.blockers)
        return msgspec.structs.replace(found, blockers=blockers)

    async def _events(self, found: Explanation) -> dict[int, Event]:
        """Those that the blockers rest on. One that this release cannot read is left out."""
        positions = sorted({p for blocker in found.blockers for p in blocker.rests_on()})
        events = {}
        for stored in await self._log.read_at(positions):
            try:
                events[stored.record.position] = to_event(stored.record)
            except (UnknownEvent, msgspec.MsgspecError) as error:
                log.warning("event_unreadable", error=str(error))
        return events


def _hidden_from_caller(namespace: str) -> Callable[[Where], bool]:
    """Who may see some DAGs of a namespace is told nothing of others that hold slots there."""
    dags = dags_for(current_grants(), Action.VIEW, namespace)
    return lambda where: dags is not None and bool(where.dag_id) and where.dag_id not in dags


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)


def _error(answer: ExplainAnswer) -> MillstreamError:
    if answer.reason == "OVERLOADED":
        return Overloaded(answer.message)
    if answer.reason == "RUN_AMBIGUOUS":
        return Refused(answer.reason, answer.message)
    if answer.reason.endswith("_NOT_FOUND"):
        error = NotFound(answer.message)
        error.reason = answer.reason
        return error
    log.error("explanation_failed", reason=answer.reason, error=answer.message)
    return MillstreamError(f"The scheduler failed to explain the task: {answer.message}")


# --- the message


def _response(found: Explanation, reasons: Sequence[Reason]) -> explain_pb2.ExplainTaskResponse:
    where = found.where
    shown = 2 if reasons and reasons[0].code is Code.MAPPED else 1
    return explain_pb2.ExplainTaskResponse(
        namespace=where.namespace,
        dag_id=where.dag_id,
        run_id=where.run_id,
        task_id=where.task_id,
        map_index=where.map_index,
        state=f"TASK_STATE_{found.state.upper()}",
        run_state=f"RUN_STATE_{found.run_state.upper()}",
        sentence=" ".join(reason.message for reason in reasons[:shown]),
        blockers=[_blocker(reason) for reason in reasons],
        position=found.position,
    )


def _blocker(reason: Reason) -> explain_pb2.Blocker:
    return explain_pb2.Blocker(
        code=reason.code,
        message=reason.message,
        advice=reason.advice,
        since=timestamp_from(reason.since),
        until=timestamp_from(reason.until),
        by=reason.by,
        subjects=[
            explain_pb2.BlockerSubject(
                dag_id=one.where.dag_id,
                run_id=one.where.run_id,
                task_id=one.where.task_id,
                map_index=one.where.map_index,
                state=one.state,
            )
            for one in reason.about
        ],
        events=[
            explain_pb2.BlockerEvent(
                position=event.position,
                type=type(event.data).__name__,
                run_id=event.where.run_id,
                task_id=event.where.task_id,
                map_index=event.where.map_index,
                attempt=event.where.attempt,
                actor=event.actor,
                recorded_at=timestamp_from(event.recorded_at),
            )
            for event in reason.events
        ],
    )
