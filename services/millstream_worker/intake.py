"""What comes in: how much is pulled from which lane, and when what was pulled starts.

Asked for is only what could start at that moment, and what arrives when there is no room after all
is handed back at once; short attempts that ask for nothing are asked for ahead, and very short ones
wait in the lines of children. A lane that is
passed over is next: what its attempt needs is kept free until one of it has started.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager

import msgspec
import structlog

from millstream.adapters.bus import JetStreamError
from millstream.adapters.bus_client import Delivery
from millstream.adapters.pull import Puller
from millstream.adapters.streams import consumer_names, lane_waits
from millstream.adapters.subjects import (
    events_stream,
    lane_subject,
    trigger_consumer,
    worker_consumer,
    worker_lane,
)
from millstream.core.errors import InvalidArgument, Unavailable
from millstream.core.lanes import asks
from millstream_worker.capacity import Capacity, Grant, Need
from millstream_worker.places import Place
from millstream_worker.tools import Tools
from millstream_worker.triggers import Triggers

log = structlog.get_logger(__name__)

SHORT_ATTEMPT_S = 0.05
PREFETCH_PER_SLOT = 8
# Of those that are briefer than BRIEF_ATTEMPT_S: they are over before they could be handed back.
PREFETCH_BRIEF_PER_SLOT = 32
# Attempts that are shorter than this wait in the lines of children: a child that need not wait for
# the next one, and a worker that hears of several at once, take half the time.
LINE_ATTEMPT_S = 0.02
# Those that are shorter than this wait there also while children are idle, if as many are at work
# as there are processors: to wake one more would take longer than the attempt.
BRIEF_ATTEMPT_S = 0.002
LONGEST_PREFETCH_S = 0.5
MOST_UNREPORTED = 4096
MOST_AWAY_PER_SLOT = 4
# Of what takes no slot, so many are asked for at a time.
MOST_ASKED_WITHOUT_SLOT = 256
RETUNE_S = 0.002
LIST_AGAIN_S = 30.0
RETRY_LIST_S = 0.5
# A lane that had no room for so long is looked at, and again after this time.
PATIENCE_S = 0.3
LOOK_EVERY_S = 1.0
# What is kept free is asked for; if nothing has come after this time, another worker took it.
OFFER_S = 0.25


class _Lane:
    """A lane of this worker, and what was pulled from it and has not started."""

    def __init__(self, need: Need) -> None:
        self.need = need
        self.asks = asks(need.lane)
        self.waiting: deque[tuple[Delivery, float]] = deque()
        self.puller: Puller
        self.pulling: asyncio.Task[None] | None = None
        # Something of it was handed back for want of room.
        self.is_passed_over = False
        self.blocked_since: float | None = None
        self.looked_at = 0.0


class Intake:
    """Starts attempts as there is room. ``start`` runs the attempt that a message makes ready, to
    its end; ``say`` answers a message."""

    def __init__(
        self,
        tools: Tools,
        capacity: Capacity,
        triggers: Triggers,
        start: Callable[[Delivery, Place], Coroutine[None, None, None]],
        say: Callable[[Delivery, bytes], None],
    ) -> None:
        self.capacity = capacity
        self._tools = tools
        self._stream = events_stream(tools.shard)
        self._triggers = triggers
        self._start = start
        self._say = say
        self._tasks: set[asyncio.Task[None]] = set()
        self._away = 0
        self._behind = 0
        self._coming_back: deque[tuple[Need, asyncio.Future[None]]] = deque()
        self._short_s = 1.0
        self._processors = len(os.sched_getaffinity(0))
        self._is_closed = False
        self._lanes: dict[str, _Lane] = {}
        self._plain = [self._add_lane(Need.of_lane(queue)) for queue in tools.settings.queues]
        # In the order of their turns: who has started something goes to the end.
        self._turns = deque(self._plain)
        self._next: _Lane | None = None
        self._offered_at: float | None = None
        self._retuning: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._is_list_old = asyncio.Event()
        self._is_list_old.set()
        self._trigger_pullers = [
            Puller(tools.bus, self._stream, trigger_consumer(queue), self._on_trigger)
            for queue in tools.settings.queues
        ]

    async def run(self) -> None:
        """Keep ready events coming, forever."""
        self._tools.bus.when_reconnected(self._is_list_old.set)
        await self._tools.bus.listen(lane_subject(self._tools.shard), self._on_new_lanes)
        async with asyncio.TaskGroup() as group:
            self._group = group
            for lane in self._lanes.values():
                lane.pulling = group.create_task(lane.puller.run())
            for puller in self._trigger_pullers:
                group.create_task(puller.run())
            await self._learn()

    def close(self) -> None:
        """Take nothing more, and hand back what did not start."""
        self._is_closed = True
        self.tune()
        self._tune_asking()
        self._give_back(time.monotonic(), -1.0)

    @asynccontextmanager
    async def away(self, grant: Grant) -> AsyncIterator[None]:
        """For an attempt that waits for something before it can start: within it others have what
        it was granted, unless it has devices or many wait already. After it, it has that again."""
        is_kept = grant.devices or not grant.need.slots
        if is_kept or self._away >= MOST_AWAY_PER_SLOT * self.capacity.slots:
            yield
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._away += 1
        self.capacity.give_back(grant)
        self._pump()
        try:
            yield
            self._coming_back.append((grant.need, turn))
            self._pump()
            await turn
        finally:
            self._away -= 1
            if not turn.done() or turn.cancelled():  # it failed, or was cancelled, and ends now
                self.capacity.take(grant.need)

    async def wait_for_slot(self, need: Need) -> Grant:
        """For one that was to wait in the line of a child, and did not come to its turn there."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._coming_back.append((need, turn))
        self._pump()
        grant = Grant(need)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.capacity.give_back(grant)
            raise
        return grant

    @property
    def is_idle(self) -> bool:
        """Does nothing wait here?"""
        return not self._coming_back and not any(lane.waiting for lane in self._lanes.values())

    def count_behind(self, change: int) -> None:
        """So many more wait in the lines of children."""
        self._behind += change

    async def settle(self, timeout_s: float) -> None:
        """Wait for the attempts that run."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    def tend(self, now: float) -> None:
        """Now and then: what waits too long is handed back, who is passed over for long is next,
        and receipts that came in make room; after an outage nothing else would say so."""
        self._give_back(now, LONGEST_PREFETCH_S)
        if len(self._lanes) > 1:
            self._look_after_turns(now)
        if self._coming_back:
            self._pump()
        self.tune()

    def note_length(self, need: Need, seconds: float) -> None:
        """An attempt took so long: short ones are worth to be asked for ahead."""
        if not need.resources:
            self._short_s += (seconds - self._short_s) / 8

    # --- how much is asked for

    def tune(self) -> None:
        """Ask for as many as can start, and a few more when attempts are short."""
        is_free_for_all = self._next is None and not self.capacity.has_queue_slots
        ahead = self._ahead if self._next is None else 0
        waiting = self._behind + sum(len(lane.waiting) for lane in self._plain)
        free = self.capacity.free_slots
        want = 0 if self._is_full else max(free + ahead - waiting, 0)
        share = -(-want // len(self._plain))
        for lane in self._plain:
            mine = share
            if not is_free_for_all:
                room = self.capacity.room(lane.need) + ahead - len(lane.waiting)
                mine = max(min(share, room), 0)
            lane.puller.set_want(mine, max(mine - ahead // 2, min(mine, 1)))
            if mine or lane.waiting:
                lane.blocked_since = None
            elif lane.blocked_since is None:
                lane.blocked_since = time.monotonic()
        self._tune_triggers()
        if len(self._lanes) > len(self._plain) and self._retuning is None:
            loop = asyncio.get_running_loop()
            self._retuning = loop.call_later(RETUNE_S, self._tune_asking)

    def _tune_asking(self) -> None:
        """The lanes of tasks that ask for something: one of each is asked for, unless it takes no
        slot. Not after each attempt, since they may be many."""
        self._retuning = None
        for lane in self._lanes.values():
            if lane.asks:
                room = 0 if self._is_full else self.capacity.room(lane.need)
                want = min(room, 1 if lane.need.slots else MOST_ASKED_WITHOUT_SLOT)
                lane.puller.set_want(want, (want + 1) // 2)
                if want:
                    lane.blocked_since = None
                elif lane.blocked_since is None:
                    lane.blocked_since = time.monotonic()

    @property
    def _ahead(self) -> int:
        if self._short_s < BRIEF_ATTEMPT_S:
            return PREFETCH_BRIEF_PER_SLOT * self.capacity.slots
        return PREFETCH_PER_SLOT * self.capacity.slots if self._short_s < SHORT_ATTEMPT_S else 0

    @property
    def _is_full(self) -> bool:
        return self._is_closed or len(self._tools.reports) > MOST_UNREPORTED

    def _tune_triggers(self) -> None:
        """Triggers take no slots: as many as may run at all are asked for, some at a time."""
        share = 0 if self._is_full else -(-self._triggers.want // len(self._trigger_pullers))
        for puller in self._trigger_pullers:
            puller.set_want(share, share // 2)

    # --- what starts

    def _on_message(self, lane: _Lane, delivery: Delivery) -> None:
        lane.waiting.append((delivery, time.monotonic()))
        self._pump()
        if lane.waiting and (lane.asks or not self._ahead):
            self._hand_back(lane)

    def _on_trigger(self, delivery: Delivery) -> None:
        self._triggers.take(delivery)
        self._tune_triggers()

    def _pump(self) -> None:
        """Start what waits, as far as there is room; first what had begun."""
        while self._coming_back and self.capacity.room(self._coming_back[0][0]) > 0:
            need, turn = self._coming_back.popleft()
            if not turn.done():
                self.capacity.take(need)
                turn.set_result(None)
        while not self._is_closed and (lane := self._startable()) is not None:
            if self._is_busy_enough and self._lineable() is lane:
                break
            if lane is self._next:
                self._pass_turn()
            lane.is_passed_over = False
            self._begin(lane, self.capacity.take(lane.need))
        while (plain := self._lineable()) is not None:
            self._begin(plain, None)
        self.tune()

    def _begin(self, lane: _Lane, grant: Grant | None) -> None:
        delivery, _ = lane.waiting.popleft()
        task = asyncio.ensure_future(self._run_one(delivery, Place(self, lane.need, grant)))
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _startable(self) -> _Lane | None:
        for lane in self._turns:
            if lane.waiting and self.capacity.room(lane.need) > 0:
                if self._turns[-1] is not lane:
                    self._turns.remove(lane)
                    self._turns.append(lane)
                return lane
        return None

    @property
    def _is_busy_enough(self) -> bool:
        return self._short_s < BRIEF_ATTEMPT_S and self._at_work >= self._processors

    @property
    def _at_work(self) -> int:
        return self.capacity.slots - self.capacity.free_slots

    def _lineable(self) -> _Lane | None:
        """A lane of which one may wait in the line of a child. Only where nobody has to be
        considered: what is in a line is nobody else's any more."""
        if (
            self._short_s > LINE_ATTEMPT_S
            or self._behind >= self._tools.children.most_behind
            or self._is_closed
            or self._coming_back
            or self._next is not None
            or self.capacity.has_queue_slots
        ):
            return None
        return next((lane for lane in self._plain if lane.waiting), None)

    async def _run_one(self, delivery: Delivery, place: Place) -> None:
        try:
            await self._start(delivery, place)
        finally:
            place.close()

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("attempt_failed_inside", exc_info=task.exception())
        self._pump()

    def _give_back(self, now: float, longest_s: float) -> None:
        """Hand back what waits for longer than ``longest_s``: another worker may be free."""
        for lane in self._plain:
            while lane.waiting and now - lane.waiting[0][1] > longest_s:
                self._say(lane.waiting.popleft()[0], b"-NAK")
                self._short_s = 1.0

    def _hand_back(self, lane: _Lane) -> None:
        while lane.waiting:
            self._say(lane.waiting.popleft()[0], b"-NAK")
        lane.is_passed_over = True
        if self._next is None and len(self._lanes) > 1:
            self._let_pass(lane)

    # --- whose turn it is

    def _let_pass(self, lane: _Lane) -> None:
        """From now on what this lane needs is kept free."""
        self._next, self._offered_at = lane, None
        self.capacity.keep_for(lane.need)

    def _pass_turn(self) -> None:
        """The lane that was next is not any more; one that was passed over meanwhile is."""
        if self._next is not None:
            self._next.is_passed_over = False
        self._next = None
        self.capacity.keep_for(None)
        for lane in self._turns:
            if lane.is_passed_over:
                self._let_pass(lane)
                return

    def _look_after_turns(self, now: float) -> None:
        following = self._next
        if following is not None and self.capacity.room(following.need) > 0:
            if self._offered_at is None:
                self._offered_at = now
            elif now - self._offered_at > OFFER_S:
                self._pass_turn()
        if self._looking is not None or self._is_closed:
            return
        blocked = [
            (lane.blocked_since, lane)
            for lane in ([self._next] if self._next is not None else self._turns)
            if lane.blocked_since is not None
            and now > max(lane.blocked_since + PATIENCE_S, lane.looked_at + LOOK_EVERY_S)
        ]
        if blocked:
            _, lane = min(blocked, key=lambda entry: entry[0])
            lane.looked_at = now
            self._looking = asyncio.ensure_future(self._look(lane))
            self._looking.add_done_callback(self._looked)

    async def _look(self, lane: _Lane) -> None:
        """Does something wait in a lane from which nothing could be asked for? Then it is next."""
        try:
            is_waited_for = await lane_waits(
                self._tools.bus, self._tools.shard, lane.need.lane, with_pulled=lane.asks
            )
        except (Unavailable, JetStreamError):
            return
        if is_waited_for and self._next is None:
            self._let_pass(lane)
        elif not is_waited_for and self._next is lane:
            self._pass_turn()

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking = None
        if not task.cancelled() and task.exception() is not None:
            log.error("lane_not_looked_at", exc_info=task.exception())

    # --- which lanes there are

    async def _learn(self) -> None:
        """List the lanes: in the beginning, after each reconnect, and now and then."""
        while True:
            try:
                async with asyncio.timeout(LIST_AGAIN_S):
                    await self._is_list_old.wait()
            except TimeoutError:
                pass
            self._is_list_old.clear()
            try:
                names = await consumer_names(self._tools.bus, self._tools.shard)
            except (Unavailable, JetStreamError):
                self._is_list_old.set()
                await asyncio.sleep(RETRY_LIST_S)
                continue
            there = {worker_lane(name) for name in sorted(names)}
            for lane in [lane for lane in self._lanes.values() if lane.asks]:
                if lane.need.lane not in there:
                    self._remove_lane(lane)
            self._add_lanes(sorted(there))

    def _on_new_lanes(self, delivery: Delivery) -> None:
        try:
            self._add_lanes(msgspec.json.decode(delivery.data, type=list[str]))
        except msgspec.MsgspecError as error:
            log.error("lanes_unreadable", error=str(error))

    def _add_lanes(self, names: Iterable[str]) -> None:
        """Those of our queues that ask for no more than there is."""
        for name in names:
            if name in self._lanes or not asks(name):
                continue
            try:
                need = Need.of_lane(name)
            except InvalidArgument:
                continue  # another consumer, or one of a newer release
            if need.queue not in self._tools.settings.queues or not self.capacity.could_ever(need):
                continue
            lane = self._add_lane(need)
            self._turns.appendleft(lane)
            if self._group is not None:
                lane.pulling = self._group.create_task(lane.puller.run())
        self.tune()

    def _add_lane(self, need: Need) -> _Lane:
        lane = self._lanes[need.lane] = _Lane(need)
        lane.puller = Puller(
            self._tools.bus,
            self._stream,
            worker_consumer(need.lane),
            lambda delivery: self._on_message(lane, delivery),
            self._is_list_old.set if lane.asks else None,
        )
        return lane

    def _remove_lane(self, lane: _Lane) -> None:
        del self._lanes[lane.need.lane]
        self._turns.remove(lane)
        if self._next is lane:
            self._pass_turn()
        if lane.pulling is not None:
            lane.pulling.cancel()
