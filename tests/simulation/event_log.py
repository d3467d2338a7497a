"""``EventLog``, ``Database`` and ``ShardLock`` over the simulated Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import msgspec

from millstream.adapters.event_log import NO_CONTENTS, EventLog, Head, Refusal, Stored
from millstream.adapters.secret_table import SecretRow
from millstream.core.errors import Fenced, Unavailable
from simulation.loop import PROCESS
from simulation.postgres import Server
from simulation.rows import ReadConnection

SAYS_HOW_IT_STANDS = ("RunSucceeded", "RunFailed", "RunQuarantined", "RunReopened")


class SimulatedDatabase:
    """Stands for ``Database``: the server that this simulation has."""

    server: Server

    def __init__(
        self,
        url: str,
        *,
        schema: str = "public",
        name: str = "millstream",
        is_durable: bool = True,
    ) -> None:
        self.name = name

    async def close(self) -> None:
        pass

    @asynccontextmanager
    async def use(self) -> AsyncIterator[ReadConnection]:
        yield ReadConnection(self.server)


class SimulatedEventLog(EventLog):
    """``EventLog`` over the simulated server; what it makes of its own methods is production's."""

    def __init__(self, database: SimulatedDatabase, shard: int) -> None:
        self._server = database.server
        self._shard = shard

    async def raise_epoch(self) -> Head:
        process = PROCESS.get()
        return await self._server.do(lambda: self._server.raise_epoch(process))

    async def warm(self) -> None:
        await self._server.do(lambda: None)

    async def head(self) -> Head:
        return await self._server.do(self._server.head)

    async def append(
        self,
        epoch: int,
        last_position: int,
        batch: list[Stored],
        secrets: Sequence[SecretRow] = (),
        contents: Mapping[str, str] = NO_CONTENTS,
    ) -> None:
        process = PROCESS.get()

        def commit() -> None:
            self._server.append(epoch, last_position, batch, secrets, process)
            self._server.contents = {**contents, **self._server.contents}

        await self._server.do(commit)

    async def contents_of(self, command_ids: list[str]) -> dict[str, str]:
        def find() -> dict[str, str]:
            known = self._server.contents
            return {name: known[name] for name in command_ids if name in known}

        return await self._server.do(find)

    async def confirm(self) -> None:
        await self._server.do(lambda: None)

    async def refuse(self, refusals: list[Refusal]) -> None:
        await self._server.do(lambda: self._server.refusals.extend(refusals))

    async def refused_lately(self, reason: str) -> dict[str, str]:
        return {}

    async def read(
        self,
        first: int,
        limit: int = 2000,
        *,
        namespace: str = "",
        dag_id: str = "",
        run_id: str = "",
        types: Collection[str] = (),
        last: int | None = None,
    ) -> list[Stored]:
        def read() -> list[Stored]:
            found = self._server.events[max(first - 1, 0) : last]
            if namespace or dag_id or run_id or types:
                found = [
                    each
                    for each in found
                    if (not namespace or each.record.namespace == namespace)
                    and (not dag_id or each.record.dag_id == dag_id)
                    and (not run_id or each.record.run_id == run_id)
                    and (not types or each.record.type in types)
                ]
            return found[:limit]

        return await self._server.do(read)

    async def read_open(self, last: int) -> AsyncGenerator[Stored, None]:
        for stored in await self._server.do(lambda: self._server.events[:last]):
            yield stored

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
                about = (r.namespace, r.dag_id, r.run_id, r.task_id)
                if about == (namespace, dag_id, run_id, "") and r.type in SAYS_HOW_IT_STANDS:
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

    def __init__(self, url: str, role: str, shard: int, lease_s: float, instance: str = "") -> None:
        self._role = role
        process = PROCESS.get()
        assert process is not None
        self._process = process

    async def acquire(self, stopping: asyncio.Event, meanwhile: Any = None) -> bool:
        following: asyncio.Task[Any] | None = None
        stop = asyncio.ensure_future(stopping.wait())
        try:
            while not stopping.is_set():
                turn = await self._wait()
                if turn is None:
                    return True
                if meanwhile is not None and following is None:
                    following = asyncio.ensure_future(meanwhile())
                tasks: list[asyncio.Future[Any]] = [turn, stop]
                await asyncio.wait(
                    [*tasks, following] if following is not None else tasks,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if turn.done() and turn.result():
                    return True
                if following is not None and following.done():
                    following.result()
                if not turn.done():
                    turn.cancel()
                else:
                    await asyncio.sleep(0.2)
            return False
        finally:
            stop.cancel()
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def keep(self, check_log: Callable[[], Awaitable[None]] | None = None) -> None:
        while True:
            await asyncio.sleep(5.0)
            try:
                held = await self.server.do(lambda: self.server.try_lock(self._role, self._process))
            except Unavailable:
                continue
            if not held:
                raise Fenced(f"Another {self._role} became the active one.")
            if check_log is not None:
                with suppress(Unavailable):
                    await check_log()

    async def release(self) -> None:
        self.server.unlock(self._role, self._process)

    async def _wait(self) -> asyncio.Future[bool] | None:
        while True:
            try:
                return await self.server.do(
                    lambda: self.server.wait_for_lock(self._role, self._process)
                )
            except Unavailable:
                await asyncio.sleep(0.2)
