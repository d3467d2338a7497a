"""VariableService: values in, encrypted before they go on; values out, but for secrets."""

from __future__ import annotations

from datetime import datetime

from millstream.adapters.secret_box import SecretBox
from millstream.adapters.secret_table import SecretTable
from millstream.core.commands import DeleteVariable, SetVariable
from millstream.core.decisions.secrets import check_name
from millstream.core.errors import NotFound
from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import variables_pb2, variables_pb2_grpc
from millstream.sdk.masking import is_sensitive
from millstream_api.callers import look_up, namespace_of, need, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.errors import FieldProblem
from millstream_api.interceptor import Context
from millstream_api.listing import Conditions, Key, Listing, search_in
from millstream_api.snapshot import Row, Snapshots

_GET = """
SELECT namespace, key, version, description, updated_at FROM variable
WHERE namespace = $1 AND key = $2
"""
_LIST = Listing(
    name="variables",
    columns="namespace, key, version, description, updated_at",
    source="variable",
    orders={"key": (Key("key"),), "updated_at": (Key("updated_at", datetime), Key("key"))},
    default="key",
)


class VariableService(variables_pb2_grpc.VariableServiceServicer):
    def __init__(
        self,
        commands: Commands,
        snapshots: Snapshots,
        secrets: SecretTable,
        box: SecretBox,
        receipt_timeout_s: float,
    ) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._secrets = secrets
        self._box = box
        self._receipt_timeout_s = receipt_timeout_s

    async def SetVariable(  # noqa: N802 - gRPC's name
        self, request: variables_pb2.SetVariableRequest, context: Context
    ) -> variables_pb2.SetVariableResponse:
        namespace = namespace_of(request.namespace)
        request_id = request_id_of(request.request_id)
        key = checked_name("key", "the key of a variable", request.key)
        sealed = self._box.seal("variable", namespace, key, request.value)
        receipt = await self._commands.send(
            SetVariable(
                id=request_id,
                namespace=namespace,
                key=key,
                sealed=sealed,
                description=checked_description(request.description),
            ),
            seconds_left(context, self._receipt_timeout_s),
        )
        return variables_pb2.SetVariableResponse(version=receipt.version, position=receipt.position)

    async def GetVariable(  # noqa: N802
        self, request: variables_pb2.GetVariableRequest, context: Context
    ) -> variables_pb2.GetVariableResponse:
        namespace = namespace_of(request.namespace)
        key = need("key", request.key)
        async with self._snapshots.read(request, context) as rows:
            row = await rows.fetchrow(_GET, namespace, key)
        # What is kept is as new as the log; the row may lag behind it.
        found = await self._secrets.find(namespace, "variable", key)
        if found is None:
            raise NotFound(f"There is no variable {key!r}.")
        variable = variables_pb2.Variable(namespace=namespace, key=key)
        if row is not None:
            variable.CopyFrom(_message(row))
        variable.version = found.version
        variable.is_secret = is_sensitive(key)
        if not variable.is_secret:
            variable.value = self._box.unseal("variable", namespace, key, found.sealed)
        return variables_pb2.GetVariableResponse(variable=variable)

    async def ListVariables(  # noqa: N802
        self, request: variables_pb2.ListVariablesRequest, context: Context
    ) -> variables_pb2.ListVariablesResponse:
        namespace = namespace_of(request.namespace)
        plan = _LIST.plan(request)
        where = Conditions().add("namespace = {}", namespace)
        search_in(where, look_up("search", request.search), "key", "description")
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, _message)
        return variables_pb2.ListVariablesResponse(variables=page, next_page_token=token)

    async def DeleteVariable(  # noqa: N802
        self, request: variables_pb2.DeleteVariableRequest, context: Context
    ) -> variables_pb2.DeleteVariableResponse:
        command = DeleteVariable(
            id=request_id_of(request.request_id),
            namespace=namespace_of(request.namespace),
            key=need("key", request.key),
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        return variables_pb2.DeleteVariableResponse(position=receipt.position)


def checked_name(field: str, what: str, name: str) -> str:
    """Raises :class:`FieldProblem`."""
    problem = check_name(what, need(field, name))
    if problem:
        raise FieldProblem(field, f"{problem[0].upper()}{problem[1:]}.")
    return name


def checked_description(text: str) -> str:
    """Raises :class:`FieldProblem`."""
    if len(text) > 1000:
        raise FieldProblem("description", "A description has at most 1000 characters.")
    return look_up("description", text)


def _message(row: Row) -> variables_pb2.Variable:
    return variables_pb2.Variable(
        namespace=row["namespace"],
        key=row["key"],
        description=row["description"],
        version=row["version"],
        updated_at=timestamp_from(row["updated_at"]),
        is_secret=is_sensitive(row["key"]),
    )
