"""The log of one attempt, wherever it is: in the blob store when it is finished, else on the stream
LOGS, as far as it has come and as it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.log_lines import log_path, log_subject
from millstream.adapters.log_stream import LogMessage, LogStream
from millstream.adapters.streams import LOG_RETENTION_S
from millstream.core.errors import NotFound, Unavailable
from millstream.core.event_parts import Where
from millstream_api.finished_logs import read_finished
from millstream_api.log_merge import LogMerge, Numbered, note
from millstream_api.log_rows import AttemptState

log = structlog.get_logger(__name__)

# How long after an attempt is over its lines may still be on their way: the first ones, and the
# last ones of a log that has begun; and after how long they no longer are.
GRACE_S = 1.0
END_GRACE_S = 5.0
SETTLED_S = 30.0
# How long a reader who does not follow waits for NATS.
PATIENCE_S = 3.0
RETRY_S = 0.1
# How soon it is looked again whether the attempt is over, when its log has ended; and how long that
# may take before the end of the log is believed.
SOON_S = 0.05
UNKNOWN_S = 10.0
# How long a claim may be undecided before its lines are taken for those of a refused one.
UNDECIDED_S = 2.0
LOST = "lost"


class Sources(msgspec.Struct, frozen=True):
    """Where logs are, and how it is known what becomes of an attempt: ``look`` is how it stands,
    ``claims`` are those on it that were accepted. ``pause_s``: how often it may be looked;
    ``check`` raises when this server stops."""

    bus: Bus
    blobs: FsspecBlobs
    shard: int
    look: Callable[[Where], Awaitable[AttemptState]]
    claims: Callable[[Where], Awaitable[list[str]]]
    check: Callable[[], None]
    pause_s: Callable[[], float]


class AttemptLog:
    """Reads one attempt's log from a line on. ``next_line``: where it goes on; ``state``: how the
    attempt stood when it was looked at last."""

    def __init__(self, sources: Sources, where: Where, state: AttemptState, from_line: int) -> None:
        self.state = state
        self._sources = sources
        self._where = where
        self._from_line = from_line
        self._merge = LogMerge(from_line)
        self._looked_at = time.monotonic()
        self._over_since: float | None = None
        self._ended_since: float | None = None
        self._undecided: dict[str, float] = {}

    @property
    def next_line(self) -> int:
        return self._merge.next_line

    async def read(self, *, is_followed: bool) -> AsyncGenerator[list[Numbered], None]:
        """The lines up to the end of the log, or, unless it is followed, as far as it has come. An
        end that is not there is told in a note. Raises :class:`Unavailable`."""
        async with aclosing(self._finished()) as finished:
            async for lines in finished:
                yield lines
        if self._merge.has_ended:
            await self._settle()
            if self.state.state == LOST:
                yield [self._without_end()]
            return
        stream = LogStream(self._sources.bus, self._subject)
        try:
            await stream.open()
            async with aclosing(self._live(stream, is_followed)) as live:
                async for lines in live:
                    yield lines
        finally:
            await stream.close()

    @property
    def _subject(self) -> str:
        # Whoever has the attempt: what others write about it is not read.
        return log_subject(self._sources.shard, self.state.worker or "*", self._where)

    async def _finished(self) -> AsyncGenerator[list[Numbered], None]:
        """What the blob store has beyond the next line; nothing if it has no log."""
        name = log_path(self._sources.shard, self._where)
        pieces = self._sources.blobs.read_named(name)
        try:
            async with aclosing(pieces), aclosing(read_finished(pieces, self.next_line)) as found:
                async for lines, number in found:
                    self._merge.skip_to(number)
                    if lines:
                        yield lines
        except NotFound:
            return
        self._merge.has_ended = True

    async def _live(
        self, stream: LogStream, is_followed: bool
    ) -> AsyncGenerator[list[Numbered], None]:
        away_since: float | None = None
        while True:
            self._sources.check()
            try:
                messages = await stream.read()
                away_since = None
            except (Unavailable, JetStreamError) as error:
                now = time.monotonic()
                away_since = away_since or now
                if not is_followed and now - away_since > PATIENCE_S:
                    raise Unavailable(f"The log cannot be read now: {error}") from error
                log.debug("log_waits", error=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            if messages:
                self._over_since = None
                async with aclosing(self._take(messages)) as taken:
                    async for lines in taken:
                        yield lines
            elif await self._is_done(is_followed):
                async with aclosing(self._last()) as last:
                    async for lines in last:
                        yield lines
                return
            else:
                pause_s = SOON_S if self._merge.has_ended else self._sources.pause_s()
                await stream.wait(pause_s)

    async def _last(self) -> AsyncGenerator[list[Numbered], None]:
        """What can be told after the stream has no more."""
        if self._merge.has_ended:
            await self._settle()
            return
        # The worker may have put it there and taken it from the stream since.
        async with aclosing(self._finished()) as finished:
            async for lines in finished:
                yield lines
        if self._lacks_its_end():
            yield [self._without_end()]

    def _lacks_its_end(self) -> bool:
        """A lost worker may have put there what it had, and there was more."""
        if not self.state.is_over:
            return False
        return self.state.state == LOST or not self._merge.has_ended

    async def _take(self, messages: list[LogMessage]) -> AsyncGenerator[list[Numbered], None]:
        """The lines of messages that were read."""
        claims = [message.header.claim for message in messages]
        while unknown := self._merge.unknown(claims):
            await self._decide(unknown)
        for message in messages:
            if self._merge.gap(message.header) and (message.lines or message.header.is_end):
                # Rolled up, since the whole log is in the blob store by now?
                async with aclosing(self._finished()) as finished:
                    async for lines in finished:
                        yield lines
            lines = self._merge.take(*message)
            if lines:
                yield lines

    async def _decide(self, claims: list[str]) -> None:
        """Whose claims these are; waits a while for those that the log does not have yet."""
        now = time.monotonic()
        accepted = await self._sources.claims(self._where)
        self._merge.accept(accepted)
        left = [claim for claim in claims if claim not in accepted]
        since = {claim: self._undecided.setdefault(claim, now) for claim in left}
        late = [claim for claim in left if now - since[claim] > UNDECIDED_S]
        if self.state.is_over:
            late = left
        self._merge.ignore(late)
        if len(late) < len(left):
            self._sources.check()
            await asyncio.sleep(RETRY_S)

    async def _is_done(self, is_followed: bool) -> bool:
        """The stream has no more: is there nothing to wait for? The attempt is over, and its last
        lines have come or have had the time to come."""
        now = time.monotonic()
        if not self.state.is_over:
            if not is_followed:
                await self._look()
                return self._merge.has_ended or not self.state.is_over
            soon_s = SOON_S if self._merge.has_ended else self._sources.pause_s()
            if now - self._looked_at >= soon_s:
                await self._look()
            return await self._is_surely_ended(now)
        if self._merge.has_ended:
            return True
        self._over_since = self._over_since or now
        ended = self.state.ended_at
        is_old = ended is not None and datetime.now(UTC) - ended > timedelta(seconds=SETTLED_S)
        is_there_more = self._merge.has_lines and self.state.state != LOST
        return is_old or now - self._over_since > (END_GRACE_S if is_there_more else GRACE_S)

    async def _is_surely_ended(self, now: float) -> bool:
        """Has the log of the claim that was accepted had its end for long, although the result of
        the attempt is not known? The scheduler or the projector may be away."""
        if not self._merge.has_ended:
            self._ended_since = None
            return False
        self._ended_since = self._ended_since or now
        if now - self._ended_since < UNKNOWN_S:
            return False
        self._ended_since = now
        return self._merge.claim in await self._sources.claims(self._where)

    async def _settle(self) -> None:
        """The log has ended: how the attempt did is known in a moment."""
        since = time.monotonic()
        while not self.state.is_over and time.monotonic() - since < GRACE_S:
            await asyncio.sleep(SOON_S)
            await self._look()

    async def _look(self) -> None:
        self._looked_at = time.monotonic()
        try:
            self.state = await self._sources.look(self._where)
        except Unavailable as error:
            log.debug("log_state_unknown", error=str(error))

    def _without_end(self) -> Numbered:
        """Why the log just stops."""
        state = self.state
        if state.state == LOST:
            return note(
                f"The worker {state.worker} was lost while it ran this attempt: what the attempt "
                f"printed last may not be here."
            )
        if self._merge.has_lines or self._from_line:
            return note("The end of this log did not arrive: its last lines may be missing.")
        if state.ended_at and datetime.now(UTC) - state.ended_at > timedelta(
            seconds=LOG_RETENTION_S
        ):
            return note("This attempt printed nothing, or its log is no longer kept.")
        return note("This attempt printed nothing.")
