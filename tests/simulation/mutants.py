"""Production code with a fault put in. Each mutant must be caught, by an invariant that it breaks:
a check that no mutant can make fail checks nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

import millstream.core.decisions.attempts as attempts
import millstream.core.gate
import millstream.core.react
from millstream.core.errors import Unavailable
from millstream.core.trigger_rules import Verdict
from millstream.core.wire import canonical_bytes, published_bytes
from millstream_projector.projector import Projector
from millstream_scheduler.leases import Leases
from millstream_scheduler.relay import Relay, Settlement
from millstream_scheduler.timers import Timers
from millstream_scheduler.writer import Writer
from millstream_worker.reports import Reports
from simulation.event_log import SimulatedEventLog


@dataclass(frozen=True)
class Mutant:
    """``breaks``: the numbers of invariants, of which one must be named by what is found."""

    name: str
    breaks: tuple[int, ...]
    holder: Any
    attribute: str
    value: Any
    # The search begins here, where another one would take long.
    first_seed: int = 0

    @contextmanager
    def applied(self) -> Iterator[None]:
        before = vars(self.holder)[self.attribute]
        setattr(self.holder, self.attribute, self.value)
        try:
            yield
        finally:
            setattr(self.holder, self.attribute, before)


_commit = Writer._commit
_started = attempts._started
_push = Timers._push
_pass_time = Leases.pass_time
_fold = Projector._fold


async def _publish_first(self: Writer, stored: Any, secrets: Any) -> None:
    payloads = [published_bytes(canonical_bytes(each.record), each.digest) for each in stored]
    self._relay.push(stored, payloads, Settlement(stored[-1].record.position, [], []))
    await asyncio.sleep(0.002)
    await _commit(self, stored, secrets)


async def _take_it_for_committed(self: Writer, stored: Any, secrets: Any) -> None:
    try:
        await self._log.append(self._epoch, stored[0].record.position - 1, stored, secrets)
    except Unavailable:
        pass


async def _recall_nothing(self: Writer, batch: Any) -> None:
    pass


async def _unfenced(
    self: SimulatedEventLog, epoch: int, last: int, batch: Any, secrets: Any = ()
) -> None:
    server = self._server
    await server.do(lambda: server.append(server.epoch, server.position, batch, secrets))


def _see_nothing(self: Relay) -> None:
    self._error = None
    self._is_disturbed = False


def _set_early(self: Timers, instant: Any, command: Any) -> None:
    _push(self, instant - timedelta(minutes=1), command)


def _hurry(self: Leases, seconds: float) -> Any:
    return _pass_time(self, seconds * 100)


def _always_run(*arguments: Any) -> Verdict:
    return Verdict.RUN


def _always_room(*arguments: Any) -> bool:
    return True


def _nobodys(command: Any) -> Any:
    fact = _started(command)
    return replace(fact, data=replace(fact.data, token=""))


async def _say_once(self: Reports) -> None:
    await asyncio.Event().wait()


async def _fold_most(self: Projector, events: Any, feed: Any) -> None:
    await _fold(self, events[:-1] if len(events) > 3 else events, feed)


MUTANTS = (
    Mutant("events are published before their commit", (4,), Writer, "_commit", _publish_first),
    Mutant(
        "an unknown outcome is taken for a commit",
        (1, 2, 3, 4, 8, 11, 20),
        Writer,
        "_commit",
        _take_it_for_committed,
    ),
    Mutant("a repeated request acts again", (2, 10, 12), Writer, "_recall", _recall_nothing),
    Mutant("a fenced writer commits", (1, 8, 11, 20), SimulatedEventLog, "append", _unfenced, 32),
    Mutant("the relay sees no trouble", (4, 20), Relay, "_raise_if_broken", _see_nothing),
    Mutant("timers fire early", (20, 21), Timers, "_push", _set_early),
    Mutant("leases run out at once", (13,), Leases, "pass_time", _hurry),
    Mutant("trigger rules are not asked", (17,), millstream.core.react, "_judge", _always_run),
    Mutant("limits are not asked", (18,), millstream.core.gate, "has_room", _always_room),
    Mutant("a claim has no token", (16,), attempts, "_started", _nobodys),
    Mutant("reports are sent once", (20,), Reports, "run", _say_once),
    Mutant("the read tables miss events", (6,), Projector, "_fold", _fold_most),
)
