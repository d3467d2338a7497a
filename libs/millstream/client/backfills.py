"""``Client.backfills``: the runs of a DAG between two dates, as an object."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from millstream.client.models import aware
from millstream.client.modes import Calls, M, call, listing
from millstream.core.timetables.run_times import RunTimes
from millstream.rpc.convert import datetime_from, dict_from, struct_from, timestamp_from
from millstream.rpc.schedules import times_from_proto
from millstream.rpc.v1 import backfills_pb2


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """A backfill. ``state``: running, paused, cancelled or completed. Of its ``total`` dates
    ``number`` are dealt with, and ``skipped`` of these got no run."""

    namespace: str
    dag_id: str
    backfill_id: str
    from_date: datetime | None
    to_date: datetime | None
    reprocess_behavior: str
    run_backwards: bool
    max_active_runs: int
    conf: dict[str, Any]
    state: str
    total: int
    number: int
    skipped: int
    created_at: datetime | None
    ended_at: datetime | None


class BackfillRef(msgspec.Struct, frozen=True, kw_only=True):
    """A backfill that was asked for."""

    dag_id: str
    backfill_id: str
    position: int


class BackfillDate(msgspec.Struct, frozen=True, kw_only=True):
    """What a backfill would do about a date. ``run_id``: the run that it has; ``reason``: why it
    would get none, "" if it would get one or its run would run again."""

    times: RunTimes
    run_id: str
    reason: str


class Backfills(Calls[M]):
    """The calls of BackfillService in one namespace."""

    @call
    async def create(
        self,
        dag_id: str,
        from_date: datetime,
        to_date: datetime,
        *,
        reprocess_behavior: str = "none",
        run_backwards: bool = False,
        max_active_runs: int = 10,
        conf: Mapping[str, Any] | None = None,
        run_on_latest_version: bool = True,
        request_id: str | None = None,
    ) -> BackfillRef:
        """Make runs for the dates of the DAG's schedule between two dates, both inclusive; without
        a time zone they are in UTC. Dates that have a run are left alone, unless
        ``reprocess_behavior`` is "failed" or "completed"."""
        request = backfills_pb2.CreateBackfillRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self._namespace,
            dag_id=dag_id,
            from_date=timestamp_from(aware(from_date)),
            to_date=timestamp_from(aware(to_date)),
            reprocess_behavior=reprocess_behavior,
            run_backwards=run_backwards,
            max_active_runs=max_active_runs,
            conf=struct_from(conf or {}, "conf"),
            run_on_latest_version=run_on_latest_version,
        )
        answer = await self._ask(request)
        return BackfillRef(
            dag_id=answer.dag_id, backfill_id=answer.backfill_id, position=answer.position
        )

    @call
    async def dry_run(
        self,
        dag_id: str,
        from_date: datetime,
        to_date: datetime,
        *,
        reprocess_behavior: str = "none",
        run_backwards: bool = False,
        max_active_runs: int = 10,
    ) -> list[BackfillDate]:
        """What :meth:`create` would do."""
        request = backfills_pb2.DryRunBackfillRequest(
            namespace=self._namespace,
            dag_id=dag_id,
            from_date=timestamp_from(aware(from_date)),
            to_date=timestamp_from(aware(to_date)),
            reprocess_behavior=reprocess_behavior,
            run_backwards=run_backwards,
            max_active_runs=max_active_runs,
        )
        answer = await self._ask(request)
        return [
            BackfillDate(times=times_from_proto(one.times), run_id=one.run_id, reason=one.reason)
            for one in answer.dates
        ]

    @listing
    async def list(self, dag_id: str = "", *, min_position: int = 0) -> AsyncIterator[Backfill]:
        """The newest first."""
        request = backfills_pb2.ListBackfillsRequest(
            namespace=self._namespace,
            dag_id=dag_id,
            min_position=min_position,
        )
        async for one in self._items(request, "backfills"):
            yield _backfill(one)

    @call
    async def pause(self, dag_id: str, backfill_id: str = "", *, is_paused: bool = True) -> int:
        """Make and start no further runs; with ``is_paused=False`` go on. Returns the position in
        the log."""
        request = backfills_pb2.SetBackfillPausedRequest(
            request_id=uuid.uuid4().hex,
            namespace=self._namespace,
            dag_id=dag_id,
            backfill_id=backfill_id,
            is_paused=is_paused,
        )
        return int((await self._ask(request)).position)

    @call
    async def cancel(self, dag_id: str, backfill_id: str = "") -> int:
        """End it: what runs goes on, what waits fails. Returns the position in the log."""
        request = backfills_pb2.CancelBackfillRequest(
            request_id=uuid.uuid4().hex,
            namespace=self._namespace,
            dag_id=dag_id,
            backfill_id=backfill_id,
        )
        return int((await self._ask(request)).position)


def _backfill(message: backfills_pb2.Backfill) -> Backfill:
    return Backfill(
        namespace=message.namespace,
        dag_id=message.dag_id,
        backfill_id=message.backfill_id,
        from_date=datetime_from(message, "from_date"),
        to_date=datetime_from(message, "to_date"),
        reprocess_behavior=message.reprocess_behavior,
        run_backwards=message.run_backwards,
        max_active_runs=message.max_active_runs,
        conf=dict_from(message.conf, "conf"),
        state=message.state,
        total=message.total,
        number=message.number,
        skipped=message.skipped,
        created_at=datetime_from(message, "created_at"),
        ended_at=datetime_from(message, "ended_at"),
    )
