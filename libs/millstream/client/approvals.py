"""``Client.approvals``: what tasks ask people, and the answers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from millstream.client.modes import Calls, M, call, listing
from millstream.rpc.convert import datetime_from, dict_from, struct_from
from millstream.rpc.v1 import human_input_pb2

_STATES = {
    name.removeprefix("INPUT_STATE_").lower(): number
    for name, number in human_input_pb2.InputState.items()
}
_NAMES = {number: name for name, number in _STATES.items()}


class InputRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A question. ``state``: waiting, answered, timed_out or closed; ``params``: the fields of the
    form, each with its value, description and schema; ``answer``: the chosen options, None as long
    as there is none, ``answer_params`` the form as it was filled in, ``answered_by`` by whom."""

    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    attempt: int
    state: str
    subject: str
    body: str
    options: tuple[str, ...]
    defaults: tuple[str, ...]
    multiple: bool
    params: dict[str, Any]
    assigned_users: tuple[str, ...]
    asked_at: datetime | None
    timeout_at: datetime | None
    ended_at: datetime | None
    answer: tuple[str, ...] | None
    answer_params: dict[str, Any]
    answered_by: str


class Approvals(Calls[M]):
    """The calls of HumanInputService in one namespace."""

    @listing
    async def list(
        self,
        state: str = "waiting",
        *,
        dag_id: str = "",
        run_id: str = "",
        limit: int | None = None,
        min_position: int = 0,
    ) -> AsyncIterator[InputRequest]:
        """The latest first; ``state`` "": in any state."""
        if state and state not in _STATES:
            raise ValueError(f"state is {state!r}; use one of {', '.join(list(_STATES)[1:])}")

        request = human_input_pb2.ListInputRequestsRequest(
            namespace=self._namespace,
            dag_id=dag_id,
            run_id=run_id,
            state=_STATES[state] if state else 0,  # type: ignore[arg-type]
            min_position=min_position,
        )
        async for one in self._items(request, "requests", limit):
            yield _request(one)

    @call
    async def get(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        map_index: Sequence[int] = (),
        *,
        min_position: int = 0,
    ) -> InputRequest:
        """The latest question of a task. Raises :class:`NotFound`."""
        request = human_input_pb2.GetInputRequestRequest(
            namespace=self._namespace,
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            min_position=min_position,
        )
        return _request((await self._ask(request)).request)

    @call
    async def answer(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        options: Sequence[str] | str,
        params: Mapping[str, Any] | None = None,
        *,
        map_index: Sequence[int] = (),
        user: str = "",
        request_id: str | None = None,
    ) -> int:
        """Answer the question of a task; returns the position in the log. Raises
        :class:`InvalidArgument` or :class:`Refused` for an answer that is none."""
        request = human_input_pb2.AnswerInputRequestRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self._namespace,
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            options=[options] if isinstance(options, str) else options,
            params=struct_from(params or {}, "params"),
            user=user,
        )
        answer = await self._ask(request)
        position: int = answer.position
        return position


def _request(message: human_input_pb2.InputRequest) -> InputRequest:
    is_answered = message.HasField("answer")
    user = message.answer.user
    return InputRequest(
        namespace=message.namespace,
        dag_id=message.dag_id,
        run_id=message.run_id,
        task_id=message.task_id,
        map_index=tuple(message.map_index),
        attempt=message.attempt,
        state=_NAMES.get(message.state, "unknown"),
        subject=message.subject,
        body=message.body,
        options=tuple(message.options),
        defaults=tuple(message.defaults),
        multiple=message.multiple,
        params=dict_from(message.params, "params"),
        assigned_users=tuple(one.name or one.id for one in message.assigned_users),
        asked_at=datetime_from(message, "asked_at"),
        timeout_at=datetime_from(message, "timeout_at"),
        ended_at=datetime_from(message, "ended_at"),
        answer=tuple(message.answer.options) if is_answered else None,
        answer_params=dict_from(message.answer.params, "params") if is_answered else {},
        answered_by=(user.name or user.id) if is_answered else "",
    )
