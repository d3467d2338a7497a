"""One follower of the stream for all watchers of this process, and who gets which event.

The hub never waits for a watcher: one that falls behind loses its queue and is told so, and reads
what it missed from Postgres. The same happens to all of them where the stream skips positions.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque

import msgspec
import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.event_log import EventLog
from millstream.adapters.feed import end_of_log
from millstream.adapters.follow import Follower
from millstream.core.errors import StoreBehindStream, Unavailable
from millstream.core.wire import Published, read_published
from millstream_api.recent_runs import OF_RUNS, RecentRuns

log = structlog.get_logger(__name__)

MOST_QUEUED = 1000
MOST_QUEUED_BYTES = 4 * 1024 * 1024
START_TIMEOUT_S = 5.0
RETRY_S = 0.5
# Where nothing came for so long, the stream may have been made again from an earlier position.
IDLE_CHECK_S = 5.0


class Scope(msgspec.Struct, frozen=True):
    """Which events a watcher wants; an empty part matches all."""

    namespace: str = ""
    dag_id: str = ""
    run_id: str = ""


# Which parts of a scope are named.
_Shape = tuple[bool, bool, bool]


def _shape_of(scope: Scope) -> _Shape:
    return bool(scope.namespace), bool(scope.dag_id), bool(scope.run_id)


class Watcher:
    """What one watcher has not taken yet. ``is_lost``: something is missing; Postgres has it.
    ``types``: the event types that it wants; empty for all."""

    def __init__(
        self, scope: Scope, most: int = MOST_QUEUED, types: frozenset[str] = frozenset()
    ) -> None:
        self.scope = scope
        self.types = types
        self.is_lost = False
        self._most = most
        self._bytes = 0
        self._queue: deque[Published] = deque()
        self._stirred = asyncio.Event()

    def offer(self, record: Published) -> None:
        if self.is_lost or (self.types and record.type not in self.types):
            return
        if len(self._queue) >= self._most or self._bytes > MOST_QUEUED_BYTES:
            self.lose()
            return
        self._bytes += len(memoryview(record.data))
        self._queue.append(record)
        self._stirred.set()

    def lose(self) -> None:
        """Drop what is queued: from here on only Postgres knows."""
        self.is_lost = True
        self._clear()
        self._stirred.set()

    def resume(self) -> None:
        """Queue again, from the next event on. Call this before reading Postgres, never after."""
        self.is_lost = False
        self._clear()
        self._stirred.clear()

    async def take(self, timeout_s: float) -> list[Published]:
        """What is queued; waits for something, or for ``is_lost``, or for the time to pass."""
        if not self._queue and not self.is_lost:
            self._stirred.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._stirred.wait()
            except TimeoutError:
                return []
        return self.take_now()

    def take_now(self) -> list[Published]:
        """What is queued, be it nothing."""
        taken = list(self._queue)
        self._clear()
        return taken

    def _clear(self) -> None:
        self._queue.clear()
        self._bytes = 0


class _Kind(msgspec.Struct):
    type: str


_kind_decoder = msgspec.json.Decoder(_Kind)
ANY = ""


class Fanout:
    """Who watches, and the position up to which the events were handed out. No IO."""

    def __init__(self) -> None:
        self.position = 0
        self._watchers: dict[Scope, set[Watcher]] = {}
        # How many watchers there are of each type (``ANY``: of all), and which parts of a scope
        # they name: most events are for nobody, and that is seen without reading all of them.
        self._types: Counter[str] = Counter()
        self._shapes: Counter[_Shape] = Counter()
        self.recent = RecentRuns()

    def add(self, watcher: Watcher) -> None:
        self._watchers.setdefault(watcher.scope, set()).add(watcher)
        self._types.update(watcher.types or (ANY,))
        self._shapes[_shape_of(watcher.scope)] += 1

    def remove(self, watcher: Watcher) -> None:
        group = self._watchers.get(watcher.scope, set())
        if watcher not in group:
            return
        group.discard(watcher)
        if not group:
            del self._watchers[watcher.scope]
        self._types -= Counter(watcher.types or (ANY,))
        self._shapes -= Counter((_shape_of(watcher.scope),))

    def offer(self, position: int, message: bytes) -> None:
        """The next message of the stream. Old ones are dropped; a gap loses every watcher."""
        if position <= self.position:
            return
        if position != self.position + 1:
            log.info("watchers_lost", expected=self.position + 1, got=position)
            self.lose_all()
        self.position = position
        try:
            kind = _kind_decoder.decode(message).type
            is_watched = ANY in self._types or kind in self._types
            if not is_watched and kind not in OF_RUNS:
                return
            record, _ = read_published(message)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            log.warning("event_unreadable", position=position)
            self.lose_all()
            return
        if kind in OF_RUNS:
            self.recent.note(record)
        for names_namespace, names_dag, names_run in self._shapes:
            scope = Scope(
                record.namespace if names_namespace else "",
                record.dag_id if names_dag else "",
                record.run_id if names_run else "",
            )
            for watcher in self._watchers.get(scope, ()):
                watcher.offer(record)

    def lose_all(self) -> None:
        self.recent.clear()
        for group in self._watchers.values():
            for watcher in group:
                watcher.lose()


class Hub:
    """Feeds a :class:`Fanout` from the stream for as long as the process lives."""

    def __init__(self, bus: Bus, event_log: EventLog, shard: int) -> None:
        self._bus = bus
        self._log = event_log
        self._shard = shard
        self._fanout = Fanout()
        self._started = asyncio.Event()
        self.stopping = asyncio.Event()
        # How often it was ahead of the log, and went back.
        self.rewinds = 0

    @property
    def position(self) -> int:
        """Up to which the events were handed out."""
        return self._fanout.position

    def recent(self, scope: Scope) -> list[Published]:
        """What is known of a run by all the events about it as a whole, up to :attr:`position`;
        nothing where only Postgres knows."""
        return self._fanout.recent.find(scope.namespace, scope.dag_id, scope.run_id)

    @property
    def is_started(self) -> bool:
        """Is the end of the log known? Nobody watches before."""
        return self._started.is_set()

    async def run(self) -> None:
        """Until cancelled. Nobody watches before the end of the log is known once, and what the
        stream holds beyond it is shown to nobody."""
        while True:
            try:
                head = await end_of_log(self._bus, self._log, self._shard)
                break
            except StoreBehindStream as error:
                log.error("hub_waits", error=str(error))
                await asyncio.sleep(RETRY_S)
        self._fanout.position = head.position
        follower = Follower(self._bus, self._shard, self._fanout.position + 1)
        self._started.set()
        following = asyncio.create_task(follower.run())
        try:
            while True:
                messages = await follower.take(IDLE_CHECK_S)
                for position, message in messages:
                    self._fanout.offer(position, message)
                if not messages:
                    await self._check_end(follower)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _check_end(self, follower: Follower) -> None:
        """Go back to the end of the log if that is before what was heard: the stream held more than
        the log, and was made again."""
        try:
            end = (await self._log.head()).position
        except Unavailable:
            return
        if end < self._fanout.position:
            log.warning("hub_rewinds", heard=self._fanout.position, end=end)
            self.rewinds += 1
            self._fanout.position = end
            self._fanout.lose_all()
            follower.rewind(end + 1)

    async def join(self, scope: Scope, types: frozenset[str] = frozenset()) -> Watcher:
        """A watcher that gets every event from now on. Raises :class:`Unavailable`."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._started.wait()
        except TimeoutError as error:
            raise Unavailable(
                "The end of the event log is not known, so nothing can be watched: Postgres or "
                "NATS is away, or Postgres is older than the stream. The api's log says which."
            ) from error
        watcher = Watcher(scope, types=types)
        self._fanout.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        self._fanout.remove(watcher)

    def stop(self) -> None:
        """The process ends: every watcher wakes up and says so to its client."""
        self.stopping.set()
        self._fanout.lose_all()
