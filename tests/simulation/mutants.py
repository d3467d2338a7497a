"""Production code with a fault put in. Each mutant must be caught, by the invariant that it breaks:
a check that no mutant can make fail checks nothing."""

# It looks into modules on purpose, also at what they do not export.
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

import millstream.core.decisions.attempts as attempts
import millstream.core.evolve
import millstream.core.gate
import millstream.core.handle as handling
import millstream.core.run_queue as run_queue
import millstream.core.statuses
import millstream.core.stopping
import millstream.core.verdicts as judging
import millstream_projector.lookups as lookups
import millstream_scheduler.admission as admission
import millstream_scheduler.writer as writing
from millstream.adapters.subjects import receipt_subject
from millstream.core.commands import ApiCommand
from millstream.core.errors import Unavailable
from millstream.core.events import RunMarked, RunSucceeded
from millstream.core.react import make_ready
from millstream.core.receipts import encode_receipts
from millstream.core.state import run_key
from millstream.core.statuses import TASK_TRANSITIONS, TaskStatus
from millstream.core.task_events import TaskCleared, TaskFailed, TaskReady, TaskSucceeded
from millstream.core.trigger_rules import Verdict
from millstream.core.wire import GENESIS, canonical_bytes, published_bytes
from millstream.sdk.masking import Masker
from millstream_projector.projector import Projector
from millstream_scheduler.intake import Intake
from millstream_scheduler.leases import Leases
from millstream_scheduler.relay import Relay, Settlement
from millstream_scheduler.timers import Timers
from millstream_scheduler.writer import Writer
from millstream_worker.reports import Reports
from millstream_worker.worker import Worker
from simulation.clock import wall
from simulation.event_log import SimulatedEventLog
from simulation.loop import PROCESS

Patch = tuple[Any, str, Any]


@dataclass(frozen=True)
class Mutant:
    """``breaks``: the number of the invariant that what is found must name."""

    breaks: int
    name: str
    patches: tuple[Patch, ...]
    # The search begins here, where another one would take long.
    first_seed: int = 0

    @contextmanager
    def applied(self) -> Iterator[None]:
        with ExitStack() as stack:
            for holder, attribute, value in self.patches:
                before = vars(holder)[attribute]
                stack.callback(setattr, holder, attribute, before)
                setattr(holder, attribute, value)
            yield


_commit = Writer._commit
_decide, _handle = Writer._decide, Writer._handle
_chain = Writer._chain
_push = Timers._push
_pass_time = Leases.pass_time
_fold = Projector._fold
_react = handling.react
_receipt, _repeated = writing.receipt, writing.repeated_receipt
_failed, _started = attempts._failed, attempts._started
_next_times = run_queue.next_times
_from_memory = lookups._from_memory
_stored_xcom = lookups.stored_xcom


async def _publish_first(self: Writer, stored: Any, secrets: Any, contents: Any) -> None:
    payloads = [published_bytes(canonical_bytes(each.record), each.digest) for each in stored]
    self._relay.push(stored, payloads, Settlement(stored[-1].record.position, [], []), {})
    await asyncio.sleep(0.002)
    await _commit(self, stored, secrets, contents)


async def _take_it_for_committed(self: Writer, stored: Any, secrets: Any, contents: Any) -> None:
    try:
        await self._log.append(self._epoch, stored[0].record.position - 1, stored, secrets)
    except Unavailable:
        pass


async def _unfenced(
    self: SimulatedEventLog,
    epoch: int,
    last: int,
    batch: Any,
    secrets: Any = (),
    contents: Any = (),
) -> None:
    server, process = self._server, PROCESS.get()
    await server.do(lambda: server.append(server.epoch, server.position, batch, secrets, process))


async def _same_epoch(self: SimulatedEventLog) -> Any:
    self._server.writer = PROCESS.get()
    return await self.head()


async def _recall_nothing(self: Writer, batch: Any) -> None:
    pass


def _let_in_nobody(self: Writer) -> None:
    pass


def _one_less(receipt: Any) -> Any:
    return msgspec.structs.replace(receipt, position=receipt.position - 1)


def _wrong_receipt(*arguments: Any) -> Any:
    return _one_less(_receipt(*arguments))


def _wrong_repeated(*arguments: Any) -> Any:
    return _one_less(_repeated(*arguments))


def _answer_early(self: Writer, batch: Any, asked: Any) -> None:
    _decide(self, batch, asked)
    if asked.receipt is not None and isinstance(asked.command, ApiCommand):
        subject = receipt_subject(asked.sender.role, asked.sender.principal)
        self._relay._bus.send(subject, encode_receipts([asked.receipt]))


def _chain_anew(self: Writer, events: Any) -> Any:
    self._state.digest = GENESIS
    return _chain(self, events)


def _see_nothing(self: Relay) -> None:
    self._error = None
    self._is_disturbed = False


async def _compare_nothing(self: Relay, last: int, messages: int) -> None:
    pass


def _never_old(*arguments: Any) -> bool:
    return False


def _set_early(self: Timers, instant: Any, command: Any) -> None:
    _push(self, instant - timedelta(minutes=1), command)


def _hurry(self: Leases, seconds: float) -> Any:
    return _pass_time(self, seconds * 100)


def _by_the_wall(self: Leases, seconds: float) -> Any:
    now = wall().timestamp()
    before = self.__dict__.setdefault("wall", now)
    self.__dict__["wall"] = now
    return _pass_time(self, max(now - before, seconds))


def _always_run(*arguments: Any) -> Verdict:
    return Verdict.RUN


def _always_room(*arguments: Any) -> bool:
    return True


def _nothing(*arguments: Any) -> Iterator[Any]:
    return iter(())


def _nobodys(command: Any) -> Any:
    fact = _started(command)
    return msgspec.structs.replace(fact, data=msgspec.structs.replace(fact.data, token=""))


def _open_or_not(state: Any, where: Any) -> Any:
    run = state.runs.get(run_key(where))
    found = run.find(where.task_id, where.map_index) if run else None
    if run is None or found is None:
        raise attempts.Refused("RUN_CLOSED", "there is none")
    return run, found[1]


def _again_and_again(run: Any, instance: Any, command: Any, now: datetime) -> Any:
    fact = _failed(run, instance, command, now)
    if isinstance(fact.data, TaskFailed) and instance.failures < 9:
        data = msgspec.structs.replace(fact.data, retry_at=now + timedelta(seconds=1))
        return msgspec.structs.replace(fact, data=data)
    return fact


def _skip_one(dag: Any, times: Any, now: Any) -> Any:
    following = _next_times(dag, times, now)
    return following and _next_times(dag, following, now)


def _succeed_twice(state: Any, event: Any, now: datetime) -> Iterator[Any]:
    yield from _react(state, event, now)
    where, run = event.where, state.runs.get(run_key(event.where))
    if type(event.data) is TaskSucceeded and where.attempt == 1 and run is not None:
        found = run.find(where.task_id, where.map_index)
        if found is not None:
            yield make_ready(run, found[0], found[1], where.map_index)


def _by_hash(state: Any, event: Any, now: datetime) -> Any:
    return sorted(_react(state, event, now), key=lambda fact: hash(fact.where.task_id))


def _go_on_after_the_end(self: Writer, *arguments: Any) -> Any:
    events = _handle(self, *arguments)
    for event in [each for each in events if type(each.data) is RunSucceeded]:
        later = msgspec.structs.replace(
            event, position=self._state.position + 1, data=RunMarked(state="failed")
        )
        millstream.core.evolve.evolve(self._state, later)
        events.append(later)
    return events


def _permit(*kinds: type) -> Patch:
    """These events may meet every status: what keeps a fault of ours from being committed."""
    wide = {kind: tuple(TaskStatus) for kind in kinds}
    return (millstream.core.statuses, "TASK_TRANSITIONS", {**TASK_TRANSITIONS, **wide})


async def _say_once(self: Reports) -> None:
    await asyncio.Event().wait()


async def _fold_most(self: Projector, events: Any, feed: Any) -> None:
    await _fold(self, events[:-1] if len(events) > 3 else events, feed)


def _forget_the_last(kept: Any, question: Any, position: int) -> Any:
    answer = _from_memory(kept, question, position)
    found = getattr(answer, "found", ())
    return msgspec.structs.replace(answer, found=found[:-1]) if found else answer


def _at_once(self: lookups.Lookups, delivery: Any) -> None:
    question = lookups.decode_question(delivery.data)
    if isinstance(question, lookups.SecretQuestion):
        self._secrets.put(question, delivery.reply)
    else:
        question = msgspec.structs.replace(question, position=0)
        lookups._put(self._queue, question, delivery.reply)


def _some_other(value: Any, blob: str, size: int, codec: str) -> Any:
    return _stored_xcom("[0]" if value is not None else None, blob, size, codec)


async def _ponder(self: Writer, refusals: Any) -> None:
    await asyncio.sleep(0.1 * len(refusals))


def _want_more(self: Intake, elsewhere: int) -> None:
    self._puller.set_want(100_000, 50_000)


def _show(self: Masker, data: bytes) -> bytes:
    return data


_ANYBODY = {role: sum(admission.ALLOWED.values(), ()) for role in admission.ALLOWED}

MUTANTS = (
    Mutant(
        1,
        "a commit's loss is overlooked",
        (
            (Writer, "_commit", _take_it_for_committed),
            (SimulatedEventLog, "append", _unfenced),
        ),
        20,
    ),
    Mutant(
        2,
        "receipts name another event",
        (
            (writing, "receipt", _wrong_receipt),
            (writing, "repeated_receipt", _wrong_repeated),
        ),
    ),
    Mutant(3, "a request is answered before its commit", ((Writer, "_decide", _answer_early),)),
    Mutant(4, "events are published first", ((Writer, "_commit", _publish_first),)),
    Mutant(5, "old events are taken for new ones", ((Worker, "_may_be_old", _never_old),), 5),
    Mutant(6, "the read tables miss events", ((Projector, "_fold", _fold_most),)),
    Mutant(7, "what follows is in an order by hash", ((handling, "react", _by_hash),)),
    Mutant(8, "a takeover begins no epoch", ((SimulatedEventLog, "raise_epoch", _same_epoch),)),
    Mutant(9, "a fenced writer commits", ((SimulatedEventLog, "append", _unfenced),)),
    Mutant(
        10,
        "a repeated request gets another receipt",
        ((writing, "repeated_receipt", _wrong_repeated),),
    ),
    Mutant(11, "each commit begins a chain", ((Writer, "_chain", _chain_anew),)),
    Mutant(
        12,
        "a clear stops nothing",
        ((millstream.core.stopping, "stop", _nothing), _permit(TaskCleared)),
    ),
    Mutant(13, "leases run out at once", ((Leases, "pass_time", _hurry),)),
    Mutant(14, "there is no last try", ((attempts, "_failed", _again_and_again),)),
    Mutant(
        15,
        "an attempt may end twice",
        ((attempts, "_find_open", _open_or_not), _permit(TaskSucceeded, TaskFailed)),
        102,
    ),
    Mutant(16, "a claim has no token", ((attempts, "_started", _nobodys),)),
    Mutant(17, "trigger rules are not asked", ((judging, "_judge", _always_run),)),
    Mutant(18, "limits are not asked", ((millstream.core.gate, "has_room", _always_room),)),
    Mutant(19, "every second run is missing", ((run_queue, "next_times", _skip_one),), 4),
    Mutant(20, "reports are sent once", ((Reports, "run", _say_once),)),
    Mutant(20, "the others are not let in", ((Writer, "_let_in_more", _let_in_nobody),)),
    Mutant(20, "the relay sees no trouble", ((Relay, "_raise_if_broken", _see_nothing),)),
    Mutant(21, "timers fire early", ((Timers, "_push", _set_early),)),
    Mutant(
        22,
        "a success begins again",
        ((handling, "react", _succeed_twice), _permit(TaskReady)),
    ),
    Mutant(23, "a look-up gives another value", ((lookups, "stored_xcom", _some_other),)),
    Mutant(24, "a run goes on after its end", ((Writer, "_handle", _go_on_after_the_end),)),
    Mutant(25, "refusals take time", ((Writer, "_keep_refusals", _ponder),), 11),
    Mutant(26, "the writer asks for all that there is", ((Intake, "tune", _want_more),)),
    Mutant(27, "everybody may ask for everything", ((admission, "ALLOWED", _ANYBODY),)),
    Mutant(28, "logs are not masked", ((Masker, "mask_bytes", _show),)),
    Mutant(29, "leases go by the wall clock", ((Leases, "pass_time", _by_the_wall),), 46),
    Mutant(30, "look-ups do not wait", ((lookups.Lookups, "_on_question", _at_once),)),
    Mutant(30, "look-ups forget the last", ((lookups, "_from_memory", _forget_the_last),)),
    Mutant(31, "the stream is not compared", ((Relay, "_check_history", _compare_nothing),), 8),
    Mutant(10, "a repeated request acts again", ((Writer, "_recall", _recall_nothing),)),
)
