"""Leases: which claimed attempts still have a worker that is heard of.

Time counts on the scheduler's own monotonic clock, and only while it runs and hears NATS: nobody
loses a task because the scheduler or NATS was away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.heartbeat import Heartbeat, decode_heartbeat, encode_closed
from millstream.adapters.streams import closed_subject, heartbeat_subject
from millstream.core.commands import LoseAttempt, TimerCommand
from millstream.core.errors import Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import Event, TaskStarted, TriggerStarted
from millstream.core.state import State
from millstream.core.statuses import TaskStatus, next_status

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Lease:
    where: Where
    worker: str
    token: str
    left_s: float


@dataclass
class Leases:
    """The open claims. ``clock`` gives monotonic seconds."""

    lease_s: float
    clock: Callable[[], float]
    _leases: dict[str, _Lease] = field(default_factory=dict)
    _token_of: dict[tuple[str, str, str, str, tuple[int, ...]], str] = field(default_factory=dict)

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
                self._leases.pop(token, None)

    def hear(self, heartbeat: Heartbeat) -> list[LoseAttempt]:
        """Renew what the worker still holds. What an earlier life of the same worker had claimed,
        and this one does not know, is lost at once."""
        held = set(heartbeat.attempts)
        lost = []
        for lease in self._leases.values():
            if lease.worker != heartbeat.worker:
                continue
            if lease.token in held:
                lease.left_s = self.lease_s
            elif not lease.token.startswith(heartbeat.incarnation + "-"):
                lost.append(_lose(lease, "the worker was restarted"))
        return lost

    def unknown(self, heartbeat: Heartbeat) -> tuple[str, ...]:
        """The claims that were accepted, as the worker says, and are open no more: it missed that
        they were closed."""
        return tuple(token for token in heartbeat.claimed if token not in self._leases)

    def pass_time(self, seconds: float) -> list[LoseAttempt]:
        """Let time pass; returns the claims whose lease ran out."""
        lost = []
        for lease in self._leases.values():
            lease.left_s -= seconds
            if lease.left_s <= 0:
                lease.left_s = (
                    self.lease_s
                )  # asked again, should the command be lost with this process
                lost.append(_lose(lease, f"no heartbeat of the worker for {self.lease_s:g} s"))
        return lost

    async def run(
        self, submit: Callable[[TimerCommand], None], is_hearing: Callable[[], bool]
    ) -> None:
        """Let time pass, forever. A step much longer than planned means that this process stood
        still."""
        self._submit = submit
        step_s = max(self.lease_s / 20, 0.05)
        last = self.clock()
        while True:
            await asyncio.sleep(step_s)
            now = self.clock()
            passed, last = now - last, now
            if is_hearing():
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
        for command in self.hear(heartbeat):
            self._submit(command)
        unknown = self.unknown(heartbeat)
        if unknown:
            self.tell(heartbeat.worker, unknown)

    _submit: Callable[[TimerCommand], None] = field(default=lambda _command: None)
    # Says to a worker which of its claims are closed.
    tell: Callable[[str, tuple[str, ...]], None] = field(default=lambda _worker, _tokens: None)

    def _open(self, where: Where, worker: str, token: str) -> None:
        self._leases[token] = _Lease(where, worker, token, self.lease_s)
        self._token_of[_key(where)] = token


async def listen_to_heartbeats(bus: Bus, leases: Leases) -> None:
    """Every worker's heartbeat, from now on."""

    def tell(worker: str, tokens: tuple[str, ...]) -> None:
        try:
            bus.send(closed_subject(worker), encode_closed(tokens))
        except Unavailable:
            pass  # the next heartbeat asks again

    leases.tell = tell
    await bus.listen(heartbeat_subject("*"), leases.on_heartbeat)


def _key(where: Where) -> tuple[str, str, str, str, tuple[int, ...]]:
    return (where.namespace, where.dag_id, where.run_id, where.task_id, where.map_index)


def _lose(lease: _Lease, reason: str) -> LoseAttempt:
    return LoseAttempt(
        id=f"lose/{lease.token}", where=lease.where, token=lease.token, reason=reason
    )
