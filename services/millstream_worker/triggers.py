"""The triggers of deferred tasks that this worker runs, in the process of their bundle, however
many they are. They take no slots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import structlog

from millstream.adapters.bus_client import Delivery
from millstream.adapters.subjects import lookup_subject
from millstream.core.deferral import Cause
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import Event
from millstream.core.reports import FireTrigger, StartAttempt
from millstream.core.task_events import TriggerReady
from millstream.core.wire import UnknownEvent, read_published, to_event
from millstream.sdk.attempts import Firing
from millstream_worker.ask_states import find_states
from millstream_worker.code import NO_CODE, Code
from millstream_worker.frames import (
    Answered,
    Asked,
    AskStates,
    CancelTrigger,
    Find,
    Fired,
    FromChild,
    Question,
    RunTrigger,
    Said,
    Told,
)
from millstream_worker.hosts import HostProcess, Key
from millstream_worker.log_files import AttemptLog
from millstream_worker.tools import Tools

log = structlog.get_logger(__name__)

MOST_WANTED = 256
# A process that dies so often without a calm minute takes its triggers with it.
MOST_CRASHES = 3
LOOKUP_TIMEOUT_S = 2.0


@dataclass(slots=True, eq=False)
class _Open:
    """A trigger whose claim was accepted."""

    where: Where
    ready: TriggerReady
    token: str
    started_at: datetime
    # Of the event that made it ready: what was decided before, it must not miss.
    position: int
    log: AttemptLog
    code: Code = NO_CODE
    host: HostProcess | None = None


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
        self._open: dict[str, _Open] = {}
        self._hosts = tools.hosts
        self._hosts.on_said = self._on_message
        self._hosts.on_died = self._on_died
        self._hosts.needed = self._needed
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open) + len(self._unclaimed)

    @property
    def want(self) -> int:
        """How many more may come."""
        return max(min(self._capacity - len(self), MOST_WANTED), 0)

    @property
    def tokens(self) -> list[str]:
        """The claims on triggers that run or are about to."""
        return [*self._open, *self._unclaimed]

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
        return list(self._open)

    def stop(self, where: Where) -> None:
        """Somebody ended the task: its trigger is killed, and says nothing any more."""
        for one in list(self._open.values()):
            if one.where == where:
                self._cancel(one, is_killed=True)

    def claim_again(self, tokens: set[str]) -> None:
        """The scheduler seems to have forgotten these claims: the tasks may have gone on."""
        for token in tokens:
            one = self._open.get(token)
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
        self._forget(one)
        self._tell(one, CancelTrigger(one.token, is_killed))

    async def close(self) -> None:
        """They run no more."""
        for one in list(self._open.values()):
            self._forget(one)
        self._unclaimed.clear()
        for task in list(self._tasks):
            task.cancel()

    def _needed(self) -> set[Key]:
        return {(one.ready.bundle, one.code.python) for one in self._open.values()}

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
        attempt_log = self._tools.logs.open(event.where, token)
        one = _Open(event.where, ready, token, started_at, event.position, attempt_log)
        self._open[token] = one
        try:
            if ready.bundle:
                one.code = await self._tools.code.fetch(ready.bundle, ready.file)
                if token not in self._open:  # it was stopped meanwhile
                    self._tools.code.give_back(one.code)
                    return
        except MillstreamError as error:
            self._fire(one, Firing(cause="error", message=f"{type(error).__name__}: {error}"))
            return
        await self._run(one)

    async def _run(self, one: _Open) -> None:
        ready = one.ready
        one.host = await self._hosts.get(ready.bundle, one.code.python)
        if one.token in self._open:
            one.host.tell(
                RunTrigger(
                    one.token,
                    one.where,
                    ready.trigger,
                    one.code.folder,
                    ready.file,
                    ready.timeout_at,
                )
            )

    # --- what the process says

    def _on_message(self, host: HostProcess, message: FromChild) -> None:
        match message:
            case Fired(token=token, firing=firing):
                one = self._open.get(token)
                if one is None:
                    return
                if firing is None:  # nobody waits for it any more
                    self._forget(one)
                else:
                    self._fire(one, firing)
            case Said(token=token, text=text):
                one = self._open.get(token)
                if one is not None:
                    one.log.feed("stdout", text.encode("utf-8", "replace") + b"\n")
            case Asked(token=token):
                one = self._open.get(token)
                if one is not None:
                    self._spawn(self._answer(one, message))

    async def _answer(self, one: _Open, asked: Asked) -> None:
        try:
            told = await self._told(one, asked.question)
        except Exception as error:  # without an answer the trigger would wait for ever
            if not isinstance(error, MillstreamError | msgspec.MsgspecError):
                log.exception("answer_failed_inside", task_id=one.where.task_id)
            told = Told(error=str(error) or type(error).__name__)
        self._tell(one, Answered(asked.number, told))

    async def _told(self, one: _Open, question: Question) -> Told:
        tools, namespace = self._tools, one.where.namespace
        if isinstance(question, Find):
            return await tools.secrets.find(question, namespace, self._look_up)
        if not isinstance(question, AskStates):
            return Told(error="a trigger cannot ask for that")
        data = question.question
        value = await find_states(tools.bus, tools.shard, namespace, data, one.position)
        return Told(value.decode())

    async def _look_up(self, what: str, question: bytes) -> bytes:
        """Ask the projector, patiently: it may be restarting."""
        subject = lookup_subject(self._tools.shard, what)
        while True:
            try:
                return await self._tools.bus.ask(subject, question, LOOKUP_TIMEOUT_S)
            except Unavailable:
                await asyncio.sleep(0.2)

    def _tell(self, one: _Open, message: CancelTrigger | Answered) -> None:
        if one.host is not None:
            one.host.tell(message)

    def _on_died(self, host: HostProcess, crashes: int, culprit: str) -> None:
        """The process died: its triggers are run again, unless it does nothing but die."""
        for one in [each for each in self._open.values() if each.host is host]:
            one.host = None
            if crashes >= MOST_CRASHES and culprit in ("", one.token):
                why = f"the process of the triggers died {crashes} times: {host.ending}"
                self._fire(one, Firing(cause="error", message=why))
            else:
                self._spawn(self._run(one))

    def _fire(self, one: _Open, firing: Firing) -> None:
        if firing.cause == "error":
            one.log.note(firing.traceback.rstrip() or firing.message, "ERROR")
        self._forget(one)
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

    def _forget(self, one: _Open) -> None:
        if self._open.pop(one.token, None) is not None:
            self._tools.code.give_back(one.code)
        one.log.finish()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("trigger_failed_inside", exc_info=task.exception())
