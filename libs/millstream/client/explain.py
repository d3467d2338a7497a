"""``Client.why``: why a task has not run, or what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from millstream.client.control import ControlCalls
from millstream.client.models import RunRef
from millstream.client.modes import M, call
from millstream.rpc.convert import datetime_from
from millstream.rpc.v1 import explain_pb2, runs_pb2


class BlockerSubject(msgspec.Struct, frozen=True, kw_only=True):
    """A task instance that a blocker names; a run, where ``task_id`` is empty; a DAG, where
    ``run_id`` is as well."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    state: str


class BlockerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the log on which a blocker rests."""

    position: int
    type: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    attempt: int
    actor: str
    recorded_at: datetime | None


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that keeps a task from running, or what became of it. ``code`` is a stable word;
    ``until``: when it ends by itself at the latest."""

    code: str
    message: str
    advice: str
    since: datetime | None
    until: datetime | None
    by: str
    subjects: tuple[BlockerSubject, ...]
    events: tuple[BlockerEvent, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """``sentence`` says the first of the ``blockers``; the others hold as well, or come after
    it. ``position``: as of which position of the log that is so."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    state: str
    run_state: str
    sentence: str
    blockers: tuple[Blocker, ...]
    position: int


class ExplainCalls(ControlCalls[M]):
    """What both clients know of explanations."""

    @call
    async def why(
        self,
        run: RunRef | str,
        task_id: str,
        *,
        map_index: Sequence[int] = (),
        dag_id: str = "",
    ) -> Explanation:
        """Why a task has not run, or what became of it, with the events that this rests on. Of a
        mapped task without ``map_index``: all instances, and the first that is not over. Raises
        :class:`NotFound`."""
        ref = self._ref(run, dag_id)
        request = explain_pb2.ExplainTaskRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            task_id=task_id,
            map_index=map_index,
            min_position=ref.position,
        )
        return _explanation(await self._ask(request))


def _explanation(answer: explain_pb2.ExplainTaskResponse) -> Explanation:
    return Explanation(
        dag_id=answer.dag_id,
        run_id=answer.run_id,
        task_id=answer.task_id,
        map_index=tuple(answer.map_index),
        state=runs_pb2.TaskState.Name(answer.state).removeprefix("TASK_STATE_").lower(),
        run_state=runs_pb2.RunState.Name(answer.run_state).removeprefix("RUN_STATE_").lower(),
        sentence=answer.sentence,
        blockers=tuple(map(_blocker, answer.blockers)),
        position=answer.position,
    )


def _blocker(message: explain_pb2.Blocker) -> Blocker:
    return Blocker(
        code=message.code,
        message=message.message,
        advice=message.advice,
        since=datetime_from(message, "since"),
        until=datetime_from(message, "until"),
        by=message.by,
        subjects=tuple(
            BlockerSubject(
                dag_id=one.dag_id,
                run_id=one.run_id,
                task_id=one.task_id,
                map_index=tuple(one.map_index),
                state=one.state,
            )
            for one in message.subjects
        ),
        events=tuple(
            BlockerEvent(
                position=event.position,
                type=event.type,
                run_id=event.run_id,
                task_id=event.task_id,
                map_index=tuple(event.map_index),
                attempt=event.attempt,
                actor=event.actor,
                recorded_at=datetime_from(event, "recorded_at"),
            )
            for event in message.events
        ),
    )
