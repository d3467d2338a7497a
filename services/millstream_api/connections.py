"""ConnectionService: connections in, encrypted before they go on; without their secrets out."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from millstream.adapters.secret_box import SecretBox
from millstream.adapters.secret_table import SecretTable
from millstream.core.commands import DeleteConnection, SetConnection
from millstream.core.errors import NotFound
from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import connections_pb2, connections_pb2_grpc
from millstream.sdk.masking import redacted
from millstream_api.callers import look_up, namespace_of, need, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.errors import FieldProblem
from millstream_api.interceptor import Context
from millstream_api.listing import Conditions, Key, Listing, search_in
from millstream_api.snapshot import Row, Snapshots
from millstream_api.variables import checked_description, checked_name

LAST_PORT = 65535
_PLAIN = ("host", "login", "password", "schema")
_GET = """
SELECT namespace, conn_id, version, description, updated_at FROM connection
WHERE namespace = $1 AND conn_id = $2
"""
_LIST = Listing(
    name="connections",
    columns="namespace, conn_id, version, description, updated_at",
    source="connection",
    orders={
        "conn_id": (Key("conn_id"),),
        "updated_at": (Key("updated_at", datetime), Key("conn_id")),
    },
    default="conn_id",
)


class ConnectionService(connections_pb2_grpc.ConnectionServiceServicer):
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

    async def SetConnection(  # noqa: N802 - gRPC's name
        self, request: connections_pb2.SetConnectionRequest, context: Context
    ) -> connections_pb2.SetConnectionResponse:
        namespace = namespace_of(request.namespace)
        request_id = request_id_of(request.request_id)
        conn_id = checked_name("conn_id", "a conn_id", request.conn_id)
        description = checked_description(request.description)
        text = json.dumps(_fields(request.fields, description), ensure_ascii=False)
        receipt = await self._commands.send(
            SetConnection(
                id=request_id,
                namespace=namespace,
                conn_id=conn_id,
                sealed=self._box.seal("connection", namespace, conn_id, text),
                description=description,
                is_new=request.must_be_new,
            ),
            seconds_left(context, self._receipt_timeout_s),
        )
        return connections_pb2.SetConnectionResponse(
            version=receipt.version, position=receipt.position
        )

    async def GetConnection(  # noqa: N802
        self, request: connections_pb2.GetConnectionRequest, context: Context
    ) -> connections_pb2.GetConnectionResponse:
        namespace = namespace_of(request.namespace)
        conn_id = need("conn_id", request.conn_id)
        async with self._snapshots.read(request, context) as rows:
            row = await rows.fetchrow(_GET, namespace, conn_id)
        found = await self._secrets.find(namespace, "connection", conn_id)
        if found is None:
            raise NotFound(f"There is no connection {conn_id!r}.")
        connection = connections_pb2.Connection(namespace=namespace, conn_id=conn_id)
        if row is not None:
            connection.CopyFrom(_message(row))
        fields = json.loads(self._box.unseal("connection", namespace, conn_id, found.sealed))
        connection.version = found.version
        connection.description = fields.get("description", "")
        connection.has_password = bool(fields.get("password"))
        connection.fields.CopyFrom(_without_secrets(fields))
        return connections_pb2.GetConnectionResponse(connection=connection)

    async def ListConnections(  # noqa: N802
        self, request: connections_pb2.ListConnectionsRequest, context: Context
    ) -> connections_pb2.ListConnectionsResponse:
        namespace = namespace_of(request.namespace)
        plan = _LIST.plan(request)
        where = Conditions().add("namespace = {}", namespace)
        search_in(where, look_up("search", request.search), "conn_id", "description")
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, _message)
        return connections_pb2.ListConnectionsResponse(connections=page, next_page_token=token)

    async def DeleteConnection(  # noqa: N802
        self, request: connections_pb2.DeleteConnectionRequest, context: Context
    ) -> connections_pb2.DeleteConnectionResponse:
        command = DeleteConnection(
            id=request_id_of(request.request_id),
            namespace=namespace_of(request.namespace),
            conn_id=need("conn_id", request.conn_id),
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        return connections_pb2.DeleteConnectionResponse(position=receipt.position)


def _fields(message: connections_pb2.ConnectionFields, description: str) -> dict[str, Any]:
    """The JSON object that is kept, in the spelling that tasks read. Raises
    :class:`FieldProblem`, without what is secret."""
    fields: dict[str, Any] = {"conn_type": need("fields.conn_type", message.conn_type)}
    fields |= {name: getattr(message, name) for name in _PLAIN if message.HasField(name)}
    if message.HasField("port"):
        if not 0 <= message.port <= LAST_PORT:
            raise FieldProblem("fields.port", f"A port is a number from 0 to {LAST_PORT}.")
        fields["port"] = message.port
    if message.extra:
        try:
            extra = json.loads(message.extra)
        except (ValueError, RecursionError):
            extra = None
        if not isinstance(extra, dict):
            raise FieldProblem("fields.extra", "extra must be the text of a JSON object.")
        fields["extra"] = extra
    if description:
        fields["description"] = description
    return fields


def _without_secrets(fields: dict[str, Any]) -> connections_pb2.ConnectionFields:
    message = connections_pb2.ConnectionFields(conn_type=fields.get("conn_type", ""))
    for name in (*_PLAIN, "port"):
        if name in fields and name != "password":
            setattr(message, name, fields[name])
    if fields.get("extra"):
        message.extra = json.dumps(redacted(fields["extra"]), ensure_ascii=False)
    return message


def _message(row: Row) -> connections_pb2.Connection:
    return connections_pb2.Connection(
        namespace=row["namespace"],
        conn_id=row["conn_id"],
        description=row["description"],
        version=row["version"],
        updated_at=timestamp_from(row["updated_at"]),
    )
