"""Connections to Postgres, and the migrations of the write side."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import structlog

from millstream.adapters.primary import connect_primary
from millstream.core.errors import MillstreamError, Unavailable

log = structlog.get_logger(__name__)

Connection = asyncpg.Connection
Record = asyncpg.Record

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x4D5301

# What asyncpg raises when the server is away, goes away, or does not answer in time.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    # What was the primary is a standby by now.
    asyncpg.ReadOnlySQLTransactionError,
)


class MigrationMismatch(MillstreamError):
    """The database was migrated by something else than this release's migrations."""

    reason = "MIGRATION_MISMATCH"


async def connect(
    url: str, *, schema: str = "public", name: str = "millstream", is_durable: bool = True
) -> asyncpg.Connection:
    """A new connection, to the primary if ``url`` names several hosts. Raises
    :class:`Unavailable`. One that is not ``is_durable`` does not wait for the disk when it commits:
    for what is made from the log, and made again from where it stood."""
    settings = {"search_path": f"{schema},public", "application_name": name}
    if not is_durable:
        settings["synchronous_commit"] = "off"

    async def opener(url: str) -> asyncpg.Connection:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            max_cacheable_statement_size=0,
            server_settings=settings,
        )

    try:
        return await connect_primary(url, opener)
    except AWAY as error:
        raise Unavailable(f"Postgres does not answer: {error!r}") from error


async def connect_patiently(
    url: str, *, schema: str = "public", name: str = "millstream"
) -> asyncpg.Connection:
    """A new connection, waiting for the server as long as it takes."""
    delay_s = 0.02
    while True:
        try:
            return await connect(url, schema=schema, name=name)
        except Unavailable as error:
            if delay_s > 0.5:
                log.warning("postgres_away", error=str(error))
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, 2.0)


class Database:
    """One connection that is made when it is needed and dropped when it fails. One user at a
    time."""

    def __init__(
        self,
        url: str,
        *,
        schema: str = "public",
        name: str = "millstream",
        is_durable: bool = True,
    ) -> None:
        self._url = url
        self._is_durable = is_durable
        self._schema = schema
        self._name = name
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection, exclusively. A lost server becomes :class:`Unavailable`, and what was
        under way then may or may not have been committed."""
        async with self._lock:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await connect(
                        self._url,
                        schema=self._schema,
                        name=self._name,
                        is_durable=self._is_durable,
                    )
                yield self._connection
            except AWAY as error:
                self._drop()
                raise Unavailable(f"Postgres was lost: {error!r}") from error
            except asyncio.CancelledError:
                self._drop()
                raise

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=2)
            except AWAY:
                connection.terminate()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


async def migrate(connection: asyncpg.Connection) -> int:
    """Apply the migrations that are missing, one transaction each; safe to call from many
    processes.

    Returns how many were applied. Raises :class:`MigrationMismatch`.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
    try:
        return await _migrate_locked(connection)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _MIGRATION_LOCK)


async def _migrate_locked(connection: asyncpg.Connection) -> int:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, checksum text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch("SELECT name, checksum FROM migration")
    applied = {row["name"]: row["checksum"] for row in rows}
    files = sorted(_MIGRATIONS.glob("*.sql"))
    unknown = sorted(set(applied) - {file.name for file in files})
    if unknown:
        raise MigrationMismatch(
            f"The database has migrations that this release does not know ({', '.join(unknown)}): "
            f"it was "
            f"used by a newer release. Upgrade this service."
        )
    count = 0
    for file in files:
        text = file.read_text()
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if file.name in applied:
            if applied[file.name] != checksum:
                raise MigrationMismatch(
                    f"Migration {file.name} was changed after it had been applied."
                )
            continue
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute(
                "INSERT INTO migration (name, checksum) VALUES ($1, $2)", file.name, checksum
            )
        log.info("migration_applied", name=file.name)
        count += 1
    return count
