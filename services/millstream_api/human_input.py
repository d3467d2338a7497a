"""HumanInputService: what tasks ask people, and the answers."""

from __future__ import annotations

from typing import Any

import msgspec

from millstream.core.commands import AnswerTask
from millstream.core.deferral import Answer, AssignedUser, InputRequest
from millstream.core.errors import NotFound
from millstream.core.event_parts import Where
from millstream.rpc.convert import dict_from, shown_struct, timestamp_from
from millstream.rpc.v1 import human_input_pb2, human_input_pb2_grpc
from millstream.sdk.schema import Violation, check
from millstream_api.callers import look_up, namespace_of, need, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.errors import FieldProblem
from millstream_api.identity import speaks_for
from millstream_api.interceptor import Context
from millstream_api.listing import Conditions, Key, Listing
from millstream_api.snapshot import Row, Snapshots

LONGEST_USER = 250
PARAMS_BYTES = 64 * 1024
_STATES = {
    name.removeprefix("INPUT_STATE_").lower(): number
    for name, number in human_input_pb2.InputState.items()
}
_NAMES = {number: name for name, number in _STATES.items()}
_LIST = Listing(
    name="input_requests",
    columns="*",
    source="human_input",
    orders={"asked_at": (Key("asked_position", int),)},
    default="asked_at desc",
)
_LATEST = """
SELECT *, request::text AS request, answer::text AS answer FROM human_input
WHERE namespace = $1 AND dag_id = $2 AND run_id = $3 AND task_id = $4 AND map_index = $5
ORDER BY attempt DESC LIMIT 1
"""


class HumanInputService(human_input_pb2_grpc.HumanInputServiceServicer):
    def __init__(self, commands: Commands, snapshots: Snapshots, receipt_timeout_s: float) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._receipt_timeout_s = receipt_timeout_s

    async def ListInputRequests(  # noqa: N802 - gRPC's name
        self, request: human_input_pb2.ListInputRequestsRequest, context: Context
    ) -> human_input_pb2.ListInputRequestsResponse:
        namespace = namespace_of(request.namespace)
        state = "" if not request.state else _NAMES.get(request.state, "unknown")
        plan = _LIST.plan(request)
        where = Conditions().add("namespace = {}", namespace)
        where.add_if(look_up("dag_id", request.dag_id), "dag_id = {}")
        where.add_if(look_up("run_id", request.run_id), "run_id = {}")
        if state == "waiting":  # as the index has it
            where.add("state = 'waiting'")
        else:
            where.add_if(state, "state = {}")
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, _message)
        return human_input_pb2.ListInputRequestsResponse(requests=page, next_page_token=token)

    async def GetInputRequest(  # noqa: N802
        self, request: human_input_pb2.GetInputRequestRequest, context: Context
    ) -> human_input_pb2.GetInputRequestResponse:
        row = await self._latest(request, context)
        return human_input_pb2.GetInputRequestResponse(request=_message(row))

    async def AnswerInputRequest(  # noqa: N802
        self, request: human_input_pb2.AnswerInputRequestRequest, context: Context
    ) -> human_input_pb2.AnswerInputRequestResponse:
        if len(request.user) > LONGEST_USER or not request.user.isprintable():
            raise FieldProblem("user", f"user has up to {LONGEST_USER} printable characters.")
        if request.params.ByteSize() > PARAMS_BYTES:
            raise FieldProblem("params", f"params may have at most {PARAMS_BYTES} bytes.")
        params = dict_from(request.params, "params")
        row = await self._latest(request, context)
        async with self._commands.checks(request.request_id):
            _check_params(msgspec.json.decode(row["request"], type=InputRequest), params)
        command = AnswerTask(
            id=request_id_of(request.request_id),
            where=Where(
                row["namespace"],
                row["dag_id"],
                row["run_id"],
                row["task_id"],
                tuple(row["map_index"]),
                row["attempt"],
            ),
            options=tuple(request.options),
            params=params,
            user=speaks_for(request.user),
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        return human_input_pb2.AnswerInputRequestResponse(position=receipt.position)

    async def _latest(self, request: Any, context: Context) -> Row:
        key = (
            namespace_of(request.namespace),
            need("dag_id", request.dag_id),
            need("run_id", request.run_id),
            need("task_id", request.task_id),
        )
        async with self._snapshots.read(request, context) as rows:
            found = await rows.fetch(_LATEST, *key, list(request.map_index))
        if not found:
            raise NotFound(f"Task {key[3]!r} of run {key[2]!r} of DAG {key[1]!r} asked nobody.")
        return found[0]


def _check_params(asked: InputRequest, params: dict[str, Any]) -> None:
    """Raises :class:`FieldProblem` for a field that the form does not have, or a value that breaks
    its rules."""
    for name, value in params.items():
        field = asked.params.get(name)
        if field is None:
            known = ", ".join(asked.params) or "none"
            raise FieldProblem("params", f"The form has no field {name!r}; it has: {known}.")
        try:
            check(value, (field.get("schema") if isinstance(field, dict) else None) or {})
        except Violation as violation:
            raise FieldProblem("params", f"{name} is {value!r} but {violation}.") from None


def _message(row: Row) -> human_input_pb2.InputRequest:
    asked = msgspec.json.decode(row["request"], type=InputRequest)
    message = human_input_pb2.InputRequest(
        namespace=row["namespace"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        task_id=row["task_id"],
        map_index=row["map_index"],
        attempt=row["attempt"],
        state=_STATES.get(row["state"], 0),  # type: ignore[arg-type]
        subject=asked.subject,
        body=asked.body,
        options=asked.options,
        defaults=asked.defaults or (),
        multiple=asked.multiple,
        params=shown_struct(asked.params),
        assigned_users=[_user(user) for user in asked.assigned_users],
        asked_at=timestamp_from(row["asked_at"]),
        timeout_at=timestamp_from(row["timeout_at"]),
        ended_at=timestamp_from(row["ended_at"]),
    )
    if row["answer"] is not None:
        said = msgspec.json.decode(row["answer"], type=Answer)
        message.answer.CopyFrom(
            human_input_pb2.InputAnswer(
                options=said.chosen_options,
                params=shown_struct(said.params_input),
                user=None if said.responded_by_user is None else _user(said.responded_by_user),
            )
        )
    return message


def _user(user: AssignedUser) -> human_input_pb2.InputUser:
    return human_input_pb2.InputUser(id=user.id, name=user.name)
