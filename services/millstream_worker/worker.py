"""The worker: pulls ready events of its queues as it has slots, runs them, and says that it is
alive."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from millstream.adapters.blob_bucket import credential_names
from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.failpoints import reach
from millstream.adapters.heartbeat import decode_closed
from millstream.adapters.pull import read_meta
from millstream.adapters.secret_box import SecretBox
from millstream.adapters.settings import Settings
from millstream.adapters.streams import LATE_HEADER, XCOMS_HEADER
from millstream.adapters.subjects import closed_subject, event_subject
from millstream.core.errors import Unavailable
from millstream.core.known_xcoms import KnownXComs, decode_known
from millstream.core.state import InstanceKey, instance_key
from millstream.core.task_events import TaskReady, TaskStopped
from millstream.core.wire import UnknownEvent, read_published, to_event
from millstream.sdk.environments import DIRECTORY, MOST_MB, PROGRAM, find_uv
from millstream_worker.adopted import mark_of
from millstream_worker.attempt import NO_CONTACT, Running
from millstream_worker.blob_files import empty_scratch
from millstream_worker.capacity import Capacity
from millstream_worker.children import Children
from millstream_worker.code import code_store
from millstream_worker.dropped import Dropped
from millstream_worker.guarding import Guarding
from millstream_worker.heartbeats import Heartbeats, Held
from millstream_worker.hosts import Hosts
from millstream_worker.intake import Intake
from millstream_worker.lives import begin_life
from millstream_worker.log_files import LogFiles
from millstream_worker.places import Place
from millstream_worker.pulls import Pulls
from millstream_worker.reports import Reports
from millstream_worker.secrets import Secrets
from millstream_worker.sessions import MARK
from millstream_worker.spool import spool_folder
from millstream_worker.tools import Tools
from millstream_worker.triggers import Triggers

log = structlog.get_logger(__name__)

TEND_S = 0.1
# With nothing at work and nothing that waits it looks that much less often.
IDLE_TIMES = 5
STILL_WORKING_S = 2.0
LOGS_GRACE_S = 2.0
# How long the first processes may import what every task needs.
WARM_S = 15.0
MOST_STOPPED = 10_000
# In a drain: for stopping what does not end by itself, and for the receipts of the last reports.
MOST_STOP_S = 3.0
LAST_REPORTS_S = 0.5
CLOCK_MARGIN = timedelta(seconds=1)
# An attempt whose result cannot be stored fails: its work is worth some waiting.
BLOB_PATIENCE_S = 60.0


class Worker:
    """One worker process. ``slots`` attempts run at a time."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self.capacity = Capacity.from_settings(settings)
        self._slots = self.capacity.slots
        self._count = 0
        state_dir = Path(settings.state_dir).absolute()
        scratch = empty_scratch(state_dir / "scratch" / settings.instance)
        self.guarding = Guarding(settings.lease_s)
        self.children = Children(
            self._slots,
            scratch,
            _environment(settings) | {MARK: mark_of(settings.instance, state_dir)},
            settings.child_max_tasks,
            settings.child_max_memory_mb << 20,
        )
        self.children.guarding = self.guarding
        spool = spool_folder(settings.state_dir, settings.instance)
        self._incarnation = begin_life(state_dir / "lives", settings.instance)
        self.reports = Reports(bus, settings.shard, settings.instance, spool)
        self.heartbeats = Heartbeats(
            *(bus, settings, self._incarnation, self.capacity, self._held),
            on_contact=self.guarding.contact,
        )
        blobs = FsspecBlobs(settings.blob_url, settings.blob_options, BLOB_PATIENCE_S)
        self.logs = LogFiles(
            bus,
            blobs,
            settings.shard,
            settings.instance,
            state_dir / "logs" / settings.instance,
            settings.log_max_bytes,
        )
        self._tools = Tools(
            bus=bus,
            settings=settings,
            children=self.children,
            hosts=Hosts(self.children),
            code=code_store(settings, state_dir, blobs),
            blobs=blobs,
            reports=self.reports,
            scratch=scratch,
            secrets=Secrets(SecretBox.from_settings(settings), self.reports),
            logs=self.logs,
            heartbeats=self.heartbeats,
            guarding=self.guarding,
            pulls=Pulls(),
        )
        self.triggers = Triggers(self._tools, settings.trigger_capacity, self._new_token, self._say)
        self._running: dict[InstanceKey, Running] = {}
        self._unclaimed: dict[str, Delivery] = {}
        self._dropped = Dropped()
        self._stopped: OrderedDict[tuple[InstanceKey, int], None] = OrderedDict()
        self._connected_at = datetime.now(UTC)
        self.intake = Intake(self._tools, self.capacity, self.triggers, self._take, self._say)
        bus.when_reconnected(self._on_reconnect)

    async def start(self) -> None:
        """What an earlier life still has to report, before its leases run out; warm children."""
        self.guarding.start()
        killed = self.children.take_over()
        if killed:
            log.warning("left_by_an_earlier_life", processes_killed=killed)
        left = await self.reports.start()
        await self.heartbeats.beat()
        self.logs.start()
        self._tools.blobs.check()
        shard, me = self._settings.shard, self._settings.instance
        await self._bus.listen(event_subject(shard, "TaskStopped", "*"), self._on_stopped)
        await self._bus.listen(closed_subject(me), self._on_closed)
        await self.children.warm()
        # What it takes before would wait for it, while another worker could begin at once.
        await self.children.imported(WARM_S)
        log.info("worker_started", slots=self._slots, queues=self._settings.queues, spooled=left)
        self.intake.tune()

    async def run(self) -> None:
        """Heartbeats, reports, and the care for what waits, forever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.heartbeats.run())
            group.create_task(self.reports.run())
            group.create_task(self._tend())

    async def _tend(self) -> None:
        next_word = time.monotonic()
        while True:
            tend_s = min(TEND_S, self._settings.lease_s / 20)
            is_idle = not self._running and self.intake.is_idle
            await asyncio.sleep(tend_s * IDLE_TIMES if is_idle else tend_s)
            now = time.monotonic()
            if self.heartbeats.is_contact_lost:
                self._abandon_exclusive()
            self.intake.tend(now)
            if now >= next_word:
                next_word = now + STILL_WORKING_S
                for delivery in list(self._unclaimed.values()):
                    self._say(delivery, b"+WPI")
                self.triggers.still_working()
                self._tools.hosts.tend()
                self.guarding.tend()
                self._tools.code.tend(now)

    async def drain(self, hurrying: asyncio.Event) -> None:
        """Stop pulling, hand back what did not start, let what runs end within the grace, stop what
        is left, deliver the reports. Without more patience once ``hurrying`` is set. `run` goes on
        meanwhile: what runs on needs its lease."""
        self.intake.close()
        self.heartbeats.is_draining = True
        self.heartbeats.hasten()
        log.info("worker_drains", running=len(self._running), reports=len(self.reports))
        for running in [one for one in self._running.values() if not one.has_begun]:
            running.give_back(0.0)
        await self._settle(self._settings.drain_grace_s, hurrying)
        grace_s = min(self._settings.kill_grace_s, MOST_STOP_S)
        for running in list(self._running.values()):
            running.give_back(grace_s)
        await self._settle(grace_s + 0.5, hurrying)
        for running in list(self._running.values()):
            running.abandon()
        await self.intake.settle(0.5)
        await self.triggers.close()
        await self._tools.hosts.close()
        self._tools.code.close()
        await self.reports.settle(0.1 if hurrying.is_set() else LAST_REPORTS_S)
        # What was abandoned is given to another worker at once, not when its lease is over.
        for delivery in self._unclaimed.values():
            self._say(delivery, b"-NAK")
        await self.heartbeats.beat(is_stopping=True)
        await self.logs.close(0.1 if hurrying.is_set() else LOGS_GRACE_S)
        log.info("worker_drained", given_back=len(self._running), spooled=len(self.reports))

    async def _settle(self, timeout_s: float, hurrying: asyncio.Event) -> None:
        """Wait for the attempts that run, or until it must be quick."""
        hurry = asyncio.ensure_future(hurrying.wait())
        settling = asyncio.ensure_future(self.intake.settle(timeout_s))
        await asyncio.wait({hurry, settling}, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        settling.cancel()

    async def close(self) -> None:
        """End all processes."""
        await self.children.close()
        self.guarding.close()
        await self.guarding.gone(2.0)

    # --- from a message to a running attempt

    def _new_token(self) -> str:
        self._count += 1
        return f"{self._incarnation}-{self._count:x}"

    async def _take(self, delivery: Delivery, place: Place) -> None:
        reach("worker.pulled")
        try:
            record, _ = read_published(delivery.data)
            event = to_event(record)
        except (msgspec.MsgspecError, UnknownEvent) as error:
            log.error("ready_event_unreadable", error=str(error))
            self._say(delivery, b"+TERM")
            return
        if not isinstance(event.data, TaskReady):
            self._say(delivery, b"+TERM")
            return
        key = instance_key(event.where)
        if (key, event.where.attempt) in self._stopped:
            self._say(delivery, b"+ACK")
            return
        known = self._running.get(key)
        if known is not None:
            if known.where.attempt == event.where.attempt:
                self._say(delivery, b"+WPI")  # delivered again while it runs
                return
            if known.where.attempt > event.where.attempt:
                self._say(delivery, b"+ACK")
                return
            # This worker stood still, and missed that the one before was lost.
            known.stop("a later attempt is ready")
            if known.is_exclusive:
                await known.ended()
        token = self._new_token()
        self._unclaimed[token] = delivery
        running = Running(
            self._tools,
            event.where,
            event.data,
            event.position,
            event.trace,
            token,
            self._decided(token),
            place,
            _known(delivery),
        )
        self._running[key] = running
        began = time.monotonic()
        try:
            await running.run(event.data.exclusive or self._may_be_old(delivery, event.recorded_at))
        except Exception:
            # It is delivered again after its time, or its lease runs out: kept as under way it
            # would wait for ever.
            self._unclaimed.pop(token, None)
            raise
        finally:
            if self._running.get(key) is running:
                del self._running[key]
            if running.is_given_back:
                self._drop(token)
            lasted_s = running.lasted_s
            if lasted_s is None:
                lasted_s = time.monotonic() - began
            self.intake.note_length(place.need, lasted_s)

    def _drop(self, token: str) -> None:
        """The process of an attempt died through another's fault."""
        delivery = self._unclaimed.pop(token, None)
        if delivery is not None:
            self._say(delivery, b"-NAK")
        self._dropped.add(token)
        self.heartbeats.hasten()

    def _may_be_old(self, delivery: Delivery, recorded_at: datetime) -> bool:
        """An event that was delivered before, relayed again, or is older than this connection may
        be about an attempt that is over: it is claimed before it starts."""
        return (
            delivery.field(LATE_HEADER) is not None
            or recorded_at < self._connected_at - CLOCK_MARGIN
            or read_meta(delivery.reply).deliveries > 1
        )

    def _decided(self, token: str) -> Callable[[], None]:
        def acknowledge() -> None:
            delivery = self._unclaimed.pop(token, None)
            if delivery is not None:
                self._say(delivery, b"+ACK")

        return acknowledge

    def _say(self, delivery: Delivery, word: bytes) -> None:
        try:
            self._bus.send(delivery.reply, word)
        except Unavailable:
            pass  # it will be delivered again

    # --- attempts that are stopped

    def _on_stopped(self, delivery: Delivery) -> None:
        """The log says that an attempt is over: it may be one of ours, or one that we are about to
        begin."""
        try:
            event = to_event(read_published(delivery.data)[0])
        except (msgspec.MsgspecError, UnknownEvent) as error:
            log.error("stop_event_unreadable", error=str(error))
            return
        if not isinstance(event.data, TaskStopped):
            return
        key, attempt = instance_key(event.where), event.where.attempt
        self._stopped[key, attempt] = None
        while len(self._stopped) > MOST_STOPPED:
            self._stopped.popitem(last=False)
        running = self._running.get(key)
        if running is not None and running.where.attempt == attempt:
            log.info("attempt_stopped", task_id=event.where.task_id, reason=event.data.reason)
            running.stop(event.data.reason)
        self.triggers.stop(event.where)

    def _on_closed(self, delivery: Delivery) -> None:
        """A scheduler that heard our heartbeat knows some of the claims no longer: it makes sure
        with a claim, since that scheduler may be one that was replaced."""
        tokens = set(decode_closed(delivery.data))
        for running in list(self._running.values()):
            if running.token in tokens:
                running.claim_again()
        self.triggers.claim_again(tokens)

    # --- life signs

    def _held(self) -> Held:
        running = self._running.values()
        return Held(
            runs=[*(each.token for each in running), *self.triggers.tokens],
            claimed=[*(e.token for e in running if e.is_claimed), *self.triggers.claimed],
            reported=self.reports.tokens,
            dropped=self._dropped.take(),
        )

    def _abandon_exclusive(self) -> None:
        for running in list(self._running.values()):
            if running.is_exclusive and running.has_begun and not running.is_abandoned:
                log.error("exclusive_attempt_ended", task_id=running.where.task_id, why=NO_CONTACT)
                running.abandon(NO_CONTACT)

    def _on_reconnect(self) -> None:
        self._connected_at = datetime.now(UTC)
        self.heartbeats.hasten()


def _known(delivery: Delivery) -> KnownXComs:
    """XComs that came with a ready event; those of a foreign message are as good as none."""
    line = delivery.field(XCOMS_HEADER)
    try:
        return {} if line is None else decode_known(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.error("xcoms_unreadable", error=str(error))
        return {}


def _environment(settings: Settings) -> dict[str, str | None]:
    """What tasks are told of the settings, wherever these come from; None: not even what the
    worker's own environment says."""
    return {
        **dict.fromkeys(credential_names(settings.blob_url, settings.blob_options)),
        DIRECTORY: str(Path(settings.state_dir).absolute() / "environments"),
        MOST_MB: str(settings.environment_cache_mb),
        PROGRAM: find_uv() or "",
        "MILLSTREAM_XCOM_PICKLE": "1" if settings.xcom_pickle else "",
        "MILLSTREAM_XCOM_CLASSES": ",".join(settings.xcom_classes),
        "MILLSTREAM_XCOM_MAX_BYTES": str(settings.xcom_max_bytes),
    }
