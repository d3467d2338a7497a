"""How much one api process carries at a time. Whoever comes beyond that is told so at once, with
RESOURCE_EXHAUSTED and when to come again, so that what was let in is still answered in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from millstream.core.errors import MillstreamError

# Single calls, and those that last: followers of events and logs, watchers of the health.
MOST_CALLS = 256
MOST_STREAMS = 1000
# The requests that are being worked on, together: each may have up to 4 MiB, and takes several
# times that as objects.
MOST_BYTES = 64 * 1024 * 1024
# A caller that opens a call and sends no request holds a place so long.
REQUEST_S = 10.0
# Above that, gRPC itself refuses, without our details: for those that have sent no request yet.
MOST_RPCS = 2 * (MOST_CALLS + MOST_STREAMS)
MOST_CONNECTIONS = 4000
# Files that the process needs for itself: Postgres, NATS, blobs.
OWN_FILES = 200


class Overloaded(MillstreamError):
    """More than can be carried: nothing was done, and the same request may be sent again later."""

    reason = "OVERLOADED"


class _Places:
    """Of one kind. When all are taken, who has less than their share still gets one: those who
    come again at once would else keep out those who wait as long as they were asked to."""

    def __init__(self, kind: str, most: int) -> None:
        self._kind = kind
        self._most = most
        self._taken: dict[str, int] = {}
        self._total = 0

    @contextmanager
    def place(self, who: str) -> Iterator[None]:
        """Raises :class:`Overloaded`."""
        held = self._taken.get(who, 0)
        if self._total >= self._most:
            share = max(self._most // (len(self._taken) + (held == 0)), 1)
            if held >= share or self._total >= 2 * self._most:
                raise Overloaded(f"{self._most} {self._kind} are open already; try again later.")
        self._taken[who] = held + 1
        self._total += 1
        try:
            yield
        finally:
            self._total -= 1
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]


class Admission:
    """Counts what is under way. No waiting: there is a place, or there is none. ``who`` is
    whoever the place is for: a user, or a connection where nobody logs in."""

    def __init__(
        self,
        most_calls: int = MOST_CALLS,
        most_streams: int = MOST_STREAMS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._calls = _Places("calls", most_calls)
        self._streams = _Places("streams", most_streams)
        self._most_bytes = most_bytes
        self._bytes = 0

    @contextmanager
    def call(self, size: int, who: str = "") -> Iterator[None]:
        """A place for a call whose request has so many bytes. Raises :class:`Overloaded`."""
        # The largest request of all is taken when nothing else is there.
        if self._bytes and self._bytes + size > self._most_bytes:
            raise Overloaded(
                f"Requests of {self._bytes // 1024} KiB are being worked on; try again later."
            )
        with self._calls.place(who):
            self._bytes += size
            try:
                yield
            finally:
                self._bytes -= size

    @contextmanager
    def stream(self, who: str = "") -> Iterator[None]:
        """A place for a stream of answers. Raises :class:`Overloaded`."""
        with self._streams.place(who):
            yield
