"""A small pool of read-only connections, for a process that serves many readers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from millstream.adapters.postgres import AWAY, COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S, Database
from millstream.adapters.primary import connect_primary
from millstream.adapters.visibility import (
    DAGS_SETTING,
    LOG_SCHEMA,
    NAMESPACE_SETTING,
    VISIBLE_SUFFIX,
    Visibility,
    current_visibility,
)
from millstream.core.errors import InvalidArgument, Unavailable

SCHEMA = "millstream_read"
MOST_CONNECTIONS = 8
ACQUIRE_TIMEOUT_S = 5.0

# The projector has not made the read tables yet, or is replacing them at this moment.
_NOT_YET = (
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidCachedStatementError,
)


class ReadPool(Database):
    """Connections that see the read tables and the event log and can change neither. Where the call
    that is being answered may see some DAGs only (``visibility``), they see no others.

    The pool is made when it is first used and survives a server that goes away: a failed connection
    is dropped, the next use makes another.
    """

    def __init__(self, url: str, *, name: str = "millstream") -> None:
        super().__init__(url, schema=SCHEMA, name=name)
        self._pool: asyncpg.Pool | None = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the pool. Raises :class:`Unavailable` where the server is away, all
        connections are busy for long, or the read tables do not exist."""
        try:
            pool = await self._connected()
            connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except AWAY as error:
            raise Unavailable(f"Postgres does not answer: {error!r}") from error
        try:
            visible = current_visibility()
            if visible.dags is not None:
                await self._narrow(connection, visible)
            yield connection  # type: ignore[misc]
        except asyncpg.DataError as error:
            raise InvalidArgument(
                f"A value of the request is none that can be looked up: {error}"
            ) from error
        except _NOT_YET as error:
            raise Unavailable("The read tables are not ready; the projector makes them.") from error
        except AWAY as error:
            with suppress(*AWAY):  # the pool may have seen it first
                connection.terminate()
            raise Unavailable(f"Postgres was lost: {error!r}") from error
        finally:
            await _release(pool, connection)

    async def _narrow(self, connection: Any, visible: Visibility) -> None:
        """From here on the names of tables are those of views. The pool resets the session when it
        gets the connection back."""
        path = f"{self._schema}{VISIBLE_SUFFIX},{LOG_SCHEMA},{self._schema},public"
        await connection.execute(
            "SELECT set_config('search_path', $1, false), set_config($2, $3, false), "
            "set_config($4, $5, false)",
            *(path, NAMESPACE_SETTING, visible.namespace),
            *(DAGS_SETTING, ",".join(visible.dags or ())),
        )

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(2):
                    await pool.close()
            except AWAY:
                pool.terminate()

    async def _connected(self) -> asyncpg.Pool:
        async with self._lock:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    connect=_connect,
                    min_size=0,
                    max_size=MOST_CONNECTIONS,
                    timeout=CONNECT_TIMEOUT_S,
                    command_timeout=COMMAND_TIMEOUT_S,
                    server_settings={
                        "search_path": f"{self._schema},public",
                        "application_name": self._name,
                        "default_transaction_read_only": "on",
                    },
                )
            return self._pool


async def _connect(*arguments: Any, **options: Any) -> asyncpg.Connection:
    """As a pool opens connections, to the primary if its address names several hosts."""

    async def opener(url: str) -> asyncpg.Connection:
        return await asyncpg.connect(url, **options)

    return await connect_primary(arguments[0], opener)


async def _release(pool: asyncpg.Pool, connection: object) -> None:
    with suppress(*AWAY):  # it was lost; the pool makes another
        await pool.release(connection, timeout=2)  # type: ignore[arg-type]
