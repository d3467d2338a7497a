"""HistoryService: how things stood."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec

from millstream.adapters.event_log import EventLog
from millstream.adapters.event_search import EventSearch
from millstream.adapters.event_search import Place as LogPlace
from millstream.adapters.read_pool import ReadPool
from millstream.core.errors import NotFound
from millstream.core.state import RunKey
from millstream.core.whatif import play
from millstream.core.wire import GENESIS
from millstream.rpc.convert import datetime_from, timestamp_from
from millstream.rpc.v1 import history_pb2, history_pb2_grpc, runs_pb2
from millstream_api.callers import look_up, namespace_of, need, position_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.dags import reused
from millstream_api.diff import diff_message, difference_of, read_outline
from millstream_api.errors import FieldProblem
from millstream_api.hub import Scope
from millstream_api.interceptor import Context
from millstream_api.paging import decode_token, encode_token, fill_page, page_size
from millstream_api.past import PastRuns, RunAt, run_rows
from millstream_api.past_rows import (
    dag_counts,
    dags_at,
    events_of_runs,
    names_at,
    run_counts,
    runs_created,
    runs_in_states,
)
from millstream_api.progress import end_at_least
from millstream_api.rerun import command_of, count_taken_over, lineage
from millstream_api.rows import run_message, run_state_names
from millstream_api.run_rows import read_spec, with_dag
from millstream_api.snapshot import Snapshots
from millstream_api.whatif import other_version, read_recording, spec_of, whatif_message

# So many runs are read at a time to be compared.
MOST_DIFFS = 2
_NOWHERE = LogPlace(0, 0, GENESIS, None)


class _Asked(NamedTuple):
    """What every request here has: whose, and as of where."""

    namespace: str
    place: LogPlace

    @property
    def position(self) -> int:
        return self.place.position

    @property
    def at(self) -> history_pb2.LogPlace:
        return history_pb2.LogPlace(
            position=self.place.position, recorded_at=timestamp_from(self.place.recorded_at)
        )


class HistoryService(history_pb2_grpc.HistoryServiceServicer):
    def __init__(
        self,
        commands: Commands,
        event_log: EventLog,
        pool: ReadPool,
        snapshots: Snapshots,
        shard: int,
        receipt_timeout_s: float,
    ) -> None:
        self._commands = commands
        self._timeout_s = receipt_timeout_s
        self._log = event_log
        self._pool = pool
        self._snapshots = snapshots
        self._shard = shard
        self._search = EventSearch(pool, shard)
        self._past = PastRuns(self._search, event_log)
        self._diffs = asyncio.Semaphore(MOST_DIFFS)
        self._plays = asyncio.Semaphore(1)  # it takes a core for a moment

    async def GetRunAt(  # noqa: N802 - gRPC's name
        self, request: history_pb2.GetRunAtRequest, context: Context
    ) -> history_pb2.GetRunAtResponse:
        asked = await self._asked(request, context)
        run = await self._run_at(asked, request)
        return history_pb2.GetRunAtResponse(at=asked.at, run=_run_message(run.run))

    async def ListTaskInstancesAt(  # noqa: N802
        self, request: history_pb2.ListTaskInstancesAtRequest, context: Context
    ) -> history_pb2.ListTaskInstancesAtResponse:
        asked = await self._asked(request, context)
        most = page_size(request.page_size)
        run = await self._run_at(asked, request)
        token_scope = ("tasks at", asked.namespace, run.run.dag_id, run.run.run_id)
        after = decode_token(token_scope, request.page_token, tuple[int, tuple[int, ...]])
        row = msgspec.structs.asdict(run.run)
        async with self._snapshots.open(asked.position, seconds_left(context)) as rows:
            spec = await read_spec(rows, row)
        # In a thread, so that nobody else's call waits for it.
        page, place = await asyncio.to_thread(run.page, spec, after, most)
        token = encode_token(token_scope, place) if place is not None else ""
        return history_pb2.ListTaskInstancesAtResponse(
            at=asked.at, task_instances=page, next_page_token=token
        )

    async def ListRunsAt(  # noqa: N802
        self, request: history_pb2.ListRunsAtRequest, context: Context
    ) -> history_pb2.ListRunsAtResponse:
        asked = await self._asked(request, context)
        dag_id = look_up("dag_id", request.dag_id)
        states = run_state_names(request.states)
        most = page_size(request.page_size)
        token_scope = ("runs at", asked.namespace, dag_id, *sorted(states))
        before = decode_token(token_scope, request.page_token, int) or asked.position + 1
        place = (self._shard, asked.namespace, dag_id, min(before, asked.position + 1))
        async with self._pool.use() as connection:
            if states:
                found, upcoming = await runs_in_states(
                    connection, *place, most, asked.position, states
                )
            else:
                found = await runs_created(connection, *place, most + 1)
                upcoming = found[most - 1][2] if len(found) > most else 0
            keys = [(asked.namespace, dag, run) for dag, run, _ in found[:most]]
            events = await events_of_runs(
                connection, self._shard, asked.namespace, keys, asked.position
            )
        known = await asyncio.to_thread(run_rows, events)
        in_order = [known[key] for key in keys if key in known]
        page, is_cut = fill_page(in_order, _run_message, most)
        if is_cut:
            upcoming = page[-1].created_position
        token = encode_token(token_scope, upcoming) if upcoming else ""
        return history_pb2.ListRunsAtResponse(at=asked.at, runs=page, next_page_token=token)

    async def ListDagsAt(  # noqa: N802
        self, request: history_pb2.ListDagsAtRequest, context: Context
    ) -> history_pb2.ListDagsAtResponse:
        asked = await self._asked(request, context)
        most = page_size(request.page_size)
        token_scope = ("dags at", asked.namespace)
        after = decode_token(token_scope, request.page_token, str) or ""
        async with self._pool.use() as connection:
            found = await dags_at(
                connection, self._shard, asked.namespace, asked.position, after, most + 1
            )
        page, is_more = fill_page(found, _dag_message, most)
        token = encode_token(token_scope, page[-1].dag_id) if is_more else ""
        return history_pb2.ListDagsAtResponse(at=asked.at, dags=page, next_page_token=token)

    async def GetStateAt(  # noqa: N802
        self, request: history_pb2.GetStateAtRequest, context: Context
    ) -> history_pb2.GetStateAtResponse:
        asked = await self._asked(request, context)
        place = (self._shard, asked.namespace, asked.position)
        async with self._pool.use() as connection:
            dags, paused = await dag_counts(connection, *place)
            runs = await run_counts(connection, *place)
            pools = await names_at(connection, *place, "Pool", "name", "slots")
            variables = await names_at(connection, *place, "Variable", "key", "version")
            connections = await names_at(connection, *place, "Connection", "conn_id", "version")
        return history_pb2.GetStateAtResponse(
            at=asked.at,
            epoch=asked.place.epoch,
            digest=asked.place.digest.hex(),
            dags=dags,
            paused_dags=paused,
            runs=[
                history_pb2.RunCount(state=_state(name), count=count)
                for name, count in sorted(runs.items())
            ],
            pools=[history_pb2.PoolAt(name=name, slots=slots) for name, slots in pools],
            variables=[history_pb2.NameAt(name=name, version=n) for name, n in variables],
            connections=[history_pb2.NameAt(name=name, version=n) for name, n in connections],
        )

    async def DiffRuns(  # noqa: N802
        self, request: history_pb2.DiffRunsRequest, context: Context
    ) -> history_pb2.DiffRunsResponse:
        asked = await self._asked(request, context)
        runs, outlines, specs = [], [], []
        for prefix in ("", "other_"):
            dag_id = getattr(request, f"{prefix}dag_id") or request.dag_id
            scope = Scope(
                asked.namespace,
                look_up(f"{prefix}dag_id", dag_id),
                need(f"{prefix}run_id", getattr(request, f"{prefix}run_id")),
            )
            key = await self._key(scope)
            async with self._diffs:
                run = (await self._past.get(key, asked.position)).run
                outlines.append(await read_outline(self._search, key, asked.position))
            async with self._snapshots.open(asked.position, seconds_left(context)) as rows:
                specs.append(await read_spec(rows, msgspec.structs.asdict(run)))
            runs.append(_run_message(run))
        answer = diff_message(await difference_of(outlines[0], outlines[1], specs[0], specs[1]))
        answer.one.CopyFrom(runs[0])
        answer.other.CopyFrom(runs[1])
        return answer

    async def RerunRun(  # noqa: N802
        self, request: history_pb2.RerunRunRequest, context: Context
    ) -> history_pb2.RerunRunResponse:
        asked = await self._asked(request, context)
        namespace, dag_id, run_id = await self._key(_scope(asked, request))
        command = command_of(request, Scope(namespace, dag_id, run_id), asked.position)
        receipt = await self._commands.send(command, seconds_left(context, self._timeout_s))
        if receipt.dag_id != dag_id or not receipt.run_id:
            raise reused(command.id)
        count = await count_taken_over(self._log, command.id, receipt.run_id)
        return history_pb2.RerunRunResponse(
            dag_id=receipt.dag_id,
            run_id=receipt.run_id,
            position=receipt.position,
            taken_over=count,
        )

    async def WhatIf(  # noqa: N802
        self, request: history_pb2.WhatIfRequest, context: Context
    ) -> history_pb2.WhatIfResponse:
        asked = await self._asked(request, context)
        spec = spec_of(request)
        key = await self._key(_scope(asked, request))
        async with self._plays:
            run = (await self._past.get(key, asked.position)).run
            row = msgspec.structs.asdict(run)
            async with self._snapshots.open(asked.position, seconds_left(context)) as rows:
                known = await read_spec(rows, row)
                other = spec or await other_version(rows, row, request.dag_version)
            recording = await read_recording(self._search, key, asked.position)
            answer = await asyncio.to_thread(play, recording, key[0], other)
            message = whatif_message(recording, answer, known, other)
        message.run.CopyFrom(_run_message(run))
        return message

    async def GetLineage(  # noqa: N802
        self, request: history_pb2.GetLineageRequest, context: Context
    ) -> history_pb2.GetLineageResponse:
        scope = Scope(
            namespace_of(request.namespace),
            look_up("dag_id", request.dag_id),
            need("run_id", request.run_id),
        )
        async with self._snapshots.read(request, context) as rows:
            return await lineage(rows, scope)

    async def _asked(self, request: Any, context: Context) -> _Asked:
        """Raises :class:`FieldProblem`, and :class:`NotFound` for what is not in the log (yet)."""
        namespace = namespace_of(request.namespace)
        end = await end_at_least(self._log, position_of(request), seconds_left(context))
        moment: history_pb2.Moment = getattr(request, "at", history_pb2.Moment())
        position = moment.position or end
        if position < 0:
            raise FieldProblem("at.position", "at.position must be 0 or more.")
        if position > end:
            raise NotFound(f"The log ends at position {end}, before position {position}.")
        instant = datetime_from(moment, "instant")
        if instant is not None:
            position = await self._search.position_at(instant)
        if not position:
            return _Asked(namespace, _NOWHERE)
        place = await self._search.at(position)
        if place is None:
            raise NotFound(f"The event at position {position} is not kept any more.")
        return _Asked(namespace, place)

    async def _run_at(self, asked: _Asked, request: Any) -> RunAt:
        return await self._past.get(await self._key(_scope(asked, request)), asked.position)

    async def _key(self, scope: Scope) -> RunKey:
        async with self._pool.use() as connection:
            found = await with_dag(connection, scope)
        return (found.namespace, found.dag_id, found.run_id)


def _scope(asked: _Asked, request: Any) -> Scope:
    return Scope(asked.namespace, look_up("dag_id", request.dag_id), need("run_id", request.run_id))


def _run_message(row: Any) -> runs_pb2.Run:
    return run_message(msgspec.structs.asdict(row))


def _dag_message(dag: dict[str, Any]) -> history_pb2.DagAt:
    return history_pb2.DagAt(
        dag_id=dag["dag_id"],
        latest_version=dag["version"],
        submitted_at=timestamp_from(dag["recorded_at"]),
        is_paused=dag["is_paused"],
        pause_reason=dag["reason"],
    )


def _state(name: str) -> runs_pb2.RunState:
    return runs_pb2.RunState.Value(f"RUN_STATE_{name.upper()}")  # type: ignore[return-value]
