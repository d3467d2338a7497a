"""How the servers and the services are: each is asked by itself, so that one that is away keeps the
others from no answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.event_log import EventLog
from millstream.adapters.read_pool import ReadPool
from millstream.adapters.shard_lock import Holders, holders
from millstream.adapters.subjects import INBOX, scheduler_consumer
from millstream.core.errors import MillstreamError, NotFound, Unavailable
from millstream.rpc.v1.system_pb2 import (
    HEALTH_STATE_DEGRADED,
    HEALTH_STATE_HEALTHY,
    HEALTH_STATE_UNHEALTHY,
    ComponentHealth,
)
from millstream_api.heartbeats import Workers
from millstream_api.hub import Hub
from millstream_api.snapshot import Snapshots

PROBE_S = 2.0
# More than this, and somebody cannot keep up: a busy moment is less.
MANY_EVENTS = 5000
MANY_COMMANDS = 2000
NO_SUCH_BLOB = "0" * 64
AWAY = (OSError, MillstreamError, JetStreamError)


class Probes:
    """Asks each component. Every probe ends by itself, and soon."""

    def __init__(
        self,
        bus: Bus,
        pool: ReadPool,
        event_log: EventLog,
        snapshots: Snapshots,
        blobs: FsspecBlobs,
        hub: Hub,
        workers: Workers,
        shard: int,
        instance: str,
    ) -> None:
        self._bus = bus
        self._pool = pool
        self._log = event_log
        self._snapshots = snapshots
        self._blobs = blobs
        self._hub = hub
        self._workers = workers
        self._shard = shard
        self._instance = instance

    async def ask(self) -> tuple[list[ComponentHealth], int, int]:
        """The components, the position of the log and that of the read tables; 0: not known."""
        began = time.monotonic()
        head, projected, waiting, schedulers, projectors, blobs = await asyncio.gather(
            _soon(self._position()),
            _soon(self._snapshots.checkpoint()),
            _soon(self._waiting()),
            _soon(self._holders("scheduler")),
            _soon(self._holders("projector")),
            _soon(self._has_blobs()),
        )
        took_ms = (time.monotonic() - began) * 1000
        log_position = head if isinstance(head, int) else 0
        tables = projected if isinstance(projected, int) else 0
        return (
            [
                self._postgres(head, took_ms),
                self._nats(),
                _blob_store(blobs),
                self._api(log_position),
                _scheduler(schedulers, waiting),
                _projector(projectors, log_position, tables),
                self._of_workers(),
            ],
            log_position,
            tables,
        )

    async def _position(self) -> int:
        return (await self._log.head()).position

    async def _waiting(self) -> int:
        """Requests and reports that no scheduler has settled yet."""
        name = f"CONSUMER.INFO.{INBOX}.{scheduler_consumer(self._shard)}"
        info = await self._bus.jetstream(name, timeout_s=PROBE_S)
        return int(info["num_pending"]) + int(info["num_ack_pending"])

    async def _holders(self, role: str) -> Holders:
        async with self._pool.use() as connection:
            return await holders(connection, role, self._shard)

    async def _has_blobs(self) -> bool:
        try:
            await self._blobs.exists(NO_SUCH_BLOB)
        except NotFound:
            pass
        return True

    def _postgres(self, head: object, took_ms: float) -> ComponentHealth:
        if isinstance(head, Exception):
            return _sick("postgres", str(head))
        return _well("postgres", f"It answers within {took_ms:.0f} ms.")

    def _nats(self) -> ComponentHealth:
        if not self._bus.is_connected:
            return _sick("nats", f"It has been away for {self._bus.seconds_away:.0f} s.")
        return _well("nats", f"Connected to {self._bus.server}.")

    def _api(self, log_position: int) -> ComponentHealth:
        lag = max(log_position - self._hub.position, 0) if log_position else 0
        answer = _well("api", "Watchers see events as they are committed.")
        if lag > MANY_EVENTS:
            answer = _slow("api", f"Watchers are {lag} events behind.")
        answer.active, answer.lag = self._instance, lag
        return answer

    def _of_workers(self) -> ComponentHealth:
        alive = self._workers.alive(time.monotonic())
        if not alive:
            return _slow("workers", "No worker is alive: what needs one waits.")
        slots = sum(heard.heartbeat.slots for heard in alive)
        busy = sum(len(heard.heartbeat.attempts) for heard in alive)
        return _well("workers", f"{len(alive)} are alive; {busy} of {slots} slots are taken.")


def _blob_store(found: object) -> ComponentHealth:
    if isinstance(found, Exception):
        return _sick("blob_store", str(found))
    return _well("blob_store", "It answers.")


def _scheduler(found: object, waiting: object) -> ComponentHealth:
    answer = _holder("scheduler", found, "Nothing is decided: no task begins, nothing changes.")
    if isinstance(waiting, int):
        answer.lag = waiting
        if waiting > MANY_COMMANDS and answer.state == HEALTH_STATE_HEALTHY:
            answer.state = HEALTH_STATE_DEGRADED
            answer.detail = f"{waiting} requests and reports wait for it."
    return answer


def _projector(found: object, log_position: int, tables: int) -> ComponentHealth:
    answer = _holder("projector", found, "The read tables stay as they are.")
    answer.lag = max(log_position - tables, 0)
    if answer.lag > MANY_EVENTS and answer.state == HEALTH_STATE_HEALTHY:
        answer.state = HEALTH_STATE_DEGRADED
        answer.detail = f"The read tables are {answer.lag} events behind the log."
    return answer


def _holder(name: str, found: object, without: str) -> ComponentHealth:
    if not isinstance(found, Holders):
        return _sick(name, f"Not known: {found}")
    if not found.active:
        return _sick(name, f"None is active. {without}")
    answer = _well(name, f"{found.active} is active; {found.standing_by} stand by.")
    answer.active, answer.standing_by = found.active, found.standing_by
    return answer


def _well(name: str, detail: str) -> ComponentHealth:
    return ComponentHealth(name=name, state=HEALTH_STATE_HEALTHY, detail=detail)


def _slow(name: str, detail: str) -> ComponentHealth:
    return ComponentHealth(name=name, state=HEALTH_STATE_DEGRADED, detail=detail)


def _sick(name: str, detail: str) -> ComponentHealth:
    return ComponentHealth(name=name, state=HEALTH_STATE_UNHEALTHY, detail=detail)


async def _soon(probe: Awaitable[object]) -> object:
    """What a probe found, or why it found nothing."""
    try:
        async with asyncio.timeout(PROBE_S):
            return await probe
    except TimeoutError:
        return Unavailable(f"No answer within {PROBE_S:g} s.")
    except AWAY as error:
        return error
