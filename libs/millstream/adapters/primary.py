"""Which of several Postgres servers is the one to use: the primary with the newest timeline.

asyncpg also takes several hosts, but asks them one after the other within one time limit, so that a
dead first one hides the others; and it takes the first that can be written to, which may be an old
primary that came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

import asyncpg
import structlog

from millstream.adapters.server_urls import postgres_urls

log = structlog.get_logger(__name__)

# How long a server may take to answer when another one has said already that it is a primary.
GRACE_S = 0.3
# The first eight digits of the name of the WAL file being written; a standby writes none.
_TIMELINE = """
SELECT CASE WHEN pg_is_in_recovery() THEN 0
       ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END
"""

Asking = Sequence["asyncio.Future[tuple[asyncpg.Connection, int]]"]
Opener = Callable[[str], Awaitable[asyncpg.Connection]]


class NoPrimary(ConnectionError):
    """None of the servers is a primary that may be written to; the text says what each is."""


class Primary:
    """The servers of one address. What it has seen it remembers: a timeline that is over is never
    used again by this process."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._newest = 0

    async def connect(self, opener: Opener) -> asyncpg.Connection:
        """A connection to the primary. Raises :class:`NoPrimary`, or what ``opener`` raised for
        every one of them."""
        asking = [asyncio.ensure_future(_ask(opener, url)) for url in self._urls]
        chosen: tuple[asyncpg.Connection, int] | None = None
        try:
            await _wait_for_primary(asking)
            found = [task.result() for task in asking if task.done() and not task.exception()]
            best = max(found, key=lambda answer: answer[1], default=None)
            if best is not None and best[1] >= max(self._newest, 1):
                chosen = best
        finally:
            for task in asking:
                task.cancel()
            for answer in await asyncio.gather(*asking, return_exceptions=True):
                if isinstance(answer, tuple) and answer is not chosen:
                    answer[0].terminate()
        if chosen is None:
            raise self._refusal(asking)
        if self._newest and chosen[1] > self._newest:
            log.warning("postgres_was_promoted", timeline=chosen[1], before=self._newest)
        self._newest = chosen[1]
        return chosen[0]

    def _refusal(self, asked: Asking) -> Exception:
        """The error that helps most: a wrong password is no server that is away."""
        texts = []
        for url, task in zip(self._urls, asked, strict=True):
            host = urlsplit(url).netloc.rpartition("@")[2]
            if task.cancelled():
                texts.append(f"{host} did not answer in time")
            elif (error := task.exception()) is not None:
                if not isinstance(error, OSError | TimeoutError | asyncpg.CannotConnectNowError):
                    return error if isinstance(error, Exception) else RuntimeError(str(error))
                texts.append(f"{host}: {error!r}")
            elif not task.result()[1]:
                texts.append(f"{host} is a standby")
            else:
                texts.append(
                    f"{host} is a primary of the past: its timeline {task.result()[1]} ended, "
                    f"{self._newest} is newer; stop it"
                )
        return NoPrimary("; ".join(texts))


async def _wait_for_primary(
    asking: Asking,
) -> None:
    """Until all have answered, or for a moment longer than the first primary took."""
    loop = asyncio.get_running_loop()
    until = None
    while not all(task.done() for task in asking):
        is_there = any(t.done() and not t.exception() and t.result()[1] for t in asking)
        if is_there and until is None:
            until = loop.time() + GRACE_S
        left = None if until is None else until - loop.time()
        if left is not None and left <= 0:
            return
        waiting = [task for task in asking if not task.done()]
        await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)


async def _ask(opener: Opener, url: str) -> tuple[asyncpg.Connection, int]:
    """A connection and the timeline its server writes, 0 for a standby."""
    connection = await opener(url)
    try:
        return connection, await connection.fetchval(_TIMELINE)
    except BaseException:
        connection.terminate()
        raise


# By address, for a process holds several connections, and what one has seen holds for all.
_primaries: dict[str, Primary] = {}


async def connect_primary(url: str, opener: Opener) -> asyncpg.Connection:
    """A connection to the server of ``url``, or to the primary if it names several hosts."""
    urls = postgres_urls(url)
    if len(urls) == 1:
        return await opener(urls[0])
    if url not in _primaries:
        _primaries[url] = Primary(urls)
    return await _primaries[url].connect(opener)
