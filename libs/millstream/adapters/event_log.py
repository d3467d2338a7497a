"""The event log in Postgres: the one fenced writer, and the readers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import asyncpg
import msgspec

from millstream.adapters.failpoints import reach, reach_sent
from millstream.adapters.open_events import read_needed, write_snapshot
from millstream.adapters.postgres import Connection, Database
from millstream.adapters.secret_table import SecretRow, write_secrets
from millstream.core.errors import Fenced, StoreBehindStream, Unavailable
from millstream.core.wire import GENESIS, Record

PARTITION_SIZE = 10_000_000
NO_CONTENTS: Mapping[str, str] = MappingProxyType({})
READ_BATCH = 2000

COLUMNS = (
    "position, epoch, type, namespace, dag_id, run_id, task_id, map_index, attempt, actor, "
    "causation, "
    "trace, recorded_at, data::text AS data, digest"
)

# One statement, so one round trip and one sync: the fence and the events, or nothing.
_APPEND = """
WITH fence AS (
    UPDATE shard SET last_position = $4, digest = $5
    WHERE shard = $1 AND epoch = $2 AND last_position = $3
    RETURNING shard
)
INSERT INTO event_log (shard, position, epoch, type, namespace, dag_id, run_id, task_id, map_index,
                       attempt, actor, causation, trace, recorded_at, data, digest)
SELECT fence.shard, e.position, $2, e.type, e.namespace, e.dag_id, e.run_id, e.task_id,
       e.map_index::integer[], e.attempt, e.actor, e.causation, e.trace, e.recorded_at,
       e.data::json, e.digest
FROM fence, unnest($6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
                   $12::text[], $13::integer[], $14::text[], $15::text[], $16::text[],
                   $17::timestamptz[], $18::text[], $19::bytea[])
    AS e(position, type, namespace, dag_id, run_id, task_id, map_index, attempt, actor, causation,
         trace, recorded_at, data, digest)
"""


# The same, and what requests said that nobody has made before.
_APPEND_REQUESTS = _APPEND.replace(
    "INSERT INTO event_log",
    """, asked AS (
    INSERT INTO request_content (shard, id, content)
    SELECT fence.shard, r.id, r.content
    FROM fence, unnest($20::text[], $21::text[]) AS r(id, content)
    ON CONFLICT (shard, id) DO NOTHING
)
INSERT INTO event_log""",
    1,
)

_FORGET_REFUSED = """
DELETE FROM refused_command WHERE id IN (
    SELECT id FROM refused_command WHERE refused_at < now() - interval '30 days'
    ORDER BY refused_at LIMIT 1000)
"""


class Stored(msgspec.Struct, frozen=True):
    """A record of the log with its digest."""

    record: Record
    digest: bytes


@dataclass(frozen=True)
class Refusal:
    """A command that was refused, for the table of refusals."""

    command_id: str
    actor: str
    type: str
    reason: str
    message: str


@dataclass(frozen=True)
class Head:
    """The end of a shard's log."""

    epoch: int
    position: int
    digest: bytes


class EventLog:
    """The log of one shard. Every method raises :class:`Unavailable` when Postgres is away."""

    def __init__(self, database: Database, shard: int) -> None:
        self._database = database
        self._shard = shard

    async def raise_epoch(self) -> Head:
        """Become the writer: from now on every other writer of the shard is fenced. Creates the
        shard's row for a new installation."""
        async with self._database.use() as connection:
            row = await connection.fetchrow(
                "INSERT INTO shard (shard, epoch, last_position, digest) VALUES ($1, 1, 0, $2) "
                "ON CONFLICT (shard) DO UPDATE SET epoch = shard.epoch + 1 "
                "RETURNING epoch, last_position, digest",
                self._shard,
                GENESIS,
            )
            assert row is not None, "INSERT .. RETURNING returns a row"
            await connection.execute(
                "SELECT event_log_ensure_partition($1)", row["last_position"] + 1
            )
        return Head(row["epoch"], row["last_position"], bytes(row["digest"]))

    async def head(self) -> Head:
        """The end of the log as it is now; position 0 for a new installation."""
        async with self._database.use() as connection:
            row = await connection.fetchrow(
                "SELECT epoch, last_position, digest FROM shard WHERE shard = $1", self._shard
            )
        return (
            Head(row["epoch"], row["last_position"], bytes(row["digest"]))
            if row
            else Head(0, 0, GENESIS)
        )

    async def check_holds(self, position: int) -> None:
        """Raises :class:`StoreBehindStream` if the log ends before ``position``, which was
        committed: this Postgres is an older backup, or a standby that had not got everything."""
        head = await self.head()
        if head.position < position:
            raise StoreBehindStream(head.position, position)

    async def warm(self) -> None:
        """Connect, and have the statements of a writer and of a reader planned: an append that no
        fence lets through, of nothing, and a read of nothing."""
        async with self._database.use() as connection:
            await connection.execute(
                _APPEND, self._shard, -1, -1, 0, GENESIS, *([] for _ in range(14))
            )
        await self.read(0, 0)
        await self.read(0, 0, last=0)

    async def append(
        self,
        epoch: int,
        last_position: int,
        batch: list[Stored],
        secrets: Sequence[SecretRow] = (),
        contents: Mapping[str, str] = NO_CONTENTS,
    ) -> None:
        """Commit a batch that begins at ``last_position + 1``, and with it the values that its
        events do not hold, and the ``contents`` of requests by their ids: all of it or nothing.

        Raises :class:`Fenced` if this writer is no longer the one, and :class:`Unavailable` when
        the outcome is unknown: call :meth:`is_committed` then.
        """
        new_position = last_position + len(batch)
        async with self._database.use() as connection:
            if last_position // PARTITION_SIZE != new_position // PARTITION_SIZE:
                await connection.execute("SELECT event_log_ensure_partition($1)", new_position)
            if not secrets:  # one statement is a transaction of its own
                reach("scheduler.inserted")
                insert = self._insert(connection, epoch, last_position, batch, contents)
                await reach_sent("scheduler.commit_sent", connection, insert)
                return
            transaction = connection.transaction()
            await transaction.start()
            try:
                await self._insert(connection, epoch, last_position, batch, contents)
                reach("scheduler.inserted")
                await write_secrets(connection, self._shard, secrets)
            except BaseException:
                await transaction.rollback()
                raise
            await reach_sent("scheduler.commit_sent", connection, transaction.commit())

    async def _insert(
        self,
        connection: Connection,
        epoch: int,
        last_position: int,
        batch: list[Stored],
        contents: Mapping[str, str],
    ) -> None:
        records = [stored.record for stored in batch]
        status = await connection.execute(
            _APPEND_REQUESTS if contents else _APPEND,
            self._shard,
            epoch,
            last_position,
            last_position + len(batch),
            batch[-1].digest,
            [r.position for r in records],
            [r.type for r in records],
            [r.namespace for r in records],
            [r.dag_id for r in records],
            [r.run_id for r in records],
            [r.task_id for r in records],
            ["{" + ",".join(map(str, r.map_index)) + "}" for r in records],
            [r.attempt for r in records],
            [r.actor for r in records],
            [r.causation for r in records],
            [r.trace for r in records],
            [r.recorded_at for r in records],
            [bytes(r.data).decode() for r in records],
            [stored.digest for stored in batch],
            *((list(contents), list(contents.values())) if contents else ()),
        )
        if status != f"INSERT 0 {len(batch)}":
            raise Fenced(
                f"Another scheduler has taken over shard {self._shard} (this one had epoch "
                f"{epoch}); this process ends."
            )

    async def is_committed(self, epoch: int, last_position: int, batch: list[Stored]) -> bool:
        """After an unknown outcome: did this very batch become part of the log? Raises
        :class:`Fenced`."""
        head = await self.head()
        if head.epoch == epoch and head.position == last_position:
            return False
        if head.epoch == epoch and head.digest == batch[-1].digest:
            await self.confirm()
            return True
        raise Fenced(
            f"The log of shard {self._shard} ends at position {head.position} in epoch "
            f"{head.epoch}; "
            f"this writer had epoch {epoch} and position {last_position}. This process ends."
        )

    async def confirm(self) -> None:
        """A commit whose wait for a synchronous standby was broken off is to be seen, but may be on
        one server only. One that was made after it and is confirmed vouches for it."""
        async with self._database.use() as connection:
            await connection.execute("UPDATE shard SET epoch = epoch WHERE shard = $1", self._shard)

    async def refuse(self, refusals: list[Refusal]) -> None:
        """Keep what was refused, for people who ask why, and forget some of what is too old."""
        async with self._database.use() as connection:
            await connection.execute(_FORGET_REFUSED)
            await connection.executemany(
                "INSERT INTO refused_command (command_id, actor, type, reason, message) "
                "VALUES ($1, $2, $3, $4, $5)",
                [
                    tuple(
                        text.replace("\0", "\\0")
                        for text in (r.command_id, r.actor, r.type, r.reason, r.message)
                    )
                    for r in refusals
                ],
            )

    async def refused_lately(self, reason: str) -> dict[str, str]:
        """The ids of what was refused for that reason within the last hour, and what was said."""
        async with self._database.use() as connection:
            rows = await connection.fetch(
                "SELECT command_id, message FROM refused_command "
                "WHERE reason = $1 AND refused_at > now() - interval '1 hour'",
                reason,
            )
        return {row["command_id"]: row["message"] for row in rows}

    async def read(
        self,
        first: int,
        limit: int = READ_BATCH,
        *,
        namespace: str = "",
        dag_id: str = "",
        run_id: str = "",
        types: Collection[str] = (),
        last: int | None = None,
    ) -> list[Stored]:
        """Up to ``limit`` records from position ``first`` on (to ``last``), in order, all or
        filtered."""
        conditions: list[str] = ["shard = $1", "position >= $2"]
        arguments: list[object] = [self._shard, first]
        for column, value in (("namespace", namespace), ("dag_id", dag_id), ("run_id", run_id)):
            if value:
                arguments.append(value)
                conditions.append(f"{column} = ${len(arguments)}")
        if types:
            arguments.append(sorted(types))
            conditions.append(f"type = ANY(${len(arguments)})")
        if last is not None:
            arguments.append(last)
            conditions.append(f"position <= ${len(arguments)}")
        arguments.append(limit)
        query = (
            f"SELECT {COLUMNS} FROM event_log WHERE {' AND '.join(conditions)} "  # noqa: S608
            f"ORDER BY position LIMIT ${len(arguments)}"
        )
        async with self._database.use() as connection:
            return [stored_from(row) for row in await connection.fetch(query, *arguments)]

    async def read_run(self, namespace: str, dag_id: str, run_id: str) -> list[Stored]:
        """The records about a run as a whole, and about none of its tasks, in order."""
        async with self._database.use() as connection:
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM event_log "  # noqa: S608 - our own names
                "WHERE shard = $1 AND namespace = $2 AND dag_id = $3 AND run_id = $4 "
                "AND task_id = '' ORDER BY position",
                self._shard,
                namespace,
                dag_id,
                run_id,
            )
        return [stored_from(row) for row in rows]

    async def read_at(self, positions: Sequence[int]) -> list[Stored]:
        """The records at these positions, as far as there are any, in order."""
        if not positions:
            return []
        async with self._database.use() as connection:
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM event_log "  # noqa: S608 - our own names
                "WHERE shard = $1 AND position = ANY($2::bigint[]) ORDER BY position",
                self._shard,
                list(positions),
            )
        return [stored_from(row) for row in rows]

    async def dag_versions(
        self, namespace: str, dag_id: str, versions: Sequence[int]
    ) -> list[Stored]:
        """How these versions of a DAG were submitted, as far as they were."""
        async with self._database.use() as connection:
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM event_log "  # noqa: S608 - our own names
                "WHERE shard = $1 AND namespace = $2 AND dag_id = $3 AND run_id = '' "
                "AND task_id = '' AND type = 'DagVersionSubmitted' "
                "AND (data->>'version')::bigint = ANY($4::bigint[]) ORDER BY position",
                *(self._shard, namespace, dag_id, list(versions)),
            )
        return [stored_from(row) for row in rows]

    async def last_of_run(self, namespace: str, dag_id: str, run_id: str) -> int:
        """The position of a run's last event; 0 if there is none."""
        async with self._database.use() as connection:
            position = await connection.fetchval(
                "SELECT position FROM event_log WHERE shard = $1 AND run_id = $2 "
                "AND run_id <> '' AND namespace = $3 AND dag_id = $4 "
                "ORDER BY position DESC LIMIT 1",
                *(self._shard, run_id, namespace, dag_id),
            )
        return int(position or 0)

    async def read_types(self, first: int, types: Sequence[str]) -> list[Stored]:
        """All records of these types from position ``first`` on. An index has all types but those
        that every task leaves behind."""
        named = ", ".join(f"'{name}'" for name in types)  # in the text, or the index is not used
        query = (
            f"SELECT {COLUMNS} FROM event_log WHERE shard = $1 AND position >= $2 "  # noqa: S608
            f"AND type IN ({named}) ORDER BY position"
        )
        async with self._database.use() as connection:
            return [stored_from(row) for row in await connection.fetch(query, self._shard, first)]

    async def read_all(self, first: int, last: int) -> AsyncIterator[Stored]:
        """Every record of a range, a batch at a time."""
        while first <= last:
            batch = await self.read(first, last=last)
            if not batch:
                return
            for stored in batch:
                yield stored
            first = batch[-1].record.position + 1

    async def read_open(self, last: int) -> AsyncGenerator[Stored, None]:
        """What a state needs up to ``last``: all but what runs that are over have left behind. The
        connection is in use until all was read."""
        async with self._database.use() as connection:
            rows = read_needed(connection, self._shard, last, COLUMNS)
            async with aclosing(rows):
                async for row in rows:
                    yield stored_from(row)

    async def take_snapshot(self, last: int) -> int:
        """Note which events up to ``last`` are needed. Returns how many these are."""
        async with self._database.use() as connection:
            return await write_snapshot(connection, self._shard, last)

    async def failures_in_a_row(self, namespace: str, dag_id: str, last: int) -> int:
        """How many runs of a DAG failed after the last one that succeeded, up to ``last``."""
        async with self._database.use() as connection:
            count = await connection.fetchval(
                "SELECT count(*) FROM event_log WHERE shard = $1 AND namespace = $2 "
                "AND dag_id = $3 AND type IN ('RunFailed', 'RunQuarantined') "
                "AND position <= $4 AND position > coalesce((SELECT max(position) "
                "FROM event_log WHERE shard = $1 AND namespace = $2 AND dag_id = $3 "
                "AND type = 'RunSucceeded' AND position <= $4), 0)",
                *(self._shard, namespace, dag_id, last),
            )
        return int(count)

    async def caused_by(
        self, command_ids: list[str], run_ids: list[str] | None = None
    ) -> dict[str, list[Stored]]:
        """The events of commands that are in the log already, by command id. Requests of clients,
        and all that are about no run, need nothing else; reports of workers need the ``run_ids``
        they are about."""
        if not command_ids:
            return {}
        where = "(starts_with(actor, 'api/') OR run_id = '')"
        arguments: list[object] = [self._shard, command_ids]
        if run_ids is not None:
            where = "run_id = ANY($3)"
            arguments.append(run_ids)
        # Not "shard = $1", for which Postgres reads the whole primary key as long as it has no
        # statistics of a new table.
        query = f"""
            SELECT {COLUMNS} FROM event_log
            WHERE shard IS NOT DISTINCT FROM $1::integer AND causation = ANY($2) AND {where}
            ORDER BY position
        """  # noqa: S608
        async with self._database.use() as connection:
            rows = await connection.fetch(query, *arguments)
        found: dict[str, list[Stored]] = {}
        for row in rows:
            found.setdefault(row["causation"], []).append(stored_from(row))
        return found

    async def contents_of(self, command_ids: list[str]) -> dict[str, str]:
        """What requests said that are in the log already, as digests; without those of which nobody
        noted it."""
        if not command_ids:
            return {}
        async with self._database.use() as connection:
            rows = await connection.fetch(
                "SELECT id, content FROM request_content WHERE shard = $1 AND id = ANY($2)",
                self._shard,
                command_ids,
            )
        return {row["id"]: row["content"] for row in rows}

    async def existing_runs(self, runs: list[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Which of these (namespace, dag, run id) were ever created."""
        if not runs:
            return set()
        async with self._database.use() as connection:
            rows = await connection.fetch(
                "SELECT namespace, dag_id, run_id FROM event_log "
                "WHERE shard = $1 AND type = 'RunCreated' AND run_id = ANY($2)",
                self._shard,
                [run_id for _, _, run_id in runs],
            )
        return {(row["namespace"], row["dag_id"], row["run_id"]) for row in rows} & set(runs)

    async def run_of_date(
        self, namespace: str, dag_id: str, date: datetime
    ) -> tuple[str, str] | None:
        """The id of the run that has this logical date, and the type of the last event that says
        how it stands, "" for one that never ended. The date is in UTC."""
        async with self._database.use() as connection:
            run_id = await connection.fetchval(
                "SELECT run_id FROM event_log WHERE shard = $1 AND type = 'RunCreated' "
                "AND namespace = $2 AND dag_id = $3 AND data->>'logical_date' = $4 "
                "ORDER BY position DESC LIMIT 1",
                *(self._shard, namespace, dag_id, _text_of(date)),
            )
            if run_id is None:
                return None
            kind = await connection.fetchval(
                "SELECT type FROM event_log WHERE shard = $1 AND run_id = $2 AND namespace = $3 "
                "AND dag_id = $4 AND task_id = '' AND type IN "
                "('RunSucceeded', 'RunFailed', 'RunQuarantined', 'RunReopened') "
                "ORDER BY position DESC LIMIT 1",
                *(self._shard, run_id, namespace, dag_id),
            )
        return str(run_id), str(kind or "")

    async def existing_dates(
        self, dates: list[tuple[str, str, datetime]]
    ) -> set[tuple[str, str, datetime]]:
        """Which of these (namespace, dag, logical date) some run ever had. The dates are in
        UTC."""
        if not dates:
            return set()
        by_text = {_text_of(date): date for _, _, date in dates}
        async with self._database.use() as connection:
            rows = await connection.fetch(
                "SELECT namespace, dag_id, data->>'logical_date' AS date FROM event_log "
                "WHERE shard = $1 AND type = 'RunCreated' AND dag_id = ANY($2) "
                "AND data->>'logical_date' = ANY($3)",
                self._shard,
                sorted({dag_id for _, dag_id, _ in dates}),
                list(by_text),
            )
        found = {(row["namespace"], row["dag_id"], by_text[row["date"]]) for row in rows}
        return found & set(dates)


def _text_of(date: datetime) -> str:
    """As events write it."""
    return msgspec.json.encode(date).decode().strip('"')


def stored_from(row: asyncpg.Record) -> Stored:
    """From a row with the columns :data:`COLUMNS`."""
    record = Record(
        row["position"],
        row["epoch"],
        row["type"],
        row["namespace"],
        row["dag_id"],
        row["run_id"],
        row["task_id"],
        tuple(row["map_index"]),
        row["attempt"],
        row["actor"],
        row["causation"],
        row["trace"],
        row["recorded_at"],
        msgspec.Raw(row["data"].encode()),
    )
    return Stored(record, bytes(row["digest"]))


__all__ = ["EventLog", "Head", "Refusal", "Stored", "Unavailable"]
