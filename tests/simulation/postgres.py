"""A Postgres in memory, as far as the services use it: the log, the lock, the read tables.

What a statement does happens at the server, in one step, whether the asker lives to hear of it or
not: that is what makes a commit's outcome unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, TypeVar

import msgspec

from millstream.adapters.event_log import EventLog, Head, Refusal, Stored
from millstream.adapters.secret_table import SecretRow
from millstream.core.errors import Fenced, Unavailable
from millstream.core.wire import GENESIS
from millstream_projector.changes import Changes
from millstream_projector.rows import (
    ROW_TYPES,
    RUN_ROW_TYPES,
    BackfillRow,
    CallbackRow,
    DagRow,
    Row,
    key_of,
)
from simulation.loop import PROCESS, Life, Process, SimulatedLoop, context_of

T = TypeVar("T")


@dataclass
class Weather:
    """``before`` and ``after``: the chance that the connection is lost before a statement is
    carried out, and after it but before the answer."""

    before: float = 0.0
    after: float = 0.0
    latency_s: float = 0.0004
    slow: float = 0.0
    slow_s: float = 2.0


@dataclass
class Checkpoint:
    position: int = 0
    digest: bytes = GENESIS
    generation: int = 0


@dataclass
class Tables:
    """The read tables: rows by their keys."""

    rows: dict[type[Row], dict[tuple[Any, ...], Row]] = field(default_factory=dict)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)

    def all(self) -> list[Row]:
        return [row for rows in self.rows.values() for row in rows.values()]


class Server:
    """The server. ``on_append`` is told of what was committed."""

    def __init__(self, loop: SimulatedLoop, random: Random) -> None:
        self._loop = loop
        self._random = random
        self._outside = context_of(None)
        self.weather = Weather()
        self.is_up = True
        self.generation = 0
        self.epoch = 0
        self.events: list[Stored] = []
        self.secrets: list[SecretRow] = []
        self.refusals: list[Refusal] = []
        self.tables = Tables()
        self.holders: dict[str, Process] = {}
        self.on_append: Callable[[int, list[Stored]], None] = lambda epoch, batch: None

    @property
    def position(self) -> int:
        return len(self.events)

    def stop(self) -> None:
        """As ``-m immediate``: what was committed is there, connections and locks are gone."""
        self.is_up = False
        self.generation += 1
        self.holders.clear()

    def start(self) -> None:
        self.is_up = True

    async def do(self, act: Callable[[], T]) -> T:
        """One transaction. Raises :class:`Unavailable` where nobody knows whether it took place."""
        loop, random, weather = self._loop, self._random, self.weather
        answer: asyncio.Future[T] = loop.create_future()
        delay_s = weather.latency_s * random.uniform(0.5, 1.5)
        if weather.slow and random.random() < weather.slow:
            delay_s += random.uniform(0, weather.slow_s)
        is_lost_before = weather.before and random.random() < weather.before
        is_lost_after = weather.after and random.random() < weather.after
        generation = self.generation
        lost = Unavailable("Postgres was lost")

        def carry_out() -> None:
            if not self.is_up or generation != self.generation or is_lost_before:
                loop.call_soon(_settle, answer, None, lost)
                return
            try:
                result = act()
            except Fenced as error:
                loop.call_soon(_settle, answer, None, error)
                return
            if is_lost_after:
                loop.call_later(delay_s, _settle, answer, None, lost)
            else:
                loop.call_later(delay_s, _settle, answer, result, None)

        loop.call_later(delay_s, carry_out, context=self._outside)
        return await answer

    # --- the lock

    def try_lock(self, role: str, process: Process) -> bool:
        holder = self.holders.get(role)
        if holder is not None and holder.life is not Life.DEAD and holder is not process:
            return False
        self.holders[role] = process
        return True

    def unlock(self, role: str, process: Process) -> None:
        if self.holders.get(role) is process:
            del self.holders[role]

    # --- the log

    def head(self) -> Head:
        digest = self.events[-1].digest if self.events else GENESIS
        return Head(self.epoch, self.position, digest)

    def raise_epoch(self) -> Head:
        self.epoch += 1
        return self.head()

    def append(
        self, epoch: int, last: int, batch: list[Stored], secrets: Sequence[SecretRow]
    ) -> None:
        if epoch != self.epoch or last != self.position:
            raise Fenced(f"epoch {epoch} at {last}; the log is in {self.epoch} at {self.position}")
        self.events += batch
        self.secrets += secrets
        self.on_append(epoch, batch)


def _settle(answer: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)


class SimulatedDatabase:
    """Stands for ``Database``: the server that this simulation has."""

    server: Server

    def __init__(self, url: str, *, schema: str = "public", name: str = "millstream") -> None:
        self.name = name

    async def close(self) -> None:
        pass

    @asynccontextmanager
    async def use(self) -> AsyncIterator[ReadConnection]:
        yield ReadConnection(self.server)


class ReadConnection:
    """A connection to the read tables: changes are kept until the transaction ends."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._moved: tuple[Any, ...] = ()
        self._changes: Changes | None = None

    def transaction(self) -> ReadConnection:
        return self

    async def __aenter__(self) -> ReadConnection:
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None and self._changes is not None:
            await self.server.do(self._commit)

    async def execute(self, query: str, *arguments: Any) -> str:
        assert query.startswith("UPDATE checkpoint"), query
        shard, position, digest, generation, before = arguments
        checkpoint = self.server.tables.checkpoint
        self._moved = (position, digest, generation, before)
        fits = generation == checkpoint.generation and checkpoint.position in (position, before)
        return "UPDATE 1" if fits else "UPDATE 0"

    async def fetchrow(self, query: str, *arguments: Any) -> dict[str, Any]:
        checkpoint = await self.server.do(lambda: self.server.tables.checkpoint)
        return {
            "position": checkpoint.position,
            "digest": checkpoint.digest,
            "generation": checkpoint.generation,
        }

    async def close(self) -> None:
        pass

    def stage(self, changes: Changes) -> None:
        rows = {
            row_type: {key: copy(row) for key, row in changed.items()}
            for row_type, changed in changes.rows.items()
        }
        self._changes = Changes(rows, {kind: dict(keys) for kind, keys in changes.gone.items()})

    def _commit(self) -> None:
        position, digest, generation, before = self._moved
        tables = self.server.tables
        at = tables.checkpoint
        if generation != at.generation or at.position not in (position, before):
            return  # another one was quicker; the next write sees it
        assert self._changes is not None
        for row_type, keys in self._changes.gone.items():
            for key in keys:
                tables.rows.get(row_type, {}).pop(key, None)
        for row_type, rows in self._changes.rows.items():
            tables.rows.setdefault(row_type, {}).update(rows)
        tables.checkpoint = Checkpoint(position, digest, generation)


async def write_changes(connection: ReadConnection, changes: Changes) -> None:
    connection.stage(changes)


async def read_open_rows(connection: ReadConnection) -> list[Row]:
    server = connection.server

    def read() -> list[Row]:
        rows: list[Row] = [*server.tables.rows.get(DagRow, {}).values()]
        for row in server.tables.rows.get(BackfillRow, {}).values():
            if row.state in ("running", "paused"):  # type: ignore[union-attr]
                rows.append(row)
        for row in server.tables.rows.get(CallbackRow, {}).values():
            if row.ended_at is None:  # type: ignore[union-attr]
                rows.append(row)
        from millstream_projector.rows import RunRow

        open_runs = {
            (row.namespace, row.dag_id, row.run_id)  # type: ignore[union-attr]
            for row in server.tables.rows.get(RunRow, {}).values()
            if row.state in ("queued", "running")  # type: ignore[union-attr]
        }
        return rows + _of_runs(server.tables, open_runs)

    return [copy(row) for row in await server.do(read)]


async def read_rows_of(connection: ReadConnection, run: tuple[str, str, str]) -> list[Row]:
    found = await connection.server.do(lambda: _of_runs(connection.server.tables, {run}))
    return [copy(row) for row in found]


def _of_runs(tables: Tables, runs: set[tuple[str, str, str]]) -> list[Row]:
    return [
        row
        for row_type in RUN_ROW_TYPES
        for row in tables.rows.get(row_type, {}).values()
        if (row.namespace, row.dag_id, row.run_id) in runs  # type: ignore[union-attr]
    ]


class SimulatedEventLog(EventLog):
    """``EventLog`` over the simulated server; what it makes of its own methods is production's."""

    def __init__(self, database: SimulatedDatabase, shard: int) -> None:
        self._server = database.server
        self._shard = shard

    async def raise_epoch(self) -> Head:
        return await self._server.do(self._server.raise_epoch)

    async def head(self) -> Head:
        return await self._server.do(self._server.head)

    async def append(
        self,
        epoch: int,
        last_position: int,
        batch: list[Stored],
        secrets: Sequence[SecretRow] = (),
    ) -> None:
        await self._server.do(lambda: self._server.append(epoch, last_position, batch, secrets))

    async def refuse(self, refusals: list[Refusal]) -> None:
        await self._server.do(lambda: self._server.refusals.extend(refusals))

    async def read(
        self,
        first: int,
        limit: int = 2000,
        *,
        namespace: str = "",
        dag_id: str = "",
        run_id: str = "",
        last: int | None = None,
    ) -> list[Stored]:
        def read() -> list[Stored]:
            found = self._server.events[max(first - 1, 0) : last]
            if namespace or dag_id or run_id:
                found = [
                    each
                    for each in found
                    if (not namespace or each.record.namespace == namespace)
                    and (not dag_id or each.record.dag_id == dag_id)
                    and (not run_id or each.record.run_id == run_id)
                ]
            return found[:limit]

        return await self._server.do(read)

    async def read_open(self, last: int) -> list[Stored]:
        return await self._server.do(lambda: self._server.events[:last])

    async def take_snapshot(self, last: int) -> int:
        return 0

    async def failures_in_a_row(self, namespace: str, dag_id: str, last: int) -> int:
        def count() -> int:
            failed = 0
            for each in self._server.events[:last]:
                record = each.record
                if (record.namespace, record.dag_id) == (namespace, dag_id):
                    if record.type == "RunSucceeded":
                        failed = 0
                    failed += record.type in ("RunFailed", "RunQuarantined")
            return failed

        return await self._server.do(count)

    async def caused_by(
        self, command_ids: list[str], run_ids: list[str] | None = None
    ) -> dict[str, list[Stored]]:
        wanted = dict.fromkeys(command_ids)

        def find() -> dict[str, list[Stored]]:
            found: dict[str, list[Stored]] = {}
            for each in self._server.events:
                record = each.record
                if record.causation not in wanted:
                    continue
                if run_ids is None:
                    fits = record.actor.startswith("api/") or not record.run_id
                else:
                    fits = record.run_id in run_ids
                if fits:
                    found.setdefault(record.causation, []).append(each)
            return found

        return await self._server.do(find) if command_ids else {}

    async def existing_runs(self, runs: list[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        def find() -> set[tuple[str, str, str]]:
            return {
                (e.record.namespace, e.record.dag_id, e.record.run_id)
                for e in self._server.events
                if e.record.type == "RunCreated"
            } & set(runs)

        return await self._server.do(find) if runs else set()

    async def run_of_date(
        self, namespace: str, dag_id: str, date: datetime
    ) -> tuple[str, str] | None:
        def find() -> tuple[str, str] | None:
            dated = [r for r in self._dated() if r[:2] == (namespace, dag_id) and r[2] == date]
            if not dated:
                return None
            run_id = dated[-1][3]
            kind = ""
            for each in self._server.events:
                r = each.record
                if (r.namespace, r.dag_id, r.run_id, r.task_id) == (namespace, dag_id, run_id, ""):
                    if r.type in ("RunSucceeded", "RunFailed", "RunQuarantined", "RunReopened"):
                        kind = r.type
            return run_id, kind

        return await self._server.do(find)

    async def existing_dates(
        self, dates: list[tuple[str, str, datetime]]
    ) -> set[tuple[str, str, datetime]]:
        def find() -> set[tuple[str, str, datetime]]:
            return {r[:3] for r in self._dated()} & set(dates)

        return await self._server.do(find) if dates else set()

    def _dated(self) -> list[tuple[str, str, datetime, str]]:
        found = []
        for each in self._server.events:
            record = each.record
            if record.type == "RunCreated":
                date = _date_decoder.decode(record.data).logical_date
                if date is not None:
                    found.append((record.namespace, record.dag_id, date, record.run_id))
        return found


class _Dated(msgspec.Struct):
    logical_date: datetime | None = None


_date_decoder = msgspec.json.Decoder(_Dated)


class SimulatedLock:
    """Stands for ``ShardLock``."""

    server: Server

    def __init__(self, url: str, role: str, shard: int) -> None:
        self._role = role
        process = PROCESS.get()
        assert process is not None
        self._process = process

    async def acquire(self, stopping: asyncio.Event, meanwhile: Any = None) -> bool:
        following: asyncio.Task[Any] | None = None
        try:
            while not stopping.is_set():
                if await self._try():
                    return True
                if meanwhile is not None and following is None:
                    following = asyncio.ensure_future(meanwhile())
                if following is not None and following.done():
                    following.result()
                await asyncio.sleep(0.05)
            return False
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(5.0)
            try:
                held = await self.server.do(lambda: self.server.try_lock(self._role, self._process))
            except Unavailable:
                continue
            if not held:
                raise Fenced(f"Another {self._role} became the active one.")

    async def release(self) -> None:
        self.server.unlock(self._role, self._process)

    async def _try(self) -> bool:
        try:
            return await self.server.do(lambda: self.server.try_lock(self._role, self._process))
        except Unavailable:
            return False


__all__ = ["ROW_TYPES", "SimulatedDatabase", "SimulatedEventLog", "SimulatedLock", "key_of"]
