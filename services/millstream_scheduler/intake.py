"""What comes from INBOX: as much as there is room for, and what of it is decided next.

Each sender's messages stay in their order; between senders it goes round, so that one who floods
INBOX keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.pull import Puller
from millstream.adapters.subjects import INBOX, scheduler_consumer
from millstream_scheduler.poison import is_suspect
from millstream_scheduler.reclaim import Reclaim

MOST_PER_COMMIT = 512
MOST_WAITING = 4096
# Of what was pulled and is not decided yet, and of what is decided at once. A message may have
# 8 MB, and there are thousands.
MOST_WAITING_BYTES = 64 * 1024 * 1024
MOST_BYTES_PER_COMMIT = 16 * 1024 * 1024
LINGER_S = 0.0015
# More than this many commands a commit, on average, is load; a mean that sinks to 1 never gets
# there.
CROWD = 1.5


class Taken(NamedTuple):
    """Messages that are decided and committed together. ``is_alone``: one that may have ended the
    schedulers before this one; nothing else goes with it."""

    deliveries: list[Delivery]
    is_alone: bool = False


class Intake:
    """``arrived`` is set when something came; ``on_missing`` is called when the consumer is
    gone. True as long as something waits."""

    def __init__(
        self, bus: Bus, shard: int, arrived: asyncio.Event, on_missing: Callable[[], None]
    ) -> None:
        self._arrived = arrived
        self._most_bytes = bus.largest_command
        # By subject, which is one sender's own; whose turn it is comes first.
        self._waiting: OrderedDict[str, deque[Delivery]] = OrderedDict()
        self._count = 0
        self._waiting_bytes = 0
        self._usual_batch = 0.0
        # A suspect waits for our own commands once, and then they for it.
        self._suspect_waited = False
        self._puller = Puller(bus, INBOX, scheduler_consumer(shard), self.put, on_missing)
        self._reclaim = Reclaim(bus, shard)

    def __bool__(self) -> bool:
        return self._count > 0

    async def run(self) -> None:
        """Keep messages coming."""
        self.tune(0)
        await asyncio.gather(self._puller.run(), self._reclaim.run())

    def put(self, delivery: Delivery) -> None:
        """One came, or is to be decided once more."""
        if self._reclaim.is_running:
            self._reclaim.note(delivery)
        theirs = self._waiting.get(delivery.subject)
        if theirs is None:
            self._waiting[delivery.subject] = theirs = deque()
        theirs.append(delivery)
        self._count += 1
        self._waiting_bytes += len(delivery.data)
        self._arrived.set()

    def tune(self, elsewhere: int) -> None:
        """Ask for as many as there is room for; so many more were taken and put aside."""
        room = max(MOST_WAITING - self._count - elsewhere, 0)
        room_bytes = MOST_WAITING_BYTES - self._waiting_bytes
        if room_bytes <= 0:
            room = 0
        # The largest message of all must fit, or it would never come.
        self._puller.set_want(room, room // 2, max(room_bytes, 2 * self._most_bytes))

    async def gather(self) -> None:
        """Under load, wait a moment for company: a commit costs the same for one command and for
        fifty. A lone command, as in a chain of tasks, is never kept waiting."""
        if self._usual_batch > CROWD and self._count < self._usual_batch * 2:
            await asyncio.sleep(LINGER_S)
        self._usual_batch += (self._count - self._usual_batch) / 4

    def take(self, has_own: bool) -> Taken:
        """The next messages. ``has_own``: commands of our own wait as well."""
        taken: list[Delivery] = []
        size = 0
        while self._count and len(taken) < MOST_PER_COMMIT and size < MOST_BYTES_PER_COMMIT:
            if is_suspect(next(iter(self._waiting.values()))[0]):
                if taken or self._suspect_waits(has_own):
                    break
                return Taken([self._next()], is_alone=True)
            taken.append(self._next())
            size += len(taken[-1].data)
        return Taken(taken)

    def _next(self) -> Delivery:
        sender, theirs = next(iter(self._waiting.items()))
        delivery = theirs.popleft()
        if theirs:
            self._waiting.move_to_end(sender)
        else:
            del self._waiting[sender]
        self._count -= 1
        self._waiting_bytes -= len(delivery.data)
        return delivery

    def _suspect_waits(self, has_own: bool) -> bool:
        self._suspect_waited = has_own and not self._suspect_waited
        return self._suspect_waited
