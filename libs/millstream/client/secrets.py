"""``client.variables`` and ``client.connections``."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from millstream.client.modes import Calls, M, call, listing
from millstream.core.errors import InvalidArgument, NotFound
from millstream.rpc.convert import datetime_from
from millstream.rpc.v1 import connections_pb2, variables_pb2
from millstream.sdk.masking import MASK

if TYPE_CHECKING:
    from millstream.client.channel import Channel
    from millstream.sdk.connection import Connection

_PLAIN = ("host", "login", "schema")


class VariableInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A variable. ``value`` is None in lists, and for secrets, which only tasks can read."""

    namespace: str
    key: str
    value: str | None
    description: str
    version: int
    updated_at: datetime | None
    is_secret: bool


class ConnectionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A connection without its secrets: the password is never given out, and in ``extra``, the
    text of a JSON object, ``***`` stands for what is secret. In lists only what is known without
    decrypting it."""

    namespace: str
    conn_id: str
    description: str
    version: int
    updated_at: datetime | None
    conn_type: str = ""
    host: str | None = None
    login: str | None = None
    schema: str | None = None
    port: int | None = None
    extra: str | None = None
    has_password: bool = False


class Variables(Calls[M]):
    """The variables of a namespace. A read sees what this client has changed before."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        super().__init__(channel, namespace)
        self._position = 0

    @call
    async def set(
        self, key: str, value: str, description: str = "", *, request_id: str | None = None
    ) -> int:
        """Keep a value; returns its version. Raises :class:`InvalidArgument`."""
        request = variables_pb2.SetVariableRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self._namespace,
            key=key,
            value=value,
            description=description,
        )
        answer = await self._ask(request)
        self._position = answer.position
        return int(answer.version)

    @call
    async def get(self, key: str) -> VariableInfo:
        """Raises :class:`NotFound`."""
        return await self._get(key)

    async def for_dag_file(self, key: str) -> str | None:
        """What a DAG file is told while it is read: the value, None if there is none. Raises
        :class:`InvalidArgument` for a secret."""
        try:
            found = await self._get(key)
        except NotFound:
            return None
        if found.is_secret:
            raise _secret()
        return found.value

    async def _get(self, key: str) -> VariableInfo:
        request = variables_pb2.GetVariableRequest(
            namespace=self._namespace, key=key, min_position=self._position
        )
        answer = await self._ask(request)
        return _variable(answer.variable)

    @listing
    async def list(self) -> AsyncIterator[VariableInfo]:
        """By key, without values."""
        request = variables_pb2.ListVariablesRequest(
            namespace=self._namespace,
            min_position=self._position,
        )
        async for one in self._items(request, "variables"):
            yield _variable(one)

    @call
    async def delete(self, key: str, *, request_id: str | None = None) -> None:
        """Raises :class:`NotFound`."""
        request = variables_pb2.DeleteVariableRequest(
            request_id=request_id or uuid.uuid4().hex, namespace=self._namespace, key=key
        )
        answer = await self._ask(request)
        self._position = answer.position


class Connections(Calls[M]):
    """The connections of a namespace. A read sees what this client has changed before."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        super().__init__(channel, namespace)
        self._position = 0

    @call
    async def set(
        self, connection: Connection, *, must_be_new: bool = False, request_id: str | None = None
    ) -> int:
        """Keep a connection under its id; returns its version. With ``must_be_new`` one that
        exists is an error."""
        fields = connections_pb2.ConnectionFields(conn_type=connection.conn_type or "")
        for name in (*_PLAIN, "password", "port", "extra"):
            value = getattr(connection, name)
            if value is not None:
                setattr(fields, name, value)
        request = connections_pb2.SetConnectionRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self._namespace,
            conn_id=connection.conn_id or "",
            fields=fields,
            description=connection.description or "",
            must_be_new=must_be_new,
        )
        answer = await self._ask(request)
        self._position = answer.position
        return int(answer.version)

    @call
    async def get(self, conn_id: str) -> ConnectionInfo:
        """Raises :class:`NotFound`."""
        return await self._get(conn_id)

    async def for_dag_file(self, conn_id: str) -> str | None:
        """What a DAG file is told while it is read: the JSON of a connection, None if there is
        none. Raises :class:`InvalidArgument` for one with secrets."""
        try:
            found = await self._get(conn_id)
        except NotFound:
            return None
        if found.has_password or MASK in (found.extra or ""):
            raise _secret()
        fields = {name: getattr(found, name) for name in (*_PLAIN, "conn_type", "port", "extra")}
        given = {name: value for name, value in fields.items() if value is not None}
        return msgspec.json.encode(given | {"description": found.description}).decode()

    async def _get(self, conn_id: str) -> ConnectionInfo:
        request = connections_pb2.GetConnectionRequest(
            namespace=self._namespace, conn_id=conn_id, min_position=self._position
        )
        answer = await self._ask(request)
        return _connection(answer.connection)

    @listing
    async def list(self) -> AsyncIterator[ConnectionInfo]:
        """By id."""
        request = connections_pb2.ListConnectionsRequest(
            namespace=self._namespace,
            min_position=self._position,
        )
        async for one in self._items(request, "connections"):
            yield _connection(one)

    @call
    async def delete(self, conn_id: str, *, request_id: str | None = None) -> None:
        """Raises :class:`NotFound`."""
        request = connections_pb2.DeleteConnectionRequest(
            request_id=request_id or uuid.uuid4().hex, namespace=self._namespace, conn_id=conn_id
        )
        answer = await self._ask(request)
        self._position = answer.position


def _variable(message: variables_pb2.Variable) -> VariableInfo:
    return VariableInfo(
        namespace=message.namespace,
        key=message.key,
        value=message.value if message.HasField("value") else None,
        description=message.description,
        version=message.version,
        updated_at=datetime_from(message, "updated_at"),
        is_secret=message.is_secret,
    )


def _connection(message: connections_pb2.Connection) -> ConnectionInfo:
    fields = message.fields
    given = {
        name: getattr(fields, name) for name in (*_PLAIN, "port", "extra") if fields.HasField(name)
    }
    return ConnectionInfo(
        namespace=message.namespace,
        conn_id=message.conn_id,
        description=message.description,
        version=message.version,
        updated_at=datetime_from(message, "updated_at"),
        conn_type=fields.conn_type,
        has_password=message.has_password,
        **given,
    )


def _secret() -> InvalidArgument:
    return InvalidArgument(
        "it is a secret, which only running tasks are told; look it up inside of a task or in a "
        "template, not while the DAG file is read"
    )
