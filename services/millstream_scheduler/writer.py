"""The writer: takes what INBOX holds, decides each command, commits all of it at once, hands it on.

The core changes the state as it decides, so a batch that was decided is committed or this process
ends: there is no way back, and none is needed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import EventLog, Refusal, Stored
from millstream.adapters.failpoints import reach
from millstream.adapters.secret_table import SecretRow
from millstream.adapters.settings import Settings
from millstream.core.commands import (
    AccessCommand,
    AdvanceBackfill,
    AnyCommand,
    ApiCommand,
    BeginEpoch,
    LetIn,
    Quarantine,
    ReencryptSecrets,
    RerunRun,
    RunCommand,
    SecretCommand,
    SubmitDag,
    TimerCommand,
    TriggerRun,
)
from millstream.core.decisions import rerunning, triggering
from millstream.core.decisions.backfills import is_too_early, run_to_recall
from millstream.core.errors import REQUEST_ID_REUSED, Fenced, Refused, Unavailable
from millstream.core.events import Event
from millstream.core.handle import handle, note_unchanged, receipt, repeated_receipt
from millstream.core.lanes import lanes_of
from millstream.core.quarantine import quarantine_of, text_of, where_of
from millstream.core.receipts import Receipt
from millstream.core.reports import DeferAttempt, Report, SucceedAttempt
from millstream.core.state import Run, RunKey, State, run_key
from millstream.core.wire import canonical_bytes, chain_digest, published_bytes, to_event, to_record
from millstream_scheduler.admission import UNKNOWN, Sender, actor_of, admit, id_of, read_sender
from millstream_scheduler.handed_on import HandedOn
from millstream_scheduler.intake import Intake
from millstream_scheduler.leases import Leases
from millstream_scheduler.past_runs import PastRuns
from millstream_scheduler.poison import POISON, refuse_for_good
from millstream_scheduler.relay import Relay, Settlement
from millstream_scheduler.secrets import hashes_of, resealed_of, secret_of
from millstream_scheduler.timers import Timers
from millstream_scheduler.used_names import UsedNames

log = structlog.get_logger(__name__)

# Receipts; what is older is looked up in the log.
MOST_REMEMBERED = 50_000
RETRY_AFTER_S = 0.1
INTERNAL = "INTERNAL"


@dataclass(slots=True)
class _Asked:
    """A command of a batch, where it came from, and what became of it."""

    delivery: Delivery
    sender: Sender
    command: ApiCommand | Report
    receipt: Receipt | None = None

    @property
    def actor(self) -> str:
        """Who is named in the events: an api, and for whom it asked."""
        return actor_of(self.sender, self.command)


@dataclass(slots=True)
class _Batch:
    asked: list[_Asked] = field(default_factory=list)
    acks: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    # Own commands that need what this batch says about a run to be in the log.
    later: list[TimerCommand] = field(default_factory=list)
    # To those whose message is no command that they may send, but has an id.
    answers: list[tuple[Sender, Receipt]] = field(default_factory=list)
    secrets: list[SecretRow] = field(default_factory=list)
    # What the requests said, by their ids.
    contents: dict[str, str] = field(default_factory=dict)
    # What goes with ready events, by their positions.
    xcoms: dict[int, bytes] = field(default_factory=dict)
    # One message, that may have ended the schedulers before this one, and nothing else.
    is_alone: bool = False


class Writer:
    """One per shard and epoch."""

    def __init__(
        self,
        bus: Bus,
        event_log: EventLog,
        relay: Relay,
        leases: Leases,
        timers: Timers,
        settings: Settings,
        state: State,
    ) -> None:
        self._bus = bus
        self._log = event_log
        self._most_bytes = bus.largest_command
        self._relay = relay
        self._leases = leases
        self._timers = timers
        self._state = state
        self._epoch = state.epoch
        self._used = UsedNames(event_log)
        self._past = PastRuns(event_log, state)
        self._me = f"scheduler/{settings.instance}"
        # By id: while Postgres is away the same is asked for again and again.
        self._own: OrderedDict[str, TimerCommand] = OrderedDict()
        begin = BeginEpoch(id=f"epoch/{state.epoch}", holder=settings.instance)
        self._own[begin.id] = begin
        self._arrived = asyncio.Event()
        self._arrived.set()
        # With what the request said, "" where nobody knows.
        self._remembered: OrderedDict[str, tuple[Receipt, str]] = OrderedDict()
        self._let_in_at = -1
        self._handed_on = HandedOn()
        self._last_now = datetime.min.replace(tzinfo=UTC)
        self._intake = Intake(bus, settings.shard, self._arrived, relay.disturb)
        leases.restore(state)

    def submit_own(self, command: TimerCommand) -> None:
        """A command of the scheduler itself."""
        self._own.setdefault(command.id, command)
        self._arrived.set()

    async def pull(self) -> None:
        """Keep INBOX messages coming, as many as there is room for."""
        await self._intake.run()

    async def run(self) -> None:
        """Decide and commit, forever. Raises Fenced when another writer took over."""
        await self._remember_poison()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._intake or self._own:
                await self._intake.gather()
                await self._relay.room()
                await self._step()
                self._intake.tune(self._past.waiting)

    async def _remember_poison(self) -> None:
        """What ended a scheduler may have been sent more than once."""
        while True:
            try:
                found = await self._log.refused_lately(POISON)
                break
            except Unavailable as error:
                log.warning("recall_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)
        for command_id, message in found.items():
            receipt = Receipt(id=command_id, reason=INTERNAL, message=message)
            self._remembered[command_id] = (receipt, "")

    async def _step(self) -> None:
        batch = self._take()
        if batch.acks:
            reach("scheduler.fetched")
        try:
            await self._carry_out(batch)
        except Fenced:
            raise
        except Exception as error:
            if batch.is_alone and batch.asked:
                await self._refuse_for_good(batch.asked[0], error)
            raise

    async def _carry_out(self, batch: _Batch) -> None:
        await self._recall(batch)
        while self._own and not batch.is_alone:
            await self._decide_own(batch, self._own.popitem(last=False)[1])
        for command in batch.later:
            self._own[command.id] = command
        for asked in batch.asked:
            if asked.receipt is None:
                self._decide_asked(batch, asked)
        await self._recall_refused(batch)
        stored, payloads = self._chain(batch.events)
        if stored:
            reach("scheduler.decided")
            await self._relay.prepare_lanes(_lanes_of(batch))
            await self._commit(stored, batch.secrets, batch.contents)
            reach("scheduler.committed")
        elif batch.acks:
            # No commit would tell that another one has taken over, and a writer that was fenced
            # knows too little to refuse anything.
            await self._check_fence()
        if batch.refusals:
            await self._keep_refusals(batch.refusals)
        for event in batch.events:
            self._leases.note(event)
            self._timers.note(event)
        receipts = [
            (asked.sender, asked.receipt) for asked in batch.asked if asked.receipt is not None
        ]
        receipts += batch.answers
        settlement = Settlement(self._state.position, receipts, batch.acks)
        self._relay.push(stored, payloads, settlement, batch.xcoms)
        self._handed_on.forget(batch.events, are_left=bool(self._state.limits.openings))
        self._let_in_more()

    def _let_in_more(self) -> None:
        """Where more wait and fit than one batch lets in. Not again where nothing came of it."""
        position = self._state.position
        if self._state.limits.openings and position != self._let_in_at:
            self._let_in_at = position
            self.submit_own(LetIn(id=f"let-in/{position}"))

    def _take(self) -> _Batch:
        """The next messages, decoded; rubbish becomes a refusal."""
        taken = self._intake.take(bool(self._own))
        batch = _Batch(is_alone=taken.is_alone)
        for delivery in taken.deliveries:
            batch.acks.append(delivery.reply)
            sender = UNKNOWN
            try:
                sender = read_sender(delivery.subject)
                command = _admitted(sender, delivery.data, self._most_bytes)
            except Refused as error:
                log.warning(
                    "refused", sender=str(sender), reason=error.reason, error=str(error)[:500]
                )
                batch.refusals.append(
                    Refusal(
                        "", str(sender), delivery.subject[:200], error.reason, str(error)[:1000]
                    )
                )
                named = id_of(delivery.data) if sender is not UNKNOWN else ""
                if named:  # or it would be sent again for ever
                    answer = Receipt(id=named, reason=error.reason, message=str(error)[:1000])
                    batch.answers.append((sender, answer))
                continue
            batch.asked.append(_Asked(delivery, sender, command, self._known(command)))
        return batch

    async def _refuse_for_good(self, asked: _Asked, error: Exception) -> None:
        failed = _failed(error)
        receipt = Receipt(id=asked.command.id, reason=INTERNAL, message=str(failed)[:1000])
        try:
            await refuse_for_good(self._bus, self._log, asked.delivery, asked.sender, receipt)
        except Unavailable as unavailable:
            log.warning("poison_is_kept", error=str(unavailable))

    async def _recall(self, batch: _Batch) -> None:
        """Give clients' requests that were committed before their receipts, and refuse run ids that
        were used before by runs that are over."""
        for asked in batch.asked:
            report = asked.command
            if isinstance(report, SucceedAttempt | DeferAttempt) and report.runs:
                runs = await self._used.inform_report(report)
                asked.command = msgspec.structs.replace(report, runs=runs)
        requests = [
            a for a in batch.asked if a.receipt is None and isinstance(a.command, ApiCommand)
        ]
        if not requests:
            return
        found = await self._patiently_caused_by([asked.command.id for asked in requests], None)
        triggers = [a.command for a in requests if isinstance(a.command, TriggerRun | RerunRun)]
        await self._used.look_up(triggers)
        for asked in requests:
            events = found.get(asked.command.id)
            if events:
                asked.receipt = _repeated(asked.command.id, events)
        repeated = [asked for asked in requests if asked.receipt is not None]
        if repeated:
            said = await self._patiently_said([asked.command.id for asked in repeated])
            for asked in repeated:
                if not _is_same(asked.command, said.get(asked.command.id, "")):
                    asked.receipt = _reused(asked.command)

    async def _recall_refused(self, batch: _Batch) -> None:
        """A report that is refused now may have been committed before: then its receipt is that
        one."""
        reports = [
            a
            for a in batch.asked
            if isinstance(a.command, Report) and a.receipt is not None and a.receipt.is_refused
        ]
        if not reports:
            return
        run_ids = sorted({a.command.where.run_id for a in reports if isinstance(a.command, Report)})
        found = await self._patiently_caused_by([a.command.id for a in reports], run_ids)
        for asked in reports:
            events = found.get(asked.command.id)
            if events:
                asked.receipt = Receipt(id=asked.command.id, position=events[-1].record.position)
        repeated = set(found)
        batch.refusals = [r for r in batch.refusals if r.command_id not in repeated]

    def _decide_asked(self, batch: _Batch, asked: _Asked) -> None:
        """Whatever our own code makes of it: a command that ended the process would end the next
        one too, which gets the same message."""
        try:
            self._decide(batch, asked)
        except Exception as error:
            log.exception("command_failed", command=asked.command.id, sender=str(asked.sender))
            self._refuse(batch, asked, _failed(error))

    def _decide(self, batch: _Batch, asked: _Asked) -> None:
        earlier = self._known(asked.command)
        if earlier is not None:
            asked.receipt = earlier
            return
        if isinstance(asked.command, TriggerRun | RerunRun):
            refusal = self._used.refusal(asked.command, batch.events)
            if refusal is not None:
                self._refuse(batch, asked, refusal)
                return
        recalled = None
        if isinstance(asked.command, RerunRun):
            key, until = rerunning.past_of(asked.command)
            is_refused = not until and key in self._state.runs  # it goes on
            if not is_refused and self._must_wait_for_past(batch, asked, key, until):
                return
            recalled = self._past.take(key, until)
        elif isinstance(asked.command, RunCommand):
            key = run_key(asked.command.where)
            if self._must_wait(batch, asked, key):
                return
            recalled = self._past.take(key)
        elif (wanted := triggering.run_to_recall(self._state, asked.command)) is not None:
            if self._must_wait(batch, asked, wanted):
                return
            recalled = self._past.take(wanted)
        try:
            events = self._handle(asked.command, asked.actor, recalled)
        except Refused as error:
            self._refuse(batch, asked, error)
            return
        if not events and isinstance(asked.command, ApiCommand):
            events = [self._note_unchanged(asked.command, asked.actor)]
        batch.events += events
        if isinstance(asked.command, SucceedAttempt):
            are_left = bool(self._state.limits.openings)
            batch.xcoms |= self._handed_on.of_result(events, are_left=are_left)
        elif isinstance(asked.command, SecretCommand):
            batch.secrets.append(secret_of(asked.command, events[0]))
        elif isinstance(asked.command, AccessCommand):
            batch.secrets += hashes_of(asked.command, events)
        elif isinstance(asked.command, ReencryptSecrets):
            batch.secrets += resealed_of(asked.command)
        asked.receipt = receipt(self._state, asked.command, events)
        self._remember(asked.receipt, asked.command)
        if content := _content_of(asked.command):
            batch.contents[asked.command.id] = content

    def _must_wait(self, batch: _Batch, asked: _Asked, key: RunKey) -> bool:
        """Put a command about a run that is over aside until the run is recalled from the log. What
        this batch says about the run must be there first."""
        return key not in self._state.runs and self._must_wait_for_past(batch, asked, key, 0)

    def _must_wait_for_past(self, batch: _Batch, asked: _Asked, key: RunKey, until: int) -> bool:
        """As :meth:`_must_wait`, of a run that may go on, as it stood at a position."""
        is_in_log = all(
            run_key(event.where) != key or 0 < until < event.position for event in batch.events
        )
        if is_in_log and self._past.has(key, until):
            return False
        batch.acks.remove(asked.delivery.reply)
        again = partial(self._intake.put, asked.delivery)
        if is_in_log:
            self._past.fetch(key, again, until)
        else:
            again()
        return True

    async def _decide_own(self, batch: _Batch, command: TimerCommand) -> None:
        """A command of our own that fails is seen by nobody, so what it is about is put aside."""
        try:
            command = await self._used.inform(self._state, command)
            self._handle_own(batch, command)
        except Refused as error:
            log.error("own_command_failed", command=command.id, error=str(error))
        except Exception as error:
            log.exception("own_command_failed", command=command.id)
            where = where_of(command)
            if where is not None and not isinstance(command, Quarantine):
                self.submit_own(quarantine_of(where, error))

    def _handle_own(self, batch: _Batch, command: TimerCommand) -> None:
        recalled = None
        if isinstance(command, AdvanceBackfill):
            if is_too_early(self._state, command):  # it ended in this very batch
                batch.later.append(command)
                return
            key = run_to_recall(self._state, command)
            if key is not None and key not in self._state.runs:
                if not self._past.has(key):
                    self._past.fetch(key, partial(self.submit_own, command))
                    return
                recalled = self._past.take(key)
        events = self._handle(command, self._me, recalled)
        batch.events += events
        if isinstance(command, LetIn):
            batch.xcoms |= self._handed_on.of_those_left(events)

    def _handle(self, command: AnyCommand, actor: str, recalled: Run | None = None) -> list[Event]:
        return handle(self._state, command, actor, self._now(), self._epoch, recalled)

    def _note_unchanged(self, command: ApiCommand, actor: str) -> Event:
        """A later repetition must not find that there is something to do by then."""
        given = receipt(self._state, command, [])
        return note_unchanged(self._state, command, actor, self._now(), self._epoch, given)

    def _refuse(self, batch: _Batch, asked: _Asked, error: Refused) -> None:
        command = asked.command
        asked.receipt = Receipt(id=command.id, reason=error.reason, message=str(error))
        batch.refusals.append(
            Refusal(command.id, asked.actor, type(command).__name__, error.reason, str(error))
        )

    def _known(self, command: ApiCommand | Report) -> Receipt | None:
        """The receipt of a command that was carried out lately."""
        earlier = self._remembered.get(command.id)
        if earlier is None:
            return None
        return earlier[0] if _is_same(command, earlier[1]) else _reused(command)

    def _remember(self, receipt: Receipt, command: ApiCommand | Report) -> None:
        self._remembered[receipt.id] = (receipt, _content_of(command))
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def _now(self) -> datetime:
        """The wall clock, but never twice the same instant: run ids are made from it. A clock that
        was set back far is followed."""
        now = datetime.now(UTC)
        if now <= self._last_now < now + timedelta(seconds=1):
            now = self._last_now + timedelta(microseconds=1)
        self._last_now = now
        return now

    def _chain(self, events: list[Event]) -> tuple[list[Stored], list[bytes]]:
        """Records with their digests, and the messages for the stream."""
        digest = self._state.digest
        stored, payloads = [], []
        for event in events:
            record = to_record(event)
            canonical = canonical_bytes(record)
            digest = chain_digest(digest, canonical)
            stored.append(Stored(record, digest))
            payloads.append(published_bytes(canonical, digest))
        self._state.digest = digest
        return stored, payloads

    async def _commit(
        self, stored: list[Stored], secrets: list[SecretRow], contents: dict[str, str]
    ) -> None:
        """Commit, however long Postgres is away. Raises Fenced."""
        last_position = stored[0].record.position - 1
        is_unknown = False
        while True:
            try:
                if is_unknown and await self._log.is_committed(self._epoch, last_position, stored):
                    return
                is_unknown = True
                await self._log.append(self._epoch, last_position, stored, secrets, contents)
                return
            except Unavailable as error:
                log.warning("commit_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)

    async def _check_fence(self) -> None:
        while True:
            try:
                head = await self._log.head()
                break
            except Unavailable as error:
                log.warning("fence_check_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)
        if (head.epoch, head.position) != (self._epoch, self._state.position):
            raise Fenced(
                f"The log ends at position {head.position} in epoch {head.epoch}; this scheduler "
                f"had position {self._state.position} and epoch {self._epoch}. This process ends."
            )

    async def _keep_refusals(self, refusals: list[Refusal]) -> None:
        try:
            await self._log.refuse(refusals)
        except Unavailable as error:
            log.warning("refusals_not_kept", count=len(refusals), error=str(error))

    async def _patiently_caused_by(
        self, command_ids: list[str], run_ids: list[str] | None
    ) -> dict[str, list[Stored]]:
        while True:
            try:
                return await self._log.caused_by(command_ids, run_ids)
            except Unavailable as error:
                log.warning("recall_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)

    async def _patiently_said(self, command_ids: list[str]) -> dict[str, str]:
        while True:
            try:
                return await self._log.contents_of(command_ids)
            except Unavailable as error:
                log.warning("recall_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)


def _admitted(sender: Sender, payload: bytes, most_bytes: int) -> ApiCommand | Report:
    """Raises :class:`Refused`, whatever is wrong."""
    try:
        return admit(sender, payload, most_bytes)
    except Refused:
        raise
    except Exception as error:
        log.exception("admission_failed", sender=str(sender))
        raise _failed(error) from error


def _content_of(command: ApiCommand | Report) -> str:
    """What is kept of what a request says, "" where nobody knows."""
    return command.contents.partition(" ")[0]


def _is_same(command: ApiCommand | Report, content: str) -> bool:
    """Does a command say what the one of its id said that was carried out?"""
    return not content or not command.contents or content in command.contents.split()


def _reused(command: ApiCommand | Report) -> Receipt:
    return Receipt(
        id=command.id,
        reason=REQUEST_ID_REUSED,
        message=f"request_id {command.id!r} belongs to another request; use a new one for each "
        f"request.",
    )


def _repeated(command_id: str, events: list[Stored]) -> Receipt:
    try:
        return repeated_receipt(command_id, [to_event(stored.record) for stored in events])
    except Exception as error:  # an event that another release wrote
        log.exception("receipt_failed", command=command_id)
        return Receipt(id=command_id, reason=INTERNAL, message=str(_failed(error)))


def _failed(error: Exception) -> Refused:
    return Refused(INTERNAL, f"Millstream failed on this command: {text_of(error)}")


def _lanes_of(batch: _Batch) -> set[str]:
    """The lanes of newly submitted DAGs. Not of those that are refused: their queues may have
    names that end the connection to NATS."""
    accepted = [a for a in batch.asked if a.receipt is not None and not a.receipt.is_refused]
    submitted = [a.command for a in accepted if isinstance(a.command, SubmitDag)]
    return {lane for command in submitted for lane in lanes_of(command.spec)}
