"""The processes with an event loop that many attempts and triggers of a bundle share: one for each
bundle and interpreter, started when it is needed and ended when it is idle."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from millstream.core.errors import MillstreamError
from millstream.sdk.masking import Masker
from millstream_worker.children import Child, ChildDied, Children
from millstream_worker.frames import (
    Answered,
    Asked,
    Done,
    Ended,
    FromChild,
    Mask,
    Printed,
    Run,
    RunTask,
    StopTask,
    ToChild,
)
from millstream_worker.stepping import BLOCKED_EXIT, MARK_SETTING, MOST_BLOCKED_S, Mark
from millstream_worker.turns import Answers, OnOutput

log = structlog.get_logger(__name__)

IDLE_S = 60.0
CALM_S = 60.0
RESTART_AFTER_S = 0.5
LONGEST_RESTART_S = 8.0
# After its grace, what is stopped has this time to be over, if the loop is not blocked.
MARGIN_S = 2.0
MOST_LAST_WORDS = 16 * 1024

Key = tuple[str, str]


class GivenBack(MillstreamError):
    """The attempt ended through no fault of its own: it is to be made again."""

    reason = "GIVEN_BACK"


class HostProcess(Child):
    """One such process. ``key`` is its bundle and interpreter; what is not about async tasks goes
    to ``on_said``. What it writes itself goes to the worker's log."""

    MODULE = "millstream_worker.trigger_host"
    MOST_BEHIND = 0

    def __init__(
        self, children: Children, key: Key, on_said: Callable[[HostProcess, FromChild], None]
    ) -> None:
        super().__init__(children.scratch, children.environment, key[1])
        self.guarding = children.guarding
        self.key = key
        self.seats: dict[str, Seat] = {}
        self.idle_since = time.monotonic()
        self._on_said = on_said
        self._mark: Mark | None = None
        self._is_blocked = False
        self._last_words = b""
        self._spoke_at = 0.0
        self._asked: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        mark = self._mark = Mark.make()
        self._environment = {**self._environment, MARK_SETTING: str(mark.fd)}
        self._handed_on = (mark.fd,)
        try:
            await super().start()
        except OSError:
            self.culprit()
            raise

    def tell(self, message: ToChild) -> None:
        self.write(message)

    def culprit(self) -> str:
        """When it has ended: the token of the one who was on the loop then, "" for nobody. It is
        known once."""
        if self._mark is None:
            return ""
        token = self._mark.read()
        self._mark.close()
        self._mark = None
        return token

    def lose_seats(self, culprit: str) -> None:
        """It has ended: one of its attempts may be to blame, the others are given back."""
        others = max(len(self.seats) - 1, 0)
        for seat in list(self.seats.values()):
            if seat.token == culprit:
                seat.feed("stderr", self._words_at_death())
                seat.fail(ChildDied(f"{self._how_it_ended()}; {others} async tasks shared it"))
            else:
                seat.fail(GivenBack(self.ending))

    def _how_it_ended(self) -> str:
        if self.ending.endswith(f"exit code {BLOCKED_EXIT}"):
            return f"the task blocked the event loop for more than {MOST_BLOCKED_S:g} s"
        if self._is_blocked:
            return (
                "the task blocked the event loop while another async task had to be stopped, so "
                "the process was killed"
            )
        return self.ending

    def kill_blocked(self) -> None:
        """Somebody holds the loop, and somebody else must end."""
        self._is_blocked = True
        self.kill()

    def _on_message(self, message: FromChild) -> None:
        match message:
            case Mask(values=values):
                self.masker.add(values)
            case Printed(token=token, source=source, data=data):
                seat = self.seats.get(token)
                if seat is not None:
                    seat.feed(source, data)
            case Ended(token=token, done=done):
                seat = self.seats.get(token)
                if seat is not None:
                    seat.end(done)
            case Asked(token=token) if token in self.seats:
                task = asyncio.get_running_loop().create_task(self.seats[token].answer(message))
                self._asked.add(task)
                task.add_done_callback(self._asked.discard)
            case _:
                self._on_said(self, message)

    def _hand_on(self, source: str, data: bytes) -> None:
        now = time.monotonic()
        before = self._last_words if now - self._spoke_at < 1.0 else b""
        self._last_words, self._spoke_at = (before + data)[-MOST_LAST_WORDS:], now
        for line in data.decode("utf-8", "replace").splitlines():
            log.warning("host_process_says", text=line[:2000])

    def _words_at_death(self) -> bytes:
        """The dump of a process that crashed is about the one who crashed it."""
        return self._last_words if time.monotonic() - self._spoke_at < 1.0 else b""


class Seat:
    """An attempt's place in a host, used like a child of its own."""

    _numbers = itertools.count(1)

    def __init__(self, host: HostProcess) -> None:
        self.token = f"task-{next(self._numbers)}"
        self._host = host
        self.done: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._answers: Answers | None = None
        self._on_output: OnOutput | None = None
        self._is_killed = False

    @property
    def pid(self) -> int:
        """Of the host."""
        return self._host.pid

    @property
    def masker(self) -> Masker:
        """It knows what any task of the host has learnt."""
        return self._host.masker

    @property
    def has_begun(self) -> bool:
        return True

    def begin(self, run: Run, answers: Answers, on_output: OnOutput) -> None:
        """Run the attempt. ``done`` is its end, or :class:`ChildDied` or :class:`GivenBack`."""
        if self._is_killed:
            self.fail(ChildDied("the attempt was ended before it began"))
        elif not self._host.is_alive:
            self.fail(GivenBack("the process ended before the task began"))
        else:
            self._answers, self._on_output = answers, on_output
            self._host.seats[self.token] = self
            self.done.add_done_callback(self._leave)
            self._host.tell(RunTask(self.token, run))

    def _leave(self, done: asyncio.Future[Done]) -> None:
        self._host.seats.pop(self.token, None)
        self._host.idle_since = time.monotonic()

    def stop(
        self, grace_s: float, message: str = "the worker stops", is_timeout: bool = False
    ) -> None:
        """``on_kill``, a cancellation, and after that time an end in any case. The task sees
        ``message``; ``is_timeout``: its time is over."""
        self._host.tell(StopTask(self.token, message, is_timeout, grace_s))
        loop = asyncio.get_running_loop()
        loop.call_later(grace_s + MARGIN_S, self._end_host)

    def kill(self) -> None:
        """End it now: only a cancellation is left to it."""
        if self._is_killed:
            return
        self._is_killed = True
        self.stop(0.0)

    def _end_host(self) -> None:
        """It has not ended, so somebody blocks the loop: nobody in there gets on."""
        if not self.done.done() and self._host.is_alive:
            log.error("host_process_blocked", task=self.token, others=len(self._host.seats) - 1)
            self._host.kill_blocked()

    def feed(self, source: str, data: bytes) -> None:
        if self._on_output is not None and data:
            self._on_output(source, data)

    async def answer(self, asked: Asked) -> None:
        assert self._answers is not None, "it asks while it runs"
        self._host.tell(Answered(asked.number, await self._answers(asked.question)))

    def end(self, done: Done) -> None:
        if self._is_killed:
            self.fail(ChildDied("the attempt was ended"))
        elif not self.done.done():
            self.done.set_result(done)

    def fail(self, error: MillstreamError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(slots=True)
class _Place:
    """Where the process of a bundle is, or is about to be."""

    host: HostProcess | None = None
    starting: asyncio.Task[HostProcess] | None = None
    crashes: int = 0
    crashed_at: float = 0.0


class Hosts:
    """The hosts of a worker. ``on_said`` gets what triggers say, ``on_died`` is called when a host
    died: with the number of times in a row, and the token of the culprit."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._places: dict[Key, _Place] = {}
        self._watching: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self.on_said: Callable[[HostProcess, FromChild], None] = lambda _host, _message: None
        self.on_died: Callable[[HostProcess, int, str], None] = lambda _host, _count, _who: None
        # For which of them there is something to do besides tasks.
        self.needed: Callable[[], set[Key]] = set

    @property
    def processes(self) -> int:
        return sum(place.host is not None for place in self._places.values())

    def running(self, bundle: str, python: str = "") -> HostProcess | None:
        """The host, if there is one now."""
        place = self._places.get((bundle, python))
        return None if place is None else place.host

    async def acquire(self, bundle: str, python: str = "", fresh: bool = False) -> Seat:
        """A place for an attempt; like that of :class:`Children`, ``fresh`` has no meaning."""
        return Seat(await self.get(bundle, python))

    async def get(self, bundle: str, python: str = "") -> HostProcess:
        """The host, started if there is none: once, however many wait for it."""
        key = (bundle, python)
        place = self._places.setdefault(key, _Place())
        if place.host is not None and place.host.is_alive:
            return place.host
        if place.starting is None:
            place.starting = asyncio.get_running_loop().create_task(self._start(key, place))
        return await asyncio.shield(place.starting)

    async def _start(self, key: Key, place: _Place) -> HostProcess:
        after_s = 0.0
        if place.crashes and time.monotonic() - place.crashed_at < CALM_S:
            after_s = min(RESTART_AFTER_S * 2**place.crashes, LONGEST_RESTART_S)
        while True:
            await asyncio.sleep(after_s)
            host = HostProcess(self._children, key, self._said)
            try:
                await host.start()
                break
            except OSError as error:
                log.error("host_process_not_started", error=str(error))
                after_s = min(after_s * 2 or RESTART_AFTER_S, LONGEST_RESTART_S)
        place.host, place.starting = host, None
        task = asyncio.get_running_loop().create_task(self._watch(host, place))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        return host

    def _said(self, host: HostProcess, message: FromChild) -> None:
        self.on_said(host, message)

    async def _watch(self, host: HostProcess, place: _Place) -> None:
        await host.ended()
        if place.host is host:
            place.host = None
        culprit = host.culprit()
        if self._is_closed:
            culprit = ""
        is_ours = culprit in host.seats
        host.lose_seats(culprit)
        if self._is_closed or self._places.get(host.key) is not place:
            return
        now = time.monotonic()
        place.crashes = 1 if now - place.crashed_at > CALM_S else place.crashes + 1
        place.crashed_at = now
        log.error("host_process_died", how=host.ending, culprit=culprit if is_ours else "")
        self.on_died(host, place.crashes, culprit)

    def tend(self) -> None:
        """End those that have had nothing to do for a while."""
        now, needed = time.monotonic(), self.needed()
        for key, place in list(self._places.items()):
            if place.host is None:
                continue
            if place.host.seats or key in needed:
                place.host.idle_since = now
            elif now - place.host.idle_since > IDLE_S:
                del self._places[key]
                place.host.kill()

    async def close(self) -> None:
        """Kill all of them and wait."""
        self._is_closed = True
        places = list(self._places.values())
        self._places.clear()
        for place in places:
            if place.starting is not None:
                place.starting.cancel()
        hosts = [place.host for place in places if place.host is not None]
        for host in hosts:
            host.kill()
        await asyncio.gather(*(host.ended() for host in hosts))
