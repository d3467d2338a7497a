"""LogService: what tasks print and log, while they run and after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager

import msgspec
import structlog

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus
from millstream.adapters.read_pool import ReadPool
from millstream.core.errors import Unavailable
from millstream.core.event_parts import Where
from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import logs_pb2, logs_pb2_grpc
from millstream_api.admission import Overloaded
from millstream_api.attempt_log import AttemptLog, Sources
from millstream_api.callers import look_up, namespace_of, need
from millstream_api.errors import FieldProblem
from millstream_api.hub import Hub, Scope
from millstream_api.interceptor import Context
from millstream_api.log_merge import LEVELS, Filter, Numbered, wanted
from millstream_api.log_rows import (
    AttemptState,
    attempt_state,
    check_attempt,
    claims_of,
    find_task,
)
from millstream_api.snapshot import Snapshots

# Readers of one api process. Each follower asks Postgres how its attempt stands, all of them
# together at most so often.
MOST_READERS = 500
LOOKS_PER_S = 200
SHORTEST_PAUSE_S = 0.5
# What goes into one answer.
MOST_LINES = 500
MOST_TEXT = 256 * 1024
# So often a reader whose filter leaves nothing is told how far it is.
TELL_S = 1.0
LONGEST_FILTER = 1000

log = structlog.get_logger(__name__)


class LogService(logs_pb2_grpc.LogServiceServicer):
    def __init__(
        self,
        bus: Bus,
        blobs: FsspecBlobs,
        pool: ReadPool,
        snapshots: Snapshots,
        hub: Hub,
        shard: int,
    ) -> None:
        self._pool = pool
        self._snapshots = snapshots
        self._hub = hub
        self._readers = 0
        self._sources = Sources(
            bus, blobs, shard, self._look, self._claims, self._check, self._pause_s
        )

    async def ReadLog(  # noqa: N802 - gRPC's name
        self, request: logs_pb2.ReadLogRequest, context: Context
    ) -> AsyncIterator[logs_pb2.ReadLogResponse]:
        which = _filter(request)
        with self._counted():
            where, found = await self._find(request, context)
            state: AttemptState | None = found if found.has_started else await self._started(where)
            from_line = request.from_line
            while state is not None:
                where = msgspec.structs.replace(where, attempt=state.attempt)
                reading = AttemptLog(self._sources, where, state, from_line)
                async with aclosing(
                    _answers(reading, where.attempt, which, request.follow)
                ) as answers:
                    async for answer in answers:
                        yield answer
                if not (request.follow and _goes_on(reading.state, request.follow_retries)):
                    return
                state, from_line = await self._next(where), 0

    async def _find(
        self, request: logs_pb2.ReadLogRequest, context: Context
    ) -> tuple[Where, AttemptState]:
        scope = Scope(
            namespace_of(request.namespace),
            look_up("dag_id", request.dag_id),
            need("run_id", request.run_id),
        )
        task_id, path = need("task_id", request.task_id), tuple(request.map_index)
        for field, number in (("attempt", request.attempt), ("from_line", request.from_line)):
            if number < 0:
                raise FieldProblem(field, f"{field} is {number}; it must be 0 or more.")
        async with self._snapshots.read(request, context) as rows:
            where = await find_task(rows, scope, task_id, path)
            where = msgspec.structs.replace(where, attempt=request.attempt)
            state = await attempt_state(rows, where, is_latest=request.follow)
        check_attempt(state, where, is_followed=request.follow)
        return where, state

    async def _started(self, where: Where) -> AttemptState:
        """How the attempt stands when it has begun. Raises NotFound when that cannot happen any
        more."""
        while True:
            state = await self._look_again(where)
            if state is not None and state.has_started:
                return state
            if state is not None:
                check_attempt(state, where, is_followed=True)

    async def _next(self, where: Where) -> AttemptState | None:
        """How the next attempt stands when it has begun; None if there will be none."""
        following = msgspec.structs.replace(where, attempt=where.attempt + 1)
        while True:
            state = await self._look_again(following)
            if state is None:
                continue
            if state.has_started:
                return state
            if state.latest > following.attempt:  # that one never started
                following = msgspec.structs.replace(following, attempt=following.attempt + 1)
            elif state.is_task_over:
                return None

    async def _look_again(self, where: Where) -> AttemptState | None:
        """After a pause; None if the tables cannot be read now."""
        self._check()
        await asyncio.sleep(self._pause_s())
        try:
            return await self._look(where)
        except Unavailable as error:
            log.debug("log_state_unknown", error=str(error))
            return None

    async def _look(self, where: Where) -> AttemptState:
        async with self._snapshots.open(0, SHORTEST_PAUSE_S) as rows:
            return await attempt_state(rows, where, is_latest=True)

    async def _claims(self, where: Where) -> list[str]:
        async with self._pool.use() as connection:
            return await claims_of(connection, where)

    def _check(self) -> None:
        if self._hub.stopping.is_set():
            raise Unavailable("This server stops; read the log again to go on.")

    def _pause_s(self) -> float:
        return max(self._readers / LOOKS_PER_S, SHORTEST_PAUSE_S)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._readers >= MOST_READERS:
            raise Overloaded(f"{MOST_READERS} logs are being read already; try again later.")
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1


async def _answers(
    reading: AttemptLog, attempt: int, which: Filter, is_followed: bool
) -> AsyncGenerator[logs_pb2.ReadLogResponse, None]:
    # Who comes back after a lost connection wants this attempt again.
    yield logs_pb2.ReadLogResponse(attempt=attempt, next_line=reading.next_line)
    told_at = time.monotonic()
    async with aclosing(reading.read(is_followed=is_followed)) as batches:
        async for batch in batches:
            found = wanted(batch, which)
            for answer in _parts(found, attempt, reading.next_line):
                yield answer
            if found:
                told_at = time.monotonic()
            elif time.monotonic() - told_at > TELL_S:
                told_at = time.monotonic()
                yield logs_pb2.ReadLogResponse(attempt=attempt, next_line=reading.next_line)
    state = reading.state
    yield logs_pb2.ReadLogResponse(
        attempt=attempt,
        next_line=reading.next_line,
        is_end=True,
        state=state.state,
        reason=state.reason,
    )


def _parts(
    lines: list[Numbered], attempt: int, next_line: int
) -> Iterator[logs_pb2.ReadLogResponse]:
    """Answers of a bounded size. All but the last go on behind their last line."""
    answer = logs_pb2.ReadLogResponse(attempt=attempt)
    size = 0
    for number, line in lines:
        if answer.lines and (len(answer.lines) >= MOST_LINES or size + len(line.text) > MOST_TEXT):
            yield answer
            answer, size = logs_pb2.ReadLogResponse(attempt=attempt, next_line=answer.next_line), 0
        answer.lines.append(
            logs_pb2.LogLine(
                number=number,
                at=timestamp_from(line.at),
                source=line.source,
                text=line.text,
                level=line.level,
                logger=line.logger,
            )
        )
        answer.next_line = max(answer.next_line, number + 1)
        size += len(line.text)
    if answer.lines:
        answer.next_line = next_line
        yield answer


def _goes_on(state: AttemptState, follow_retries: bool) -> bool:
    """Is there another attempt to follow, now or later?"""
    if state.attempt < state.latest:
        return follow_retries or state.is_interrupted
    return not state.is_task_over and (follow_retries or state.is_interrupted)


def _filter(request: logs_pb2.ReadLogRequest) -> Filter:
    for level in request.levels:
        if level not in LEVELS:
            raise FieldProblem("levels", f"{level!r} is no level; use {', '.join(LEVELS)}.")
    if len(request.contains) > LONGEST_FILTER:
        raise FieldProblem("contains", f"contains has at most {LONGEST_FILTER} characters.")
    if request.follow_retries and not request.follow:
        raise FieldProblem("follow_retries", "follow_retries needs follow.")
    return Filter(frozenset(request.levels), request.contains)
