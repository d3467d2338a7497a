"""The triggers of deferred tasks that this worker runs: one process for all of a bundle, however
many they are. They take no slots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import structlog

from millstream.adapters.bus_client import Delivery
from millstream.adapters.log_lines import LogHeader, LogLine, encode_log_lines, log_subject
from millstream.adapters.streams import lookup_subject
from millstream.core.commands import FireTrigger, StartAttempt
from millstream.core.deferral import Cause
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import Event, TriggerReady
from millstream.core.wire import UnknownEvent, read_published, to_event
from millstream.sdk.triggers.running import Firing
from millstream_worker.ask_states import find_states
from millstream_worker.children import Child, Children
from millstream_worker.frames import (
    Answered,
    Asked,
    CancelTrigger,
    Find,
    Fired,
    FromChild,
    RunTrigger,
    Said,
    Told,
)
from millstream_worker.tools import Tools

log = structlog.get_logger(__name__)

MOST_WANTED = 256
IDLE_S = 60.0
CALM_S = 60.0
# A process that dies so often without a calm minute takes its triggers with it.
MOST_CRASHES = 3
LOOKUP_TIMEOUT_S = 2.0
RESTART_AFTER_S = 0.5


@dataclass(slots=True, eq=False)
class _Open:
    """A trigger whose claim was accepted."""

    where: Where
    ready: TriggerReady
    token: str
    started_at: datetime
    folder: str
    # Of the event that made it ready: what was decided before, it must not miss.
    position: int
    lines: int = 0


@dataclass(slots=True)
class _Bundle:
    """The triggers of one bundle and the process that runs them."""

    open: dict[str, _Open] = field(default_factory=dict)
    host: HostProcess | None = None
    starting: asyncio.Task[None] | None = None
    crashes: int = 0
    crashed_at: float = 0.0
    idle_since: float = 0.0


class HostProcess(Child):
    """A process that runs triggers. What it writes to stderr goes to the worker's log."""

    MODULE = "millstream_worker.trigger_host"

    def __init__(
        self,
        children: Children,
        on_said: Callable[[FromChild], None],
        on_ended: Callable[[HostProcess], None],
    ) -> None:
        super().__init__(children.scratch, children.environment)
        self._on_said = on_said
        self._on_ended = on_ended
        self._on_output = self._print

    def tell(self, message: RunTrigger | CancelTrigger | Answered) -> None:
        self.write(message)

    async def watch(self) -> None:
        """Wait for its end."""
        await self.ended()
        self._on_ended(self)

    def _on_message(self, message: FromChild) -> None:
        self._on_said(message)

    def _print(self, source: str, data: bytes) -> None:
        for line in data.decode("utf-8", "replace").splitlines():
            log.warning("trigger_process_says", text=line[:2000])


class Triggers:
    """The triggers of this worker. ``new_token`` makes the token of a claim."""

    def __init__(
        self,
        tools: Tools,
        capacity: int,
        new_token: Callable[[], str],
        say: Callable[[Delivery, bytes], None],
    ) -> None:
        self._tools = tools
        self._capacity = capacity
        self._new_token = new_token
        self._say = say
        self._unclaimed: dict[str, tuple[Where, Delivery]] = {}
        self._bundle_of: dict[str, str] = {}
        self._bundles: dict[str, _Bundle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._bundle_of) + len(self._unclaimed)

    @property
    def want(self) -> int:
        """How many more may come."""
        return max(min(self._capacity - len(self), MOST_WANTED), 0)

    @property
    def tokens(self) -> list[str]:
        """The claims on triggers that run or are about to."""
        return [*self._bundle_of, *self._unclaimed]

    @property
    def processes(self) -> int:
        return sum(bundle.host is not None for bundle in self._bundles.values())

    def take(self, delivery: Delivery) -> None:
        """A trigger of our queues is ready."""
        try:
            record, _ = read_published(delivery.data)
            event = to_event(record)
        except (msgspec.MsgspecError, UnknownEvent) as error:
            log.error("ready_event_unreadable", error=str(error))
            self._say(delivery, b"+TERM")
            return
        if not isinstance(event.data, TriggerReady):
            self._say(delivery, b"+TERM")
            return
        token = self._new_token()
        self._unclaimed[token] = (event.where, delivery)
        self._spawn(self._begin(event, event.data, token, delivery))

    def still_working(self) -> None:
        """Nobody else is given what we are about to claim."""
        for _, delivery in self._unclaimed.values():
            self._say(delivery, b"+WPI")

    @property
    def claimed(self) -> list[str]:
        """Those of ``tokens`` whose claim was accepted."""
        return list(self._bundle_of)

    def stop(self, where: Where) -> None:
        """Somebody ended the task: its trigger is killed, and says nothing any more."""
        for bundle in self._bundles.values():
            for one in list(bundle.open.values()):
                if one.where == where:
                    self._cancel(one, is_killed=True)

    def claim_again(self, tokens: set[str]) -> None:
        """The scheduler seems to have forgotten these claims: the tasks may have gone on."""
        for token in tokens:
            one = self._find(token)
            if one is not None:
                self._spawn(self._check(one))

    async def _check(self, one: _Open) -> None:
        claim = self._claim(one.where, one.token, f"{one.token}/again", one.started_at)
        if (await self._tools.reports.send(claim)).is_refused:
            self._cancel(one, is_killed=False)

    def _claim(self, where: Where, token: str, id_: str, started_at: datetime) -> StartAttempt:
        return StartAttempt(
            id=id_, where=where, worker=self._tools.worker, token=token, started_at=started_at
        )

    def _cancel(self, one: _Open, *, is_killed: bool) -> None:
        self._forget(one.token)
        self._tell(one, CancelTrigger(one.token, is_killed))

    def tend(self) -> None:
        """End processes that have had nothing to do for a while."""
        now = time.monotonic()
        for name, bundle in list(self._bundles.items()):
            if bundle.open or bundle.starting is not None:
                bundle.idle_since = now
            elif now - bundle.idle_since > IDLE_S:
                del self._bundles[name]
                if bundle.host is not None:
                    host, bundle.host = bundle.host, None
                    host.kill()

    async def close(self) -> None:
        """Kill all processes and wait."""
        hosts = [bundle.host for bundle in self._bundles.values() if bundle.host is not None]
        for bundle in self._bundles.values():
            bundle.host = None
        self._bundles.clear()
        self._bundle_of.clear()
        self._unclaimed.clear()
        for task in list(self._tasks):
            task.cancel()
        for host in hosts:
            host.kill()
        await asyncio.gather(*(host.ended() for host in hosts))

    # --- from an event to a trigger that runs

    async def _begin(
        self, event: Event, ready: TriggerReady, token: str, delivery: Delivery
    ) -> None:
        started_at = datetime.now(UTC)
        claim = self._claim(event.where, token, f"{token}/start", started_at)
        try:
            receipt = await self._tools.reports.send(claim)
        finally:
            self._unclaimed.pop(token, None)
        self._say(delivery, b"+ACK")
        if receipt.is_refused:
            return
        one = _Open(event.where, ready, token, started_at, "", event.position)
        bundle = self._bundles.setdefault(ready.bundle, _Bundle(idle_since=time.monotonic()))
        bundle.open[token] = one
        self._bundle_of[token] = ready.bundle
        try:
            if ready.bundle:
                one.folder = str(await self._tools.bundles.fetch(ready.bundle))
        except MillstreamError as error:
            self._fire(one, Firing(cause="error", message=f"{type(error).__name__}: {error}"))
            return
        if bundle.host is not None:
            self._run(bundle.host, one)
        elif bundle.starting is None:
            bundle.starting = self._spawn(self._start_host(bundle, 0.0))

    async def _start_host(self, bundle: _Bundle, after_s: float) -> None:
        await asyncio.sleep(after_s)
        host = HostProcess(self._tools.children, self._on_message, self._on_ended)
        try:
            await host.start()
        except OSError as error:
            log.error("trigger_process_not_started", error=str(error))
            bundle.starting = self._spawn(self._start_host(bundle, after_s * 2 or RESTART_AFTER_S))
            return
        bundle.host, bundle.starting = host, None
        self._spawn(host.watch())
        for one in list(bundle.open.values()):
            if one.folder or not one.ready.bundle:
                self._run(host, one)

    def _run(self, host: HostProcess, one: _Open) -> None:
        ready = one.ready
        host.tell(
            RunTrigger(
                one.token, one.where, ready.trigger, one.folder, ready.file, ready.timeout_at
            )
        )

    # --- what the process says

    def _on_message(self, message: FromChild) -> None:
        match message:
            case Fired(token=token, firing=firing):
                one = self._find(token)
                if one is None:
                    return
                if firing is None:  # nobody waits for it any more
                    self._forget(token)
                else:
                    self._fire(one, firing)
            case Said(token=token, text=text):
                one = self._find(token)
                if one is not None:
                    self._publish_line(one, text)
            case Asked(token=token):
                one = self._find(token)
                if one is not None:
                    self._spawn(self._answer(one, message))

    async def _answer(self, one: _Open, asked: Asked) -> None:
        question = asked.question
        if isinstance(question, Find):
            told = await self._tools.secrets.find(question, one.where.namespace, self._look_up)
            self._tell(one, Answered(asked.number, told))
            return
        try:
            value = await find_states(
                self._tools.bus,
                self._tools.shard,
                one.where.namespace,
                question.question,
                one.position,
            )
            told = Told(value.decode())
        except (MillstreamError, msgspec.MsgspecError) as error:
            told = Told(error=str(error))
        self._tell(one, Answered(asked.number, told))

    async def _look_up(self, what: str, question: bytes) -> bytes:
        """Ask the projector, patiently: it may be restarting."""
        subject = lookup_subject(self._tools.shard, what)
        while True:
            try:
                return await self._tools.bus.ask(subject, question, LOOKUP_TIMEOUT_S)
            except Unavailable:
                await asyncio.sleep(0.2)

    def _tell(self, one: _Open, message: CancelTrigger | Answered) -> None:
        bundle = self._bundles.get(one.ready.bundle)
        if bundle is not None and bundle.host is not None:
            bundle.host.tell(message)

    def _on_ended(self, host: HostProcess) -> None:
        """The process died: its triggers are run again, unless it does nothing but die."""
        bundle = next((b for b in self._bundles.values() if b.host is host), None)
        if bundle is None:
            return
        bundle.host = None
        now = time.monotonic()
        bundle.crashes = 1 if now - bundle.crashed_at > CALM_S else bundle.crashes + 1
        bundle.crashed_at = now
        log.error("trigger_process_died", how=host.ending, triggers=len(bundle.open))
        if bundle.crashes >= MOST_CRASHES:
            bundle.crashes = 0
            why = f"the process of the triggers died {MOST_CRASHES} times: {host.ending}"
            for one in list(bundle.open.values()):
                self._fire(one, Firing(cause="error", message=why))
        elif bundle.open:
            bundle.starting = self._spawn(
                self._start_host(bundle, RESTART_AFTER_S * 2**bundle.crashes)
            )

    def _fire(self, one: _Open, firing: Firing) -> None:
        self._forget(one.token)
        cause: Cause = firing.cause
        self._tools.reports.send(
            FireTrigger(
                id=f"{one.token}/end",
                where=one.where,
                worker=self._tools.worker,
                token=one.token,
                started_at=one.started_at,
                cause=cause,
                payload=msgspec.Raw(firing.payload),
                message=firing.message,
                traceback=firing.traceback,
            )
        )

    def _find(self, token: str) -> _Open | None:
        bundle = self._bundles.get(self._bundle_of.get(token, ""))
        return None if bundle is None else bundle.open.get(token)

    def _forget(self, token: str) -> None:
        bundle = self._bundles.get(self._bundle_of.pop(token, ""))
        if bundle is not None:
            bundle.open.pop(token, None)

    def _publish_line(self, one: _Open, text: str) -> None:
        subject = log_subject(self._tools.shard, one.where)
        header = LogHeader(one.lines, claim=one.token)
        one.lines += 1
        line = LogLine(at=datetime.now(UTC), source="stdout", text=text)
        try:
            self._tools.bus.send(subject, encode_log_lines([line]), headers=header.encode())
        except Unavailable:
            log.warning("log_lines_lost", task_id=one.where.task_id)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("trigger_failed_inside", exc_info=task.exception())
