"""Leases: which claimed attempts still have a worker that is heard of.

Time counts on the scheduler's own monotonic clock, and only while it runs and hears NATS: nobody
loses a task because the scheduler or NATS was away.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.heartbeat import Heartbeat, decode_heartbeat, encode_closed
from millstream.adapters.subjects import closed_subject, heartbeat_subject
from millstream.core.commands import LoseAttempt, TimerCommand
from millstream.core.errors import Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import Event
from millstream.core.state import State
from millstream.core.statuses import TaskStatus, next_status
from millstream.core.task_events import TaskStarted, TriggerStarted

log = structlog.get_logger(__name__)

STEPS_PER_LEASE = 20
# After so much of a lease in which NATS was not heard, the workers are given a whole one to come
# back: they may need longer than this process.
LONG_SILENCE = 0.25


@dataclass(slots=True)
class _Lease:
    where: Where
    worker: str
    token: str
    until: float


@dataclass
class Leases:
    """The open claims. ``clock`` gives monotonic seconds."""

    lease_s: float
    clock: Callable[[], float]
    # In the order in which they run out: each is put to the end when it is renewed.
    _leases: OrderedDict[str, _Lease] = field(default_factory=OrderedDict)
    _of_worker: dict[str, dict[str, _Lease]] = field(default_factory=dict)
    _token_of: dict[tuple[str, str, str, str, tuple[int, ...]], str] = field(default_factory=dict)
    # How much time has counted.
    _passed_s: float = 0.0

    def restore(self, state: State) -> None:
        """After a takeover, every claim gets a whole lease."""
        for where, instance in state.open_instances():
            is_trigger = instance.status is TaskStatus.DEFERRED and bool(instance.token)
            if instance.status is TaskStatus.RUNNING or is_trigger:
                self._open(where, instance.worker, instance.token)

    def note(self, event: Event) -> None:
        """A claim opens a lease; whatever ends the attempt closes it."""
        where = event.where
        if isinstance(event.data, TaskStarted | TriggerStarted):
            self._open(where, event.data.worker, event.data.token)
        elif where.attempt and next_status(event.data) is not None:
            token = self._token_of.pop(_key(where), None)
            if token is not None:
                self._close(token)

    def hear(self, heartbeat: Heartbeat) -> list[LoseAttempt]:
        """Renew what the worker still holds. What an earlier life of the same worker had claimed,
        and this one does not know, is lost at once; so is what one that stops gives back. Of a
        later life's claims the last heartbeats of one that is over, should they come late, say
        nothing."""
        leases = self._of_worker.get(heartbeat.worker, {})
        for token in heartbeat.attempts:
            if token in leases:
                self._renew(leases[token])
        held = set(heartbeat.attempts)
        mine = heartbeat.incarnation + "-"
        lost = []
        for lease in leases.values():
            if lease.token in held:
                continue
            if not lease.token.startswith(mine):
                if lease.token < mine:
                    lost.append(_lose(lease, "the worker was restarted"))
            elif heartbeat.is_stopping:
                lost.append(_lose(lease, "the worker was stopped", is_given_back=True))
        dropped = (leases[token] for token in heartbeat.dropped if token in leases)
        lost.extend(_lose(lease, "the process that it shared died") for lease in dropped)
        return lost

    def unknown(self, heartbeat: Heartbeat) -> tuple[str, ...]:
        """The claims that were accepted, as the worker says, and are open no more: it missed that
        they were closed."""
        return tuple(token for token in heartbeat.claimed if token not in self._leases)

    def pass_time(self, seconds: float) -> list[LoseAttempt]:
        """Let time pass; returns the claims whose lease ran out."""
        self._passed_s += seconds
        lost = []
        while self._leases:
            lease = next(iter(self._leases.values()))
            if lease.until > self._passed_s:
                break
            self._renew(lease)  # asked again, should the command be lost with this process
            lost.append(_lose(lease, f"no heartbeat of the worker for {self.lease_s:g} s"))
        return lost

    @property
    def heard_s(self) -> float:
        """How much time has counted: that in which workers could be heard."""
        return self._passed_s

    def claims(self) -> Iterator[Where]:
        """What is claimed, and not over."""
        return (lease.where for lease in self._leases.values())

    def claims_of(self, worker: str) -> Iterator[Where]:
        """What one worker has claimed."""
        return (lease.where for lease in self._of_worker.get(worker, {}).values())

    def left_s(self, token: str) -> float | None:
        """How long a claim's lease lasts if its worker stays silent; None if it is not open."""
        lease = self._leases.get(token)
        return None if lease is None else lease.until - self._passed_s

    def renew_all(self) -> None:
        """Nobody could be heard for a while: every claim gets a whole lease."""
        for lease in self._leases.values():
            lease.until = self._passed_s + self.lease_s

    async def run(
        self, submit: Callable[[TimerCommand], None], is_hearing: Callable[[], bool]
    ) -> None:
        """Let time pass, forever. A step much longer than planned means that this process stood
        still. ``is_hearing``: could a heartbeat have been heard since it was asked before?"""
        self._submit = submit
        step_s = max(self.lease_s / STEPS_PER_LEASE, 0.05)
        last = self.clock()
        silence_s = 0.0
        while True:
            await asyncio.sleep(step_s)
            now = self.clock()
            passed, last = now - last, now
            if not is_hearing():
                silence_s += passed
                continue
            if silence_s > self.lease_s * LONG_SILENCE:
                log.info("leases_renewed", silence_s=round(silence_s, 1), leases=len(self._leases))
                self.renew_all()
            silence_s = 0.0
            for command in self.pass_time(min(passed, step_s * 2)):
                log.warning(
                    "lease_ran_out", task_id=command.where.task_id, run_id=command.where.run_id
                )
                submit(command)

    def on_heartbeat(self, delivery: Delivery) -> None:
        try:
            heartbeat = decode_heartbeat(delivery.data)
        except msgspec.MsgspecError:
            log.warning("malformed_heartbeat", subject=delivery.subject)
            return
        if delivery.subject != heartbeat_subject(heartbeat.worker):
            return  # it speaks for another worker
        self.heard(heartbeat)
        for command in self.hear(heartbeat):
            self._submit(command)
        unknown = self.unknown(heartbeat)
        if unknown:
            self.tell(heartbeat.worker, unknown)

    _submit: Callable[[TimerCommand], None] = field(default=lambda _command: None)
    # Is told of each heartbeat.
    heard: Callable[[Heartbeat], None] = field(default=lambda _heartbeat: None)
    # Says to a worker which of its claims are closed.
    tell: Callable[[str, tuple[str, ...]], None] = field(default=lambda _worker, _tokens: None)

    def _open(self, where: Where, worker: str, token: str) -> None:
        lease = _Lease(where, worker, token, 0.0)
        self._leases[token] = lease
        self._of_worker.setdefault(worker, {})[token] = lease
        self._token_of[_key(where)] = token
        self._renew(lease)

    def _renew(self, lease: _Lease) -> None:
        lease.until = self._passed_s + self.lease_s
        self._leases.move_to_end(lease.token)

    def _close(self, token: str) -> None:
        lease = self._leases.pop(token, None)
        if lease is None:
            return
        theirs = self._of_worker[lease.worker]
        theirs.pop(token, None)
        if not theirs:
            del self._of_worker[lease.worker]


class Ear:
    """Whether this process hears NATS, as it says itself: a connection may look sound for a long
    time after the server, or the way to it, has gone silent."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subject = bus.new_inbox()
        self._said = self._heard = 0

    async def listen(self) -> None:
        await self._bus.listen(self._subject, self._on_echo)
        self._say()

    def is_hearing(self) -> bool:
        """Whether the word that was said at the last question came back; says the next one."""
        is_hearing = self._heard == self._said
        self._say()
        return is_hearing

    def _say(self) -> None:
        self._said += 1
        try:
            self._bus.send(self._subject, b"%d" % self._said)
        except Unavailable:
            pass  # so it will not be heard

    def _on_echo(self, delivery: Delivery) -> None:
        self._heard = int(delivery.data)


async def listen_to_heartbeats(bus: Bus, leases: Leases) -> Ear:
    """Every worker's heartbeat, from now on."""

    def tell(worker: str, tokens: tuple[str, ...]) -> None:
        try:
            bus.send(closed_subject(worker), encode_closed(tokens))
        except Unavailable:
            pass  # the next heartbeat asks again

    leases.tell = tell
    await bus.listen(heartbeat_subject("*"), leases.on_heartbeat)
    ear = Ear(bus)
    await ear.listen()
    return ear


def _key(where: Where) -> tuple[str, str, str, str, tuple[int, ...]]:
    return (where.namespace, where.dag_id, where.run_id, where.task_id, where.map_index)


def _lose(lease: _Lease, reason: str, *, is_given_back: bool = False) -> LoseAttempt:
    return LoseAttempt(
        id=f"lose/{lease.token}",
        where=lease.where,
        token=lease.token,
        reason=reason,
        is_given_back=is_given_back,
    )
