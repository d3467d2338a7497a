"""The encrypted values of variables and connections, and the hashes of tokens, in Postgres. The
scheduler writes them in the transaction of the events that name them; others read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import asyncpg
import msgspec

from millstream.adapters.postgres import Connection, Database
from millstream.core.errors import Unavailable

Kind = Literal["variable", "connection", "token"]


class SecretRow(msgspec.Struct, frozen=True):
    """A new value; ``sealed`` None: there is none any more. ``is_same``: the value of before that
    was set at ``position``, encrypted otherwise; if there is another by now, nothing happens."""

    namespace: str
    kind: Kind
    name: str
    version: int
    position: int
    sealed: str | None
    is_same: bool = False


class Sealed(msgspec.Struct, frozen=True):
    """The latest value of something, encrypted."""

    version: int
    sealed: str


async def write_secrets(connection: Connection, shard: int, rows: Sequence[SecretRow]) -> None:
    """In the order given. The caller has the transaction."""
    for row in rows:
        if row.is_same:
            await connection.execute(
                "UPDATE public.secret SET sealed = $6 WHERE shard = $1 AND namespace = $2 "
                "AND kind = $3 AND name = $4 AND position = $5",
                shard,
                row.namespace,
                row.kind,
                row.name,
                row.position,
                row.sealed,
            )
        elif row.sealed is None:
            await connection.execute(
                "DELETE FROM public.secret "
                "WHERE shard = $1 AND namespace = $2 AND kind = $3 AND name = $4",
                shard,
                row.namespace,
                row.kind,
                row.name,
            )
        else:
            await connection.execute(
                "INSERT INTO public.secret "
                "(shard, namespace, kind, name, version, position, sealed) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7) "
                "ON CONFLICT (shard, namespace, kind, name) DO UPDATE SET "
                "version = excluded.version, position = excluded.position, "
                "sealed = excluded.sealed",
                shard,
                row.namespace,
                row.kind,
                row.name,
                row.version,
                row.position,
                row.sealed,
            )


class SecretTable:
    """Reads of one shard's rows. They are as new as the log: the value is there when the receipt
    of the command that set it is."""

    def __init__(self, database: Database, shard: int) -> None:
        self._database = database
        self._shard = shard

    async def find(self, namespace: str, kind: Kind, name: str) -> Sealed | None:
        """None if there is nothing of that name. Raises :class:`Unavailable`."""
        async with self._database.use() as connection:
            try:
                row = await connection.fetchrow(
                    "SELECT version, sealed FROM public.secret "
                    "WHERE shard = $1 AND namespace = $2 AND kind = $3 AND name = $4",
                    self._shard,
                    namespace,
                    kind,
                    name,
                )
            except asyncpg.UndefinedTableError as error:
                raise Unavailable(
                    "The database has no table of secrets yet; the scheduler makes it."
                ) from error
        return Sealed(row["version"], row["sealed"]) if row else None

    async def count_by_key(self) -> dict[str, int]:
        """How many values each key has sealed, by its id. Raises :class:`Unavailable`."""
        async with self._database.use() as connection:
            rows = await connection.fetch(
                "SELECT split_part(sealed, ':', 2) AS key_id, count(*) AS count "
                "FROM public.secret WHERE shard = $1 AND kind IN ('variable', 'connection') "
                "GROUP BY 1 ORDER BY 1",
                self._shard,
            )
        return {row["key_id"]: row["count"] for row in rows}

    async def sealed_otherwise(self, key_id: str, after: int, most: int) -> list[SecretRow]:
        """Values that another key has sealed, those set first before the others, from after a
        position on. Raises :class:`Unavailable`."""
        async with self._database.use() as connection:
            rows = await connection.fetch(
                "SELECT namespace, kind, name, version, position, sealed FROM public.secret "
                "WHERE shard = $1 AND kind IN ('variable', 'connection') AND position > $3 "
                "AND split_part(sealed, ':', 2) <> $2 ORDER BY position LIMIT $4",
                self._shard,
                key_id,
                after,
                most,
            )
        return [SecretRow(*row) for row in rows]
